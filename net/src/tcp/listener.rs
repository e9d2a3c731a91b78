//! A socket that listens for TCP connections.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::task::{Context, Poll, ready};

use taut_runtime::io::{Descriptor, Incoming};
use taut_runtime::task::waiting;

use crate::has_descriptor::has_descriptor;
use crate::socket_options::socket_options;
use crate::tcp::socket::no_delay;
use crate::{Detached, TcpSocket, TcpStream};

/// Connections that wait unaccepted in the kernel, where `bind` chose.
pub(crate) const BACKLOG_DEFAULT: u32 = 1024;

/// Listens for TCP connections.
///
/// ```
/// use taut_net::{TcpListener, TcpStream};
///
/// taut_runtime::run(async {
///     let listener = TcpListener::bind("127.0.0.1:0".parse().unwrap())?;
///     let address = listener.local_addr()?;
///     let client = taut_runtime::spawn(async move { TcpStream::connect(address).await });
///     let stream = listener.accept().await?;
///     assert_eq!(stream.peer_addr()?, client.await??.local_addr()?);
///     Ok::<(), std::io::Error>(())
/// })??;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct TcpListener {
    descriptor: Descriptor,
    incoming: Incoming,
}

socket_options!(TcpListener);

impl TcpListener {
    /// Listens on an address, with `SO_REUSEADDR` and a backlog of 1024. Port 0 lets the kernel
    /// choose. [`TcpSocket`] sets anything else.
    ///
    /// # Errors
    ///
    /// What `socket(2)`, `bind(2)` and `listen(2)` tell, such as `AddrInUse`.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = TcpSocket::for_address(address)?;
        socket.set_reuse_address(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG_DEFAULT)
    }

    pub(crate) fn from_listening(descriptor: Descriptor) -> Self {
        Self { incoming: Incoming::new(descriptor.clone()), descriptor }
    }

    /// Takes over a socket that listens already, such as one inherited from a supervisor.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    pub fn from_std(listener: std::net::TcpListener) -> Self {
        Self::from_listening(OwnedFd::from(listener).into())
    }

    /// The next connection, with `TCP_NODELAY` on.
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
    pub fn accept(&self) -> impl Future<Output = io::Result<TcpStream>> {
        waiting("accept on a TCP listener", poll_fn(|context| self.poll_accept(context)))
    }

    /// As [`accept`](Self::accept), for futures written by hand.
    ///
    /// # Errors
    ///
    /// As for [`accept`](Self::accept).
    pub fn poll_accept(&self, context: &mut Context<'_>) -> Poll<io::Result<TcpStream>> {
        let socket = ready!(self.poll_accept_socket(context))?;
        Poll::Ready(Ok(TcpStream::from_connected(Descriptor::from(socket))))
    }

    /// As [`accept`](Self::accept), for another core to [attach](TcpStream::attach).
    ///
    /// # Errors
    ///
    /// As for [`accept`](Self::accept).
    #[track_caller]
    pub fn accept_detached(&self) -> impl Future<Output = io::Result<Detached>> {
        let accept = poll_fn(|context| self.poll_accept_socket(context));
        waiting("accept on a TCP listener", async { Ok(Detached::from_accepted(accept.await?)) })
    }

    fn poll_accept_socket(&self, context: &mut Context<'_>) -> Poll<io::Result<OwnedFd>> {
        let socket = ready!(self.incoming.poll_accept(context))?;
        // Accepted sockets inherit the option from a `TcpSocket`, but not from elsewhere; a peer
        // that is gone already makes the call fail, which the first read will tell better.
        let _ = no_delay(&socket);
        Poll::Ready(Ok(socket))
    }
}

has_descriptor!(TcpListener, descriptor);
