//! The buffers of one vectored read or write, and the list of places that the kernel takes.
//!
//! Invariant: the list points into the buffers, which stay together and are not touched while an
//! operation holds them; heap memory keeps its address when its owner moves.

use std::fmt;

use super::buffer::Buffer;

/// The most buffers of one call (`IOV_MAX`).
pub(crate) const BUFFERS_MAX: usize = 1024;

/// See the module's documentation.
pub(crate) struct Vectors {
    buffers: Vec<Buffer>,
    places: Vec<libc::iovec>,
}

// SAFETY: the pointers are to memory that the buffers own, which are themselves `Send`.
unsafe impl Send for Vectors {}

impl Vectors {
    /// For a read behind what each buffer holds.
    pub(crate) fn to_read(mut buffers: Vec<Buffer>) -> Self {
        let place = |buffer: &mut Buffer| {
            let spare = buffer.spare_mut();
            libc::iovec { iov_base: spare.as_mut_ptr().cast(), iov_len: spare.len() }
        };
        let places = buffers.iter_mut().map(place).collect();
        Self { buffers, places }
    }

    /// For a write of all bytes but the first `skipped`.
    pub(crate) fn to_write(buffers: Vec<Buffer>, mut skipped: usize) -> Self {
        let mut places = Vec::with_capacity(buffers.len());
        for buffer in &buffers {
            let bytes = &buffer[skipped.min(buffer.len())..];
            skipped -= buffer.len() - bytes.len();
            if !bytes.is_empty() {
                let iov_base = bytes.as_ptr().cast_mut().cast();
                places.push(libc::iovec { iov_base, iov_len: bytes.len() });
            }
        }
        Self { buffers, places }
    }

    pub(crate) fn places(&self) -> &[libc::iovec] {
        &self.places
    }

    pub(crate) fn into_buffers(self) -> Vec<Buffer> {
        self.buffers
    }

    /// The kernel read so many bytes.
    ///
    /// # Safety
    ///
    /// It wrote them to the places of [`to_read`](Self::to_read), in order.
    pub(crate) unsafe fn filled(&mut self, mut bytes: usize) {
        for (buffer, place) in self.buffers.iter_mut().zip(&self.places) {
            let here = bytes.min(place.iov_len);
            // SAFETY: by contract this place got as many of the bytes as it holds.
            unsafe { buffer.filled(here) };
            bytes -= here;
        }
    }
}

impl fmt::Debug for Vectors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.buffers).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_goes_on_in_the_middle_of_a_buffer() {
        let buffers = vec![vec![1; 3].into(), vec![].into(), vec![2; 4].into(), vec![3; 2].into()];
        let vectors = Vectors::to_write(buffers, 5);
        let lengths: Vec<_> = vectors.places().iter().map(|place| place.iov_len).collect();
        assert_eq!(lengths, [2, 2]);
        let all = Vectors::to_write(vectors.into_buffers(), 9);
        assert!(all.places().is_empty());
    }

    #[test]
    fn bytes_that_were_read_fill_the_buffers_in_order() {
        let buffers = vec![Vec::with_capacity(3).into(), Vec::with_capacity(4).into()];
        let mut vectors = Vectors::to_read(buffers);
        for (index, place) in vectors.places().iter().enumerate() {
            // SAFETY: each place is spare capacity of a buffer, of this length.
            unsafe { place.iov_base.cast::<u8>().write_bytes(index as u8 + 1, place.iov_len) };
        }
        // SAFETY: all places were just written to.
        unsafe { vectors.filled(5) };
        let buffers = vectors.into_buffers();
        assert_eq!((&buffers[0][..], &buffers[1][..]), (&[1; 3][..], &[2; 2][..]));
    }
}
