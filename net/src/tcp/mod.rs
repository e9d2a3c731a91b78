//! TCP connections and what they come from.
//!
//! | file | idea |
//! |---|---|
//! | `socket` | options that must be set before the connection |
//! | `connector` | how a connection is made |
//! | `attempts`, `families` | several addresses, and the order in which they are tried |
//! | `stream` | a connection; what it shares with others is in `crate::stream` |
//! | `listener` | accepting |
//! | `sharded`, `dealer` | accepting on many cores |
//! | `options`, `keepalive` | when a connection sends, acknowledges, gives up and closes |
//! | `accept_options` | which connections are accepted, and when |
//! | `transfer` | files that are sent |
//! | `info` | what the kernel knows of a connection |

mod accept_options;
mod attempts;
mod connector;
mod dealer;
mod families;
mod info;
mod keepalive;
mod listener;
mod options;
mod sharded;
pub(crate) mod socket;
mod stream;
mod transfer;

pub use attempts::ConnectError;
pub use connector::Connector;
pub use dealer::{Choose, Deal, Dealer, Load, Worker};
pub use info::{CongestionState, TcpInfo, TcpState};
pub use keepalive::Keepalive;
pub use listener::TcpListener;
pub use sharded::{Shard, Sharding};
pub use socket::TcpSocket;
pub use stream::{Tcp, TcpStream};
