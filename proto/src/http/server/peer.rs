//! Who is at the other end of a connection.

use std::net::SocketAddr;

use taut_net::Credentials;

/// Who is at the other end of a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Peer {
    /// An address and port.
    Tcp(SocketAddr),
    /// A process of this host, as the kernel vouches for it.
    Unix(Credentials),
    /// Nobody knows: it had gone before it was asked, or the transport tells nothing.
    #[default]
    Unknown,
}
