//! How the kernel's TCP behaves: when it sends, acknowledges, gives up and accepts.
//!
//! Each is one system call, and off or the kernel's own choice unless set.

use std::ffi::c_int;
use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use libc::{
    TCP_CORK, TCP_DEFER_ACCEPT, TCP_FASTOPEN, TCP_FASTOPEN_CONNECT, TCP_MAXSEG, TCP_NOTSENT_LOWAT,
    TCP_QUICKACK, TCP_USER_TIMEOUT,
};
use socket2::SockRef;

use crate::number_option::NumberOption;
use crate::{TcpListener, TcpSocket, TcpStream};

const fn of_tcp(option: c_int, name: &'static str, since: &'static str) -> NumberOption {
    NumberOption { level: libc::IPPROTO_TCP, option, name, needs: "nothing", since }
}

const CORK: NumberOption = of_tcp(TCP_CORK, "TCP_CORK", "2.2");
const DEFER_ACCEPT: NumberOption = of_tcp(TCP_DEFER_ACCEPT, "TCP_DEFER_ACCEPT", "2.4");
const FAST_OPEN: NumberOption = of_tcp(TCP_FASTOPEN, "TCP_FASTOPEN", "3.6");
const FAST_OPEN_CONNECT: NumberOption =
    of_tcp(TCP_FASTOPEN_CONNECT, "TCP_FASTOPEN_CONNECT", "4.11");
const MAX_SEGMENT: NumberOption = of_tcp(TCP_MAXSEG, "TCP_MAXSEG", "2.0");
const NOT_SENT_LOWAT: NumberOption = of_tcp(TCP_NOTSENT_LOWAT, "TCP_NOTSENT_LOWAT", "3.12");
const QUICK_ACK: NumberOption = of_tcp(TCP_QUICKACK, "TCP_QUICKACK", "2.4.4");
const USER_TIMEOUT: NumberOption = of_tcp(TCP_USER_TIMEOUT, "TCP_USER_TIMEOUT", "2.6.37");

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

fn defer_accept(socket: &impl AsFd) -> io::Result<Option<Duration>> {
    let seconds = DEFER_ACCEPT.get(socket)?.unsigned_abs();
    Ok((seconds != 0).then(|| Duration::from_secs(seconds.into())))
}

fn set_defer_accept(socket: &impl AsFd, time: Option<Duration>) -> io::Result<()> {
    let seconds = time.map_or(0, |time| time.as_millis().div_ceil(1000).max(1));
    DEFER_ACCEPT.set_count(socket, seconds)
}

/// Options that make sense on a connection, before and after the connect.
macro_rules! tuning_options {
    ($type:ty) => {
        impl $type {
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

tuning_options!(TcpSocket);
tuning_options!(TcpStream);

/// Options of those that accept connections.
macro_rules! accept_options {
    ($type:ty) => {
        impl $type {
            /// The time of [`set_defer_accept`](Self::set_defer_accept).
            ///
            /// # Errors
            ///
            /// What `getsockopt(2)` tells.
            pub fn defer_accept(&self) -> io::Result<Option<Duration>> {
                defer_accept(self)
            }

            /// Lets a connection be accepted only once its first bytes are there
            /// (`TCP_DEFER_ACCEPT`), or after this time of silence. The kernel counts in answers
            /// that it sends meanwhile, so it takes 1, 3, 7, 15, 31 s and so on: the next one that
            /// is not less.
            ///
            /// # Errors
            ///
            /// What `setsockopt(2)` tells.
            pub fn set_defer_accept(&self, time: Option<Duration>) -> io::Result<()> {
                set_defer_accept(self, time)
            }

            /// How many connections may be under way whose first segment carried bytes.
            ///
            /// # Errors
            ///
            /// What `getsockopt(2)` tells.
            pub fn fast_open_queue(&self) -> io::Result<u32> {
                Ok(FAST_OPEN.get(self)?.unsigned_abs())
            }

            /// Lets so many connections be under way whose first segment carried bytes
            /// (`TCP_FASTOPEN`), which saves their peers a round trip; 0 for none. Has an effect
            /// where `net.ipv4.tcp_fastopen` has the bit 2. Such bytes may come twice, from a
            /// network that repeats packets: a request in them should bear that.
            ///
            /// # Errors
            ///
            /// `InvalidInput` once connected.
            pub fn set_fast_open_queue(&self, connections: u32) -> io::Result<()> {
                FAST_OPEN.set_count(self, connections)
            }
        }
    };
}

accept_options!(TcpSocket);
accept_options!(TcpListener);

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
