//! Connections that carry messages: in order, whole, with an end.

use std::io;
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::SocketAddr;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{ioctl_fionread, retry_on_intr};
use rustix::net::SocketType;
use socket2::SockRef;
use taut_runtime::task::waiting;

use super::address::{ToUnixAddress, from_kernel, invalid};
use super::connect::connected;
use super::endpoint::{Endpoint, UnixMessage};
use super::options::unix_options;
use super::stream::pair;
use crate::has_descriptor::has_descriptor;

/// A Unix connection of messages (`SOCK_SEQPACKET`).
///
/// The kernel tells a message without bytes and the end of the connection by the same 0. A message
/// it is while the peer has not finished, or if bytes or descriptors follow; so just those empty
/// messages that a peer sends last, right before it finishes, may be taken for the end. A protocol
/// that ends with an empty message ought to mark it by a byte.
///
/// ```
/// use taut_net::UnixSeqpacket;
///
/// taut_runtime::run(async {
///     let (mut strategy, mut gateway) = UnixSeqpacket::pair()?;
///     strategy.send(b"order 1").await?;
///     strategy.send(b"order 2").await?;
///     drop(strategy);
///     assert_eq!(&gateway.recv().await?.unwrap().bytes[..], b"order 1");
///     assert_eq!(&gateway.recv().await?.unwrap().bytes[..], b"order 2");
///     assert!(gateway.recv().await?.is_none());
///     Ok::<(), std::io::Error>(())
/// })??;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct UnixSeqpacket {
    endpoint: Endpoint,
}

unix_options!(UnixSeqpacket);
has_descriptor!(UnixSeqpacket, endpoint);

impl UnixSeqpacket {
    /// Connects to a path or an abstract name; as
    /// [`UnixStream::connect`](crate::UnixStream::connect).
    ///
    /// # Errors
    ///
    /// As for [`UnixStream::connect`](crate::UnixStream::connect).
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn connect(to: impl ToUnixAddress) -> impl Future<Output = io::Result<Self>> {
        let to = to.to_unix_address();
        waiting("connect of a Unix seqpacket", async {
            let messages = connected(SocketType::SEQPACKET, to).await?;
            Ok(Self { endpoint: Endpoint::new(messages)? })
        })
    }

    /// Two ends of one connection.
    ///
    /// # Errors
    ///
    /// What `socketpair(2)` tells, such as `EMFILE`.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    pub fn pair() -> io::Result<(Self, Self)> {
        let (one, other) = pair(SocketType::SEQPACKET)?;
        Ok((Self::from_connected(one)?, Self::from_connected(other)?))
    }

    /// Takes over a connected socket. The standard library has no type for it.
    ///
    /// # Errors
    ///
    /// `InvalidInput` where it is no seqpacket; what `getsockopt(2)` tells.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    pub fn from_fd(socket: OwnedFd) -> io::Result<Self> {
        let kind = SockRef::from(&socket).r#type()?;
        if kind != socket2::Type::SEQPACKET {
            return Err(invalid(format!("a socket of type {kind:?} is no seqpacket")));
        }
        Self::from_connected(socket)
    }

    pub(super) fn from_connected(socket: OwnedFd) -> io::Result<Self> {
        Ok(Self { endpoint: Endpoint::of(socket)? })
    }

    /// The address of the peer.
    ///
    /// # Errors
    ///
    /// What `getpeername(2)` tells.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        from_kernel(&SockRef::from(self).peer_addr()?)
    }

    /// The next message, in a slot of the core's receive buffers: up to `receive_buffer_bytes` of
    /// it; `None` at the end. Descriptors that come with it are closed by the kernel. Cancel-safe.
    ///
    /// # Errors
    ///
    /// `ConnectionReset` where the peer is gone and has not received all; `ECANCELED`.
    #[track_caller]
    pub fn recv(&mut self) -> impl Future<Output = io::Result<Option<UnixMessage>>> {
        let recv = async { self.unless_ended(self.endpoint.receive(None).await?) };
        waiting("recv on a Unix seqpacket", recv)
    }

    /// As [`recv`](Self::recv), with up to so many descriptors that came along.
    ///
    /// # Errors
    ///
    /// As for [`recv`](Self::recv). Where more descriptors came, or the process can't open so many:
    /// all of them are closed, and the message is lost.
    #[track_caller]
    pub fn recv_with_fds(
        &mut self,
        fds_max: usize,
    ) -> impl Future<Output = io::Result<Option<UnixMessage>>> {
        waiting("recv_with_fds on a Unix seqpacket", async move {
            self.unless_ended(self.endpoint.receive(Some(fds_max)).await?)
        })
    }

    /// As [`recv`](Self::recv), into the caller's memory: for messages that are larger than a slot.
    ///
    /// # Errors
    ///
    /// As for [`recv`](Self::recv).
    #[track_caller]
    pub fn recv_to<'a>(
        &mut self,
        to: &'a mut [u8],
    ) -> impl Future<Output = io::Result<Option<UnixMessage<&'a [u8]>>>> {
        waiting("recv_to on a Unix seqpacket", async move {
            self.unless_ended(self.endpoint.receive_to(to, None).await?)
        })
    }

    /// Sends a message. Cancel-safe: a pending send has sent nothing.
    ///
    /// # Errors
    ///
    /// `BrokenPipe`, `ConnectionReset`; `EMSGSIZE` where it is larger than the
    /// [send buffer](Self::send_buffer_size) allows; `ECANCELED`.
    #[track_caller]
    pub fn send(&mut self, bytes: &[u8]) -> impl Future<Output = io::Result<()>> {
        self.send_with_fds(bytes, &[])
    }

    /// As [`send`](Self::send), with copies of these descriptors.
    ///
    /// # Errors
    ///
    /// As for [`send`](Self::send); `InvalidInput` for more than [`FDS_MAX`](crate::FDS_MAX)
    /// descriptors; `ETOOMANYREFS` where this user has too many under way that nobody has received.
    #[track_caller]
    pub fn send_with_fds(
        &mut self,
        bytes: &[u8],
        fds: &[BorrowedFd<'_>],
    ) -> impl Future<Output = io::Result<()>> {
        let send = async move { self.endpoint.send(bytes, fds).await.map(drop) };
        waiting("send on a Unix seqpacket", send)
    }

    /// Ends one direction, or both. The peer receives the end.
    ///
    /// # Errors
    ///
    /// What `shutdown(2)` tells.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        SockRef::from(self).shutdown(how)
    }

    /// The message, unless it is the end that looks like one.
    fn unless_ended<B: AsRef<[u8]>>(
        &self,
        message: UnixMessage<B>,
    ) -> io::Result<Option<UnixMessage<B>>> {
        let may_be_the_end = message.length == 0 && message.fds.is_empty();
        let ended = may_be_the_end && has_finished(self.as_fd())? && ioctl_fionread(self)? == 0;
        Ok((!ended).then_some(message))
    }
}

/// Whether the peer sends no more, or this end receives no more.
fn has_finished(socket: BorrowedFd<'_>) -> io::Result<bool> {
    let mut asked = [PollFd::new(&socket, PollFlags::RDHUP)];
    retry_on_intr(|| poll(&mut asked, Some(&Timespec::default())))?;
    Ok(asked[0].revents().intersects(PollFlags::RDHUP | PollFlags::HUP))
}
