//! Received bytes that may be written: for protocols that decipher or unmask where the bytes
//! landed.
//!
//! Invariants: an [`RxBufMut`] comes only from the one handle of a slot, and is split only into
//! parts that do not overlap. So no byte that one of them can write is in reach of any other
//! handle, whether that one is frozen again or not. Cost: that of an [`RxBuf`], and a pointer.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;
use std::rc::Rc;

use super::RxBuf;
use super::receive::Place;

/// Received bytes that are this handle's alone, so that they can be changed in place.
///
/// Parts [split off](Self::split_to) share the slot, not the bytes; [`freeze`](Self::freeze) makes
/// an [`RxBuf`] of a part, to be cloned and handed out. The last handle of any kind to go gives the
/// slot back.
///
/// ```
/// use taut_runtime::buffer::RxBuf;
///
/// let mut rest = RxBuf::from(b"\x05\x18\x05 and more".to_vec()).try_into_mut().unwrap();
/// let mut masked = rest.split_to(3);
/// masked.iter_mut().for_each(|byte| *byte ^= 0x55);
/// let message = masked.freeze();
/// assert_eq!((&message[..], &rest[..]), (&b"PMP"[..], &b" and more"[..]));
/// ```
pub struct RxBufMut {
    /// Keeps the slot, and says how many bytes of it are this handle's.
    handle: RxBuf,
    /// The first of them, by a pointer that may write.
    start: NonNull<u8>,
}

impl RxBuf {
    /// The same bytes, to be changed in place.
    ///
    /// # Errors
    ///
    /// Gives the buffer back where another handle shares its slot, or its memory of the heap.
    pub fn try_into_mut(mut self) -> Result<RxBufMut, Self> {
        let first = self.start as usize;
        let start = match &mut self.place {
            Place::Slot { pool, slot } if pool.references[*slot as usize].get() == 1 => {
                // SAFETY: the handle's part lies inside of the slot.
                unsafe { pool.slot_start(*slot).add(first) }
            }
            Place::Heap(bytes) => match Rc::get_mut(bytes) {
                // SAFETY: the handle's part lies inside of the vector.
                Some(bytes) => unsafe { NonNull::from(bytes.as_mut_slice()).cast().add(first) },
                None => return Err(self),
            },
            Place::Slot { .. } => return Err(self),
            // Of no memory anybody may be the only owner, and write all of it.
            Place::Nowhere => NonNull::dangling(),
        };
        Ok(RxBufMut { handle: self, start })
    }
}

impl RxBufMut {
    /// Number of bytes.
    #[inline]
    pub fn len(&self) -> usize {
        self.handle.len()
    }

    /// Whether there are no bytes.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.handle.is_empty()
    }

    /// Splits the first `count` bytes off, into a handle of their own; copies nothing.
    ///
    /// # Panics
    ///
    /// Where there are fewer.
    #[must_use]
    pub fn split_to(&mut self, count: usize) -> Self {
        assert!(count <= self.len(), "split_to {count} of {} bytes", self.len());
        let front = Self { handle: self.handle.slice(..count), start: self.start };
        self.handle.advance(count);
        // SAFETY: `count` bytes, and no more, were this handle's.
        self.start = unsafe { self.start.add(count) };
        front
    }

    /// The bytes as they are now, to be shared and no longer changed.
    #[inline]
    #[must_use]
    pub fn freeze(self) -> RxBuf {
        self.handle
    }
}

impl Deref for RxBufMut {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        // SAFETY: as for `deref_mut`.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.len()) }
    }
}

impl DerefMut for RxBufMut {
    #[inline]
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: when the first handle of this kind was made it was the only one of its slot, or
        // of its vector, so the kernel, the core and other handles were out of it. Since then the
        // memory has only been reached by handles split from it, whose parts do not overlap, and by
        // frozen ones, which make slices of their own part alone. The handle keeps the memory,
        // which is initialised as what was received, and the borrow of `self` is unique. A handle
        // without memory has no bytes, and its pointer is not null, as a slice of none asks for.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.len()) }
    }
}

impl From<RxBufMut> for RxBuf {
    /// As [`RxBufMut::freeze`].
    fn from(bytes: RxBufMut) -> Self {
        bytes.freeze()
    }
}

impl From<Vec<u8>> for RxBufMut {
    /// Wraps bytes of the heap; copies nothing.
    ///
    /// # Panics
    ///
    /// From 4 GiB on.
    fn from(bytes: Vec<u8>) -> Self {
        RxBuf::from(bytes).try_into_mut().expect("a new vector has one handle")
    }
}

impl fmt::Debug for RxBufMut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RxBufMut of {:?}", self.handle)
    }
}

#[cfg(test)]
mod tests {
    use std::panic::AssertUnwindSafe;
    use std::rc::Rc;

    use super::super::{ReceivePool, Region};
    use super::*;
    use crate::counters::CounterCells;

    /// A pool without a ring, of slots of 64 bytes.
    fn pool(slots: u16) -> Rc<ReceivePool> {
        let region = Region::map_pages(slots as usize * 64).unwrap();
        Rc::new(ReceivePool::new(region, 64, 0, slots))
    }

    fn received(pool: &Rc<ReceivePool>, data: &[u8]) -> RxBuf {
        let fill = |slot: &mut [u8]| {
            slot[..data.len()].copy_from_slice(data);
            Ok(data.len())
        };
        pool.fill(&CounterCells::default(), fill).unwrap().0
    }

    /// The same bytes in a slot, and on the heap.
    fn in_each_place(data: &[u8], test: impl Fn(RxBuf)) {
        let pool = pool(1);
        test(received(&pool, data));
        assert_eq!(pool.idle_slots(), 1, "the slot came back, once");
        test(RxBuf::from(data.to_vec()));
    }

    #[test]
    fn a_buffer_with_another_handle_stays_what_it_is() {
        in_each_place(b"abc", |bytes| {
            let other = bytes.slice(1..2);
            let bytes = bytes.try_into_mut().unwrap_err();
            assert_eq!((&bytes[..], &other[..]), (&b"abc"[..], &b"b"[..]));
            drop(other);
            assert_eq!(&bytes.try_into_mut().unwrap()[..], b"abc");
        });
    }

    #[test]
    fn memory_that_its_owner_kept_stays_what_it_is() {
        let kept = Rc::new(b"abc".to_vec());
        let weak = Rc::downgrade(&kept);
        let shared = RxBuf::from(Rc::clone(&kept)).try_into_mut().unwrap_err();
        drop(kept);
        let shared = shared.try_into_mut().unwrap_err();
        drop(weak);
        assert!(shared.try_into_mut().is_ok());
    }

    #[test]
    fn a_part_of_a_buffer_is_written_and_nothing_else() {
        in_each_place(b"abcdef", |mut bytes| {
            bytes.advance(1);
            bytes.truncate(3);
            let mut bytes = bytes.try_into_mut().unwrap();
            bytes.fill(b'x');
            assert_eq!(&bytes.freeze()[..], b"xxx");
        });
        let pool = pool(1);
        let mut bytes = received(&pool, b"abcdef");
        bytes.advance(1);
        bytes.truncate(3);
        bytes.try_into_mut().unwrap().fill(b'x');
        let slot = pool.slot_start(0);
        // SAFETY: nobody holds the slot, whose memory is mapped and initialised.
        assert_eq!(unsafe { std::slice::from_raw_parts(slot.as_ptr(), 7) }, b"axxxef\0");
    }

    /// Every part is borrowed and written while every other one is, frozen or not.
    #[test]
    fn parts_written_at_the_same_time_do_not_touch_each_other() {
        let data: Vec<u8> = (0..60).collect();
        in_each_place(&data, |bytes| {
            let mut rest = bytes.try_into_mut().unwrap();
            let mut frozen = rest.split_to(10).freeze();
            let mut parts: Vec<_> = (0..5).map(|_| rest.split_to(10)).collect();
            let seen = &frozen[..];
            let mut borrowed: Vec<&mut [u8]> = parts.iter_mut().map(|part| &mut part[..]).collect();
            for (index, part) in borrowed.iter_mut().enumerate().rev() {
                part.fill(100 + index as u8);
            }
            for (index, part) in borrowed.iter_mut().enumerate() {
                part[index] += 1;
            }
            assert_eq!(seen, &data[..10]);
            for (index, part) in parts.iter().enumerate() {
                let mut expected = [100 + index as u8; 10];
                expected[index] += 1;
                assert_eq!(part[..], expected);
            }
            assert!(rest.is_empty());
            frozen.truncate(4);
            drop((rest, parts));
            // Alone again, so it may be written once more; but its own part only.
            let mut again = frozen.try_into_mut().unwrap();
            again.fill(7);
            assert_eq!(again[..], [7; 4]);
        });
    }

    #[test]
    fn a_slot_comes_back_with_its_last_part_in_any_order() {
        for last in 0..3 {
            let pool = pool(1);
            let mut rest = received(&pool, b"abcdef").try_into_mut().unwrap();
            let frozen = rest.split_to(2).freeze();
            let part = rest.split_to(2);
            let mut parts: [Option<Box<dyn std::any::Any>>; 3] =
                [Some(Box::new(frozen)), Some(Box::new(part)), Some(Box::new(rest))];
            let kept = parts[last].take();
            drop(parts);
            assert_eq!(pool.idle_slots(), 0);
            drop(kept);
            assert_eq!(pool.idle_slots(), 1);
        }
    }

    #[test]
    fn a_part_outlives_its_pool() {
        let pool = pool(1);
        let mut rest = received(&pool, b"abcdef").try_into_mut().unwrap();
        let mut part = rest.split_to(3);
        drop((pool, rest));
        part.fill(b'x');
        assert_eq!(&part.freeze()[..], b"xxx");
    }

    #[test]
    fn nothing_can_be_split_off_nothing() {
        in_each_place(b"ab", |bytes| {
            let mut bytes = bytes.try_into_mut().unwrap();
            assert!(bytes.split_to(0).is_empty());
            assert_eq!(&bytes.split_to(2)[..], b"ab");
            assert!(bytes.split_to(0).freeze().is_empty());
        });
        assert!(RxBuf::empty().try_into_mut().unwrap().is_empty());
    }

    #[test]
    fn nothing_may_be_written_by_all_of_its_handles_at_once() {
        let empty = RxBuf::empty();
        let (mut one, mut other) =
            (empty.clone().try_into_mut().unwrap(), empty.try_into_mut().unwrap());
        let (first, second) = (&mut one[..], &mut other[..]);
        first.fill(1);
        second.fill(2);
        assert_eq!((first.len(), second.len()), (0, 0));
        let mut part = one.split_to(0);
        part.iter_mut().for_each(|byte| *byte = 3);
        drop(one);
        let frozen = part.freeze();
        assert_eq!((&frozen[..], &frozen.clone()[..]), (&b""[..], &b""[..]));
        assert!(frozen.try_into_mut().unwrap().freeze().slice(..).is_empty());
        let beyond = AssertUnwindSafe(move || other.split_to(1).len());
        assert!(std::panic::catch_unwind(beyond).is_err());
    }

    #[test]
    #[should_panic(expected = "split_to 4 of 3 bytes")]
    fn a_split_beyond_the_end_panics() {
        let _ = RxBufMut::from(vec![0; 3]).split_to(4);
    }
}
