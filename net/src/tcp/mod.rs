//! TCP connections and what they come from.
//!
//! | file | idea |
//! |---|---|
//! | `socket` | options that must be set before the connection |
//! | `stream`, `split` | a connection, whole and as two halves |
//! | `listener` | accepting |
//! | `sharded`, `dealer` | accepting on many cores |
//! | `handover` | a connection that moves to another core |
//! | `options` | options that all of them share |

mod dealer;
mod handover;
mod listener;
pub(crate) mod options;
mod sharded;
mod socket;
mod split;
mod stream;

#[cfg(feature = "futures-io")]
mod futures_traits;
#[cfg(feature = "tokio-io")]
mod tokio_traits;

pub use dealer::{Choose, Deal, Dealer, Load, Worker};
pub use handover::{DetachError, Detached};
pub use listener::TcpListener;
pub use options::Keepalive;
pub use sharded::{Shard, Sharding};
pub use socket::TcpSocket;
pub use split::{OwnedReadHalf, OwnedWriteHalf, ReuniteError};
pub use stream::TcpStream;
