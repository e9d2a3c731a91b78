//! How a TCP connection behaves: when it sends, acknowledges, gives up and closes.
//!
//! The kernel's own choice unless set, but for `TCP_NODELAY`, which is on. Each is one system call,
//! that of keepalive up to four.

use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use libc::{
    IPPROTO_TCP, TCP_CORK, TCP_FASTOPEN_CONNECT, TCP_MAXSEG, TCP_NOTSENT_LOWAT, TCP_QUICKACK,
    TCP_USER_TIMEOUT,
};
use socket2::SockRef;

use super::keepalive::{Keepalive, keepalive, set_keepalive};
use crate::number_option::NumberOption;
use crate::{TcpSocket, TcpStream};

const CORK: NumberOption = NumberOption::new(IPPROTO_TCP, TCP_CORK, "TCP_CORK", "2.2");
const FAST_OPEN_CONNECT: NumberOption =
    NumberOption::new(IPPROTO_TCP, TCP_FASTOPEN_CONNECT, "TCP_FASTOPEN_CONNECT", "4.11");
const MAX_SEGMENT: NumberOption = NumberOption::new(IPPROTO_TCP, TCP_MAXSEG, "TCP_MAXSEG", "2.0");
const NOT_SENT_LOWAT: NumberOption =
    NumberOption::new(IPPROTO_TCP, TCP_NOTSENT_LOWAT, "TCP_NOTSENT_LOWAT", "3.12");
const QUICK_ACK: NumberOption =
    NumberOption::new(IPPROTO_TCP, TCP_QUICKACK, "TCP_QUICKACK", "2.4.4");
const USER_TIMEOUT: NumberOption =
    NumberOption::new(IPPROTO_TCP, TCP_USER_TIMEOUT, "TCP_USER_TIMEOUT", "2.6.37");

fn user_timeout(socket: &impl AsFd) -> io::Result<Option<Duration>> {
    let millis = USER_TIMEOUT.get(socket)?.unsigned_abs();
    Ok((millis != 0).then(|| Duration::from_millis(millis.into())))
}

fn set_user_timeout(socket: &impl AsFd, timeout: Option<Duration>) -> io::Result<()> {
    // Rounded up: zero would be the kernel's own choice.
    let millis = timeout.map_or(0, |timeout| timeout.as_nanos().div_ceil(1_000_000).max(1));
    USER_TIMEOUT.set_count(socket, millis)
}

fn not_sent_lowat(socket: &impl AsFd) -> io::Result<Option<u32>> {
    let bytes = NOT_SENT_LOWAT.get(socket)?.cast_unsigned();
    Ok((bytes != 0).then_some(bytes))
}

fn set_not_sent_lowat(socket: &impl AsFd, bytes: Option<u32>) -> io::Result<()> {
    NOT_SENT_LOWAT.set(socket, bytes.unwrap_or(0).cast_signed())
}

fn congestion_control(socket: &impl AsFd) -> io::Result<String> {
    let mut name = SockRef::from(socket).tcp_congestion()?;
    name.truncate(name.iter().position(|byte| *byte == 0).unwrap_or(name.len()));
    Ok(String::from_utf8_lossy(&name).into_owned())
}

fn set_congestion_control(socket: &impl AsFd, name: &str) -> io::Result<()> {
    SockRef::from(socket).set_tcp_congestion(name.as_bytes()).map_err(|error| {
        let what = match error.raw_os_error() {
            Some(libc::ENOENT) => format!(
                "there is no congestion control {name}; \
                 /proc/sys/net/ipv4/tcp_available_congestion_control has those that are"
            ),
            Some(libc::EPERM) => format!(
                "congestion control {name} needs CAP_NET_ADMIN; those that don't are in \
                 /proc/sys/net/ipv4/tcp_allowed_congestion_control"
            ),
            _ => return error,
        };
        io::Error::new(error.kind(), format!("{what}: {error}"))
    })
}

/// Options that make sense on a connection, before and after the connect.
macro_rules! connection_options {
    ($type:ty) => {
        impl $type {
            /// Whether small messages leave at once (`TCP_NODELAY`); on by default.
            ///
            /// # Errors
            ///
            /// What `getsockopt(2)` tells.
            pub fn nodelay(&self) -> io::Result<bool> {
                SockRef::from(self).tcp_nodelay()
            }

            /// Switches `TCP_NODELAY`. Off, the kernel may hold a small message back for 40 ms.
            ///
            /// # Errors
            ///
            /// What `setsockopt(2)` tells.
            pub fn set_nodelay(&self, on: bool) -> io::Result<()> {
                SockRef::from(self).set_tcp_nodelay(on)
            }

            /// How a silent peer is probed; `None` where it is not.
            ///
            /// # Errors
            ///
            /// What `getsockopt(2)` tells.
            pub fn keepalive(&self) -> io::Result<Option<Keepalive>> {
                keepalive(self)
            }

            /// Sets how a silent peer is probed; `None` switches probing off, the default.
            ///
            /// # Errors
            ///
            /// What `setsockopt(2)` tells.
            pub fn set_keepalive(&self, keepalive: Option<Keepalive>) -> io::Result<()> {
                set_keepalive(self, keepalive)
            }

            /// How long a close waits for unsent bytes; see [`set_linger`](Self::set_linger).
            ///
            /// # Errors
            ///
            /// What `getsockopt(2)` tells.
            pub fn linger(&self) -> io::Result<Option<Duration>> {
                SockRef::from(self).linger()
            }

            /// How long a close waits for unsent bytes; zero makes it a reset. Any other time
            /// blocks the whole core where a stream is dropped before its bytes have left.
            ///
            /// # Errors
            ///
            /// What `setsockopt(2)` tells.
            pub fn set_linger(&self, linger: Option<Duration>) -> io::Result<()> {
                SockRef::from(self).set_linger(linger)
            }

            /// How long sent bytes may stay unacknowledged before the connection counts as broken;
            /// `None` for the kernel's choice, about 15 minutes.
            ///
            /// # Errors
            ///
            /// What `getsockopt(2)` tells.
            pub fn user_timeout(&self) -> io::Result<Option<Duration>> {
                user_timeout(self)
            }

            /// Sets how long sent bytes may stay unacknowledged (`TCP_USER_TIMEOUT`), in
            /// milliseconds, rounded up. Then reads and writes fail with `TimedOut`: how a peer
            /// that is gone without a word is noticed soon. It also ends
            /// [keepalive](Self::set_keepalive) probing.
            ///
            /// # Errors
            ///
            /// `InvalidInput` above 24 days.
            pub fn set_user_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
                set_user_timeout(self, timeout)
            }

            /// The limit of [`set_not_sent_lowat`](Self::set_not_sent_lowat); `None` for that of
            /// the host.
            ///
            /// # Errors
            ///
            /// What `getsockopt(2)` tells.
            pub fn not_sent_lowat(&self) -> io::Result<Option<u32>> {
                not_sent_lowat(self)
            }

            /// Lets writes wait while the kernel holds so many bytes or more that it has not sent
            /// yet (`TCP_NOTSENT_LOWAT`): what is written later can still be decided later. `None`
            /// for `net.ipv4.tcp_notsent_lowat`, which has no limit by default.
            ///
            /// # Errors
            ///
            /// What `setsockopt(2)` tells.
            pub fn set_not_sent_lowat(&self, bytes: Option<u32>) -> io::Result<()> {
                set_not_sent_lowat(self, bytes)
            }

            /// The name of the congestion control, such as `cubic`.
            ///
            /// # Errors
            ///
            /// What `getsockopt(2)` tells.
            pub fn congestion_control(&self) -> io::Result<String> {
                congestion_control(self)
            }

            /// Chooses the congestion control by its name (`TCP_CONGESTION`).
            ///
            /// # Errors
            ///
            /// `NotFound` where the kernel has none of that name; `PermissionDenied` without
            /// `CAP_NET_ADMIN` for those that the host does not allow everybody.
            pub fn set_congestion_control(&self, name: &str) -> io::Result<()> {
                set_congestion_control(self, name)
            }

            /// The payload of the largest segment, in bytes (`TCP_MAXSEG`).
            ///
            /// # Errors
            ///
            /// What `getsockopt(2)` tells.
            pub fn max_segment_bytes(&self) -> io::Result<u32> {
                Ok(MAX_SEGMENT.get(self)?.unsigned_abs())
            }
        }
    };
}

connection_options!(TcpSocket);
connection_options!(TcpStream);

impl TcpSocket {
    /// Whether the first bytes go with the connection's first segment.
    ///
    /// # Errors
    ///
    /// What `getsockopt(2)` tells.
    pub fn fast_open_connect(&self) -> io::Result<bool> {
        Ok(FAST_OPEN_CONNECT.get(self)? != 0)
    }

    /// Sends the first bytes with the connection's first segment (`TCP_FASTOPEN_CONNECT`), where
    /// this host has talked to the peer before: [`connect`](Self::connect) then ends at once, and
    /// a refusal shows with the first write or read.
    ///
    /// # Errors
    ///
    /// `Unsupported` where `net.ipv4.tcp_fastopen` lacks the bit 1.
    pub fn set_fast_open_connect(&self, on: bool) -> io::Result<()> {
        FAST_OPEN_CONNECT.set(self, on.into())
    }

    /// Limits the payload of a segment, in bytes, from 88 to 32 767 (`TCP_MAXSEG`).
    ///
    /// # Errors
    ///
    /// `InvalidInput` outside of these.
    pub fn set_max_segment_bytes(&self, bytes: u32) -> io::Result<()> {
        MAX_SEGMENT.set_count(self, bytes)
    }
}

impl TcpStream {
    /// Whether acknowledgements leave at once, at this moment.
    ///
    /// # Errors
    ///
    /// What `getsockopt(2)` tells.
    pub fn quick_ack(&self) -> io::Result<bool> {
        Ok(QUICK_ACK.get(self)? != 0)
    }

    /// Lets acknowledgements leave at once, or be held back for up to 40 ms in the hope of bytes
    /// that they can go with (`TCP_QUICKACK`). The kernel does not keep to it: what is exchanged
    /// from then on decides anew, so it is to be set again after each read.
    ///
    /// # Errors
    ///
    /// What `setsockopt(2)` tells.
    pub fn set_quick_ack(&self, on: bool) -> io::Result<()> {
        QUICK_ACK.set(self, on.into())
    }

    /// Whether segments that are not full are held back.
    ///
    /// # Errors
    ///
    /// What `getsockopt(2)` tells.
    pub fn cork(&self) -> io::Result<bool> {
        Ok(CORK.get(self)? != 0)
    }

    /// Holds segments back that are not full (`TCP_CORK`), for 200 ms at most; what was held back
    /// leaves when it is switched off. For a head that is followed by
    /// [`send_file`](Self::send_file). Where all is at hand, one
    /// [`write_vectored`](Self::write_vectored) does the same without two system calls more.
    ///
    /// # Errors
    ///
    /// What `setsockopt(2)` tells.
    pub fn set_cork(&self, on: bool) -> io::Result<()> {
        CORK.set(self, on.into())
    }
}
