//! A bounded channel between threads and cores: many senders, many receivers, both `Send`, `Sync`
//! and `Clone`.
//!
//! Tasks of any core await [`send`](Sender::send) and [`recv`](Receiver::recv); so can tasks of
//! another async runtime. Plain threads block in [`send_blocking`](Sender::send_blocking) and its
//! like, as long as they wish.
//!
//! Items come out in the order in which they went in. Tasks and threads stand in the same line, for
//! room and for items: one item wakes one of them, and who comes later never overtakes. What a
//! waiter was promised when it is dropped, or its time is up, goes to the next.
//!
//! The channel closes when an end says so, when the last [`Sender`] is dropped, or the last
//! [`Receiver`]. From then on nothing can be sent, and senders that wait get their item back. What
//! is in the buffer can still be received.
//!
//! Costs a lock for each send and receive, and a wake where somebody waits; the buffer is allocated
//! at the start. A task that sends or receives without ever having to wait gives way to the others
//! of its core now and then. Between tasks of one core, [`mpsc`](super::mpsc) is several times as
//! fast.
//!
//! ```
//! use std::thread;
//! use taut_runtime::channel::shared;
//!
//! let (ticks, feed) = shared::channel(1024);
//! let reader = thread::spawn(move || {
//!     for price in 0..1000_u64 {
//!         ticks.send_blocking(price)?;
//!     }
//!     Ok::<(), shared::SendError<u64>>(())
//! });
//! let sum = taut_runtime::run(async {
//!     let mut sum = 0;
//!     while let Ok(price) = feed.recv().await {
//!         sum += price;
//!     }
//!     sum
//! })?;
//! assert_eq!(sum, 499_500);
//! assert!(reader.join().unwrap().is_ok());
//! # Ok::<(), taut_runtime::BuildError>(())
//! ```

mod hub;
#[cfg(all(test, loom))]
mod models;
mod turn;

use std::sync::Arc;
use std::time::Duration;

pub use super::error::{
    RecvError, RecvTimeoutError, SendError, SendTimeoutError, TryRecvError, TrySendError,
};
use crate::cancelled::Cancelled;
use crate::executor::block_on;
use hub::Hub;

/// Makes a channel with room for `capacity` items, which is allocated here.
///
/// # Panics
///
/// Where `capacity` is zero, or there is not so much memory.
#[track_caller]
pub fn channel<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    let hub = Arc::new(Hub::new(capacity));
    (Sender { hub: Arc::clone(&hub) }, Receiver { hub })
}

/// The sending end of a [`channel`].
pub struct Sender<T> {
    hub: Arc<Hub<T>>,
}

impl<T> Sender<T> {
    /// Sends an item, after waiting for room.
    ///
    /// Cancel-safe: where it is dropped before it is done, nothing was sent.
    ///
    /// # Errors
    ///
    /// [`SendError::Closed`] where nobody will receive, [`SendError::Cancelled`] where the task was
    /// asked to stop; both give the item back.
    #[track_caller]
    pub fn send(&self, item: T) -> impl Future<Output = Result<(), SendError<T>>> {
        turn::Send::new(&self.hub, item)
    }

    /// Sends an item without waiting. For tasks and threads.
    ///
    /// # Errors
    ///
    /// [`TrySendError::Full`] where there is no room, or others wait for it;
    /// [`TrySendError::Closed`] where nobody will receive. Both give the item back.
    pub fn try_send(&self, item: T) -> Result<(), TrySendError<T>> {
        self.hub.try_send(item)
    }

    /// Sends an item; the thread sleeps until there is room.
    ///
    /// # Errors
    ///
    /// [`SendError::Closed`], with the item, where nobody will receive.
    ///
    /// # Panics
    ///
    /// On a thread that runs a core just now.
    #[track_caller]
    pub fn send_blocking(&self, item: T) -> Result<(), SendError<T>> {
        let sent = block_on(&mut turn::Send::new(&self.hub, item), None);
        sent.expect("no limit was set")
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
    pub fn send_timeout(&self, item: T, limit: Duration) -> Result<(), SendTimeoutError<T>> {
        let mut send = turn::Send::new(&self.hub, item);
        match block_on(&mut send, Some(limit)) {
            Some(sent) => sent.map_err(|error| SendTimeoutError::Closed(error.into_inner())),
            None => Err(SendTimeoutError::Timeout(send.give_up())),
        }
    }

    /// Refuses all further items. Senders that wait get theirs back; what is in the buffer can
    /// still be received.
    pub fn close(&self) {
        self.hub.close();
    }

    /// Waits until nobody will receive: the channel was closed, or its receivers are gone.
    ///
    /// # Errors
    ///
    /// [`Cancelled`] where the task was asked to stop.
    #[track_caller]
    pub fn closed(&self) -> impl Future<Output = Result<(), Cancelled>> {
        turn::Closed::new(&self.hub)
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        let state = self.hub.lock();
        state.senders.set(state.senders.get() + 1);
        drop(state);
        Self { hub: Arc::clone(&self.hub) }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        let state = self.hub.lock();
        let left = state.senders.get() - 1;
        state.senders.set(left);
        drop(state);
        if left == 0 {
            self.hub.close();
        }
    }
}

/// The receiving end of a [`channel`].
pub struct Receiver<T> {
    hub: Arc<Hub<T>>,
}

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
    #[track_caller]
    pub fn recv(&self) -> impl Future<Output = Result<T, RecvError>> {
        turn::Recv::new(&self.hub)
    }

    /// Receives an item without waiting. For tasks and threads.
    ///
    /// # Errors
    ///
    /// [`TryRecvError::Empty`] where there is none, or others wait for it;
    /// [`TryRecvError::Closed`] where nothing more will come.
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        self.hub.try_recv()
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
    pub fn recv_blocking(&self) -> Result<T, RecvError> {
        let received = block_on(&mut turn::Recv::new(&self.hub), None);
        received.expect("no limit was set")
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
    pub fn recv_timeout(&self, limit: Duration) -> Result<T, RecvTimeoutError> {
        match block_on(&mut turn::Recv::new(&self.hub), Some(limit)) {
            Some(received) => received.map_err(|_| RecvTimeoutError::Closed),
            None => Err(RecvTimeoutError::Timeout),
        }
    }

    /// Refuses all further items. Senders that wait get theirs back; what is in the buffer can
    /// still be received.
    pub fn close(&self) {
        self.hub.close();
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        let state = self.hub.lock();
        state.receivers.set(state.receivers.get() + 1);
        drop(state);
        Self { hub: Arc::clone(&self.hub) }
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let state = self.hub.lock();
        let left = state.receivers.get() - 1;
        state.receivers.set(left);
        drop(state);
        if left == 0 {
            self.hub.close();
            self.hub.discard();
        }
    }
}

questions!(Sender [T] [], "Items", |end| end.hub.lock());
questions!(Receiver [T] [], "Items", |end| end.hub.lock());
