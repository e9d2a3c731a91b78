//! A TCP socket that is neither connected nor listening yet: where options are set first.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};

use socket2::{Domain, Protocol, SockAddr, SockRef, Socket, Type};
use taut_runtime::io::{Descriptor, connect};
use taut_runtime::task::waiting;

use crate::has_descriptor::has_descriptor;
use crate::socket_options::socket_options;
use crate::{TcpListener, TcpStream};

/// Sets options, then connects or listens.
///
/// `TCP_NODELAY` is on from the start. For options without a method here there is [`AsFd`].
///
/// ```
/// use taut_net::TcpSocket;
///
/// taut_runtime::run(async {
///     let socket = TcpSocket::new_v4()?;
///     socket.set_reuse_port(true)?;
///     socket.bind("127.0.0.1:0".parse().unwrap())?;
///     let listener = socket.listen(64)?;
///
///     let client = TcpSocket::new_v4()?;
///     client.set_send_buffer_size(1 << 20)?;
///     let stream = client.connect(listener.local_addr()?).await?;
///     assert!(stream.nodelay()?);
///     Ok::<(), std::io::Error>(())
/// })??;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct TcpSocket {
    socket: Socket,
}

socket_options!(TcpSocket);

impl TcpSocket {
    /// A socket for IPv4.
    ///
    /// # Errors
    ///
    /// What `socket(2)` tells.
    pub fn new_v4() -> io::Result<Self> {
        Self::new(Domain::IPV4)
    }

    /// A socket for IPv6.
    ///
    /// # Errors
    ///
    /// What `socket(2)` tells.
    pub fn new_v6() -> io::Result<Self> {
        Self::new(Domain::IPV6)
    }

    /// A socket of the address's family.
    ///
    /// # Errors
    ///
    /// What `socket(2)` tells.
    pub fn for_address(address: SocketAddr) -> io::Result<Self> {
        Self::new(Domain::for_address(address))
    }

    fn new(domain: Domain) -> io::Result<Self> {
        let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
        socket.set_tcp_nodelay(true)?;
        Ok(Self { socket })
    }

    pub(crate) fn into_socket(self) -> Socket {
        self.socket
    }

    /// Lets an address be bound again while old connections of it linger (`SO_REUSEADDR`).
    ///
    /// # Errors
    ///
    /// What `setsockopt(2)` tells.
    pub fn set_reuse_address(&self, on: bool) -> io::Result<()> {
        self.socket.set_reuse_address(on)
    }

    /// Lets several sockets listen on one address, among which the kernel spreads the connections
    /// (`SO_REUSEPORT`).
    ///
    /// # Errors
    ///
    /// What `setsockopt(2)` tells.
    pub fn set_reuse_port(&self, on: bool) -> io::Result<()> {
        self.socket.set_reuse_port(on)
    }

    /// Binds this end to an address.
    ///
    /// # Errors
    ///
    /// What `bind(2)` tells, such as `AddrInUse`.
    pub fn bind(&self, address: SocketAddr) -> io::Result<()> {
        self.socket.bind(&address.into())
    }

    /// Listens, with room for `backlog` connections that nobody has accepted; the kernel caps it at
    /// `net.core.somaxconn`.
    ///
    /// # Errors
    ///
    /// What `listen(2)` tells.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    pub fn listen(self, backlog: u32) -> io::Result<TcpListener> {
        self.socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
        Ok(TcpListener::from_listening(OwnedFd::from(self.socket).into()))
    }

    /// Connects. Dropping the future cancels the attempt and closes the socket.
    ///
    /// # Errors
    ///
    /// What `connect(2)` tells, such as `ConnectionRefused` or `TimedOut`.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn connect(self, address: SocketAddr) -> impl Future<Output = io::Result<TcpStream>> {
        waiting("connect of a TCP socket", async move {
            let descriptor = Descriptor::from(OwnedFd::from(self.socket));
            connect(&descriptor, SockAddr::from(address)).await?;
            Ok(TcpStream::from_connected(descriptor))
        })
    }
}

has_descriptor!(TcpSocket, socket);

/// Sets `TCP_NODELAY` on a socket that came from elsewhere.
pub(crate) fn no_delay(socket: &impl AsFd) -> io::Result<()> {
    SockRef::from(socket).set_tcp_nodelay(true)
}
