//! Options of TCP connections, before and after the connect, and addresses as ours.

use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};

/// How TCP probes a silent peer.
///
/// ```
/// use std::time::Duration;
/// use taut_net::Keepalive;
///
/// let keepalive = Keepalive { idle: Duration::from_secs(10), ..Keepalive::default() };
/// assert_eq!(keepalive.probes, 9);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keepalive {
    /// Silence before the first probe, in whole seconds. Default: 2 hours, as the kernel's.
    pub idle: Duration,
    /// Time between two probes, in whole seconds. Default: 75 s, as the kernel's.
    pub interval: Duration,
    /// Unanswered probes after which the connection counts as broken. Default: 9.
    pub probes: u32,
}

impl Default for Keepalive {
    fn default() -> Self {
        Self { idle: Duration::from_secs(7200), interval: Duration::from_secs(75), probes: 9 }
    }
}

pub(crate) fn set_keepalive(socket: &impl AsFd, keepalive: Option<Keepalive>) -> io::Result<()> {
    let socket = SockRef::from(socket);
    match keepalive {
        None => socket.set_keepalive(false),
        Some(Keepalive { idle, interval, probes }) => socket.set_tcp_keepalive(
            &TcpKeepalive::new().with_time(idle).with_interval(interval).with_retries(probes),
        ),
    }
}

pub(crate) fn keepalive(socket: &impl AsFd) -> io::Result<Option<Keepalive>> {
    let socket = SockRef::from(socket);
    if !socket.keepalive()? {
        return Ok(None);
    }
    Ok(Some(Keepalive {
        idle: socket.tcp_keepalive_time()?,
        interval: socket.tcp_keepalive_interval()?,
        probes: socket.tcp_keepalive_retries()?,
    }))
}

/// An address of the kernel's as one of ours.
pub(crate) fn to_std(address: &socket2::SockAddr) -> io::Result<std::net::SocketAddr> {
    address.as_socket().ok_or_else(|| {
        io::Error::new(io::ErrorKind::InvalidData, "the kernel gave an address that is not IP")
    })
}

/// Implements the options that make sense on a connected stream, before and after the connect.
macro_rules! stream_options {
    ($type:ty) => {
        impl $type {
            /// Whether small messages leave at once (`TCP_NODELAY`); on by default.
            ///
            /// # Errors
            ///
            /// What `getsockopt(2)` tells.
            pub fn nodelay(&self) -> std::io::Result<bool> {
                socket2::SockRef::from(self).tcp_nodelay()
            }

            /// Switches `TCP_NODELAY`. Off, the kernel may hold a small message back for 40 ms.
            ///
            /// # Errors
            ///
            /// What `setsockopt(2)` tells.
            pub fn set_nodelay(&self, on: bool) -> std::io::Result<()> {
                socket2::SockRef::from(self).set_tcp_nodelay(on)
            }

            /// How a silent peer is probed; `None` where it is not.
            ///
            /// # Errors
            ///
            /// What `getsockopt(2)` tells.
            pub fn keepalive(&self) -> std::io::Result<Option<$crate::Keepalive>> {
                $crate::tcp::options::keepalive(self)
            }

            /// Sets how a silent peer is probed; `None` switches probing off, the default.
            ///
            /// # Errors
            ///
            /// What `setsockopt(2)` tells.
            pub fn set_keepalive(
                &self,
                keepalive: Option<$crate::Keepalive>,
            ) -> std::io::Result<()> {
                $crate::tcp::options::set_keepalive(self, keepalive)
            }

            /// How long a close waits for unsent bytes; see [`set_linger`](Self::set_linger).
            ///
            /// # Errors
            ///
            /// What `getsockopt(2)` tells.
            pub fn linger(&self) -> std::io::Result<Option<std::time::Duration>> {
                socket2::SockRef::from(self).linger()
            }

            /// How long a close waits for unsent bytes; zero makes it a reset. Any other time
            /// blocks the whole core where a stream is dropped before its bytes have left.
            ///
            /// # Errors
            ///
            /// What `setsockopt(2)` tells.
            pub fn set_linger(&self, linger: Option<std::time::Duration>) -> std::io::Result<()> {
                socket2::SockRef::from(self).set_linger(linger)
            }

            /// The address of this end.
            ///
            /// # Errors
            ///
            /// What `getsockname(2)` tells.
            pub fn local_addr(&self) -> std::io::Result<std::net::SocketAddr> {
                $crate::tcp::options::to_std(&socket2::SockRef::from(self).local_addr()?)
            }
        }
    };
}

pub(crate) use stream_options;
