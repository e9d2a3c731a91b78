//! Options of those that accept TCP connections: which they wait for, and for how long.
//!
//! Each is one system call, and off unless set.

use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use libc::{IPPROTO_TCP, TCP_DEFER_ACCEPT, TCP_FASTOPEN};

use crate::number_option::NumberOption;
use crate::{TcpListener, TcpSocket};

const DEFER_ACCEPT: NumberOption =
    NumberOption::new(IPPROTO_TCP, TCP_DEFER_ACCEPT, "TCP_DEFER_ACCEPT", "2.4");
const FAST_OPEN: NumberOption = NumberOption::new(IPPROTO_TCP, TCP_FASTOPEN, "TCP_FASTOPEN", "3.6");

fn defer_accept(socket: &impl AsFd) -> io::Result<Option<Duration>> {
    let seconds = DEFER_ACCEPT.get(socket)?.unsigned_abs();
    Ok((seconds != 0).then(|| Duration::from_secs(seconds.into())))
}

fn set_defer_accept(socket: &impl AsFd, time: Option<Duration>) -> io::Result<()> {
    let seconds = time.map_or(0, |time| time.as_millis().div_ceil(1000).max(1));
    DEFER_ACCEPT.set_count(socket, seconds)
}

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
