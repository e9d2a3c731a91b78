//! Sockets over the Taut runtime.
//!
//! [`TcpListener`] accepts with one multishot operation, [`TcpStream`] receives with one: data
//! lands in the core's buffers and is read from there without a copy, or with one into the caller's
//! own memory. [`TcpSocket`] sets options before connecting or listening. `TCP_NODELAY` is on from
//! the start. [`UnixStream`] is the same between processes of the host; [`UnixFdStream`],
//! [`UnixDatagram`] and [`UnixSeqpacket`] pass descriptors, too.
//!
//! [`UdpSocket`] hands out each datagram where it landed, with all that the kernel knows of it, and
//! joins groups. [`feed`] makes one feed out of redundant lines, [`framing`] cuts streams into
//! lines and frames.
//!
//! Every future here can be dropped at every point: descriptors are closed, buffers returned, and
//! no received byte is lost.
//!
//! | module | idea |
//! |---|---|
//! | `tcp` | connections: how they are made, accepted, dealt out and tuned |
//! | `udp` | datagrams and groups |
//! | `unix` | streams and messages between processes of one host |
//! | `stream` | what connections of TCP and of Unix sockets have in common |
//! | `dns` | how names become addresses |
//! | [`reconnect`] | a connection that is made anew when it breaks |
//! | [`feed`] | one feed out of redundant lines |
//! | [`framing`] | lines and frames out of streams |
//! | `timestamps` | when packets came in and left |
//! | [`transport`] | what protocols run over |
//! | `interface` | the host's network interfaces |
//! | `napi` | sockets whose network card's queue the core polls |
//! | `socket_options`, `number_option` | what every IP socket has, and the calls that set options |
//! | `has_descriptor` | the traits of a descriptor |

mod dns;
pub mod feed;
pub mod framing;
mod has_descriptor;
mod interface;
mod napi;
mod number_option;
pub mod reconnect;
mod socket_options;
mod stream;
mod tcp;
mod timestamps;
pub mod transport;
mod udp;
mod unix;

pub use dns::{ResolveError, Resolver, ResolverBuilder, ToAddresses};
pub use interface::Interface;
pub use reconnect::{ReconnectingBuilder, ReconnectingStream};
pub use stream::{
    DetachError, Detached, Family, OwnedReadHalf, OwnedWriteHalf, ReuniteError, Stream,
};
pub use taut_runtime::io::{Datagram, Outgoing, ReceiveTimestamps};
pub use taut_runtime::io::{TRANSMIT_TIMESTAMPS_MAX, TransmitTimestamp};
pub use tcp::{
    Choose, CongestionState, Deal, Dealer, Keepalive, Load, Shard, Sharding, Tcp, TcpInfo,
    TcpListener, TcpSocket, TcpState, TcpStream, Worker,
};
pub use tcp::{ConnectError, Connector};
pub use timestamps::{StampedBy, TimestampCapabilities, TransmitTimestamps};
pub use transport::Transport;
pub use udp::{UdpBuilder, UdpSender, UdpSocket};
pub use unix::{
    Credentials, FDS_MAX, ToUnixAddress, Unix, UnixAccepted, UnixBind, UnixDatagram, UnixFdStream,
    UnixListener, UnixMessage, UnixSeqpacket, UnixSeqpacketListener, UnixSocketListener,
    UnixStream,
};
