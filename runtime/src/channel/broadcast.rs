//! Every item to every receiver, for tasks of one core: market data to strategies.
//!
//! An item is stored once; each [`Receiver`] gets a clone of it. An item stays until all have
//! received it, so items should be cheap to clone: small, or an `Rc`, or `Bytes`.
//!
//! Senders never wait. The channel keeps the last `capacity` items: a receiver that falls further
//! behind loses the oldest, is told how many with [`RecvError::Lagged`], and goes on with the
//! oldest that is left. Where nothing may get lost use an [`mpsc`](super::mpsc) for each receiver.
//!
//! The channel is closed for receivers when the last [`Sender`] is gone; what they have not
//! received then still comes. It is closed for senders while there is no [`Receiver`]. Items lie in
//! blocks of the core's pool: sending one allocates nothing once the pool is warm.
//!
//! ```
//! use taut_runtime::channel::broadcast;
//!
//! taut_runtime::run(async {
//!     let (ticks, mut first) = broadcast::channel(2);
//!     let mut second = ticks.subscribe();
//!     for tick in 1..=3 {
//!         ticks.send(tick).expect("there are receivers");
//!         assert_eq!(first.recv().await, Ok(tick));
//!     }
//!     assert_eq!(second.recv().await, Err(broadcast::RecvError::Lagged(1)));
//!     assert_eq!(second.recv().await, Ok(2));
//! })?;
//! # Ok::<(), taut_runtime::BuildError>(())
//! ```

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::error::Error;
use std::rc::Rc;
use std::{fmt, io};

use super::audience::Audience;
pub use super::error::SendError;
use super::gate::Goods;
use super::news::News;
use crate::cancelled::Cancelled;
use crate::executor::Pooled;
use crate::sync::Acquire;

/// Makes a channel that keeps `capacity` items for slow receivers, with room for them allocated
/// here.
///
/// # Panics
///
/// Where `capacity` is zero, or there is not so much memory.
#[track_caller]
pub fn channel<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    assert!(capacity > 0, "a channel needs room for at least one item");
    let shared = Rc::new(Shared {
        kept: RefCell::new(VecDeque::with_capacity(capacity)),
        capacity,
        sent: News::new(),
        senders: Cell::new(1),
        audience: Audience::new(),
    });
    (Sender { shared: Rc::clone(&shared) }, Receiver { shared, next: 0 })
}

/// Items, which receivers wait for.
struct Items;

impl Goods for Items {
    const WAIT: &'static str = "broadcast recv";
}

struct Shared<T> {
    /// The newest items. No code of the user's runs while this is borrowed.
    kept: RefCell<VecDeque<Kept<T>>>,
    capacity: usize,
    sent: News<Items>,
    senders: Cell<usize>,
    audience: Audience,
}

/// Receivers read in order, so an item is not read by fewer than the one after it: those that all
/// have read are the oldest, and leave at once.
struct Kept<T> {
    item: Pooled<T>,
    /// Receivers that have not read it.
    unread: usize,
}

impl<T> Shared<T> {
    /// The number of the oldest item that is kept.
    fn oldest(&self, kept: &VecDeque<Kept<T>>) -> u64 {
        self.sent.count() - kept.len() as u64
    }

    /// Takes out the oldest item, if all have read it.
    fn pop_read(&self) -> Option<Pooled<T>> {
        let mut kept = self.kept.borrow_mut();
        match kept.front() {
            Some(oldest) if oldest.unread == 0 => kept.pop_front().map(|kept| kept.item),
            _ => None,
        }
    }

    /// Counts a receiver that has read all before `next` in or out.
    fn recount(&self, next: u64, recount: impl Fn(&mut usize)) {
        let mut kept = self.kept.borrow_mut();
        let read = next.saturating_sub(self.oldest(&kept)) as usize;
        kept.iter_mut().skip(read).for_each(|kept| recount(&mut kept.unread));
    }
}

/// The sending end of a [`channel`].
pub struct Sender<T> {
    shared: Rc<Shared<T>>,
}

impl<T> Sender<T> {
    /// Sends an item to all receivers, and tells how many these are. Never waits: where the channel
    /// is full of items that were not received, the oldest makes room.
    ///
    /// # Errors
    ///
    /// [`SendError::Closed`], with the item, while there is no receiver.
    pub fn send(&self, item: T) -> Result<usize, SendError<T>> {
        let shared = &self.shared;
        let unread = self.receiver_count();
        if unread == 0 {
            return Err(SendError::Closed(item));
        }
        let item = Pooled::new(item);
        let mut kept = shared.kept.borrow_mut();
        let lost = if kept.len() == shared.capacity { kept.pop_front() } else { None };
        kept.push_back(Kept { item, unread });
        drop(kept);
        shared.sent.add();
        drop(lost);
        Ok(unread)
    }

    /// One more receiver, of what is sent from now on.
    pub fn subscribe(&self) -> Receiver<T> {
        self.shared.audience.enter();
        Receiver { shared: Rc::clone(&self.shared), next: self.shared.sent.count() }
    }

    /// Receivers that there are now.
    pub fn receiver_count(&self) -> usize {
        self.shared.audience.count()
    }

    /// Items that not all receivers have received, and that are not lost.
    pub fn len(&self) -> usize {
        self.shared.kept.borrow().len()
    }

    /// Whether all receivers have received all items, or lost them.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Items that are kept for slow receivers.
    pub fn capacity(&self) -> usize {
        self.shared.capacity
    }

    /// Whether there is no receiver now.
    pub fn is_closed(&self) -> bool {
        self.receiver_count() == 0
    }

    /// Waits until there is no receiver.
    ///
    /// Cancel-safe.
    ///
    /// # Errors
    ///
    /// [`Cancelled`] where the task was asked to stop.
    #[track_caller]
    pub fn closed(&self) -> impl Future<Output = Result<(), Cancelled>> {
        let end = Acquire::new(&self.shared.audience, ());
        async move { end.await.map(drop) }
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.shared.senders.set(self.shared.senders.get() + 1);
        Self { shared: Rc::clone(&self.shared) }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        let left = self.shared.senders.get() - 1;
        self.shared.senders.set(left);
        if left == 0 {
            self.shared.sent.close();
        }
    }
}

/// The receiving end of a [`channel`]; each receives all that is sent from its making on.
pub struct Receiver<T> {
    shared: Rc<Shared<T>>,
    /// The number of the next item to receive.
    next: u64,
}

impl<T> Receiver<T> {
    /// Items that are there for this receiver; those that it lost are not counted.
    pub fn len(&self) -> usize {
        let kept = self.shared.kept.borrow();
        let next = self.next.max(self.shared.oldest(&kept));
        (self.shared.sent.count() - next) as usize
    }

    /// Whether no item is there for this receiver.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether no sender is left. Items may still be there.
    pub fn is_closed(&self) -> bool {
        self.shared.sent.is_closed()
    }
}

impl<T: Clone> Receiver<T> {
    /// Receives the next item, after waiting for one.
    ///
    /// Cancel-safe: where it is dropped before it is done, nothing was received.
    ///
    /// # Errors
    ///
    /// [`RecvError::Lagged`] where items were lost; the receive after it goes on with the oldest
    /// that is left. [`RecvError::Closed`] where nothing more will come, [`RecvError::Cancelled`]
    /// where the task was asked to stop.
    #[track_caller]
    pub fn recv(&mut self) -> impl Future<Output = Result<T, RecvError>> {
        let Self { shared, next } = self;
        let shared: &Shared<T> = shared;
        let news = Acquire::new(&shared.sent, *next);
        async move {
            news.await?;
            take(shared, next).map_err(|error| match error {
                TryRecvError::Lagged(lost) => RecvError::Lagged(lost),
                // There was something new: if not an item, then the end.
                TryRecvError::Closed | TryRecvError::Empty => RecvError::Closed,
            })
        }
    }

    /// Receives the next item without waiting.
    ///
    /// # Errors
    ///
    /// [`TryRecvError::Empty`] where there is none; else as for [`recv`](Self::recv).
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        take(&self.shared, &mut self.next)
    }
}

fn take<T: Clone>(shared: &Shared<T>, next: &mut u64) -> Result<T, TryRecvError> {
    let mut kept = shared.kept.borrow_mut();
    let oldest = shared.oldest(&kept);
    if *next < oldest {
        let lost = oldest - *next;
        *next = oldest;
        return Err(TryRecvError::Lagged(lost));
    }
    let Some(found) = kept.get_mut((*next - oldest) as usize) else {
        return Err(match shared.sent.is_closed() {
            true => TryRecvError::Closed,
            false => TryRecvError::Empty,
        });
    };
    found.unread -= 1;
    let item = found.item.clone();
    *next += 1;
    drop(kept);
    drop(shared.pop_read());
    Ok(T::clone(&item))
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        self.shared.audience.enter();
        self.shared.recount(self.next, |unread| *unread += 1);
        Self { shared: Rc::clone(&self.shared), next: self.next }
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.shared.recount(self.next, |unread| *unread -= 1);
        self.shared.audience.leave();
        while let Some(item) = self.shared.pop_read() {
            drop(item);
        }
    }
}

/// A receive failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecvError {
    /// So many items were lost, because this receiver was too slow. Receive again; make the
    /// capacity larger if it happens often.
    Lagged(u64),
    /// Nothing more will come: no sender is left, and what they sent was received.
    Closed,
    /// The receiving task was asked to stop before something came.
    Cancelled,
}

/// A receive that does not wait failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TryRecvError {
    /// So many items were lost, because this receiver was too slow. Receive again; make the
    /// capacity larger if it happens often.
    Lagged(u64),
    /// There is nothing now: try again later, or wait with `recv`.
    Empty,
    /// Nothing more will come: no sender is left, and what they sent was received.
    Closed,
}

impl fmt::Display for RecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lagged(lost) => write!(f, "the receiver was too slow and lost {lost} items"),
            Self::Closed => super::error::RecvError::Closed.fmt(f),
            Self::Cancelled => super::error::RecvError::Cancelled.fmt(f),
        }
    }
}

impl fmt::Display for TryRecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lagged(lost) => RecvError::Lagged(*lost).fmt(f),
            Self::Empty => super::error::TryRecvError::Empty.fmt(f),
            Self::Closed => super::error::TryRecvError::Closed.fmt(f),
        }
    }
}

impl Error for RecvError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        matches!(self, Self::Cancelled).then_some(&Cancelled as _)
    }
}

impl Error for TryRecvError {}

impl From<Cancelled> for RecvError {
    fn from(Cancelled: Cancelled) -> Self {
        Self::Cancelled
    }
}

impl From<RecvError> for io::Error {
    fn from(error: RecvError) -> Self {
        match error {
            RecvError::Lagged(_) => Self::other(error),
            RecvError::Closed => super::error::RecvError::Closed.into(),
            RecvError::Cancelled => Cancelled.into(),
        }
    }
}

impl From<TryRecvError> for io::Error {
    fn from(error: TryRecvError) -> Self {
        match error {
            TryRecvError::Lagged(_) => Self::other(error),
            TryRecvError::Empty => super::error::TryRecvError::Empty.into(),
            TryRecvError::Closed => super::error::TryRecvError::Closed.into(),
        }
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender")
            .field("receivers", &self.receiver_count())
            .field("len", &self.len())
            .field("capacity", &self.capacity())
            .finish()
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("len", &self.len())
            .field("closed", &self.is_closed())
            .finish_non_exhaustive()
    }
}
