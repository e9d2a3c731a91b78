//! The receive pool of a core.
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
use std::ptr::NonNull;
use std::rc::Rc;

use super::{Region, RxBuf};
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
        RxBuf::of_slot(Rc::clone(self), slot, bytes)
    }

    /// A handle onto a slot is gone.
    #[inline]
    pub(super) fn release(&self, slot: u16) {
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
    fn what_is_split_off_keeps_the_slot_for_itself() {
        let (pool, log) = pool(1, 0);
        let mut rest = pool.received(0, 10);
        let first = rest.split_to(4);
        let second = rest.split_to(6);
        assert_eq!((first.len(), second.len(), rest.len()), (4, 6, 0));
        assert_eq!(second.as_ptr(), first.as_ptr().wrapping_add(4));
        drop((rest, first));
        assert!(log.borrow().is_empty());
        drop(second);
        assert_eq!(*log.borrow(), [0]);
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
}
