//! Waiting in one of the lines of a channel behind a lock, and the futures that do.
//!
//! Invariant: who holds a ticket stands in line or was promised something. Dropping it leaves the
//! line; a promise goes to the next.

use std::mem::swap;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::hub::{Hub, SharedState, Wake, fire};
use crate::cancelled::Cancelled;
use crate::channel::error::{RecvError, SendError, TryRecvError, TrySendError};
use crate::channel::gate::Goods;
use crate::channel::state::{End, Items, Room};
use crate::executor::{ForeignWait, checkpoint_at, give_way};
use crate::sync::{Answer, Ticket, WaitQueue};
use crate::threads::MutexGuard;

/// What a waiter waits for.
#[derive(Clone, Copy, Debug)]
enum Side {
    Room,
    Items,
    End,
}

impl Side {
    fn what(self) -> &'static str {
        match self {
            Self::Room => Room::WAIT,
            Self::Items => Items::WAIT,
            Self::End => End::WAIT,
        }
    }

    fn queue<T>(self, state: &SharedState<T>) -> &WaitQueue<(), Wake> {
        match self {
            Self::Room => state.room.queue(),
            Self::Items => state.items.queue(),
            Self::End => state.end.queue(),
        }
    }

    fn hand_on<T>(self, state: &SharedState<T>) -> Option<Wake> {
        match self {
            Self::Room => state.room.give(),
            Self::Items => state.items.give(),
            Self::End => None,
        }
    }
}

/// What an attempt gave, and whom to wake for it.
type Done<R> = (R, Option<Wake>);

/// See the module's documentation.
struct Turn<'a, T> {
    hub: &'a Hub<T>,
    side: Side,
    ticket: Option<Ticket>,
    foreign: ForeignWait,
    location: &'static Location<'static>,
}

impl<'a, T> Turn<'a, T> {
    #[track_caller]
    fn new(hub: &'a Hub<T>, side: Side) -> Self {
        let foreign = ForeignWait::default();
        Self { hub, side, ticket: None, foreign, location: Location::caller() }
    }

    /// Ready once the attempt gives something. The attempt is told whether it was promised success.
    fn poll<R>(
        &mut self,
        context: &mut Context<'_>,
        attempt: impl FnMut(&SharedState<T>, bool) -> Option<Done<R>>,
    ) -> Poll<Result<R, Cancelled>> {
        match self.ticket {
            None => self.begin(context, attempt),
            Some(ticket) => self.resume(ticket, context, attempt),
        }
    }

    fn begin<R>(
        &mut self,
        context: &mut Context<'_>,
        mut attempt: impl FnMut(&SharedState<T>, bool) -> Option<Done<R>>,
    ) -> Poll<Result<R, Cancelled>> {
        ready!(checkpoint_at(context, self.side.what(), self.location))?;
        ready!(give_way(context));
        let done = attempt(&self.hub.lock(), false);
        if let Some(done) = done {
            return finish(done);
        }
        // Made without the lock, so things may have changed when it stands in line.
        let wake = self.wake_of(context);
        let state = self.hub.lock();
        if let Some(done) = attempt(&state, false) {
            drop(state);
            return finish(done);
        }
        self.ticket = Some(self.side.queue(&state).join((), wake));
        Poll::Pending
    }

    fn resume<R>(
        &mut self,
        ticket: Ticket,
        context: &mut Context<'_>,
        attempt: impl FnMut(&SharedState<T>, bool) -> Option<Done<R>>,
    ) -> Poll<Result<R, Cancelled>> {
        let state = self.hub.lock();
        let queue = self.side.queue(&state);
        if let Some(answer) = queue.take_answer(ticket) {
            return self.conclude(state, answer, attempt);
        }
        let is_known = queue.wake_of(ticket, |wake| is_of(wake, context));
        drop(state);
        ready!(checkpoint_at(context, self.side.what(), self.location))?;
        if is_known {
            return Poll::Pending;
        }
        // Swapped for the one before, which is dropped when the lock is not held any more.
        let mut wake = self.wake_of(context);
        let state = self.hub.lock();
        let queue = self.side.queue(&state);
        if let Some(answer) = queue.take_answer(ticket) {
            return self.conclude(state, answer, attempt);
        }
        queue.wake_of(ticket, |before| swap(before, &mut wake));
        Poll::Pending
    }

    /// The waker of `context`, for the line; a cancel finds it, whatever it is.
    fn wake_of(&mut self, context: &Context<'_>) -> Wake {
        self.foreign.note(context);
        Some(context.waker().clone())
    }

    /// The ticket has ended with an answer.
    fn conclude<R>(
        &mut self,
        state: MutexGuard<'_, SharedState<T>>,
        answer: Answer,
        mut attempt: impl FnMut(&SharedState<T>, bool) -> Option<Done<R>>,
    ) -> Poll<Result<R, Cancelled>> {
        self.ticket = None;
        let done = attempt(&state, answer == Answer::Granted);
        drop(state);
        finish(done.expect("a promise is kept, and at a closed channel nobody waits"))
    }
}

fn is_of(wake: &Wake, context: &Context<'_>) -> bool {
    wake.as_ref().is_some_and(|known| known.will_wake(context.waker()))
}

/// With no lock held.
fn finish<R>((result, wake): Done<R>) -> Poll<Result<R, Cancelled>> {
    fire(wake);
    Poll::Ready(Ok(result))
}

impl<T> Drop for Turn<'_, T> {
    fn drop(&mut self) {
        let Some(ticket) = self.ticket else { return };
        let state = self.hub.lock();
        let left = self.side.queue(&state).leave(ticket);
        let next = match left {
            Some((Some(Answer::Granted), _)) => self.side.hand_on(&state),
            _ => None,
        };
        drop(state);
        drop(left);
        fire(next);
    }
}

/// Sends an item.
#[must_use = "futures do nothing unless awaited"]
pub(crate) struct Send<'a, T> {
    turn: Turn<'a, T>,
    item: Option<T>,
}

impl<'a, T> Send<'a, T> {
    #[track_caller]
    pub(crate) fn new(hub: &'a Hub<T>, item: T) -> Self {
        Self { turn: Turn::new(hub, Side::Room), item: Some(item) }
    }

    /// Leaves the line, and gives the item back.
    ///
    /// # Panics
    ///
    /// Where the send was done.
    pub(crate) fn give_up(self) -> T {
        self.item.expect("a send that is not done has its item")
    }
}

impl<T> Unpin for Send<'_, T> {}

impl<T> Future for Send<'_, T> {
    type Output = Result<(), SendError<T>>;

    /// # Panics
    ///
    /// When polled again after it was done.
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { turn, item } = &mut *self;
        let sent = turn.poll(context, |state, promised| {
            let next = item.take().expect("a send was polled after it was done");
            match state.send(next, promised) {
                Ok(sent) => Some((Ok(()), sent.wake)),
                Err(TrySendError::Closed(refused)) => Some((Err(SendError::Closed(refused)), None)),
                Err(TrySendError::Full(refused)) => {
                    *item = Some(refused);
                    None
                }
            }
        });
        match ready!(sent) {
            Ok(sent) => Poll::Ready(sent),
            Err(Cancelled) => {
                let item = item.take().expect("a send was polled after it was done");
                Poll::Ready(Err(SendError::Cancelled(item)))
            }
        }
    }
}

/// Receives an item.
#[must_use = "futures do nothing unless awaited"]
pub(crate) struct Recv<'a, T>(Turn<'a, T>);

impl<'a, T> Recv<'a, T> {
    #[track_caller]
    pub(crate) fn new(hub: &'a Hub<T>) -> Self {
        Self(Turn::new(hub, Side::Items))
    }
}

impl<T> Future for Recv<'_, T> {
    type Output = Result<T, RecvError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let received = self.0.poll(context, |state, promised| match state.recv(promised) {
            Ok((item, wake)) => Some((Ok(item), wake)),
            Err(TryRecvError::Closed) => Some((Err(RecvError::Closed), None)),
            Err(TryRecvError::Empty) => None,
        });
        received.map(|received| received?)
    }
}

/// Waits for the end of the channel.
#[must_use = "futures do nothing unless awaited"]
pub(crate) struct Closed<'a, T>(Turn<'a, T>);

impl<'a, T> Closed<'a, T> {
    #[track_caller]
    pub(crate) fn new(hub: &'a Hub<T>) -> Self {
        Self(Turn::new(hub, Side::End))
    }
}

impl<T> Future for Closed<'_, T> {
    type Output = Result<(), Cancelled>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll(context, |state, _| state.is_closed().then_some(((), None)))
    }
}
