//! Who may write to the next slots: the only sender, or whichever of many comes first.
//!
//! These traits and types are public for the bounds of [`Sender`](super::Sender) alone.

use std::sync::atomic::Ordering;

use super::ring::{CLOSED, Ring};
use super::slots::Cursor;
use crate::threads::AtomicU64;

/// Positions in a row that belong to one sender and are not published yet.
#[derive(Clone, Copy, Debug)]
pub struct Claimed {
    pub(crate) next: Cursor,
    pub(crate) left: u64,
}

/// Why nothing can be claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// With the head that was seen.
    Full(u64),
    Closed,
    /// Not closed, where that is what was waited for.
    Open,
}

/// How a sender comes by its positions.
pub trait Producer<T>: Send {
    /// Claims at least one and at most `wanted` positions, to be published in their order.
    fn claim(&mut self, ring: &Ring<T>, wanted: u64) -> Result<Claimed, Refused>;

    /// Puts an item into the slot of a position, and publishes it, whatever panics after that.
    ///
    /// # Safety
    ///
    /// The position was claimed from this producer, and nothing was put there yet.
    #[inline]
    unsafe fn put(&mut self, ring: &Ring<T>, at: Cursor, item: T) {
        // SAFETY: by contract, so no other end touches the slot.
        unsafe { ring.slots.value(at).write(item) };
        ring.publish(at);
    }

    /// Ends a claim; what is left of it will not be published.
    fn end_claim(&mut self, ring: &Ring<T>, claimed: Claimed);

    /// Whether there is room for an item.
    fn has_room(&mut self, ring: &Ring<T>) -> Result<(), Refused> {
        let head = ring.head.load(Ordering::Acquire);
        if head & CLOSED != 0 || ring.is_closed() {
            return Err(Refused::Closed);
        }
        let tail = ring.tail.load(Ordering::Relaxed) & !CLOSED;
        if tail - head < ring.capacity() { Ok(()) } else { Err(Refused::Full(head)) }
    }

    /// The word that changes once there may be room again; it is kept by the ring.
    fn head<'a>(&'a self, ring: &'a Ring<T>) -> &'a AtomicU64 {
        &ring.head
    }

    /// Items in the ring.
    fn len(&self, ring: &Ring<T>) -> usize {
        ring.len()
    }

    /// An end with this producer is dropped; whether it was the last one.
    fn leave(&self, ring: &Ring<T>) -> bool;

    /// Refuses all further claims.
    fn close(&mut self, ring: &Ring<T>);
}

/// A sender whose slots hold the very value that a receiver takes out or borrows.
pub trait InPlace {}

impl InPlace for Sole {}
impl InPlace for Shared {}

/// The one sender of a ring: it knows the tail, and has not to ask.
#[derive(Debug, Default)]
pub struct Sole {
    next: Cursor,
    /// The receiver had come so far when it was last looked at.
    head_seen: u64,
    closed: bool,
}

impl<T> Producer<T> for Sole {
    #[inline]
    fn claim(&mut self, ring: &Ring<T>, wanted: u64) -> Result<Claimed, Refused> {
        if ring.is_closed() {
            return Err(Refused::Closed);
        }
        let mut room = self.head_seen + ring.capacity() - self.next.position;
        if room < wanted {
            // `Acquire`: what the receiver did to the slots before has happened.
            let head = ring.head.load(Ordering::Acquire);
            if head & CLOSED != 0 {
                return Err(Refused::Closed);
            }
            self.head_seen = head;
            room = head + ring.capacity() - self.next.position;
            if room == 0 {
                return Err(Refused::Full(head));
            }
        }
        Ok(Claimed { next: self.next, left: wanted.min(room) })
    }

    #[inline]
    fn end_claim(&mut self, ring: &Ring<T>, claimed: Claimed) {
        self.next = claimed.next;
        // For those who ask how long the ring is.
        ring.tail.store(self.next.position, Ordering::Relaxed);
    }

    fn leave(&self, _ring: &Ring<T>) -> bool {
        true
    }

    fn close(&mut self, ring: &Ring<T>) {
        if !std::mem::replace(&mut self.closed, true) {
            ring.tail.fetch_or(CLOSED, Ordering::Relaxed);
            ring.close_from_senders(self.next);
        }
    }
}

/// One of many senders: positions go to whoever moves the tail first.
#[derive(Clone, Debug, Default)]
pub struct Shared {
    /// The receiver had come so far when it was last looked at.
    head_seen: u64,
}

impl<T> Producer<T> for Shared {
    #[inline]
    fn claim(&mut self, ring: &Ring<T>, wanted: u64) -> Result<Claimed, Refused> {
        if ring.is_closed() {
            return Err(Refused::Closed);
        }
        let mut tail = ring.tail.load(Ordering::Relaxed);
        loop {
            if tail & CLOSED != 0 {
                return Err(Refused::Closed);
            }
            // A head that was seen earlier only makes the room smaller, down to nothing.
            let mut room = (self.head_seen + ring.capacity()).saturating_sub(tail);
            if room < wanted {
                let head = ring.head.load(Ordering::Acquire);
                if head & CLOSED != 0 {
                    return Err(Refused::Closed);
                }
                self.head_seen = head;
                room = (head + ring.capacity()).saturating_sub(tail);
                if room == 0 {
                    let now = ring.tail.load(Ordering::Relaxed);
                    if now == tail {
                        return Err(Refused::Full(head));
                    }
                    tail = now;
                    continue;
                }
            }
            let count = wanted.min(room);
            match ring.tail.compare_exchange_weak(
                tail,
                tail + count,
                Ordering::Relaxed,
                Ordering::Relaxed,
            ) {
                Ok(_) => {
                    let next = ring.slots.cursor_at(tail);
                    return Ok(Claimed { next, left: count });
                }
                Err(now) => tail = now,
            }
        }
    }

    #[inline]
    fn end_claim(&mut self, ring: &Ring<T>, claimed: Claimed) {
        // Others may have claimed behind them, so the receiver is told to pass them.
        let mut cursor = claimed.next;
        for _ in 0..claimed.left {
            ring.skip(cursor);
            ring.slots.advance(&mut cursor);
        }
    }

    fn leave(&self, ring: &Ring<T>) -> bool {
        ring.drop_sender()
    }

    fn close(&mut self, ring: &Ring<T>) {
        let tail = ring.tail.fetch_or(CLOSED, Ordering::Relaxed);
        if tail & CLOSED == 0 {
            ring.close_from_senders(ring.slots.cursor_at(tail));
        }
    }
}
