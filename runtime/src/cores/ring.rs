//! What the two ends of a ring share, one sender or many.
//!
//! Senders own the slots from the tail on, the receiver those from the head to the tail. The
//! receiver learns of an item by the slot's stamp; senders learn of room by the head, which they
//! look at only when the ring seems full.
//!
//! Invariants: `head <= tail <= head + capacity`; a position is written once, by whoever claimed
//! it, and read once. Each thing that one side writes all the time stands in a cache line of its
//! own, and what both only read stands apart from those.

use std::fmt;
use std::ops::Deref;
use std::sync::atomic::Ordering;

use super::readers::{Readers, Reading};
use super::signal::Signal;
use super::slots::{Cursor, END, Slots, filled, skipped};
use super::waiting::Shared;
use crate::executor::Word;
use crate::threads::{AtomicU64, Mutex, MutexGuard, fence, lock};

/// Nobody may claim any more. On the head it also tells senders that wait for it to change; where
/// the receiver moves the head at the same time it may get lost there, but then the head has
/// changed.
pub(crate) const CLOSED: u64 = 1 << 63;

/// Keeps what one thread writes off the cache lines, and their prefetched neighbours, of others.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Padded<T>(T);

impl<T> Padded<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(value)
    }
}

impl<T> Deref for Padded<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.0
    }
}

/// See the module's documentation.
#[derive(Debug)]
pub struct Ring<T> {
    pub(crate) slots: Slots<T>,
    /// The first position that nobody has claimed; written by senders.
    pub(crate) tail: Padded<AtomicU64>,
    /// The first position that was not taken; written by the receiver.
    pub(crate) head: Padded<AtomicU64>,
    quiet: Padded<Quiet>,
}

/// What is written seldom.
#[derive(Debug)]
struct Quiet {
    /// Not zero once nothing can be sent any more.
    closed: AtomicU64,
    /// A receiver that sleeps.
    items: Signal,
    /// Senders that sleep, for room or for the end.
    room: Signal,
    senders: AtomicU64,
    /// Ends that live; the last one drops what is left.
    ends: AtomicU64,
    /// From which position on there are items left, once all ends are gone.
    left_from: AtomicU64,
    /// Where each of several gets every item.
    readers: Mutex<Readers>,
}

impl<T> Ring<T> {
    /// A ring with one sender and a receiver.
    #[track_caller]
    pub(crate) fn new(capacity: usize) -> Self {
        Self::of(Slots::new(capacity), 2)
    }

    /// A ring with so many ends.
    pub(crate) fn of(slots: Slots<T>, ends: u64) -> Self {
        Self {
            slots,
            tail: Padded::new(AtomicU64::new(0)),
            head: Padded::new(AtomicU64::new(0)),
            quiet: Padded::new(Quiet {
                closed: AtomicU64::new(0),
                items: Signal::new(),
                room: Signal::new(),
                senders: AtomicU64::new(1),
                ends: AtomicU64::new(ends),
                left_from: AtomicU64::new(0),
                readers: Mutex::default(),
            }),
        }
    }

    #[inline]
    pub(crate) fn capacity(&self) -> u64 {
        self.slots.capacity()
    }

    pub(crate) fn len(&self) -> usize {
        // The head first: the tail is then not behind it.
        let head = self.head.load(Ordering::Acquire) & !CLOSED;
        let tail = self.tail.load(Ordering::Acquire) & !CLOSED;
        tail.saturating_sub(head).min(self.capacity()) as usize
    }

    #[inline]
    pub(crate) fn is_closed(&self) -> bool {
        self.quiet.closed.load(Ordering::Acquire) != 0
    }

    /// Whether nothing can be sent any more, for a sender that is about to wait for the head to
    /// change: where the head that it saw had lost its mark of the end, this tells.
    pub(crate) fn is_closed_after_head(&self) -> bool {
        fence(Ordering::SeqCst);
        self.is_closed()
    }

    #[inline]
    pub(crate) fn items(&self) -> &Signal {
        &self.quiet.items
    }

    #[inline]
    pub(crate) fn room(&self) -> &Signal {
        &self.quiet.room
    }

    /// What an end waits for that wants to know that nothing can be sent any more.
    pub(crate) fn end(&self) -> Word<'_> {
        Word { word: &self.quiet.closed, seen: 0, signal: self.room() }
    }

    /// Stamps a value that was written to its slot.
    #[inline]
    pub(crate) fn publish(&self, cursor: Cursor) {
        self.slots.stamp(cursor).store(filled(cursor.position), Ordering::Release);
    }

    /// Gives a claimed position up.
    pub(crate) fn skip(&self, cursor: Cursor) {
        self.slots.stamp(cursor).store(skipped(cursor.position), Ordering::Release);
    }

    /// Nothing is sent from here on: `cursor` is the tail, for good.
    pub(crate) fn close_from_senders(&self, cursor: Cursor) {
        self.quiet.closed.store(1, Ordering::Release);
        // See `is_closed_after_head`.
        fence(Ordering::SeqCst);
        self.head.fetch_or(CLOSED, Ordering::Release);
        // The slot is free: there is one more than the capacity.
        self.slots.stamp(cursor).store(END, Ordering::Release);
        self.items().notify();
        self.room().notify_after_fence();
    }

    /// Nothing is taken from here on, but what is there already. For the receiver.
    pub(crate) fn close_from_receiver(&self) {
        self.quiet.closed.store(1, Ordering::Release);
        self.head.fetch_or(CLOSED, Ordering::Release);
        self.room().notify();
    }

    pub(crate) fn describe(&self, mut end: fmt::DebugStruct<'_, '_>) -> fmt::Result {
        end.field("len", &self.len())
            .field("capacity", &self.capacity())
            .field("closed", &self.is_closed())
            .finish_non_exhaustive()
    }

    pub(crate) fn add_sender(&self) {
        self.quiet.senders.fetch_add(1, Ordering::Relaxed);
        self.quiet.ends.fetch_add(1, Ordering::Relaxed);
    }

    /// One more reader of a ring that gives every item to each, from the next one on.
    pub(crate) fn enter(&self, holds_room: bool) -> (Cursor, Option<Reading>) {
        self.quiet.ends.fetch_add(1, Ordering::Relaxed);
        let mut readers = self.readers();
        // Under the lock: where the sender has not counted with this reader when it last looked for
        // the slowest, this sees the tail as it was then, or later.
        let next = self.slots.cursor_at(self.tail.load(Ordering::Acquire) & !CLOSED);
        let reading = readers.enter(next.position, holds_room);
        if !readers.ended {
            self.quiet.closed.store(0, Ordering::Release);
        }
        (next, reading)
    }

    /// A reader is dropped.
    pub(crate) fn leave(&self, reading: Option<&Reading>) {
        let mut readers = self.readers();
        if readers.leave(reading) == 0 {
            self.quiet.closed.store(1, Ordering::Release);
        }
        drop(readers);
        self.room().notify();
    }

    pub(crate) fn readers(&self) -> MutexGuard<'_, Readers> {
        lock(&self.quiet.readers)
    }

    /// A sender is dropped; whether it was the last one.
    pub(crate) fn drop_sender(&self) -> bool {
        // `AcqRel`: the last one has seen all claims of the others.
        self.quiet.senders.fetch_sub(1, Ordering::AcqRel) == 1
    }

    /// What comes before a position is not in the ring any more, and what is there from then on
    /// stays for the last end: for whoever takes items out, before it is dropped.
    pub(crate) fn leave_from(&self, position: u64) {
        self.quiet.left_from.store(position, Ordering::Relaxed);
    }

    /// An end is dropped; the last one drops what nobody will take.
    pub(crate) fn drop_end(&self) {
        // `AcqRel`: what each end did to its slots has happened before the last one looks.
        if self.quiet.ends.fetch_sub(1, Ordering::AcqRel) != 1 {
            return;
        }
        let mut cursor = self.slots.cursor_at(self.quiet.left_from.load(Ordering::Relaxed));
        loop {
            match self.slots.stamp(cursor).load(Ordering::Acquire) {
                // SAFETY: the item is there, and all ends but this one are gone.
                stamp if stamp == filled(cursor.position) => unsafe {
                    let item = self.slots.value(cursor).read();
                    // Before its destructor, which may panic.
                    self.slots.advance(&mut cursor);
                    drop(item);
                },
                stamp if stamp == skipped(cursor.position) => self.slots.advance(&mut cursor),
                _ => break,
            }
        }
    }
}

// SAFETY: the signal is a part of the ring.
unsafe impl<T: Send + 'static> Shared for Ring<T> {
    /// Senders are told of room late; the receiver is told of items at once.
    fn tells(&self) -> Option<&Signal> {
        Some(self.room())
    }
}
