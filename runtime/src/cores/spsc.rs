//! A bounded ring from one thread to another: one sender, one receiver.
//!
//! Made for two cores that spin: a message then costs the transfer of one cache line, no system
//! call, no lock and no allocation, also through [`recv`](Receiver::recv). A receiver that sleeps
//! is woken once for all that is sent until it is awake. Both ends also serve plain threads, by
//! their `try_` and `_blocking` forms.
//!
//! ```
//! use taut_runtime::cores::spsc;
//!
//! let (mut ticks, mut feed) = spsc::channel(1024);
//! let strategy = std::thread::spawn(move || {
//!     taut_runtime::run(async move {
//!         let mut sum = 0;
//!         while let Ok(tick) = feed.recv().await {
//!             sum += tick;
//!         }
//!         sum
//!     })
//! });
//! taut_runtime::run(async move {
//!     for tick in 1..=100_u64 {
//!         ticks.send(tick).await?;
//!     }
//!     Ok::<(), spsc::SendError<u64>>(())
//! })??;
//! assert_eq!(strategy.join().unwrap()?, 5050);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::sync::Arc;

use super::producer::Sole;
use super::ring::Ring;
pub use super::{Borrowed, Drain, Receiver, Slot};
pub use crate::channel::{
    RecvError, RecvTimeoutError, SendError, SendTimeoutError, TryRecvError, TrySendError,
};

/// The one sending end.
pub type Sender<T> = super::Sender<T, Sole>;

/// Makes a ring with room for `capacity` items, whose memory is allocated and touched here.
///
/// # Panics
///
/// Where `capacity` is zero or more than 2^31, or there is not so much memory.
#[track_caller]
pub fn channel<T: Send + 'static>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    let ring = Arc::new(Ring::new(capacity));
    (Sender::new(Arc::clone(&ring), Sole::default()), Receiver::new(ring))
}
