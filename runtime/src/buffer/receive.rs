//! The receive pool of a core and the handles onto its slots.
//!
//! With io_uring most slots stand in a *provided-buffer ring*: the kernel takes one for each
//! receive, and a returned slot is published to it by one store. The slots that the ring does not
//! hold, with epoll all of them, wait in a free list for receives that the core makes by itself.
//!
//! Invariant: `references[slot]` counts the handles onto a slot; at zero the slot goes back where
//! it came from, at once. A handle keeps the whole pool mapped, so it may outlive its runtime.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::io;
use std::ops::{Bound, Deref, RangeBounds};
use std::ptr::NonNull;
use std::rc::Rc;

use super::Region;
use crate::counters::CounterCells;

/// Where returned slots go while a ring offers them to the kernel.
pub(crate) trait ProvidedRing: fmt::Debug {
    /// Offers a slot to the kernel again.
    fn provide(&mut self, slot: u16, start: NonNull<u8>, bytes: u32);
}

/// The receive slots of one core.
#[derive(Debug)]
pub(crate) struct ReceivePool {
    region: Region,
    slot_bytes: u32,
    /// Slots below this number belong to the provided ring, while there is one.
    ring_slots: u16,
    pub(super) references: Box<[Cell<u32>]>,
    ring: RefCell<Option<Box<dyn ProvidedRing>>>,
    /// Slots that the kernel can take from the ring at this moment.
    ring_available: Cell<u32>,
    free: RefCell<Vec<u16>>,
    /// Heap memory of the last receive that found nothing while the pool was dry.
    spare: RefCell<Vec<u8>>,
}

impl ReceivePool {
    /// `ring_slots` for a provided ring, then `free_slots` for the core's own receives.
    pub(crate) fn new(region: Region, slot_bytes: u32, ring_slots: u16, free_slots: u16) -> Self {
        let count = ring_slots + free_slots;
        assert!(region.bytes() >= count as usize * slot_bytes as usize);
        Self {
            region,
            slot_bytes,
            ring_slots,
            references: (0..count).map(|_| Cell::new(0)).collect(),
            ring: RefCell::new(None),
            ring_available: Cell::new(0),
            free: RefCell::new((ring_slots..count).rev().collect()),
            spare: RefCell::default(),
        }
    }

    pub(crate) fn slot_bytes(&self) -> u32 {
        self.slot_bytes
    }

    pub(crate) fn slot_start(&self, slot: u16) -> NonNull<u8> {
        let offset = slot as usize * self.slot_bytes as usize;
        assert!(offset + self.slot_bytes as usize <= self.region.bytes());
        // SAFETY: the offset lies inside the mapping, as just asserted.
        unsafe { self.region.start().add(offset) }
    }

    /// Hands all of the ring's slots to the kernel through `ring`.
    pub(crate) fn attach(&self, mut ring: Box<dyn ProvidedRing>) {
        for slot in 0..self.ring_slots {
            ring.provide(slot, self.slot_start(slot), self.slot_bytes);
        }
        self.ring_available.set(u32::from(self.ring_slots));
        *self.ring.borrow_mut() = Some(ring);
    }

    /// Takes the ring away from the kernel's side; its slots join the free list as they return.
    pub(crate) fn detach(&self) {
        *self.ring.borrow_mut() = None;
        self.ring_available.set(0);
    }

    /// Makes the core's own what a ring that did not come to life was given.
    pub(crate) fn free_all(&self) {
        self.detach();
        self.free.borrow_mut().extend(0..self.ring_slots);
    }

    /// Whether the kernel would find a slot for a receive.
    pub(crate) fn ring_has_slots(&self) -> bool {
        self.ring_available.get() > 0
    }

    /// Whether a receive by the core itself would find a slot, and not need the heap.
    #[inline]
    pub(crate) fn has_free_slots(&self) -> bool {
        !self.free.borrow().is_empty()
    }

    /// Slots that nobody holds, on both sides.
    pub(crate) fn idle_slots(&self) -> usize {
        self.ring_available.get() as usize + self.free.borrow().len()
    }

    /// The kernel said that it filled `bytes` of a ring slot: the slot is now ours.
    pub(crate) fn received(self: &Rc<Self>, slot: u16, bytes: u32) -> RxBuf {
        assert!(slot < self.ring_slots, "the kernel named a slot that it was never given");
        assert_eq!(self.references[slot as usize].get(), 0, "the kernel filled a slot in use");
        assert!(bytes <= self.slot_bytes);
        self.ring_available.set(self.ring_available.get() - 1);
        self.handle(slot, bytes)
    }

    /// Receives by the core itself: `receive` fills a slot of the free list, or heap memory of the
    /// same size while there is none. The flag says whether the slot's bytes were all used, so that
    /// there may be more to receive.
    pub(crate) fn fill(
        self: &Rc<Self>,
        counters: &CounterCells,
        receive: impl FnOnce(&mut [u8]) -> io::Result<usize>,
    ) -> io::Result<(RxBuf, bool)> {
        let Some(slot) = self.free.borrow_mut().pop() else {
            let mut bytes = self.spare.take();
            bytes.resize(self.slot_bytes as usize, 0);
            let count = match receive(&mut bytes) {
                Ok(count) if count > 0 => count,
                nothing => {
                    self.spare.replace(bytes);
                    return nothing.map(|_| (RxBuf::empty(), false));
                }
            };
            counters.receive_heap_fallbacks.increment();
            let full = count == bytes.len();
            bytes.truncate(count);
            return Ok((RxBuf::from(bytes), full));
        };
        let start = self.slot_start(slot);
        // SAFETY: the slot is in no list and has no handle, so it is this call's alone; mapped
        // memory is initialised.
        let bytes =
            unsafe { std::slice::from_raw_parts_mut(start.as_ptr(), self.slot_bytes as usize) };
        match receive(bytes) {
            // Both fit a slot's size, which is a `u32`.
            Ok(count) if count > 0 => {
                Ok((self.handle(slot, count as u32), count as u32 == self.slot_bytes))
            }
            nothing => {
                self.free.borrow_mut().push(slot);
                nothing.map(|_| (RxBuf::empty(), false))
            }
        }
    }

    /// As [`fill`](Self::fill), for several slots at once: `receive` gets as many free slots as
    /// there are, up to `COUNT` of them, and says how many of them it filled, and with how many
    /// bytes each. Their handles go to `each`, in order. `None` where there are less than two free
    /// slots.
    pub(crate) fn fill_many<const COUNT: usize>(
        self: &Rc<Self>,
        wanted: usize,
        receive: impl FnOnce(&mut [&mut [u8]], &mut [u32; COUNT]) -> io::Result<usize>,
        mut each: impl FnMut(RxBuf),
    ) -> Option<io::Result<(usize, usize)>> {
        let mut slots = [0; COUNT];
        let mut free = self.free.borrow_mut();
        let count = wanted.min(COUNT).min(free.len());
        if count < 2 {
            return None;
        }
        // From the end, as `fill` takes them: the one that was used last is the warmest.
        let left = free.len() - count;
        for (slot, taken) in slots.iter_mut().zip(free.drain(left..).rev()) {
            *slot = taken;
        }
        drop(free);
        let mut memory: [&mut [u8]; COUNT] = std::array::from_fn(|_| &mut [][..]);
        for (memory, slot) in memory.iter_mut().zip(&slots[..count]) {
            let start = self.slot_start(*slot);
            // SAFETY: as in `fill`: the slot is in no list and has no handle, and each is another
            // one, so that none is borrowed twice.
            *memory =
                unsafe { std::slice::from_raw_parts_mut(start.as_ptr(), self.slot_bytes as usize) };
        }
        let mut lengths = [0; COUNT];
        let received = receive(&mut memory[..count], &mut lengths);
        let filled = *received.as_ref().unwrap_or(&0);
        assert!(filled <= count, "no more slots are filled than were lent");
        self.free.borrow_mut().extend(slots[filled..count].iter().rev());
        for (slot, bytes) in slots[..filled].iter().zip(lengths) {
            each(self.handle(*slot, bytes));
        }
        Some(received.map(|filled| (filled, count)))
    }

    /// Makes a handle of a slot that the core took itself and filled with `bytes`.
    fn handle(self: &Rc<Self>, slot: u16, bytes: u32) -> RxBuf {
        assert!(bytes <= self.slot_bytes);
        self.references[slot as usize].set(1);
        RxBuf { place: Place::Slot { pool: Rc::clone(self), slot }, start: 0, bytes }
    }

    #[inline]
    fn release(&self, slot: u16) {
        let references = &self.references[slot as usize];
        let left = references.get() - 1;
        references.set(left);
        if left > 0 {
            return;
        }
        if slot < self.ring_slots
            && let Some(ring) = self.ring.borrow_mut().as_mut()
        {
            ring.provide(slot, self.slot_start(slot), self.slot_bytes);
            self.ring_available.set(self.ring_available.get() + 1);
            return;
        }
        self.free.borrow_mut().push(slot);
    }
}

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

    #[derive(Debug)]
    struct Log(Rc<RefCell<Vec<u16>>>);

    impl ProvidedRing for Log {
        fn provide(&mut self, slot: u16, _start: NonNull<u8>, _bytes: u32) {
            self.0.borrow_mut().push(slot);
        }
    }

    fn pool(ring_slots: u16, free_slots: u16) -> (Rc<ReceivePool>, Rc<RefCell<Vec<u16>>>) {
        let region = Region::map_pages((ring_slots + free_slots) as usize * 64).unwrap();
        let pool = Rc::new(ReceivePool::new(region, 64, ring_slots, free_slots));
        let log = Rc::new(RefCell::new(Vec::new()));
        pool.attach(Box::new(Log(Rc::clone(&log))));
        log.borrow_mut().clear();
        (pool, log)
    }

    #[test]
    fn a_slot_returns_once_after_its_last_handle() {
        let (pool, log) = pool(4, 0);
        let whole = pool.received(2, 10);
        let part = whole.slice(3..=5);
        let copy = part.clone();
        assert_eq!((whole.len(), part.len()), (10, 3));
        drop(whole);
        drop(part);
        assert!(log.borrow().is_empty());
        assert_eq!(pool.idle_slots(), 3);
        drop(copy);
        assert_eq!(*log.borrow(), [2]);
        assert_eq!(pool.idle_slots(), 4);
    }

    #[test]
    fn own_slots_go_back_to_the_free_list() {
        let (pool, log) = pool(1, 2);
        let counters = CounterCells::default();
        let (buffer, full) = pool.fill(&counters, |to| Ok(to.len())).unwrap();
        assert!(full);
        assert_eq!(pool.idle_slots(), 2);
        drop(buffer);
        assert_eq!(pool.idle_slots(), 3);
        let refused = pool.fill(&counters, |_| Err(io::ErrorKind::WouldBlock.into()));
        assert!(refused.is_err());
        assert!(pool.fill(&counters, |_| Ok(0)).unwrap().0.is_empty());
        assert_eq!(pool.idle_slots(), 3);
        assert!(log.borrow().is_empty());
    }

    #[test]
    fn a_dry_pool_receives_into_the_heap_and_counts_it() {
        let (pool, _log) = pool(1, 1);
        let counters = CounterCells::default();
        let held = pool.fill(&counters, |_| Ok(1)).unwrap();
        let (heap, full) = pool
            .fill(&counters, |to| {
                to[..3].copy_from_slice(b"abc");
                Ok(3)
            })
            .unwrap();
        assert_eq!((&heap[..], full), (&b"abc"[..], false));
        assert_eq!(counters.receive_heap_fallbacks.get(), 1);
        drop(held);
    }

    #[test]
    fn a_handle_outlives_the_ring_and_every_other_owner() {
        let (pool, log) = pool(2, 0);
        let buffer = pool.received(0, 64);
        pool.detach();
        drop(pool);
        assert_eq!(buffer[63], 0);
        drop(buffer);
        assert!(log.borrow().is_empty(), "a detached ring must not be written");
    }

    #[test]
    #[should_panic(expected = "slot in use")]
    fn the_kernel_filling_a_held_slot_is_noticed() {
        let (pool, _log) = pool(2, 0);
        let _held = pool.received(1, 1);
        let _twice = pool.received(1, 1);
    }

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
