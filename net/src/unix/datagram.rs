//! Datagrams between processes of the host: whole, in order, never lost on the way.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::net::SocketAddr;

use rustix::net::{AddressFamily, SocketFlags, SocketType, connect, socket_with};
use socket2::SockRef;
use taut_runtime::task::waiting;

use super::UnixBind;
use super::address::{ToUnixAddress, from_kernel, to_kernel};
use super::connect::while_full;
use super::endpoint::{Endpoint, UnixMessage, check_fds, send_now};
use super::options::unix_options;
use super::path::BoundPath;
use super::stream::pair;
use crate::has_descriptor::has_descriptor;

/// A Unix datagram socket.
///
/// Nothing is lost between sender and receiver: while the receiver's queue is full
/// (`net.unix.max_dgram_qlen` datagrams) a send waits. A datagram without bytes is one like any
/// other, and no end: there is none. Several tasks may send and receive.
///
/// ```
/// use taut_net::UnixDatagram;
///
/// taut_runtime::run(async {
///     let (strategy, journal) = UnixDatagram::pair()?;
///     strategy.send(b"order 1").await?;
///     strategy.send(b"").await?;
///     assert_eq!(&journal.recv().await?.bytes[..], b"order 1");
///     assert_eq!(journal.recv().await?.length, 0);
///     Ok::<(), std::io::Error>(())
/// })??;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct UnixDatagram {
    endpoint: Endpoint,
    path: Option<BoundPath>,
}

unix_options!(UnixDatagram);
has_descriptor!(UnixDatagram, endpoint);

impl UnixDatagram {
    /// Receives at a path or an abstract name; dropping the socket removes the path. [`UnixBind`]
    /// sets anything else.
    ///
    /// # Errors
    ///
    /// As for [`UnixBind::datagram`].
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    pub fn bind(address: impl ToUnixAddress) -> io::Result<Self> {
        UnixBind::new(address)?.datagram()
    }

    /// A socket without a name: it sends, and nobody can answer.
    ///
    /// # Errors
    ///
    /// What `socket(2)` tells.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    pub fn unbound() -> io::Result<Self> {
        let (kind, flags) = (SocketType::DGRAM, SocketFlags::CLOEXEC);
        Self::from_bound(socket_with(AddressFamily::UNIX, kind, flags, None)?, None)
    }

    /// Two sockets that are connected with each other.
    ///
    /// # Errors
    ///
    /// What `socketpair(2)` tells, such as `EMFILE`.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    pub fn pair() -> io::Result<(Self, Self)> {
        let (one, other) = pair(SocketType::DGRAM)?;
        Ok((Self::from_bound(one, None)?, Self::from_bound(other, None)?))
    }

    /// Takes over a socket. Its path stays when this is dropped.
    ///
    /// # Errors
    ///
    /// What `ioctl(2)` tells.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    pub fn from_std(socket: std::os::unix::net::UnixDatagram) -> io::Result<Self> {
        socket.set_nonblocking(false)?;
        Self::from_bound(socket.into(), None)
    }

    pub(super) fn from_bound(socket: OwnedFd, path: Option<BoundPath>) -> io::Result<Self> {
        Ok(Self { endpoint: Endpoint::of(socket)?, path })
    }

    /// Chooses the peer: [`send`](Self::send) goes there, and only from there datagrams are
    /// received.
    ///
    /// # Errors
    ///
    /// What `connect(2)` tells: `NotFound`, `ConnectionRefused` where nobody has it bound,
    /// `PermissionDenied`.
    pub fn connect(&self, to: impl ToUnixAddress) -> io::Result<()> {
        Ok(connect(self, &to_kernel(&to.to_unix_address()?)?)?)
    }

    /// The address of the peer.
    ///
    /// # Errors
    ///
    /// `NotConnected` where there is none.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        from_kernel(&SockRef::from(self).peer_addr()?)
    }

    /// Has each datagram say who sent it (`SO_PASSCRED`): off by default. It takes effect for
    /// datagrams that are sent from then on. The kernel gives a socket that has no name an abstract
    /// one with it.
    ///
    /// # Errors
    ///
    /// What `setsockopt(2)` tells.
    pub fn set_pass_credentials(&self, pass: bool) -> io::Result<()> {
        self.endpoint.set_pass_credentials(pass)
    }

    /// The next datagram, in a slot of the core's receive buffers: up to `receive_buffer_bytes` of
    /// it. Descriptors that come with it are closed by the kernel. Cancel-safe.
    ///
    /// # Errors
    ///
    /// `ConnectionReset` where the peer is gone and has not received all; `ECANCELED`.
    #[track_caller]
    pub fn recv(&self) -> impl Future<Output = io::Result<UnixMessage>> {
        waiting("recv on a Unix datagram socket", self.endpoint.receive(None))
    }

    /// As [`recv`](Self::recv), with up to so many descriptors that came along.
    ///
    /// # Errors
    ///
    /// As for [`recv`](Self::recv). Where more descriptors came, or the process can't open so many:
    /// all of them are closed, and the datagram is lost.
    #[track_caller]
    pub fn recv_with_fds(&self, fds_max: usize) -> impl Future<Output = io::Result<UnixMessage>> {
        waiting("recv_with_fds on a Unix datagram socket", self.endpoint.receive(Some(fds_max)))
    }

    /// As [`recv`](Self::recv), into the caller's memory: for datagrams that are larger than a
    /// slot.
    ///
    /// # Errors
    ///
    /// As for [`recv`](Self::recv).
    #[track_caller]
    pub fn recv_to<'a>(
        &self,
        to: &'a mut [u8],
    ) -> impl Future<Output = io::Result<UnixMessage<&'a [u8]>>> {
        waiting("recv_to on a Unix datagram socket", self.endpoint.receive_to(to, None))
    }

    /// Sends a datagram to the peer. Cancel-safe: a pending send has sent nothing.
    ///
    /// # Errors
    ///
    /// `NotConnected`; `ConnectionRefused` where the peer is gone; `EMSGSIZE` where it is larger
    /// than the [send buffer](Self::send_buffer_size) allows; `ECANCELED`.
    #[track_caller]
    pub fn send(&self, bytes: &[u8]) -> impl Future<Output = io::Result<()>> {
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
        &self,
        bytes: &[u8],
        fds: &[BorrowedFd<'_>],
    ) -> impl Future<Output = io::Result<()>> {
        let send = async move { self.endpoint.send(bytes, fds).await.map(drop) };
        waiting("send on a Unix datagram socket", send)
    }

    /// Sends a datagram to whoever is bound there; as [`send`](Self::send).
    ///
    /// # Errors
    ///
    /// As for [`send`](Self::send); `NotFound` where there is no such path, `PermissionDenied`.
    #[track_caller]
    pub fn send_to(
        &self,
        bytes: &[u8],
        to: impl ToUnixAddress,
    ) -> impl Future<Output = io::Result<()>> {
        self.send_to_with_fds(bytes, &[], to)
    }

    /// As [`send_to`](Self::send_to), with copies of these descriptors.
    ///
    /// # Errors
    ///
    /// As for [`send_to`](Self::send_to) and [`send_with_fds`](Self::send_with_fds).
    #[track_caller]
    pub fn send_to_with_fds(
        &self,
        bytes: &[u8],
        fds: &[BorrowedFd<'_>],
        to: impl ToUnixAddress,
    ) -> impl Future<Output = io::Result<()>> {
        let to = to.to_unix_address();
        waiting("send_to on a Unix datagram socket", async move {
            check_fds(fds)?;
            let to = to_kernel(&to?)?;
            let send = |socket: BorrowedFd<'_>| send_now(socket, bytes, fds, Some(&to));
            while_full(&self.endpoint.messages, send).await.map(drop)
        })
    }

    /// Leaves the file of a path where it is when the socket is dropped.
    pub fn keep_path(&mut self) {
        if let Some(path) = &mut self.path {
            path.keep();
        }
    }
}
