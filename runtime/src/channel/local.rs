//! The two ends of a channel between tasks of one core, whatever its buffer.
//!
//! Invariant: nothing of the channel is borrowed while code of the user's runs, that is, while an
//! item is dropped or somebody woken. Cost: counts in plain cells; where nobody has to wait a send
//! or a receive is a few loads and stores.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use super::error::{RecvError, SendError, TryRecvError, TrySendError};
use super::gate::Gate;
use super::state::{Buffer, Items, Room, Sent, State};
use crate::cancelled::Cancelled;
use crate::executor::WakeSlot;
use crate::sync::{Acquire, Grant};

/// Makes the two ends of a channel.
pub(crate) fn channel<B: Buffer>(buffer: B) -> (SendEnd<B>, RecvEnd<B>) {
    let state = Rc::new(State::new(buffer));
    (SendEnd { state: Rc::clone(&state) }, RecvEnd { state })
}

impl<B: Buffer> State<B> {
    /// Refuses further items and lets go of all who wait.
    fn shut(&self) {
        self.close();
        while let Some(wake) = self.dismiss() {
            wake.fire();
        }
    }
}

#[inline]
fn fire(wake: Option<WakeSlot>) {
    if let Some(wake) = wake {
        wake.fire();
    }
}

/// The sending end; the last one closes the channel when it is dropped.
pub(crate) struct SendEnd<B: Buffer> {
    pub(crate) state: Rc<State<B>>,
}

impl<B: Buffer> SendEnd<B> {
    #[inline]
    fn finish(sent: Sent<B::Item, WakeSlot>) {
        fire(sent.wake);
        drop(sent.replaced);
    }

    #[inline]
    pub(crate) fn try_send(&self, item: B::Item) -> Result<(), TrySendError<B::Item>> {
        self.state.send(item, false).map(Self::finish)
    }

    #[inline]
    #[track_caller]
    pub(crate) fn send(&self, item: B::Item) -> SendItem<'_, B> {
        SendItem { end: self, item: Some(item), turn: self.room() }
    }

    /// Waits until room is promised, or the channel closed.
    #[inline]
    #[track_caller]
    pub(crate) fn room(&self) -> Acquire<'_, Gate<Room>> {
        Acquire::new(&self.state.room, ())
    }

    /// Sends an item into room that was promised.
    pub(crate) fn send_into(
        &self,
        room: Grant<'_, Gate<Room>>,
        item: B::Item,
    ) -> Result<(), SendError<B::Item>> {
        room.forget();
        match self.state.send(item, true) {
            Ok(sent) => {
                Self::finish(sent);
                Ok(())
            }
            Err(refused) => Err(SendError::Closed(refused.into_inner())),
        }
    }

    #[track_caller]
    pub(crate) fn closed(&self) -> impl Future<Output = Result<(), Cancelled>> {
        let end = Acquire::new(&self.state.end, ());
        async move { end.await.map(drop) }
    }

    pub(crate) fn close(&self) {
        self.state.shut();
    }
}

impl<B: Buffer> Clone for SendEnd<B> {
    fn clone(&self) -> Self {
        self.state.senders.set(self.state.senders.get() + 1);
        Self { state: Rc::clone(&self.state) }
    }
}

impl<B: Buffer> Drop for SendEnd<B> {
    fn drop(&mut self) {
        let left = self.state.senders.get() - 1;
        self.state.senders.set(left);
        if left == 0 {
            self.state.shut();
        }
    }
}

/// The receiving end, of which there is one; it closes the channel when it is dropped.
pub(crate) struct RecvEnd<B: Buffer> {
    pub(crate) state: Rc<State<B>>,
}

impl<B: Buffer> RecvEnd<B> {
    #[inline]
    fn take(&self, promised: bool) -> Result<B::Item, TryRecvError> {
        let (item, wake) = self.state.recv(promised)?;
        fire(wake);
        Ok(item)
    }

    #[inline]
    pub(crate) fn try_recv(&self) -> Result<B::Item, TryRecvError> {
        self.take(false)
    }

    #[inline]
    #[track_caller]
    pub(crate) fn recv(&self) -> RecvItem<'_, B> {
        RecvItem { end: self, turn: Acquire::new(&self.state.items, ()) }
    }

    pub(crate) fn close(&self) {
        self.state.shut();
    }
}

impl<B: Buffer> Drop for RecvEnd<B> {
    /// Drops what nobody will receive now, and not with the last sender: an item may itself hold
    /// one.
    fn drop(&mut self) {
        self.state.shut();
        while let Some(item) = self.state.pop() {
            drop(item);
        }
    }
}

/// Sends an item: at once, or after a wait for room.
#[must_use = "futures do nothing unless awaited"]
pub(crate) struct SendItem<'a, B: Buffer> {
    end: &'a SendEnd<B>,
    /// Until it is sent, or given back.
    item: Option<B::Item>,
    turn: Acquire<'a, Gate<Room>>,
}

impl<B: Buffer> Unpin for SendItem<'_, B> {}

impl<B: Buffer> Future for SendItem<'_, B> {
    type Output = Result<(), SendError<B::Item>>;

    /// # Panics
    ///
    /// When polled again after it was done.
    #[inline]
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { end, item, turn } = &mut *self;
        let mut take = || item.take().expect("a send was polled after it was done");
        if !turn.is_in_line() {
            if let Err(Cancelled) = ready!(turn.checkpoint(context)) {
                return Poll::Ready(Err(SendError::Cancelled(take())));
            }
            match end.try_send(take()) {
                Ok(()) => return Poll::Ready(Ok(())),
                Err(TrySendError::Closed(refused)) => {
                    return Poll::Ready(Err(SendError::Closed(refused)));
                }
                Err(TrySendError::Full(refused)) => *item = Some(refused),
            }
        }
        let waited = ready!(Pin::new(turn).poll(context));
        let item = item.take().expect("a send was polled after it was done");
        Poll::Ready(match waited {
            Ok(Some(room)) => end.send_into(room, item),
            Ok(None) => Err(SendError::Closed(item)),
            Err(Cancelled) => Err(SendError::Cancelled(item)),
        })
    }
}

/// Receives an item: at once, or after a wait for one.
#[must_use = "futures do nothing unless awaited"]
pub(crate) struct RecvItem<'a, B: Buffer> {
    end: &'a RecvEnd<B>,
    turn: Acquire<'a, Gate<Items>>,
}

impl<B: Buffer> Future for RecvItem<'_, B> {
    type Output = Result<B::Item, RecvError>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { end, turn } = &mut *self;
        if !turn.is_in_line() {
            ready!(turn.checkpoint(context))?;
            match end.try_recv() {
                Ok(item) => return Poll::Ready(Ok(item)),
                Err(TryRecvError::Closed) => return Poll::Ready(Err(RecvError::Closed)),
                Err(TryRecvError::Empty) => {}
            }
        }
        let promise = ready!(Pin::new(turn).poll(context))?;
        let promised = promise.map(Grant::forget).is_some();
        Poll::Ready(end.take(promised).map_err(|_| RecvError::Closed))
    }
}
