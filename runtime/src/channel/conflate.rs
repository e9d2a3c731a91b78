//! The latest value by key, for data of which only the newest counts: quotes by instrument.
//!
//! An update of a key whose last one is still unread takes its place, and keeps its turn: the key
//! that came first is received first, with its latest value. So a receiver that is too slow falls
//! behind by no more than one update a key, and never reads a stale one.
//!
//! What is limited is the number of keys with an unread update, `keys_max`. An update of one of
//! these never waits. A key beyond them waits for room in [`send`](Sender::send), in the order of
//! the senders, and is refused by [`try_send`](Sender::try_send). Where several tasks send the same
//! key, the update that ends up last is that of the send that was done last.
//!
//! Closing is as for [`mpsc`](super::mpsc). Costs a hash of the key and a look into a table that is
//! allocated at the start.
//!
//! ```
//! use taut_runtime::channel::conflate;
//!
//! taut_runtime::run(async {
//!     let (quotes, book) = conflate::channel(1000);
//!     quotes.send("BTC", 60_000).await?;
//!     quotes.send("ETH", 3_000).await?;
//!     quotes.send("BTC", 60_010).await?;
//!     drop(quotes);
//!     assert_eq!(book.recv().await, Ok(("BTC", 60_010)));
//!     assert_eq!(book.recv().await, Ok(("ETH", 3_000)));
//!     assert_eq!(book.recv().await, Err(conflate::RecvError::Closed));
//!     assert_eq!(book.conflated(), 1);
//!     Ok::<(), conflate::SendError<_>>(())
//! })?
//! .unwrap();
//! # Ok::<(), taut_runtime::BuildError>(())
//! ```

use std::hash::{BuildHasher, Hash, RandomState};

pub use super::error::{RecvError, SendError, TryRecvError, TrySendError};
use super::keyed::Keyed;
use super::local::{self, RecvEnd, SendEnd};
use crate::cancelled::Cancelled;

/// Makes a channel with room for one update of each of `keys_max` keys, which is allocated here.
///
/// # Panics
///
/// Where `keys_max` is zero, more than two billion, or there is not so much memory.
#[track_caller]
pub fn channel<K: Hash + Eq, V>(keys_max: usize) -> (Sender<K, V>, Receiver<K, V>) {
    channel_with_hasher(keys_max, RandomState::new())
}

/// As [`channel`], with a hasher of one's own: the default one resists hostile keys, and costs some
/// nanoseconds more than one that need not. `Hash` and `Eq` of a key must neither use the channel
/// nor panic.
///
/// # Panics
///
/// As [`channel`].
#[track_caller]
pub fn channel_with_hasher<K: Hash + Eq, V, H: BuildHasher>(
    keys_max: usize,
    hasher: H,
) -> (Sender<K, V, H>, Receiver<K, V, H>) {
    let (sender, receiver) = local::channel(Keyed::new(keys_max, hasher));
    (Sender(sender), Receiver(receiver))
}

/// The sending end of a [`channel`].
pub struct Sender<K: Hash + Eq, V, H: BuildHasher = RandomState>(SendEnd<Keyed<K, V, H>>);

impl<K: Hash + Eq, V, H: BuildHasher> Sender<K, V, H> {
    /// Sends the key's latest value; waits only where the key has none unread and there is no room
    /// for one more key.
    ///
    /// Cancel-safe: where it is dropped before it is done, nothing was sent.
    ///
    /// # Errors
    ///
    /// [`SendError::Closed`] where nobody will receive, [`SendError::Cancelled`] where the task was
    /// asked to stop; both give key and value back.
    #[track_caller]
    pub fn send(&self, key: K, value: V) -> impl Future<Output = Result<(), SendError<(K, V)>>> {
        self.0.send((key, value))
    }

    /// Sends the key's latest value without waiting.
    ///
    /// # Errors
    ///
    /// [`TrySendError::Full`] where the key has none unread and there is no room for one more key,
    /// or others wait for it; [`TrySendError::Closed`] where nobody will receive. Both give key and
    /// value back.
    pub fn try_send(&self, key: K, value: V) -> Result<(), TrySendError<(K, V)>> {
        self.0.try_send((key, value))
    }

    /// Updates that took the place of unread ones.
    pub fn conflated(&self) -> u64 {
        self.0.state.look(|buffer| buffer.conflated)
    }

    /// Refuses all further updates. Senders that wait get theirs back; those in the buffer can
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
pub struct Receiver<K: Hash + Eq, V, H: BuildHasher = RandomState>(RecvEnd<Keyed<K, V, H>>);

impl<K: Hash + Eq, V, H: BuildHasher> Receiver<K, V, H> {
    /// Receives the key that has waited longest, and its latest value, after waiting for one.
    ///
    /// Cancel-safe: where it is dropped before it is done, no update is lost; one that was promised
    /// to it goes to who waits next.
    ///
    /// # Errors
    ///
    /// [`RecvError::Closed`] where nothing more will come, [`RecvError::Cancelled`] where the task
    /// was asked to stop.
    #[track_caller]
    pub fn recv(&self) -> impl Future<Output = Result<(K, V), RecvError>> {
        self.0.recv()
    }

    /// Receives the key that has waited longest, and its latest value, without waiting.
    ///
    /// # Errors
    ///
    /// [`TryRecvError::Empty`] where there is none, or others wait for it;
    /// [`TryRecvError::Closed`] where nothing more will come.
    pub fn try_recv(&self) -> Result<(K, V), TryRecvError> {
        self.0.try_recv()
    }

    /// Updates that took the place of unread ones.
    pub fn conflated(&self) -> u64 {
        self.0.state.look(|buffer| buffer.conflated)
    }

    /// Refuses all further updates. Senders that wait get theirs back; those in the buffer can
    /// still be received.
    pub fn close(&self) {
        self.0.close();
    }
}

questions!(Sender [K, V, H] [K: Hash + Eq, H: BuildHasher], "Keys", |end| end.0.state);
questions!(Receiver [K, V, H] [K: Hash + Eq, H: BuildHasher], "Keys", |end| end.0.state);

impl<K: Hash + Eq, V, H: BuildHasher> Clone for Sender<K, V, H> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}
