//! Received bytes: handles onto the slots of a core's receive pool.
//!
//! Invariant: a handle counts among the references of its slot from its making to its drop, so
//! nobody writes what it shows. Cloning and slicing cost a count each, and no copy.

use std::fmt;
use std::ops::{Bound, Deref, RangeBounds};
use std::rc::Rc;

use super::ReceivePool;

/// Received bytes: a handle onto a slot of the core's receive pool.
///
/// Derefs to `[u8]`; clones and slices share the slot, and the last handle to go gives it back to
/// the kernel. Holding many of them for long slows the core's streams down: copy out what is to be
/// kept. An empty buffer from a receive means end of stream.
///
/// ```
/// use taut_runtime::buffer::RxBuf;
///
/// let message = RxBuf::from(b"8=FIX.4.4".to_vec());
/// let value = message.slice(2..);
/// drop(message);
/// assert_eq!(&value[..], b"FIX.4.4");
/// ```
pub struct RxBuf {
    pub(super) place: Place,
    pub(super) start: u32,
    bytes: u32,
}

pub(super) enum Place {
    /// A slot of a receive pool.
    Slot { pool: Rc<ReceivePool>, slot: u16 },
    /// The heap: where bytes land when the pool is dry, and bytes that the user brought.
    Heap(Rc<Vec<u8>>),
    /// No memory at all, of a buffer that never had a byte.
    Nowhere,
}

impl RxBuf {
    /// A buffer without bytes, as received at the end of a stream. Has no memory.
    #[must_use]
    pub const fn empty() -> Self {
        Self { place: Place::Nowhere, start: 0, bytes: 0 }
    }

    /// The first handle onto a slot, which the pool has counted.
    #[inline]
    pub(super) fn of_slot(pool: Rc<ReceivePool>, slot: u16, bytes: u32) -> Self {
        Self { place: Place::Slot { pool, slot }, start: 0, bytes }
    }

    /// Number of bytes.
    #[inline]
    pub fn len(&self) -> usize {
        self.bytes as usize
    }

    /// Whether there are no bytes: the end of the stream, when it comes from a receive.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// A second handle onto part of the same bytes; copies nothing.
    ///
    /// # Panics
    ///
    /// Where the range does not lie inside the buffer.
    #[must_use]
    pub fn slice(&self, range: impl RangeBounds<usize>) -> Self {
        let from = match range.start_bound() {
            Bound::Included(&from) => from,
            Bound::Excluded(&before) => before.saturating_add(1),
            Bound::Unbounded => 0,
        };
        let to = match range.end_bound() {
            Bound::Included(&last) => last.saturating_add(1),
            Bound::Excluded(&to) => to,
            Bound::Unbounded => self.len(),
        };
        assert!(from <= to && to <= self.len(), "slice {from}..{to} of {} bytes", self.len());
        let mut part = self.clone();
        // Both fit: they are at most `self.bytes`.
        part.start += from as u32;
        part.bytes = (to - from) as u32;
        part
    }

    /// Takes the first `count` bytes off this handle, as a handle of their own; copies nothing.
    ///
    /// # Panics
    ///
    /// Where there are fewer.
    #[must_use]
    #[inline]
    pub fn split_to(&mut self, count: usize) -> Self {
        assert!(count <= self.len(), "split_to {count} of {} bytes", self.len());
        // Fits: there are as many.
        let first = Self { place: self.place.another(), start: self.start, bytes: count as u32 };
        self.start += first.bytes;
        self.bytes -= first.bytes;
        first
    }

    /// Drops all but the first `bytes` bytes from this handle; no effect where there are fewer.
    pub fn truncate(&mut self, bytes: usize) {
        // Fits: it is at most `self.bytes`.
        self.bytes = self.len().min(bytes) as u32;
    }

    /// Drops the first `count` bytes from this handle.
    ///
    /// # Panics
    ///
    /// Where there are fewer.
    #[inline]
    pub fn advance(&mut self, count: usize) {
        assert!(count <= self.len(), "advance by {count} of {} bytes", self.len());
        self.start += count as u32;
        self.bytes -= count as u32;
    }
}

impl Deref for RxBuf {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match &self.place {
            Place::Slot { pool, slot } => {
                let start = pool.slot_start(*slot);
                // SAFETY: this handle holds a reference to the slot, so neither the kernel nor the
                // core writes it, and the pool keeps it mapped. `start + bytes` never exceeds what
                // was received, which is initialised: mapped memory always is.
                unsafe {
                    std::slice::from_raw_parts(
                        start.as_ptr().add(self.start as usize),
                        self.bytes as usize,
                    )
                }
            }
            Place::Heap(bytes) => {
                // SAFETY: `start + bytes` never exceeds the vector's length, and nobody writes this
                // part while this handle is there. A slice of the whole vector would be simpler,
                // but an `RxBufMut` may hold another part of it.
                unsafe {
                    std::slice::from_raw_parts(
                        bytes.as_ptr().add(self.start as usize),
                        self.bytes as usize,
                    )
                }
            }
            Place::Nowhere => &[],
        }
    }
}

impl AsRef<[u8]> for RxBuf {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl Place {
    /// For another handle onto the same bytes.
    #[inline]
    fn another(&self) -> Self {
        match self {
            Self::Slot { pool, slot } => {
                let references = &pool.references[*slot as usize];
                let more = references.get().checked_add(1);
                references.set(more.expect("fewer than 2^32 handles onto a slot"));
                Self::Slot { pool: Rc::clone(pool), slot: *slot }
            }
            Self::Heap(bytes) => Self::Heap(Rc::clone(bytes)),
            Self::Nowhere => Self::Nowhere,
        }
    }
}

impl Clone for RxBuf {
    fn clone(&self) -> Self {
        Self { place: self.place.another(), start: self.start, bytes: self.bytes }
    }
}

impl Drop for RxBuf {
    #[inline]
    fn drop(&mut self) {
        if let Place::Slot { pool, slot } = &self.place {
            pool.release(*slot);
        }
    }
}

impl From<Vec<u8>> for RxBuf {
    /// Wraps bytes of the heap; copies nothing.
    ///
    /// # Panics
    ///
    /// From 4 GiB on.
    fn from(bytes: Vec<u8>) -> Self {
        Self::from(Rc::new(bytes))
    }
}

impl From<Rc<Vec<u8>>> for RxBuf {
    /// Shares bytes of the heap; copies and allocates nothing. Once every handle is dropped, the
    /// one that was kept is the only one again, and its memory can be written anew.
    ///
    /// # Panics
    ///
    /// From 4 GiB on.
    fn from(bytes: Rc<Vec<u8>>) -> Self {
        let length = u32::try_from(bytes.len()).expect("an RxBuf holds less than 4 GiB");
        Self { place: Place::Heap(bytes), start: 0, bytes: length }
    }
}

impl fmt::Debug for RxBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = match &self.place {
            Place::Slot { slot, .. } => format!("slot {slot}"),
            Place::Heap(_) => "heap".to_owned(),
            Place::Nowhere => "nowhere".to_owned(),
        };
        write!(f, "RxBuf({} bytes, {place})", self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_buffer_has_no_memory_and_is_a_buffer_like_any_other() {
        // It costs the others nothing either.
        assert_eq!(size_of::<RxBuf>(), 24);
        let mut empty = RxBuf::empty();
        assert!(matches!(empty.place, Place::Nowhere));
        for copy in [empty.clone(), empty.slice(..), empty.slice(0..0), empty.split_to(0)] {
            assert!(matches!(copy.place, Place::Nowhere));
            assert_eq!((&copy[..], copy.len(), copy.is_empty()), (&b""[..], 0, true));
        }
        empty.advance(0);
        empty.truncate(7);
        assert_eq!(format!("{empty:?}"), "RxBuf(0 bytes, nowhere)");
        // It is as good as one that has memory, and no byte in it.
        let of_heap = RxBuf::from(Vec::new());
        assert_eq!(empty[..], of_heap[..]);
        assert!(std::panic::catch_unwind(|| RxBuf::empty().slice(0..1).len()).is_err());
        assert!(std::panic::catch_unwind(|| RxBuf::empty().advance(1)).is_err());
        assert!(std::panic::catch_unwind(|| RxBuf::empty().split_to(1).len()).is_err());
    }

    #[test]
    #[should_panic(expected = "slice 3..9")]
    fn a_slice_beyond_the_end_panics() {
        let _ = RxBuf::from(vec![0; 8]).slice(3..9);
    }
}
