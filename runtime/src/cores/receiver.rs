//! The receiving end of a ring, with one sender or many.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use super::receive::{Receive, Source};
use super::ring::{CLOSED, Ring};
use super::slots::{Cursor, END, filled, skipped};
use super::waiting::Waiting;
use crate::channel::{RecvError, RecvTimeoutError, TryRecvError};
use crate::executor::{Word, block_on};

/// The receiving end of a ring between threads. It may move from one to another, but one at a time
/// has it.
///
/// A core that waits with [`recv`](Self::recv) looks at the ring in each turn while it is awake, so
/// a message costs its sender no wake; a core that sleeps is woken once. Dropping the receiver
/// drops what is in the ring, and senders get their items back.
pub struct Receiver<T: Send + 'static> {
    ring: Arc<Ring<T>>,
    next: Cursor,
    waiting: Waiting,
    /// This end refused further items.
    closed: bool,
}

impl<T: Send + 'static> Receiver<T> {
    pub(super) fn new(ring: Arc<Ring<T>>) -> Self {
        Self { ring, next: Cursor::default(), waiting: Waiting::default(), closed: false }
    }

    /// Whether there is an item; positions that were given up are passed.
    #[inline(always)]
    fn look(&mut self) -> Result<(), TryRecvError> {
        let stamp = self.ring.slots.stamp(self.next).load(Ordering::Acquire);
        if stamp == filled(self.next.position) { Ok(()) } else { self.look_closer(stamp) }
    }

    #[cold]
    fn look_closer(&mut self, mut stamp: u64) -> Result<(), TryRecvError> {
        while stamp == skipped(self.next.position) {
            self.pass();
            self.make_room();
            stamp = self.ring.slots.stamp(self.next).load(Ordering::Acquire);
        }
        if stamp == filled(self.next.position) {
            return Ok(());
        }
        if stamp == END || self.closed {
            return Err(TryRecvError::Closed);
        }
        self.waiting.settle(&self.ring);
        Err(TryRecvError::Empty)
    }

    #[inline]
    fn pass(&mut self) {
        self.ring.slots.advance(&mut self.next);
    }

    /// Gives the slots before the next one to the senders.
    #[inline]
    fn make_room(&mut self) {
        let closed = if self.closed { CLOSED } else { 0 };
        self.ring.head.store(self.next.position | closed, Ordering::Release);
        self.waiting.notify(&self.ring);
    }

    /// Takes the item that [`look`](Self::look) has found.
    #[inline]
    fn take(&mut self) -> T {
        // SAFETY: the stamp says that the item is there, and it is read once: the next call looks
        // at the next position.
        let item = unsafe { self.ring.slots.value(self.next).read() };
        self.pass();
        item
    }

    /// Receives an item without waiting.
    ///
    /// # Errors
    ///
    /// [`TryRecvError::Empty`] where there is none, [`TryRecvError::Closed`] where nothing more
    /// will come.
    #[inline]
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        self.look()?;
        let item = self.take();
        self.make_room();
        Ok(item)
    }

    /// Takes what is there, at most `max` items, as the iterator is asked for them. Their room is
    /// given back in one piece when the iterator is dropped; items that it was not asked for stay.
    pub fn drain(&mut self, max: usize) -> Drain<'_, T> {
        Drain { before: self.next.position, receiver: self, left: max }
    }

    /// Borrows the next item where it lies, without taking it.
    ///
    /// # Errors
    ///
    /// As for [`try_recv`](Self::try_recv).
    ///
    /// ```
    /// let (mut sender, mut receiver) = taut_runtime::cores::spsc::channel::<[u8; 4096]>(4);
    /// sender.try_send([7; 4096])?;
    /// let snapshot = receiver.try_borrow()?;
    /// assert_eq!(snapshot[4095], 7); // no copy was made
    /// snapshot.release();
    /// assert!(receiver.try_recv().is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn try_borrow(&mut self) -> Result<Borrowed<'_, T>, TryRecvError> {
        self.look()?;
        Ok(Borrowed(self))
    }

    /// Refuses all further items: senders that wait get theirs back. What is in the ring can still
    /// be received; an item whose send runs at this very moment may be dropped with the ring.
    pub fn close(&mut self) {
        if !std::mem::replace(&mut self.closed, true) {
            self.ring.close_from_receiver();
        }
    }

    /// Items in the ring.
    pub fn len(&self) -> usize {
        self.ring.len()
    }

    /// Whether the ring is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Items that the ring has room for.
    pub fn capacity(&self) -> usize {
        self.ring.capacity() as usize
    }

    /// Whether nothing can be sent any more. What was sent before may still be there.
    pub fn is_closed(&self) -> bool {
        self.ring.is_closed()
    }

    /// Receives an item, after waiting for one.
    ///
    /// Cancel-safe: where it is dropped before it is done, no item is lost.
    ///
    /// # Errors
    ///
    /// [`RecvError::Closed`] where nothing more will come, [`RecvError::Cancelled`] where the task
    /// was asked to stop.
    #[inline]
    #[track_caller]
    pub fn recv(&mut self) -> impl Future<Output = Result<T, RecvError>> + Send + '_ {
        Receive::new(self, Self::try_recv)
    }

    /// Waits until there is an item, and leaves it there, for [`try_borrow`](Self::try_borrow),
    /// [`drain`](Self::drain) or [`try_recv`](Self::try_recv).
    ///
    /// Cancel-safe.
    ///
    /// # Errors
    ///
    /// As for [`recv`](Self::recv).
    #[inline]
    #[track_caller]
    pub fn ready(&mut self) -> impl Future<Output = Result<(), RecvError>> + Send + '_ {
        Receive::new(self, Self::look)
    }

    /// Receives an item; the thread sleeps until there is one.
    ///
    /// # Errors
    ///
    /// [`RecvError::Closed`] where nothing more will come.
    ///
    /// # Panics
    ///
    /// On a thread that runs a core just now.
    #[track_caller]
    pub fn recv_blocking(&mut self) -> Result<T, RecvError> {
        block_on(&mut Receive::new(self, Self::try_recv), None).expect("no limit was set")
    }

    /// Receives an item; the thread sleeps until there is one, but no longer than `limit`.
    ///
    /// # Errors
    ///
    /// [`RecvTimeoutError::Timeout`] where nothing came in time, [`RecvTimeoutError::Closed`] where
    /// nothing more will come.
    ///
    /// # Panics
    ///
    /// On a thread that runs a core just now.
    #[track_caller]
    pub fn recv_timeout(&mut self, limit: Duration) -> Result<T, RecvTimeoutError> {
        match block_on(&mut Receive::new(self, Self::try_recv), Some(limit)) {
            Some(received) => received.map_err(|_| RecvTimeoutError::Closed),
            None => Err(RecvTimeoutError::Timeout),
        }
    }
}

impl<T: Send + 'static> Drop for Receiver<T> {
    fn drop(&mut self) {
        /// Leaves also where the destructor of an item panics.
        struct Leave<'a, T: Send + 'static>(&'a mut Receiver<T>);

        impl<T: Send + 'static> Drop for Leave<'_, T> {
            fn drop(&mut self) {
                // Also what a `Drain` took that was then forgotten.
                let Receiver { ring, next, waiting, .. } = &mut *self.0;
                ring.leave_from(next.position);
                // The wait of a future that was forgotten.
                waiting.stop(ring.items());
                ring.drop_end();
            }
        }

        self.close();
        Leave(self).0.drain(usize::MAX).for_each(drop);
    }
}

impl<T: Send + 'static> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.ring.describe(f.debug_struct("Receiver"))
    }
}

impl<T: Send + 'static> Source for Receiver<T> {
    #[inline]
    fn watch(&mut self, context: &Context<'_>, lingers: bool) -> Poll<()> {
        let Self { ring, next, waiting, .. } = self;
        let stamp = ring.slots.stamp(*next);
        let seen = stamp.load(Ordering::Acquire);
        if holds_something(seen, *next) {
            return Poll::Ready(());
        }
        let word = Word { word: stamp, seen, signal: ring.items() };
        if lingers && Waiting::linger(word) {
            return Poll::Ready(());
        }
        // SAFETY: the ring keeps its slots and its signals.
        unsafe { waiting.wait(ring, word, context) }
    }

    #[inline]
    fn stop_watching(&mut self) {
        let Self { ring, waiting, .. } = self;
        waiting.stop(ring.items());
    }

    #[inline]
    fn has_left_word(&self) -> bool {
        self.waiting.has_left_word()
    }
}

/// Whether a stamp is of the slot's present position.
#[inline]
fn holds_something(stamp: u64, cursor: Cursor) -> bool {
    stamp == filled(cursor.position) || stamp == skipped(cursor.position) || stamp == END
}

/// Takes items out of a ring, by [`Receiver::drain`].
#[derive(Debug)]
pub struct Drain<'a, T: Send + 'static> {
    receiver: &'a mut Receiver<T>,
    before: u64,
    left: usize,
}

impl<T: Send + 'static> Iterator for Drain<'_, T> {
    type Item = T;

    #[inline]
    fn next(&mut self) -> Option<T> {
        if self.left == 0 || self.receiver.look().is_err() {
            return None;
        }
        self.left -= 1;
        Some(self.receiver.take())
    }
}

impl<T: Send + 'static> Drop for Drain<'_, T> {
    fn drop(&mut self) {
        if self.receiver.next.position != self.before {
            self.receiver.make_room();
        }
    }
}

/// An item where it lies in the ring, by [`Receiver::try_borrow`]. It stays the next one until it
/// is [released](Self::release).
#[derive(Debug)]
pub struct Borrowed<'a, T: Send + 'static>(&'a mut Receiver<T>);

impl<T: Send + 'static> Borrowed<'_, T> {
    /// Drops the item and gives its room back.
    pub fn release(self) {
        let item = self.0.ring.slots.value(self.0.next);
        // Before its destructor, which may panic.
        self.0.pass();
        // SAFETY: `look` found the item, and no other position is this one.
        unsafe { item.drop_in_place() };
        self.0.make_room();
    }
}

impl<T: Send + 'static> Deref for Borrowed<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: `look` found the item, and only this end can take it.
        unsafe { self.0.ring.slots.value(self.0.next).as_ref() }
    }
}

impl<T: Send + 'static> DerefMut for Borrowed<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as above; the sender does not touch it until it is released.
        unsafe { self.0.ring.slots.value(self.0.next).as_mut() }
    }
}
