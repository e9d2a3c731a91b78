//! A bounded ring from many threads to one.
//!
//! As [`spsc`](super::spsc), but the sender can be cloned, at the price of one exchange of a shared
//! word for each send or batch. Items of one sender come out in the order in which they went in. A
//! sender that stops between claiming its place and filling it, because the kernel took its core
//! away, holds up those behind it for as long; nobody spins on it.
//!
//! ```
//! use taut_runtime::cores::mpsc;
//!
//! let (orders, mut gateway) = mpsc::channel(256);
//! let strategies: Vec<_> = (0..2)
//!     .map(|strategy| {
//!         let mut orders = orders.clone();
//!         std::thread::spawn(move || {
//!             for number in 0..100 {
//!                 orders.send_blocking((strategy, number)).unwrap();
//!             }
//!         })
//!     })
//!     .collect();
//! drop(orders);
//! let received = taut_runtime::run(async move {
//!     let mut received = 0;
//!     while let Ok((_strategy, _number)) = gateway.recv().await {
//!         received += 1;
//!     }
//!     received
//! })?;
//! assert_eq!(received, 200);
//! # strategies.into_iter().for_each(|thread| thread.join().unwrap());
//! # Ok::<(), taut_runtime::BuildError>(())
//! ```

use std::sync::Arc;

use super::producer::Shared;
use super::ring::Ring;
pub use super::{Borrowed, Drain, Receiver, Slot};
pub use crate::channel::{
    RecvError, RecvTimeoutError, SendError, SendTimeoutError, TryRecvError, TrySendError,
};

/// A sending end; clones of it send to the same receiver.
pub type Sender<T> = super::Sender<T, Shared>;

/// Makes a ring with room for `capacity` items, whose memory is allocated and touched here.
///
/// # Panics
///
/// Where `capacity` is zero or more than 2^31, or there is not so much memory.
#[track_caller]
pub fn channel<T: Send + 'static>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    let ring = Arc::new(Ring::new(capacity));
    (Sender::new(Arc::clone(&ring), Shared::default()), Receiver::new(ring))
}

impl<T: Send + 'static> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.ring().add_sender();
        Self::new(Arc::clone(self.ring()), Shared::default())
    }
}
