//! Sockets whose network card's queue the core polls while it waits.
//!
//! The queue of a socket is known once something came in by it, and some interfaces have none:
//! loopback, and virtual ones unless they were told to (veth: `ethtool -K veth0 gro on` at the
//! receiver and `tso off` at the sender). Invariant: a core that says that it polls a socket's
//! queue does. Costs two system calls.
//!
//! [`WaitStrategy::NapiPoll`](taut_runtime::WaitStrategy::NapiPoll) prefers busy polling for the
//! whole ring, so a socket's `SO_PREFER_BUSY_POLL` and `SO_BUSY_POLL_BUDGET` add nothing to it:
//! they are for calls that wait in the kernel by themselves, which no runtime makes, and for epoll.
//! A wait takes up to 8 packets at a time from the card, whatever the budget.

use std::io;
use std::net::IpAddr;

use crate::socket_options::incoming_napi_id;
use crate::{Interface, TcpStream, UdpSocket};

fn use_napi(socket: &impl std::os::fd::AsFd, local: IpAddr) -> io::Result<u32> {
    let Some(id) = incoming_napi_id(socket)? else {
        let interface = match Interface::by_address(local) {
            Ok(Some(interface)) => interface.to_string(),
            _ => format!("the interface of {local}"),
        };
        let message = format!(
            "{interface} has no queue that could be polled (SO_INCOMING_NAPI_ID is 0): it has no \
             NAPI, as loopback, or nothing came in on this socket yet"
        );
        return Err(io::Error::new(io::ErrorKind::Unsupported, message));
    };
    taut_runtime::io::poll_napi(Some(id))?;
    Ok(id)
}

impl UdpSocket {
    /// Has the core poll, while it waits, the network card's queue by which this socket's last
    /// packet came, and no other one; gives its NAPI id. To be called when something has come in,
    /// by the one socket that matters most, or by several of one queue. See
    /// [`poll_napi`](taut_runtime::io::poll_napi), which also ends it.
    ///
    /// # Errors
    ///
    /// `Unsupported` where the interface, which the error names, has no such queue, or nothing came
    /// in; as for [`poll_napi`](taut_runtime::io::poll_napi).
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    pub fn use_napi(&self) -> io::Result<u32> {
        use_napi(self, self.local_addr()?.ip())
    }
}

impl TcpStream {
    /// As [`UdpSocket::use_napi`].
    ///
    /// # Errors
    ///
    /// As there.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    pub fn use_napi(&self) -> io::Result<u32> {
        use_napi(self, self.local_addr()?.ip())
    }
}
