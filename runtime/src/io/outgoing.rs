//! Datagrams on their way out.
//!
//! A send is one non-blocking call, made at once; only when the socket has no room does it wait for
//! some, and call again from the caller's own memory. Several datagrams share a call (`sendmmsg`),
//! and one buffer can leave as many datagrams of one size, which the kernel or the device cuts
//! (GSO). Invariant: a send that was dropped while it was pending has sent nothing.

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;

use rustix::net::{SendFlags, send, sendto};

use super::send_records::{SEND_MANY_MAX, send_records, send_segments};
use super::{Descriptor, Interest, Source};
use crate::counters::CounterCells;

const FLAGS: SendFlags = SendFlags::DONTWAIT.union(SendFlags::NOSIGNAL);

/// Datagrams into which one buffer can be cut at most (`UDP_MAX_SEGMENTS` of Linux 5.x).
pub const SEGMENTS_MAX: usize = 64;

/// A datagram to be sent with others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outgoing<'a> {
    /// Its bytes.
    pub bytes: &'a [u8],
    /// Where to; `None` for the address that the socket is connected to.
    pub to: Option<SocketAddr>,
}

/// Sends the datagrams of a socket; clones send on the same one.
#[derive(Clone, Debug)]
pub struct DatagramSender {
    source: Source,
}

impl DatagramSender {
    /// The outbound half of a socket of datagrams. No system call.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn new(descriptor: Descriptor) -> Self {
        Self { source: Source::new(descriptor) }
    }

    /// Sends a datagram, to the address that the socket is connected to where `to` is `None`. Waits
    /// while the socket has no room. Cancel-safe.
    ///
    /// # Errors
    ///
    /// What `sendto(2)` tells: `EMSGSIZE` where it is too large, `EDESTADDRREQ` without an address.
    #[inline]
    pub async fn send(&self, bytes: &[u8], to: Option<SocketAddr>) -> io::Result<()> {
        self.call(|| self.send_now(bytes, to.as_ref())).await
    }

    /// Sends a datagram where there is room for it at once.
    ///
    /// # Errors
    ///
    /// `WouldBlock` where there is none; as for [`send`](Self::send).
    #[inline]
    pub fn try_send(&self, bytes: &[u8], to: Option<SocketAddr>) -> io::Result<()> {
        self.counters().syscalls.increment();
        self.send_now(bytes, to.as_ref())
    }

    /// Sends as many of the datagrams as one call takes, in order, at most 64; says how
    /// many. Waits while the socket has room for none. Cancel-safe.
    ///
    /// # Errors
    ///
    /// What the first one's send tells. A later one that can't be sent ends the call before it, and
    /// tells its error when it is the first of the next.
    pub async fn send_many(&self, datagrams: &[Outgoing<'_>]) -> io::Result<usize> {
        if datagrams.is_empty() {
            return Ok(0);
        }
        self.call(|| self.send_many_now(datagrams)).await
    }

    /// Sends `bytes` as datagrams of `segment_bytes` each, the last one shorter where it does not
    /// divide: one call, and one pass through most of the kernel (GSO, Linux 4.18). At most
    /// [`SEGMENTS_MAX`] of them, and 65,507 bytes together. Cancel-safe.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for more segments than that, or none; `EMSGSIZE` where a segment does not fit
    /// the path's MTU; `EIO` where the route's device has no checksums.
    pub async fn send_segments(
        &self,
        bytes: &[u8],
        segment_bytes: u16,
        to: Option<SocketAddr>,
    ) -> io::Result<()> {
        let count = bytes.len().div_ceil(usize::from(segment_bytes.max(1)));
        if segment_bytes == 0 || count == 0 || count > SEGMENTS_MAX {
            let message = format!(
                "{} bytes in segments of {segment_bytes} are {count} datagrams: it takes 1 to \
                 {SEGMENTS_MAX}",
                bytes.len()
            );
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        self.call(|| self.send_segments_now(bytes, segment_bytes, to.as_ref())).await
    }

    fn counters(&self) -> &CounterCells {
        &self.source.core().counters
    }

    async fn call<T>(&self, call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
        self.source.call(Interest::Writable, call).await
    }

    #[inline]
    fn send_now(&self, bytes: &[u8], to: Option<&SocketAddr>) -> io::Result<()> {
        let sent = match to {
            Some(to) => sendto(&self.source, bytes, FLAGS, to),
            None => send(&self.source, bytes, FLAGS),
        };
        self.count(sent.map_err(io::Error::from), bytes.len()).map(drop)
    }

    fn send_many_now(&self, datagrams: &[Outgoing<'_>]) -> io::Result<usize> {
        let datagrams = &datagrams[..datagrams.len().min(SEND_MANY_MAX)];
        let sent = send_records(self.source.as_fd(), datagrams);
        let taken = *sent.as_ref().unwrap_or(&0);
        let bytes = datagrams[..taken].iter().map(|one| one.bytes.len()).sum();
        self.count(sent.map(|_| bytes), bytes)?;
        Ok(taken)
    }

    fn send_segments_now(
        &self,
        bytes: &[u8],
        segment_bytes: u16,
        to: Option<&SocketAddr>,
    ) -> io::Result<()> {
        let sent = send_segments(self.source.as_fd(), bytes, segment_bytes, to);
        self.count(sent, bytes.len()).map(drop)
    }

    fn count(&self, sent: io::Result<usize>, whole: usize) -> io::Result<usize> {
        self.counters().tried_to_send(&sent, whole);
        sent.inspect_err(|error| self.counters().failed(error))
    }
}
