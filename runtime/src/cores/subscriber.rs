//! The receiving end of a ring that gives every item to each reader.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use super::mode::{Blocking, Mode};
use super::readers::Reading;
use super::receive::{Receive, Source};
use super::ring::{CLOSED, Ring};
use super::slots::{Cursor, END, filled};
use super::waiting::Waiting;
use crate::channel::broadcast::{RecvError, TryRecvError};
use crate::executor::{Word, block_on};

/// A receive of a thread failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecvTimeoutError {
    /// Nothing came in time.
    Timeout,
    /// So many items were lost, because this receiver was too slow. Receive again; make the
    /// capacity larger if it happens often.
    Lagged(u64),
    /// Nothing more will come: the sender is gone, and what it sent was received.
    Closed,
}

impl fmt::Display for RecvTimeoutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timeout => f.write_str("no item came in time"),
            Self::Lagged(lost) => RecvError::Lagged(*lost).fmt(f),
            Self::Closed => RecvError::Closed.fmt(f),
        }
    }
}

impl std::error::Error for RecvTimeoutError {}

/// Why there is no next item.
enum Missing {
    Nothing,
    Overtaken,
    End,
}

/// The receiving end of a [`broadcast`](super::broadcast) ring: it gets each item that is sent from
/// its making on. It may move from one thread to another.
///
/// A core that waits with [`recv`](Self::recv) looks at the ring in each turn while it is awake,
/// and the sender does nothing for it; a core that sleeps is woken once.
pub struct Receiver<T: Send + 'static, M: Mode<T>> {
    ring: Arc<Ring<T>>,
    next: Cursor,
    /// Where the sender waits for the slowest.
    reading: Option<Reading>,
    waiting: Waiting,
    _mode: PhantomData<M>,
}

impl<T: Send + 'static, M: Mode<T>> Receiver<T, M> {
    pub(super) fn new(ring: Arc<Ring<T>>) -> Self {
        let (next, reading) = ring.enter(M::BLOCKS);
        Self { ring, next, reading, waiting: Waiting::default(), _mode: PhantomData }
    }

    /// One more receiver, of what is sent from now on, also while this one has not received all.
    pub fn subscribe(&self) -> Self {
        Self::new(Arc::clone(&self.ring))
    }

    #[inline]
    fn look(&self) -> Result<(), Missing> {
        let stamp = self.ring.slots.stamp(self.next).load(Ordering::Acquire);
        if stamp == filled(self.next.position) { Ok(()) } else { Err(self.look_closer(stamp)) }
    }

    #[cold]
    fn look_closer(&self, stamp: u64) -> Missing {
        match stamp {
            stamp if stamp < filled(self.next.position) => Missing::Nothing,
            END if self.tail() == self.next.position => Missing::End,
            _ => Missing::Overtaken,
        }
    }

    fn tail(&self) -> u64 {
        self.ring.tail.load(Ordering::Acquire) & !CLOSED
    }

    /// A copy of the next item, which is then passed.
    #[inline]
    fn take(&mut self) -> Result<T, Missing> {
        loop {
            self.look()?;
            // SAFETY: the item is there, and this reader has not passed it.
            if let Some(item) = unsafe { M::read(&self.ring, self.next) } {
                self.ring.slots.advance(&mut self.next);
                return Ok(item);
            }
            // It was overwritten, so the stamp will say that this reader was overtaken.
        }
    }

    /// Gives the room before the next position to the sender.
    #[inline]
    fn make_room(&mut self) {
        if let Some(reading) = &self.reading {
            reading.store(self.next.position, Ordering::Release);
            self.waiting.notify(&self.ring);
        }
    }

    /// Goes on with the oldest item that is left, where this reader was overtaken.
    #[cold]
    fn refusal(&mut self, missing: &Missing) -> TryRecvError {
        match missing {
            Missing::Nothing => {
                self.waiting.settle(&self.ring);
                TryRecvError::Empty
            }
            Missing::End => TryRecvError::Closed,
            Missing::Overtaken => {
                // The tail is past the position that took this one's slot, so this goes forward.
                let oldest = self.tail() - self.ring.capacity();
                let lost = oldest - self.next.position;
                self.next = self.ring.slots.cursor_at(oldest);
                TryRecvError::Lagged(lost)
            }
        }
    }

    /// Receives the next item without waiting.
    ///
    /// # Errors
    ///
    /// [`TryRecvError::Empty`] where there is none; else as for [`recv`](Self::recv).
    #[inline]
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        match self.take() {
            Ok(item) => {
                self.make_room();
                Ok(item)
            }
            Err(missing) => Err(self.refusal(&missing)),
        }
    }

    #[inline]
    fn try_ready(&mut self) -> Result<(), TryRecvError> {
        self.look().map_err(|missing| self.refusal(&missing))
    }

    /// Takes what is there, at most `max` items, as the iterator is asked for them. It ends where
    /// items were lost, which the next receive tells. Where the sender waits for the slowest, the
    /// room is given back in one piece when the iterator is dropped.
    pub fn drain(&mut self, max: usize) -> Drain<'_, T, M> {
        Drain { receiver: self, left: max }
    }

    /// Receives the next item, after waiting for one.
    ///
    /// Cancel-safe: where it is dropped before it is done, nothing was received.
    ///
    /// # Errors
    ///
    /// [`RecvError::Lagged`] where items were lost; the receive after it goes on with the oldest
    /// that is left. [`RecvError::Closed`] where nothing more will come, [`RecvError::Cancelled`]
    /// where the task was asked to stop.
    #[inline]
    #[track_caller]
    pub fn recv(&mut self) -> impl Future<Output = Result<T, RecvError>> + Send + '_ {
        Receive::new(self, Self::try_recv)
    }

    /// Waits until there is an item, and leaves it there.
    ///
    /// Cancel-safe.
    ///
    /// # Errors
    ///
    /// As for [`recv`](Self::recv).
    #[inline]
    #[track_caller]
    pub fn ready(&mut self) -> impl Future<Output = Result<(), RecvError>> + Send + '_ {
        Receive::new(self, Self::try_ready)
    }

    /// Receives the next item; the thread sleeps until there is one.
    ///
    /// # Errors
    ///
    /// [`RecvError::Lagged`] and [`RecvError::Closed`], as for [`recv`](Self::recv).
    ///
    /// # Panics
    ///
    /// On a thread that runs a core just now.
    #[track_caller]
    pub fn recv_blocking(&mut self) -> Result<T, RecvError> {
        block_on(&mut Receive::new(self, Self::try_recv), None).expect("no limit was set")
    }

    /// Receives the next item; the thread sleeps until there is one, but no longer than `limit`.
    ///
    /// # Errors
    ///
    /// [`RecvTimeoutError::Timeout`] where nothing came in time; else as for [`recv`](Self::recv).
    ///
    /// # Panics
    ///
    /// On a thread that runs a core just now.
    #[track_caller]
    pub fn recv_timeout(&mut self, limit: Duration) -> Result<T, RecvTimeoutError> {
        match block_on(&mut Receive::new(self, Self::try_recv), Some(limit)) {
            None => Err(RecvTimeoutError::Timeout),
            Some(received) => received.map_err(|error| match error {
                RecvError::Lagged(lost) => RecvTimeoutError::Lagged(lost),
                _ => RecvTimeoutError::Closed,
            }),
        }
    }

    /// Items that are there for this receiver; those that it lost are not counted.
    pub fn len(&self) -> usize {
        self.tail().saturating_sub(self.next.position).min(self.ring.capacity()) as usize
    }

    /// Whether no item is there for this receiver.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Items that the ring has room for.
    pub fn capacity(&self) -> usize {
        self.ring.capacity() as usize
    }

    /// Whether the sender is gone. Items may still be there.
    pub fn is_closed(&self) -> bool {
        self.ring.is_closed()
    }
}

impl<T: Clone + Send + Sync + 'static> Receiver<T, Blocking> {
    /// Borrows the next item where it lies, without taking it.
    ///
    /// # Errors
    ///
    /// As for [`try_recv`](Self::try_recv).
    pub fn try_borrow(&mut self) -> Result<Borrowed<'_, T>, TryRecvError> {
        self.try_ready()?;
        Ok(Borrowed(self))
    }
}

impl<T: Send + 'static, M: Mode<T>> Source for Receiver<T, M> {
    #[inline]
    fn watch(&mut self, context: &Context<'_>, lingers: bool) -> Poll<()> {
        let Self { ring, next, waiting, .. } = self;
        let stamp = ring.slots.stamp(*next);
        let seen = stamp.load(Ordering::Acquire);
        let word = Word { word: stamp, seen, signal: ring.items() };
        if seen >= filled(next.position) || lingers && Waiting::linger(word) {
            return Poll::Ready(());
        }
        // SAFETY: the ring keeps its slots and its signals.
        unsafe { waiting.wait(ring, word, context) }
    }

    #[inline]
    fn stop_watching(&mut self) {
        self.waiting.stop(self.ring.items());
    }

    #[inline]
    fn has_left_word(&self) -> bool {
        self.waiting.has_left_word()
    }
}

impl<T: Send + 'static, M: Mode<T>> Drop for Receiver<T, M> {
    fn drop(&mut self) {
        self.ring.leave(self.reading.as_ref());
        // The wait of a future that was forgotten.
        self.stop_watching();
        self.ring.drop_end();
    }
}

impl<T: Send + 'static, M: Mode<T>> fmt::Debug for Receiver<T, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("len", &self.len())
            .field("capacity", &self.capacity())
            .field("closed", &self.is_closed())
            .finish_non_exhaustive()
    }
}

/// Takes items out of a ring, by [`Receiver::drain`].
#[derive(Debug)]
pub struct Drain<'a, T: Send + 'static, M: Mode<T>> {
    receiver: &'a mut Receiver<T, M>,
    left: usize,
}

impl<T: Send + 'static, M: Mode<T>> Iterator for Drain<'_, T, M> {
    type Item = T;

    #[inline]
    fn next(&mut self) -> Option<T> {
        if self.left == 0 {
            return None;
        }
        self.left -= 1;
        self.receiver.take().ok()
    }
}

impl<T: Send + 'static, M: Mode<T>> Drop for Drain<'_, T, M> {
    fn drop(&mut self) {
        self.receiver.make_room();
    }
}

/// An item where it lies in the ring, by [`Receiver::try_borrow`]. It stays the next one until it
/// is [released](Self::release).
#[derive(Debug)]
pub struct Borrowed<'a, T: Clone + Send + Sync + 'static>(&'a mut Receiver<T, Blocking>);

impl<T: Clone + Send + Sync + 'static> Borrowed<'_, T> {
    /// Goes on to the next item: the sender need not wait for this receiver any more.
    pub fn release(self) {
        self.0.ring.slots.advance(&mut self.0.next);
        self.0.make_room();
    }
}

impl<T: Clone + Send + Sync + 'static> Deref for Borrowed<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the item was there, and the sender waits for this reader before it writes again.
        unsafe { self.0.ring.slots.shared_value(self.0.next).as_ref() }
    }
}
