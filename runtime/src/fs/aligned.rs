//! Memory for `O_DIRECT`, whose transfers start and end on the boundaries of the device.
//!
//! Costs its alignment in memory besides; all of it is zeroed once, when it is made.

use std::fmt;
use std::io;
use std::ops::{Deref, DerefMut};

/// An owned buffer that starts at a multiple of its alignment.
///
/// Empty when made. A read appends up to the capacity; a write takes what is in it. Derefs to the
/// bytes that it holds.
///
/// A file that was opened with [`OpenOptions::direct`](super::OpenOptions::direct) transfers
/// between the device and the caller's memory without the page cache. The memory's address, the
/// offset in the file and the number of bytes must be multiples of what the file system asks for:
/// 512 on most devices, 4096 always will do;
/// [`Metadata::direct_alignment`](super::Metadata::direct_alignment) has the exact figures.
///
/// ```
/// use std::io::Write;
/// use taut_runtime::fs::AlignedBuffer;
///
/// let mut block = AlignedBuffer::new(4096);
/// block.write_all(b"journal")?;
/// block.resize(4096); // whole blocks only: the rest is zeros
/// assert_eq!(block.as_ptr() as usize % 4096, 0);
/// assert_eq!((&block[..7], block.len()), (&b"journal"[..], 4096));
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct AlignedBuffer {
    /// A multiple of the alignment, and as much more as finding the first boundary may take.
    memory: Box<[u8]>,
    alignment: u32,
    length: u32,
}

impl AlignedBuffer {
    /// The most bytes of one buffer: 2 GiB, above what one transfer can move.
    pub const CAPACITY_BYTES_MAX: usize = 1 << 31;
    /// The alignment that every device of the field is content with.
    pub const ALIGNMENT_BYTES: usize = 4096;

    /// An empty buffer for at least so many bytes, rounded up to whole blocks of
    /// [`ALIGNMENT_BYTES`](Self::ALIGNMENT_BYTES).
    pub fn new(bytes: usize) -> Self {
        Self::with_alignment(bytes, Self::ALIGNMENT_BYTES)
    }

    /// An empty buffer for at least so many bytes, rounded up to a multiple of `alignment`.
    ///
    /// # Panics
    ///
    /// Where `alignment` is not a power of two, or either is beyond
    /// [`CAPACITY_BYTES_MAX`](Self::CAPACITY_BYTES_MAX).
    pub fn with_alignment(bytes: usize, alignment: usize) -> Self {
        assert!(alignment.is_power_of_two(), "an alignment of {alignment} is no power of two");
        let most = Self::CAPACITY_BYTES_MAX;
        assert!(bytes.max(alignment) <= most, "{bytes} bytes aligned to {alignment}: above {most}");
        let capacity = bytes.next_multiple_of(alignment);
        let memory = vec![0; capacity + alignment - 1].into_boxed_slice();
        Self { memory, alignment: alignment as u32, length: 0 }
    }

    /// The most bytes that it can hold.
    pub fn capacity(&self) -> usize {
        self.memory.len() + 1 - self.alignment as usize
    }

    fn start(&self) -> usize {
        self.memory.as_ptr().align_offset(self.alignment as usize)
    }

    /// Number of bytes that it holds.
    pub fn len(&self) -> usize {
        self.length as usize
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Forgets all bytes.
    pub fn clear(&mut self) {
        self.length = 0;
    }

    /// Sets the number of bytes; what lies beyond the old length is zero, or what was there before
    /// it was made shorter.
    ///
    /// # Panics
    ///
    /// Beyond the capacity.
    pub fn resize(&mut self, bytes: usize) {
        assert!(bytes <= self.capacity(), "resize to {bytes} of {} bytes", self.capacity());
        self.length = bytes as u32;
    }

    pub(super) fn spare_mut(&mut self) -> &mut [u8] {
        let (start, length, capacity) = (self.start(), self.len(), self.capacity());
        &mut self.memory[start + length..start + capacity]
    }
}

impl Default for AlignedBuffer {
    /// Without capacity.
    fn default() -> Self {
        Self { memory: Box::default(), alignment: 1, length: 0 }
    }
}

impl Deref for AlignedBuffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.memory[self.start()..][..self.len()]
    }
}

impl DerefMut for AlignedBuffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        let (start, length) = (self.start(), self.len());
        &mut self.memory[start..start + length]
    }
}

impl io::Write for AlignedBuffer {
    /// Appends what fits; 0 when full.
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let spare = self.spare_mut();
        let count = data.len().min(spare.len());
        spare[..count].copy_from_slice(&data[..count]);
        self.length += count as u32;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl fmt::Debug for AlignedBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AlignedBuffer({} of {} bytes)", self.length, self.capacity())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn starts_on_its_boundary_wherever_it_is_moved() {
        for alignment in [1, 2, 512, 4096, 1 << 16] {
            let buffers: Vec<_> =
                (0..20).map(|bytes| AlignedBuffer::with_alignment(bytes, alignment)).collect();
            for (bytes, mut buffer) in buffers.into_iter().enumerate() {
                assert_eq!(buffer.capacity(), bytes.next_multiple_of(alignment));
                buffer.resize(buffer.capacity());
                assert_eq!(buffer.as_ptr() as usize % alignment, 0);
                assert!(buffer.iter().all(|byte| *byte == 0));
            }
        }
    }

    #[test]
    fn writes_stop_at_the_capacity() {
        let mut buffer = AlignedBuffer::with_alignment(8, 8);
        assert_eq!(buffer.write(&[1; 5]).unwrap(), 5);
        assert_eq!(buffer.write(&[2; 5]).unwrap(), 3);
        assert_eq!(buffer.write(&[3; 5]).unwrap(), 0);
        assert_eq!(&buffer[..], [1, 1, 1, 1, 1, 2, 2, 2]);
        buffer.clear();
        assert_eq!((buffer.spare_mut().len(), buffer.is_empty()), (8, true));
    }
}
