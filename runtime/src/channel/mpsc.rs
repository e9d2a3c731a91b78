//! A bounded channel between tasks of one core: many senders, one receiver, which tasks may share.
//!
//! Items come out in the order in which they went in. Senders that wait for room get it in the
//! order in which they came, and so do tasks that wait for an item: one item wakes one of them, and
//! who comes later never overtakes. What a waiter was promised when it is dropped goes to the next.
//!
//! The channel closes when an end says so, when the last [`Sender`] is dropped, or the
//! [`Receiver`]. From then on nothing can be sent, and senders that wait get their item back. What
//! is in the buffer can still be received.
//!
//! Costs a few nanoseconds where nobody has to wait; the buffer is allocated at the start, and
//! nothing afterwards, but for the most waiters there ever were at once.
//!
//! ```
//! use taut_runtime::channel::mpsc;
//! use taut_runtime::spawn;
//!
//! taut_runtime::run(async {
//!     let (orders, inbox) = mpsc::channel(16);
//!     for gateway in 0..2 {
//!         let orders = orders.clone();
//!         spawn(async move {
//!             for number in 0..100 {
//!                 orders.send((gateway, number)).await?;
//!             }
//!             Ok::<(), mpsc::SendError<_>>(())
//!         });
//!     }
//!     drop(orders);
//!     let mut count = 0;
//!     while let Ok((_gateway, _number)) = inbox.recv().await {
//!         count += 1;
//!     }
//!     assert_eq!(count, 200);
//! })?;
//! # Ok::<(), taut_runtime::BuildError>(())
//! ```

use std::fmt;

pub use super::error::{RecvError, SendError, TryRecvError, TrySendError};
use super::gate::Gate;
use super::local::{self, RecvEnd, SendEnd};
use super::ring::Ring;
use super::state::Room;
use crate::cancelled::Cancelled;
use crate::sync::Grant;

/// Makes a channel with room for `capacity` items, which is allocated here.
///
/// # Panics
///
/// Where `capacity` is zero, or there is not so much memory.
#[track_caller]
pub fn channel<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    let (sender, receiver) = local::channel(Ring::new(capacity));
    (Sender(sender), Receiver(receiver))
}

/// The sending end of a [`channel`].
pub struct Sender<T>(SendEnd<Ring<T>>);

impl<T> Sender<T> {
    /// Sends an item, after waiting for room.
    ///
    /// Cancel-safe: where it is dropped before it is done, nothing was sent.
    ///
    /// # Errors
    ///
    /// [`SendError::Closed`] where nobody will receive, [`SendError::Cancelled`] where the task was
    /// asked to stop; both give the item back.
    #[inline]
    #[track_caller]
    pub fn send(&self, item: T) -> impl Future<Output = Result<(), SendError<T>>> {
        self.0.send(item)
    }

    /// Sends an item without waiting.
    ///
    /// # Errors
    ///
    /// [`TrySendError::Full`] where there is no room, or others wait for it;
    /// [`TrySendError::Closed`] where nobody will receive. Both give the item back.
    #[inline]
    pub fn try_send(&self, item: T) -> Result<(), TrySendError<T>> {
        self.0.try_send(item)
    }

    /// Waits for room and keeps it, for an item that is made only then.
    ///
    /// Cancel-safe. Who waits with this stands in one line with those who wait to send.
    ///
    /// # Errors
    ///
    /// As for [`send`](Self::send), without an item.
    #[track_caller]
    pub fn reserve(&self) -> impl Future<Output = Result<Permit<'_, T>, SendError<()>>> {
        let room = self.0.room();
        async move {
            match room.await {
                Ok(Some(room)) => Ok(Permit { sender: &self.0, room }),
                Ok(None) => Err(SendError::Closed(())),
                Err(Cancelled) => Err(SendError::Cancelled(())),
            }
        }
    }

    /// Keeps room, if there is some.
    ///
    /// # Errors
    ///
    /// As for [`try_send`](Self::try_send), without an item.
    pub fn try_reserve(&self) -> Result<Permit<'_, T>, TrySendError<()>> {
        if self.is_closed() {
            return Err(TrySendError::Closed(()));
        }
        match Grant::try_new((&self.0.state.room).into(), ()) {
            Some(room) => Ok(Permit { sender: &self.0, room }),
            None => Err(TrySendError::Full(())),
        }
    }

    /// Refuses all further items. Senders that wait get theirs back; what is in the buffer can
    /// still be received.
    pub fn close(&self) {
        self.0.close();
    }

    /// Waits until nobody will receive: the channel was closed, or its receiver is gone.
    ///
    /// # Errors
    ///
    /// [`Cancelled`] where the task was asked to stop.
    #[track_caller]
    pub fn closed(&self) -> impl Future<Output = Result<(), Cancelled>> {
        self.0.closed()
    }
}

/// The receiving end of a [`channel`]. Tasks may share it, as an `Rc<Receiver>` for instance.
pub struct Receiver<T>(RecvEnd<Ring<T>>);

impl<T> Receiver<T> {
    /// Receives an item, after waiting for one.
    ///
    /// Cancel-safe: where it is dropped before it is done, no item is lost; one that was promised
    /// to it goes to who waits next.
    ///
    /// # Errors
    ///
    /// [`RecvError::Closed`] where nothing more will come, [`RecvError::Cancelled`] where the task
    /// was asked to stop.
    #[inline]
    #[track_caller]
    pub fn recv(&self) -> impl Future<Output = Result<T, RecvError>> {
        self.0.recv()
    }

    /// Receives an item without waiting.
    ///
    /// # Errors
    ///
    /// [`TryRecvError::Empty`] where there is none, or others wait for it;
    /// [`TryRecvError::Closed`] where nothing more will come.
    #[inline]
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        self.0.try_recv()
    }

    /// Refuses all further items. Senders that wait get theirs back; what is in the buffer can
    /// still be received.
    pub fn close(&self) {
        self.0.close();
    }
}

/// Room that is kept for one item, by [`Sender::reserve`]. Dropping it gives the room back.
#[must_use = "the room is given back when this is dropped"]
pub struct Permit<'a, T> {
    sender: &'a SendEnd<Ring<T>>,
    room: Grant<'a, Gate<Room>>,
}

impl<T> Permit<'_, T> {
    /// Sends an item into the room.
    ///
    /// # Errors
    ///
    /// [`SendError::Closed`], with the item, where the channel was closed meanwhile.
    pub fn send(self, item: T) -> Result<(), SendError<T>> {
        self.sender.send_into(self.room, item)
    }
}

questions!(Sender [T] [], "Items", |end| end.0.state);
questions!(Receiver [T] [], "Items", |end| end.0.state);

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> fmt::Debug for Permit<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").finish_non_exhaustive()
    }
}
