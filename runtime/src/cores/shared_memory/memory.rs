//! The mapped ring: its words by name, and its slots.
//!
//! Invariant: bytes in place are given out for a slot within the mapping and for no more than a
//! slot has, whatever the file says. That nobody else writes to them meanwhile is the protocol's
//! matter: a slot belongs to the writer until its stamp, and from then on to its readers until they
//! have all passed it. A process that writes to the file beside the protocol may change such bytes
//! under whoever looks at them; it can't lead an access anywhere else.

use std::os::fd::OwnedFd;
use std::ptr::NonNull;
use std::sync::atomic::Ordering;

use super::alarm::Alarm;
use super::layout::{Cursor, ITEMS_AT, Layout, Part, ROOM_AT, SLOT_HEADER_BYTES, TAIL_AT};
use super::mapping::Mapping;
use crate::cores::Signal;
use crate::cores::seqlock::Seqlock;
use crate::cores::slots::filled;
use crate::cores::waiting::Shared;
use crate::threads::AtomicU64;

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Memory {
    mapping: Mapping,
    pub(super) layout: Layout,
    /// A description that holds no lock.
    pub(super) file: OwnedFd,
}

impl Memory {
    /// The mapping is at least as long as the layout says.
    pub(super) fn new(mapping: Mapping, layout: Layout, file: OwnedFd) -> Self {
        let end = layout.last_slot_at + layout.stride;
        assert!(end <= mapping.bytes(), "the slots are within the mapping");
        Self { mapping, layout, file }
    }

    #[inline]
    pub(super) fn capacity(&self) -> u64 {
        self.layout.options.capacity as u64
    }

    #[inline]
    pub(super) fn slot_bytes(&self) -> usize {
        self.layout.options.slot_bytes
    }

    #[inline]
    pub(super) fn tail(&self) -> &AtomicU64 {
        self.mapping.word(TAIL_AT)
    }

    #[inline]
    pub(super) fn word(&self, at: usize) -> &AtomicU64 {
        self.mapping.word(at)
    }

    #[inline]
    pub(super) fn generation(&self, part: Part) -> &AtomicU64 {
        self.mapping.word(part.generation_at())
    }

    #[inline]
    pub(super) fn position(&self, part: Part) -> &AtomicU64 {
        self.mapping.word(part.position_at())
    }

    /// Wakes readers.
    #[inline]
    pub(super) fn items(&self) -> Alarm<'_> {
        Alarm(self.mapping.half_word(ITEMS_AT))
    }

    /// Wakes the writer.
    #[inline]
    pub(super) fn room(&self) -> Alarm<'_> {
        Alarm(self.mapping.half_word(ROOM_AT))
    }

    /// Has everybody look again who sleeps.
    pub(super) fn ring_all(&self) {
        self.items().ring();
        self.room().ring();
    }

    /// The places of readers.
    pub(super) fn readers(&self) -> impl Iterator<Item = Part> + use<> {
        (0..self.layout.options.readers_max as u32).map(Part::Reader)
    }

    #[inline]
    fn slot_at(&self, cursor: Cursor) -> usize {
        let slots = self.layout.slots_at..=self.layout.last_slot_at;
        assert!(slots.contains(&cursor.slot_at), "a cursor of this ring");
        cursor.slot_at
    }

    /// Where in the file the stamp of a position stands.
    #[inline]
    pub(super) fn stamp_at(&self, cursor: Cursor) -> usize {
        self.slot_at(cursor)
    }

    #[inline]
    pub(super) fn stamp(&self, cursor: Cursor) -> &AtomicU64 {
        self.mapping.word(self.stamp_at(cursor))
    }

    #[inline]
    pub(super) fn length(&self, cursor: Cursor) -> &AtomicU64 {
        self.mapping.word(self.slot_at(cursor) + 8)
    }

    /// The slot's bytes in place.
    #[inline]
    fn bytes(&self, cursor: Cursor, length: usize) -> NonNull<[u8]> {
        assert!(length <= self.slot_bytes(), "no more than a slot has");
        let at = self.slot_at(cursor) + SLOT_HEADER_BYTES;
        // SAFETY: the slot is within the mapping, see `new`, and its stride is not less than its
        // header and `slot_bytes`.
        let start = unsafe { self.mapping.start().add(at) };
        NonNull::slice_from_raw_parts(start, length)
    }

    /// A message where it lies. All bytes of the mapping are initialised: it is a file.
    ///
    /// # Safety
    ///
    /// Nobody who keeps to the protocol writes to the slot while the result is used: the caller has
    /// seen its stamp, in a ring whose writer waits for it; or the caller has claimed it.
    #[inline]
    pub(super) unsafe fn message(&self, cursor: Cursor, length: usize) -> &[u8] {
        // SAFETY: within the mapping, and not written meanwhile, by contract.
        unsafe { self.bytes(cursor, length).as_ref() }
    }

    /// Where the next message goes.
    ///
    /// # Safety
    ///
    /// The caller is the writer, the position is its next one, all readers have passed the one that
    /// was in the slot before, and no other reference to it is used while this one is.
    #[inline]
    #[expect(clippy::mut_from_ref, reason = "the slot is the caller's alone, by contract")]
    pub(super) unsafe fn message_mut(&self, cursor: Cursor, length: usize) -> &mut [u8] {
        // SAFETY: within the mapping, and looked at by nobody before it gets its stamp.
        unsafe { self.bytes(cursor, length).as_mut() }
    }

    /// Sends the message that was written in place.
    #[inline]
    pub(super) fn publish(&self, cursor: Cursor, length: usize) {
        self.length(cursor).store(length as u64, Ordering::Relaxed);
        self.stamp(cursor).store(filled(cursor.position), Ordering::Release);
    }

    /// The slot of a ring whose readers copy.
    #[inline]
    pub(super) fn seqlock(&self, cursor: Cursor) -> Seqlock<'_> {
        let words = self.slot_bytes().div_ceil(8);
        let at = self.slot_at(cursor) + SLOT_HEADER_BYTES;
        // SAFETY: the slot is within the mapping, and its stride, a multiple of 8, is not less than
        // its header and `slot_bytes`, so neither than these words. In such a ring nobody has them
        // but as atomics.
        let words = unsafe {
            let start = self.mapping.start().add(at).cast::<AtomicU64>();
            NonNull::slice_from_raw_parts(start, words).as_ref()
        };
        Seqlock { stamp: self.stamp(cursor), length: self.length(cursor), words }
    }
}

// SAFETY: it has no signal.
unsafe impl Shared for Memory {
    fn tells(&self) -> Option<&Signal> {
        None
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use super::super::mapping::create_sealed;
    use super::super::options::{Kind, Options};
    use super::*;

    fn memory(mapped: impl FnOnce(&Layout) -> usize) -> Memory {
        let layout = Layout::new(Options::new(Kind::Spsc, 40, 3)).unwrap();
        let file = create_sealed(layout.file_bytes as u64).unwrap();
        let mapping = Mapping::new(file.as_fd(), mapped(&layout)).unwrap();
        Memory::new(mapping, layout, file)
    }

    #[test]
    fn slots_lie_side_by_side_up_to_the_end() {
        let memory = memory(|layout| layout.file_bytes);
        let mut cursor = memory.layout.cursor(0);
        let mut expected = memory.mapping.start().addr().get() + memory.layout.slots_at + 16;
        for position in 0..3 {
            let bytes = memory.bytes(cursor, 40);
            assert_eq!((bytes.addr().get(), bytes.len()), (expected, 40));
            assert_eq!(cursor, memory.layout.cursor(position));
            memory.layout.advance(&mut cursor);
            expected += 64;
        }
        assert!(expected - 64 + 48 <= memory.mapping.start().addr().get() + memory.mapping.bytes());
        assert_eq!(memory.seqlock(memory.layout.cursor(2)).words.len(), 5);
        assert_eq!(cursor, memory.layout.cursor(3), "the first slot again");
    }

    #[test]
    #[should_panic = "the slots are within the mapping"]
    fn a_mapping_that_is_too_short_is_refused() {
        memory(|layout| layout.last_slot_at);
    }

    #[test]
    #[should_panic = "no more than a slot has"]
    fn a_message_longer_than_a_slot_is_refused() {
        let memory = memory(|layout| layout.file_bytes);
        memory.bytes(memory.layout.cursor(0), 41);
    }

    #[test]
    #[should_panic = "a cursor of this ring"]
    fn a_cursor_of_a_larger_ring_is_refused() {
        let memory = memory(|layout| layout.file_bytes);
        let slot_at = memory.layout.last_slot_at + memory.layout.stride;
        memory.bytes(Cursor { position: 3, slot_at }, 1);
    }
}
