//! One value from one task to another of the same core: an answer to a request.
//!
//! The [`Receiver`] is a future. What a channel consists of lies in a block of the core's pool, so
//! making, using and dropping one allocates nothing once the pool is warm; all of it together costs
//! a few nanoseconds.
//!
//! ```
//! use taut_runtime::channel::oneshot;
//! use taut_runtime::spawn;
//!
//! taut_runtime::run(async {
//!     let (reply, answer) = oneshot::channel();
//!     spawn(async move { reply.send(6 * 7) });
//!     assert_eq!(answer.await, Ok(42));
//! })?;
//! # Ok::<(), taut_runtime::BuildError>(())
//! ```

use std::cell::Cell;
use std::fmt;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

pub use super::error::{RecvError, TryRecvError};
use crate::cancelled::Cancelled;
use crate::executor::{Pooled, WakeSlot, checkpoint_at};

/// Makes a channel for one value. A dump shows this call as the place of the receiver's wait.
#[inline]
#[track_caller]
pub fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let shared = Pooled::new(Shared {
        value: Cell::new(None),
        closed: Cell::new(false),
        sender_gone: Cell::new(false),
        sender: WakeSlot::new(),
        receiver: WakeSlot::new(),
    });
    let wait = Wait { waiting: false, location: Location::caller() };
    (Sender { shared: shared.clone() }, Receiver { shared, wait })
}

struct Shared<T> {
    value: Cell<Option<T>>,
    /// The receiver takes nothing any more.
    closed: Cell<bool>,
    sender_gone: Cell<bool>,
    /// Who waits for the receiver to close.
    sender: WakeSlot,
    /// Who waits for the value.
    receiver: WakeSlot,
}

impl<T> Shared<T> {
    fn close(&self) {
        self.closed.set(true);
        self.sender.fire();
    }

    /// Nothing can be sent any more.
    fn is_closed(&self) -> bool {
        self.closed.get() || self.sender_gone.get()
    }

    #[inline]
    fn outcome(&self) -> Option<Result<T, RecvError>> {
        match self.value.take() {
            Some(value) => Some(Ok(value)),
            None => self.is_closed().then_some(Err(RecvError::Closed)),
        }
    }
}

/// The state of a wait at a slot that is one task's alone.
struct Wait {
    waiting: bool,
    location: &'static Location<'static>,
}

impl Wait {
    /// Waits until a look gives something. What is there already when a cancelled task begins to
    /// wait stays there.
    #[inline]
    fn poll<R>(
        &mut self,
        context: &Context<'_>,
        what: &str,
        slot: &WakeSlot,
        look: impl Fn() -> Option<R>,
    ) -> Poll<Result<R, Cancelled>> {
        if !self.waiting {
            ready!(checkpoint_at(context, what, self.location))?;
        }
        if let Some(seen) = look() {
            self.waiting = false;
            return Poll::Ready(Ok(seen));
        }
        if self.waiting
            && let Err(cancelled) = ready!(checkpoint_at(context, what, self.location))
        {
            self.waiting = false;
            slot.clear();
            return Poll::Ready(Err(cancelled));
        }
        slot.register(context);
        self.waiting = true;
        Poll::Pending
    }
}

/// The sending end of a [`channel`]. Dropping it without a value closes the channel.
pub struct Sender<T> {
    shared: Pooled<Shared<T>>,
}

impl<T> Sender<T> {
    /// Sends the value; never waits.
    ///
    /// # Errors
    ///
    /// The value itself, where the receiver is gone or has closed the channel.
    #[inline]
    pub fn send(self, value: T) -> Result<(), T> {
        if self.shared.closed.get() {
            return Err(value);
        }
        self.shared.value.set(Some(value));
        Ok(())
    }

    /// Whether the receiver is gone or has closed the channel.
    pub fn is_closed(&self) -> bool {
        self.shared.closed.get()
    }

    /// Waits until the receiver is gone or has closed the channel: nobody wants the value.
    ///
    /// Cancel-safe.
    ///
    /// # Errors
    ///
    /// [`Cancelled`] where the task was asked to stop.
    #[track_caller]
    pub fn closed(&mut self) -> impl Future<Output = Result<(), Cancelled>> {
        Closed { sender: self, wait: Wait { waiting: false, location: Location::caller() } }
    }
}

impl<T> Drop for Sender<T> {
    #[inline]
    fn drop(&mut self) {
        self.shared.sender_gone.set(true);
        self.shared.receiver.fire();
    }
}

/// The receiving end of a [`channel`]: a future of the value. Dropping it closes the channel.
///
/// Cancel-safe: awaited as `&mut receiver`, it can be awaited again. Once it gave the value it
/// gives [`RecvError::Closed`].
#[must_use = "futures do nothing unless awaited"]
pub struct Receiver<T> {
    shared: Pooled<Shared<T>>,
    wait: Wait,
}

impl<T> Receiver<T> {
    /// Receives the value without waiting.
    ///
    /// # Errors
    ///
    /// [`TryRecvError::Empty`] where it has not come yet, [`TryRecvError::Closed`] where it never
    /// will, or was received before.
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        match self.shared.outcome() {
            Some(outcome) => outcome.map_err(|_| TryRecvError::Closed),
            None => Err(TryRecvError::Empty),
        }
    }

    /// Refuses the value from now on. One that was sent before can still be received.
    pub fn close(&mut self) {
        self.shared.close();
    }

    /// Whether nothing can be sent any more; what was sent before may still be there.
    pub fn is_closed(&self) -> bool {
        self.shared.is_closed()
    }
}

impl<T> Unpin for Receiver<T> {}

impl<T> Future for Receiver<T> {
    type Output = Result<T, RecvError>;

    #[inline]
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { shared, wait } = self.get_mut();
        let polled = wait.poll(context, "oneshot", &shared.receiver, || shared.outcome());
        polled.map(|outcome| outcome?)
    }
}

impl<T> Drop for Receiver<T> {
    #[inline]
    fn drop(&mut self) {
        self.shared.close();
        self.shared.receiver.clear();
    }
}

/// The future of [`Sender::closed`].
struct Closed<'a, T> {
    sender: &'a Sender<T>,
    wait: Wait,
}

impl<T> Future for Closed<'_, T> {
    type Output = Result<(), Cancelled>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { sender, wait } = self.get_mut();
        let closed = || sender.is_closed().then_some(());
        wait.poll(context, "oneshot closed", &sender.shared.sender, closed)
    }
}

impl<T> Drop for Closed<'_, T> {
    fn drop(&mut self) {
        self.sender.shared.sender.clear();
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("closed", &self.is_closed()).finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").field("closed", &self.is_closed()).finish_non_exhaustive()
    }
}
