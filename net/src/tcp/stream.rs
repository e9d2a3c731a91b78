//! A TCP connection.

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::net::connect_unspec;
use socket2::{SockAddr, SockRef};
use taut_runtime::task::waiting;

use crate::socket_options::{from_kernel, socket_options};
use crate::stream::{Family, Kind, Waits, waits};
use crate::tcp::socket;
use crate::{Connector, Stream, ToAddresses};

/// A TCP connection; `TCP_NODELAY` is on. What it does is written at [`Stream`].
///
/// ```
/// use taut_net::{TcpListener, TcpStream};
///
/// taut_runtime::run(async {
///     let listener = TcpListener::bind("127.0.0.1:0".parse().unwrap())?;
///     let mut client = TcpStream::connect(listener.local_addr()?).await?;
///     let mut server = listener.accept().await?;
///
///     client.write_all(b"ping").await?;
///     let message = server.recv().await?;
///     assert_eq!(&message[..], b"ping");
///     server.send(message).await?;
///     let mut answer = [0; 4];
///     client.read_exact(&mut answer).await?;
///     assert_eq!(&answer, b"ping");
///     Ok::<(), std::io::Error>(())
/// })??;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub type TcpStream = Stream<Tcp>;

/// The family of [`TcpStream`].
#[derive(Debug)]
pub enum Tcp {}

impl Family for Tcp {
    type Address = SocketAddr;
    type Std = std::net::TcpStream;
}

impl Kind for Tcp {
    const WAITS: Waits = waits!("a TCP stream");
    const IS_STAMPED: bool = true;

    fn address(of_kernel: &SockAddr) -> io::Result<SocketAddr> {
        from_kernel(of_kernel)
    }
}

socket_options!(TcpStream);

impl TcpStream {
    /// Connects to an address, or to a name that the core's [`Resolver`](crate::Resolver) finds.
    /// Dropping the future cancels the attempt and closes its socket. Of several addresses the
    /// first that answers is taken (RFC 8305): [`Connector`] says how, and has the settings.
    ///
    /// # Errors
    ///
    /// As for [`Connector::connect`].
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn connect(to: impl ToAddresses) -> impl Future<Output = io::Result<Self>> {
        waiting("connect of a TCP stream", async { Connector::new().connect_to(to).await })
    }

    /// Takes over a connected socket, and sets `TCP_NODELAY`.
    ///
    /// # Errors
    ///
    /// What `setsockopt(2)` tells.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    pub fn from_std(stream: std::net::TcpStream) -> io::Result<Self> {
        stream.set_nonblocking(false)?;
        socket::no_delay(&stream)?;
        Ok(Self::from_connected(OwnedFd::from(stream).into()))
    }

    /// Closes the connection with a reset: unsent bytes are thrown away, and the peer's next read
    /// fails with `ConnectionReset`.
    ///
    /// # Errors
    ///
    /// What `setsockopt(2)` tells.
    pub fn close_reset(mut self) -> io::Result<()> {
        self.write.outbound.cancel();
        SockRef::from(&self).set_linger(Some(Duration::ZERO))?;
        // The close comes when no operation uses the socket any more, and a zero-copy send uses it
        // until the peer has taken its bytes, which may be never. This resets at once; where it is
        // refused, the close does.
        let _ = connect_unspec(&self);
        Ok(())
    }
}
