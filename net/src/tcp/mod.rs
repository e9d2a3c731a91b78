//! TCP connections and what they come from.
//!
//! | file | idea |
//! |---|---|
//! | `socket` | options that must be set before the connection |
//! | `stream` | a connection; what it shares with others is in `crate::stream` |
//! | `listener` | accepting |
//! | `sharded`, `dealer` | accepting on many cores |
//! | `options` | options that all of them share |

mod dealer;
mod listener;
pub(crate) mod options;
mod sharded;
pub(crate) mod socket;
mod stream;

pub use dealer::{Choose, Deal, Dealer, Load, Worker};
pub use listener::TcpListener;
pub use options::Keepalive;
pub use sharded::{Shard, Sharding};
pub use socket::TcpSocket;
pub use stream::{Tcp, TcpStream};
