//! A bounded ring from one thread to many, each of which gets every item, in order.
//!
//! What becomes of a slow receiver is chosen with the ring:
//!
//! | made by | a slow receiver | items |
//! |---|---|---|
//! | [`blocking`] | holds up the sender, and loses nothing | anything that can be cloned |
//! | [`lossy`] | is overtaken, and told how many items it lost | plain data, see below |
//!
//! An item is written once, however many receive it, and the sender touches nothing that belongs to
//! a receiver: one that spins sees the item by itself, and those that sleep are woken once each. A
//! receiver of a blocking ring writes its position to a cache line of its own, which the sender
//! looks at only when the ring seems full. There an item that all have received is dropped when its
//! slot is written again, or with the ring.
//!
//! A receiver gets what is sent after it was [subscribed](Receiver::subscribe). While there is none
//! the ring is closed for the sender, as [`channel::broadcast`](crate::channel::broadcast) is; it
//! opens with the next one. It is closed for receivers when the [`Sender`] is gone; what they have
//! not received then still comes.
//!
//! In a lossy ring an item is copied while it may be overwritten, and the copy is thrown away if it
//! was. So it has to be plain data in the sense of the crate `bytemuck`: `NoUninit`, without
//! padding, and `AnyBitPattern`; both can be derived there.
//!
//! ```
//! use taut_runtime::cores::broadcast;
//!
//! let (mut quotes, mut strategy) = broadcast::lossy::<[u64; 2]>(2);
//! let mut recorder = quotes.subscribe();
//! let thread = std::thread::spawn(move || {
//!     taut_runtime::run(async move {
//!         let mut received = 0;
//!         loop {
//!             match strategy.recv().await {
//!                 Ok(_quote) => received += 1,
//!                 Err(broadcast::RecvError::Lagged(lost)) => received += lost,
//!                 Err(_) => break received,
//!             }
//!         }
//!     })
//! });
//! for quote in 0..3 {
//!     quotes.try_send([quote, 100 + quote])?;
//! }
//! drop(quotes);
//! assert_eq!(recorder.try_recv(), Err(broadcast::TryRecvError::Lagged(1)));
//! assert_eq!(recorder.try_recv(), Ok([1, 101]));
//! assert_eq!(thread.join().unwrap()?, 3);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::sync::Arc;

use bytemuck::{AnyBitPattern, NoUninit};

use super::broadcaster::Broadcaster;
pub use super::mode::{Blocking, Lossy, Mode};
use super::ring::Ring;
pub use super::subscriber::{Borrowed, Drain, Receiver, RecvTimeoutError};
pub use crate::channel::broadcast::{RecvError, TryRecvError};
pub use crate::channel::{SendError, SendTimeoutError, TrySendError};

/// The one sending end.
pub type Sender<T, M> = super::Sender<T, Broadcaster<M>>;

/// Makes a ring with room for `capacity` items, which waits for its slowest receiver. Its memory is
/// allocated and touched here.
///
/// ```
/// use taut_runtime::cores::broadcast::{self, TrySendError};
///
/// let (mut orders, mut risk) = broadcast::blocking(1);
/// let mut audit = risk.subscribe();
/// orders.try_send("buy")?;
/// assert_eq!(risk.try_recv(), Ok("buy"));
/// assert_eq!(orders.try_send("sell"), Err(TrySendError::Full("sell")));
/// assert_eq!(audit.try_recv(), Ok("buy"));
/// orders.try_send("sell")?;
/// # Ok::<(), TrySendError<&str>>(())
/// ```
///
/// # Panics
///
/// Where `capacity` is zero or more than 2^31, or there is not so much memory.
#[track_caller]
pub fn blocking<T>(capacity: usize) -> (Sender<T, Blocking>, Receiver<T, Blocking>)
where
    T: Clone + Send + Sync + 'static,
{
    make(capacity)
}

/// Makes a ring that keeps the last `capacity` items, and waits for nobody. Its memory is allocated
/// and touched here.
///
/// # Panics
///
/// As for [`blocking`].
#[track_caller]
pub fn lossy<T>(capacity: usize) -> (Sender<T, Lossy>, Receiver<T, Lossy>)
where
    T: NoUninit + AnyBitPattern + Send,
{
    make(capacity)
}

#[track_caller]
fn make<T: Send + 'static, M: Mode<T>>(capacity: usize) -> (Sender<T, M>, Receiver<T, M>) {
    let ring = Arc::new(Ring::of(M::slots(capacity), 1));
    let receiver = Receiver::new(Arc::clone(&ring));
    (Sender::new(ring, Broadcaster::default()), receiver)
}
