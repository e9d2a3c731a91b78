//! The one sender of a ring that gives every item to each reader.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::mode::Mode;
use super::producer::{Claimed, Producer, Refused};
use super::readers::Reading;
use super::ring::{CLOSED, Ring};
use super::sender::Sender;
use super::slots::Cursor;
use super::subscriber::Receiver;
use crate::threads::AtomicU64;

/// How a sender comes by its positions that is the only one, with many readers.
pub struct Broadcaster<M> {
    next: Cursor,
    /// The slowest reader had come so far when it was last looked for.
    slowest_seen: u64,
    /// That reader, where it left no room.
    slowest: Option<Reading>,
    closed: bool,
    _mode: PhantomData<M>,
}

impl<M> Default for Broadcaster<M> {
    fn default() -> Self {
        let next = Cursor::default();
        Self { next, slowest_seen: 0, slowest: None, closed: false, _mode: PhantomData }
    }
}

impl<M> Broadcaster<M> {
    /// Room for items before the slowest reader, as it was last seen.
    #[inline]
    fn room_seen<T>(&self, ring: &Ring<T>) -> u64 {
        self.slowest_seen + ring.capacity() - self.next.position
    }

    /// Looks for the slowest reader; the room that it leaves, which is not none.
    #[cold]
    fn look_for_room<T>(&mut self, ring: &Ring<T>) -> Result<u64, Refused> {
        let readers = ring.readers();
        // The last one has just gone.
        let Some((reading, position)) = readers.slowest() else { return Err(Refused::Closed) };
        self.slowest_seen = position;
        match self.room_seen(ring) {
            0 => {
                self.slowest = Some(reading.clone());
                Err(Refused::Full(position))
            }
            room => Ok(room),
        }
    }
}

impl<T, M: Mode<T>> Producer<T> for Broadcaster<M> {
    #[inline]
    fn claim(&mut self, ring: &Ring<T>, wanted: u64) -> Result<Claimed, Refused> {
        if ring.is_closed() {
            return Err(Refused::Closed);
        }
        let mut room = ring.capacity();
        if M::BLOCKS {
            room = self.room_seen(ring);
            if room < wanted {
                room = self.look_for_room(ring)?;
            }
        }
        Ok(Claimed { next: self.next, left: wanted.min(room) })
    }

    #[inline]
    unsafe fn put(&mut self, ring: &Ring<T>, at: Cursor, item: T) {
        // SAFETY: by contract; the claim has looked for the slowest reader.
        unsafe { M::put(ring, at, item) };
    }

    #[inline]
    fn end_claim(&mut self, _ring: &Ring<T>, claimed: Claimed) {
        self.next = claimed.next;
    }

    fn has_room(&mut self, ring: &Ring<T>) -> Result<(), Refused> {
        self.claim(ring, 1).map(drop)
    }

    fn head<'a>(&'a self, ring: &'a Ring<T>) -> &'a AtomicU64 {
        self.slowest.as_deref().unwrap_or(&ring.head)
    }

    fn len(&self, ring: &Ring<T>) -> usize {
        let tail = self.next.position;
        let first = match M::BLOCKS {
            true => ring.readers().slowest().map_or(tail, |(_, position)| position),
            false => tail.saturating_sub(ring.capacity()),
        };
        (tail - first) as usize
    }

    fn leave(&self, _ring: &Ring<T>) -> bool {
        true
    }

    fn close(&mut self, ring: &Ring<T>) {
        if std::mem::replace(&mut self.closed, true) {
            return;
        }
        ring.readers().ended = true;
        // SAFETY: nothing will be put there but the mark of the end.
        let former = unsafe { M::take_former(ring, self.next) };
        let kept = if M::BLOCKS { ring.capacity() } else { 0 };
        ring.leave_from(self.next.position.saturating_sub(kept));
        ring.tail.fetch_or(CLOSED, Ordering::Release);
        ring.close_from_senders(self.next);
        drop(former);
    }
}

impl<T: Send + 'static, M: Mode<T>> Sender<T, Broadcaster<M>> {
    /// One more receiver, of what is sent from now on.
    pub fn subscribe(&self) -> Receiver<T, M> {
        Receiver::new(Arc::clone(self.ring()))
    }

    /// Receivers that there are now.
    pub fn receiver_count(&self) -> usize {
        self.ring().readers().count()
    }
}

impl<M> fmt::Debug for Broadcaster<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Broadcaster").field("next", &self.next).finish_non_exhaustive()
    }
}
