//! Sockets that listen for Unix connections.

use std::future::poll_fn;
use std::io;
use std::marker::PhantomData;
use std::os::fd::OwnedFd;
use std::os::unix::net::SocketAddr;
use std::task::{Context, Poll, ready};

use socket2::SockRef;
use taut_runtime::io::{Descriptor, Incoming};
use taut_runtime::task::waiting;

use super::address::{ToUnixAddress, from_kernel};
use super::path::BoundPath;
use super::{UnixBind, UnixFdStream, UnixSeqpacket, UnixStream};
use crate::has_descriptor::has_descriptor;

/// Listens for [`UnixStream`]s.
///
/// ```
/// use std::os::linux::net::SocketAddrExt;
/// use std::os::unix::net::SocketAddr;
/// use taut_net::{UnixListener, UnixStream};
///
/// let gateway = SocketAddr::from_abstract_name(format!("gateway-{}", std::process::id()))?;
/// taut_runtime::run(async move {
///     let listener = UnixListener::bind(&gateway)?;
///     let mut client = UnixStream::connect(&gateway).await?;
///     let mut server = listener.accept().await?;
///     client.write_all(b"logon").await?;
///     assert_eq!(&server.recv().await?[..], b"logon");
///     Ok::<(), std::io::Error>(())
/// })??;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub type UnixListener = UnixSocketListener<UnixStream>;

/// Listens for [`UnixSeqpacket`]s.
pub type UnixSeqpacketListener = UnixSocketListener<UnixSeqpacket>;

/// A socket that listens for connections of one kind: a [`UnixListener`] or a
/// [`UnixSeqpacketListener`].
#[derive(Debug)]
pub struct UnixSocketListener<S> {
    descriptor: Descriptor,
    incoming: Incoming,
    /// Removed when this is dropped.
    path: Option<BoundPath>,
    connections: PhantomData<fn() -> S>,
}

impl<S> UnixSocketListener<S> {
    pub(super) fn from_listening(socket: OwnedFd, path: Option<BoundPath>) -> Self {
        let descriptor = Descriptor::from(socket);
        let incoming = Incoming::new(descriptor.clone());
        Self { descriptor, incoming, path, connections: PhantomData }
    }

    /// The next connection.
    ///
    /// Several tasks may accept; each connection goes to one of them. With io_uring one multishot
    /// accept serves all calls. Cancel-safe: a connection that comes in while nobody waits is kept
    /// for the next call.
    ///
    /// # Errors
    ///
    /// What `accept(2)` tells. Running out of descriptors (`EMFILE`, `ENFILE`) passes: the listener
    /// stays as it is, and accepting can go on once some are closed.
    #[track_caller]
    pub fn accept(&self) -> impl Future<Output = io::Result<S>>
    where
        S: UnixAccepted,
    {
        waiting("accept on a Unix listener", poll_fn(|context| self.poll_accept(context)))
    }

    /// As [`accept`](Self::accept), for futures written by hand.
    ///
    /// # Errors
    ///
    /// As for [`accept`](Self::accept).
    pub fn poll_accept(&self, context: &mut Context<'_>) -> Poll<io::Result<S>>
    where
        S: UnixAccepted,
    {
        let socket = ready!(self.incoming.poll_accept(context))?;
        Poll::Ready(S::from_accepted(socket))
    }

    /// The address that it listens on.
    ///
    /// # Errors
    ///
    /// What `getsockname(2)` tells.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        from_kernel(&SockRef::from(self).local_addr()?)
    }

    /// Leaves the file of a path where it is when the listener is dropped: for another process that
    /// has the socket, too.
    pub fn keep_path(&mut self) {
        if let Some(path) = &mut self.path {
            path.keep();
        }
    }
}

impl UnixListener {
    /// Listens on a path or an abstract name, with a backlog of 1024; dropping the listener removes
    /// the path. [`UnixBind`] sets anything else.
    ///
    /// # Errors
    ///
    /// As for [`UnixBind::listen`].
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    pub fn bind(address: impl ToUnixAddress) -> io::Result<Self> {
        UnixBind::new(address)?.listen()
    }

    /// The next connection, for descriptors to be passed on. As [`accept`](Self::accept).
    ///
    /// # Errors
    ///
    /// As for [`accept`](Self::accept).
    #[track_caller]
    pub fn accept_fd_stream(&self) -> impl Future<Output = io::Result<UnixFdStream>> {
        let accept = poll_fn(|context| self.incoming.poll_accept(context));
        waiting("accept on a Unix listener", async { UnixFdStream::from_accepted(accept.await?) })
    }

    /// Takes over a socket that listens already, such as one inherited from a supervisor. Its path
    /// stays when it is dropped.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    pub fn from_std(listener: std::os::unix::net::UnixListener) -> Self {
        Self::from_listening(OwnedFd::from(listener), None)
    }
}

impl UnixSeqpacketListener {
    /// Listens on a path or an abstract name, with a backlog of 1024; dropping the listener removes
    /// the path. [`UnixBind`] sets anything else.
    ///
    /// # Errors
    ///
    /// As for [`UnixBind::listen`].
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    pub fn bind(address: impl ToUnixAddress) -> io::Result<Self> {
        UnixBind::new(address)?.listen_seqpacket()
    }
}

/// What a listener makes of the sockets that it accepts.
pub trait UnixAccepted: Sized {
    /// Takes over an accepted socket.
    #[doc(hidden)]
    fn from_accepted(socket: OwnedFd) -> io::Result<Self>;
}

impl UnixAccepted for UnixStream {
    fn from_accepted(socket: OwnedFd) -> io::Result<Self> {
        Ok(Self::from_connected(Descriptor::from(socket)))
    }
}

impl UnixAccepted for UnixFdStream {
    fn from_accepted(socket: OwnedFd) -> io::Result<Self> {
        Self::from_connected(socket)
    }
}

impl UnixAccepted for UnixSeqpacket {
    fn from_accepted(socket: OwnedFd) -> io::Result<Self> {
        Self::from_connected(socket)
    }
}

has_descriptor!(UnixSocketListener<S>, descriptor);
