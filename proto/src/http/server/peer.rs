//! Who is at the other end of a connection.

use std::net::{IpAddr, SocketAddr};

use taut_net::Credentials;

use super::Secured;

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

impl Peer {
    /// Its address, where it has one. One of IPv4 is one of IPv4, also on a socket of IPv6.
    #[must_use]
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::Tcp(address) => Some(address.ip().to_canonical()),
            Self::Unix(_) | Self::Unknown => None,
        }
    }
}

/// All that is known of a client for as long as its connection lives.
pub(super) struct Known {
    pub(super) peer: Peer,
    #[cfg(feature = "tls")]
    pub(super) tls: Option<std::rc::Rc<crate::tls::Agreed>>,
}

impl Known {
    pub(super) fn of(peer: Peer, transport: &impl Secured) -> Self {
        #[cfg(not(feature = "tls"))]
        let _ = transport;
        Self {
            peer,
            #[cfg(feature = "tls")]
            tls: transport.tls(),
        }
    }
}
