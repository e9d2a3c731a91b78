//! The outbound half of a UDP socket.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};

use taut_runtime::io::{DatagramSender, Descriptor, Outgoing};
use taut_runtime::task::waiting;

/// Sends on a UDP socket that another task may receive from; clones send on the same one.
///
/// The socket is closed when it and all its senders are gone.
#[derive(Clone, Debug)]
pub struct UdpSender {
    sender: DatagramSender,
    descriptor: Descriptor,
}

impl UdpSender {
    pub(super) fn new(descriptor: Descriptor) -> Self {
        Self { sender: DatagramSender::new(descriptor.clone()), descriptor }
    }

    /// As [`UdpSocket::send`](crate::UdpSocket::send).
    ///
    /// # Errors
    ///
    /// As there.
    #[track_caller]
    #[inline]
    pub fn send(&self, bytes: &[u8]) -> impl Future<Output = io::Result<()>> {
        waiting("send of a UDP socket", self.sender.send(bytes, None))
    }

    /// As [`UdpSocket::send_to`](crate::UdpSocket::send_to).
    ///
    /// # Errors
    ///
    /// As there.
    #[track_caller]
    #[inline]
    pub fn send_to(&self, bytes: &[u8], to: SocketAddr) -> impl Future<Output = io::Result<()>> {
        waiting("send of a UDP socket", self.sender.send(bytes, Some(to)))
    }

    /// As [`UdpSocket::try_send`](crate::UdpSocket::try_send).
    ///
    /// # Errors
    ///
    /// As there.
    #[inline]
    pub fn try_send(&self, bytes: &[u8], to: Option<SocketAddr>) -> io::Result<()> {
        self.sender.try_send(bytes, to)
    }

    /// As [`UdpSocket::send_many`](crate::UdpSocket::send_many).
    ///
    /// # Errors
    ///
    /// As there.
    #[track_caller]
    pub fn send_many(&self, datagrams: &[Outgoing<'_>]) -> impl Future<Output = io::Result<usize>> {
        waiting("send of UDP datagrams", self.sender.send_many(datagrams))
    }

    /// As [`UdpSocket::send_segments`](crate::UdpSocket::send_segments).
    ///
    /// # Errors
    ///
    /// As there.
    #[track_caller]
    pub fn send_segments(
        &self,
        bytes: &[u8],
        segment_bytes: u16,
        to: Option<SocketAddr>,
    ) -> impl Future<Output = io::Result<()>> {
        waiting("send of UDP segments", self.sender.send_segments(bytes, segment_bytes, to))
    }
}

impl AsFd for UdpSender {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}
