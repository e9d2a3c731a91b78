//! The sending end of a ring, whether it is the only one or one of many.
//!
//! Invariant: a claimed position is published or given up before the call that claimed it returns,
//! also where an iterator of the user's panics in between.

use std::fmt;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use super::claim::Claim;
use super::producer::{Producer, Refused};
use super::ring::Ring;
use super::waiting::Waiting;
use crate::cancelled::Cancelled;
use crate::channel::{SendError, SendTimeoutError, TrySendError};
use crate::executor::{Word, block_on, checkpoint_and_give_way, try_current};

const WAIT: &str = "ring send";

/// Has the core that runs on this thread count a ring that is full.
#[cold]
fn counted(refused: Refused) -> Refused {
    if let (Refused::Full(_), Some(core)) = (refused, try_current()) {
        core.counters.cross_core_full.increment();
    }
    refused
}

/// The sending end of a ring between threads: the only one of [`spsc`](super::spsc), or one of many
/// of [`mpsc`](super::mpsc), which are made by cloning. It may move from one thread to another.
///
/// Dropping the last one ends the ring: what was sent can still be received.
pub struct Sender<T: Send + 'static, P: Producer<T>> {
    pub(super) ring: Arc<Ring<T>>,
    pub(super) producer: P,
    waiting: Waiting,
}

impl<T: Send + 'static, P: Producer<T>> Sender<T, P> {
    pub(super) fn new(ring: Arc<Ring<T>>, producer: P) -> Self {
        Self { ring, producer, waiting: Waiting::default() }
    }

    pub(super) fn ring(&self) -> &Arc<Ring<T>> {
        &self.ring
    }

    #[inline]
    pub(super) fn claim_positions(&mut self, wanted: u64) -> Result<Claim<'_, T, P>, Refused> {
        let claimed = self.producer.claim(&self.ring, wanted).map_err(counted)?;
        Ok(Claim::new(self, claimed))
    }

    #[inline]
    fn offer(&mut self, item: T) -> Result<(), (Refused, T)> {
        match self.claim_positions(1) {
            Ok(mut claim) => {
                claim.push(item);
                Ok(())
            }
            Err(refused) => Err((refused, item)),
        }
    }

    /// Sends an item without waiting.
    ///
    /// # Errors
    ///
    /// [`TrySendError::Full`] where there is no room, [`TrySendError::Closed`] where nobody will
    /// receive. Both give the item back.
    #[inline]
    pub fn try_send(&mut self, item: T) -> Result<(), TrySendError<T>> {
        self.offer(item).map_err(|(refused, item)| match refused {
            Refused::Closed => TrySendError::Closed(item),
            Refused::Full(_) | Refused::Open => TrySendError::Full(item),
        })
    }

    /// Sends items until there are no more of them, and adds to `sent` how many.
    fn offer_all(
        &mut self,
        items: &mut impl Iterator<Item = T>,
        sent: &mut usize,
    ) -> Result<(), Refused> {
        loop {
            let (least, most) = items.size_hint();
            // Who has nothing more to send waits for no room.
            if most == Some(0) {
                return Ok(());
            }
            // No more than the iterator promises: what is claimed and not used has to be passed.
            let wanted = least.max(1) as u64;
            let mut claim = self.claim_positions(wanted)?;
            while !claim.is_used_up() {
                let Some(item) = items.next() else { return Ok(()) };
                claim.push(item);
                *sent += 1;
            }
        }
    }

    /// Sends items as long as there is room; how many. The receiver is woken once for each run of
    /// as many as the iterator promises (its `size_hint`). An iterator that does not know that it
    /// has ended is asked once more when there is room.
    ///
    /// # Errors
    ///
    /// [`TrySendError::Full`] where there is room for none, [`TrySendError::Closed`] where nobody
    /// will receive. What was not sent is still in the iterator.
    pub fn try_send_all(
        &mut self,
        items: &mut impl Iterator<Item = T>,
    ) -> Result<usize, TrySendError<()>> {
        let mut sent = 0;
        match self.offer_all(items, &mut sent) {
            Err(Refused::Closed) => Err(TrySendError::Closed(())),
            Err(_) if sent == 0 => Err(TrySendError::Full(())),
            _ => Ok(sent),
        }
    }

    /// Refuses all further items, also of other senders. What is in the ring can still be received.
    pub fn close(&mut self) {
        self.producer.close(&self.ring);
    }

    /// Items in the ring, those among them that a sender is writing.
    pub fn len(&self) -> usize {
        self.producer.len(&self.ring)
    }

    /// Whether the ring is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Items that the ring has room for.
    pub fn capacity(&self) -> usize {
        self.ring.capacity() as usize
    }

    /// Whether nothing can be sent any more.
    pub fn is_closed(&self) -> bool {
        self.ring.is_closed()
    }

    /// Sends an item, after waiting for room.
    ///
    /// Cancel-safe: where it is dropped before it is done, nothing was sent. Of senders that wait,
    /// whoever comes first gets the room: between cores there is no line.
    ///
    /// # Errors
    ///
    /// [`SendError::Closed`] where nobody will receive, [`SendError::Cancelled`] where the task was
    /// asked to stop; both give the item back.
    #[inline]
    #[track_caller]
    pub fn send(&mut self, item: T) -> impl Future<Output = Result<(), SendError<T>>> + Send {
        let location = Location::caller();
        async move {
            let mut item = Some(item);
            let sent = Attempt::new(self, |end: &mut Self| end.offer_from(&mut item), location);
            match sent.await {
                Ok(()) => Ok(()),
                Err(stopped) => Err(stopped.give_back(item)),
            }
        }
    }

    /// Sends all items of an iterator, after waiting for room as often as it takes.
    ///
    /// Cancel-safe: what was not sent is still in the iterator.
    ///
    /// # Errors
    ///
    /// As for [`send`](Self::send), without an item.
    #[inline]
    #[track_caller]
    pub fn send_all<'a, I>(
        &'a mut self,
        items: &'a mut I,
    ) -> impl Future<Output = Result<(), SendError<()>>> + use<'a, T, P, I>
    where
        I: Iterator<Item = T>,
    {
        let location = Location::caller();
        async move {
            let attempt = |end: &mut Self| end.offer_all(items, &mut 0);
            let sent = Attempt::new(self, attempt, location).await;
            sent.map_err(|stopped| stopped.give_back(Some(())))
        }
    }

    /// Waits until there is room for an item. Another sender may take it first.
    ///
    /// Cancel-safe.
    ///
    /// # Errors
    ///
    /// As for [`send`](Self::send), without an item.
    #[track_caller]
    pub fn ready(&mut self) -> impl Future<Output = Result<(), SendError<()>>> + Send {
        let location = Location::caller();
        async move {
            let attempt = |end: &mut Self| end.producer.has_room(&end.ring);
            let room = Attempt::new(self, attempt, location).await;
            room.map_err(|stopped| stopped.give_back(Some(())))
        }
    }

    /// Sends an item; the thread sleeps until there is room.
    ///
    /// # Errors
    ///
    /// [`SendError::Closed`] where nobody will receive; it gives the item back.
    ///
    /// # Panics
    ///
    /// On a thread that runs a core just now.
    #[track_caller]
    pub fn send_blocking(&mut self, item: T) -> Result<(), SendError<T>> {
        let sent = self.send_within(item, None);
        sent.map_err(|error| SendError::Closed(error.into_inner()))
    }

    /// Sends an item; the thread sleeps until there is room, but no longer than `limit`.
    ///
    /// # Errors
    ///
    /// [`SendTimeoutError::Timeout`] where there was no room in time,
    /// [`SendTimeoutError::Closed`] where nobody will receive. Both give the item back.
    ///
    /// # Panics
    ///
    /// On a thread that runs a core just now.
    #[track_caller]
    pub fn send_timeout(&mut self, item: T, limit: Duration) -> Result<(), SendTimeoutError<T>> {
        self.send_within(item, Some(limit))
    }

    #[track_caller]
    fn send_within(&mut self, item: T, limit: Option<Duration>) -> Result<(), SendTimeoutError<T>> {
        let mut item = Some(item);
        let attempt = |end: &mut Self| end.offer_from(&mut item);
        let sent = block_on(&mut Attempt::new(self, attempt, Location::caller()), limit);
        let give_back = |item: Option<T>| item.expect(NOT_SENT);
        match sent {
            Some(Ok(())) => Ok(()),
            Some(Err(_)) => Err(SendTimeoutError::Closed(give_back(item))),
            None => Err(SendTimeoutError::Timeout(give_back(item))),
        }
    }

    /// Waits until nobody will receive: the ring was closed, or its receiver is gone.
    ///
    /// # Errors
    ///
    /// [`Cancelled`] where the task was asked to stop.
    #[track_caller]
    pub fn closed(&mut self) -> impl Future<Output = Result<(), Cancelled>> + Send {
        let location = Location::caller();
        async move {
            let attempt = |end: &mut Self| match end.ring.is_closed() {
                true => Ok(()),
                false => Err(Refused::Open),
            };
            match Attempt::new(self, attempt, location).await {
                Err(Stopped::Cancelled) => Err(Cancelled),
                _ => Ok(()),
            }
        }
    }

    /// Sends the item, which stays where it is if it can't.
    #[inline]
    fn offer_from(&mut self, item: &mut Option<T>) -> Result<(), Refused> {
        match self.offer(item.take().expect(NOT_SENT)) {
            Ok(()) => Ok(()),
            Err((refused, back)) => {
                *item = Some(back);
                Err(refused)
            }
        }
    }
}

const NOT_SENT: &str = "an item that was not sent is still there";

impl<T: Send + 'static, P: Producer<T>> Drop for Sender<T, P> {
    fn drop(&mut self) {
        if self.producer.leave(&self.ring) {
            self.close();
        }
        // The wait of a future that was forgotten.
        self.waiting.stop(self.ring.room());
        self.ring.drop_end();
    }
}

impl<T: Send + 'static, P: Producer<T>> fmt::Debug for Sender<T, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.ring.describe(f.debug_struct("Sender"))
    }
}

/// Why a wait ended without success.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stopped {
    Closed,
    Cancelled,
}

impl Stopped {
    pub(super) fn give_back<T>(self, item: Option<T>) -> SendError<T> {
        let item = item.expect(NOT_SENT);
        match self {
            Self::Closed => SendError::Closed(item),
            Self::Cancelled => SendError::Cancelled(item),
        }
    }
}

impl From<Cancelled> for Stopped {
    fn from(Cancelled: Cancelled) -> Self {
        Self::Cancelled
    }
}

/// Waits until an attempt is not refused for lack of room.
pub(super) struct Attempt<'a, T: Send + 'static, P: Producer<T>, A> {
    end: &'a mut Sender<T, P>,
    attempt: A,
    waits: bool,
    location: &'static Location<'static>,
}

impl<'a, T: Send + 'static, P: Producer<T>, A> Attempt<'a, T, P, A> {
    pub(super) fn new(
        end: &'a mut Sender<T, P>,
        attempt: A,
        location: &'static Location<'static>,
    ) -> Self {
        Self { end, attempt, waits: false, location }
    }
}

impl<T: Send + 'static, P: Producer<T>, A> Unpin for Attempt<'_, T, P, A> {}

impl<T, P, A> Future for Attempt<'_, T, P, A>
where
    T: Send + 'static,
    P: Producer<T>,
    A: FnMut(&mut Sender<T, P>) -> Result<(), Refused>,
{
    type Output = Result<(), Stopped>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { end, attempt, waits, location } = &mut *self;
        let checked = ready!(checkpoint_and_give_way(context, WAIT, location));
        // A wait that begins in a cancelled task fails; one that has its room uses it.
        if !*waits {
            checked?;
        }
        loop {
            let refused = match attempt(end) {
                Ok(()) => return Poll::Ready(Ok(())),
                Err(Refused::Closed) => return Poll::Ready(Err(Stopped::Closed)),
                Err(refused) => refused,
            };
            checked?;
            *waits = true;
            let Sender { ring, producer, waiting } = &mut **end;
            let word = match refused {
                Refused::Full(_) if ring.is_closed_after_head() => continue,
                Refused::Full(seen) => {
                    Word { word: producer.head(ring), seen, signal: ring.room() }
                }
                _ => ring.end(),
            };
            // SAFETY: the ring keeps its words and its signals.
            ready!(unsafe { waiting.wait(ring, word, context) });
        }
    }
}

impl<T: Send + 'static, P: Producer<T>, A> Drop for Attempt<'_, T, P, A> {
    #[inline]
    fn drop(&mut self) {
        if self.waits {
            let Sender { ring, waiting, .. } = &mut *self.end;
            waiting.stop(ring.room());
        }
    }
}
