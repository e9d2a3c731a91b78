//! How TCP finds out that a silent peer is gone.

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

pub(super) fn set_keepalive(socket: &impl AsFd, keepalive: Option<Keepalive>) -> io::Result<()> {
    let socket = SockRef::from(socket);
    match keepalive {
        None => socket.set_keepalive(false),
        Some(Keepalive { idle, interval, probes }) => socket.set_tcp_keepalive(
            &TcpKeepalive::new().with_time(idle).with_interval(interval).with_retries(probes),
        ),
    }
}

pub(super) fn keepalive(socket: &impl AsFd) -> io::Result<Option<Keepalive>> {
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
