//! TCP over the Taut runtime.
//!
//! [`TcpListener`] accepts with one multishot operation, [`TcpStream`] receives with one: data
//! lands in the core's buffers and is read from there without a copy, or with one into the caller's
//! own memory. [`TcpSocket`] sets options before connecting or listening. `TCP_NODELAY` is on from
//! the start.
//!
//! Every future here can be dropped at every point: descriptors are closed, buffers returned, and
//! no received byte is lost.

mod address;
mod dealer;
mod handover;
mod listener;
mod options;
mod sharded;
mod socket;
mod split;
mod stream;

#[cfg(feature = "futures-io")]
mod futures_traits;
#[cfg(feature = "tokio-io")]
mod tokio_traits;

pub use address::ToAddresses;
pub use dealer::{Choose, Deal, Dealer, Load, Worker};
pub use handover::{DetachError, Detached};
pub use listener::TcpListener;
pub use options::Keepalive;
pub use sharded::{Shard, Sharding};
pub use socket::TcpSocket;
pub use split::{OwnedReadHalf, OwnedWriteHalf, ReuniteError};
pub use stream::TcpStream;
