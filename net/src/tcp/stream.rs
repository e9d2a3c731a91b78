//! A TCP connection.

use std::io::{self, IoSlice};
use std::net::{Shutdown, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::time::Duration;

use rustix::net::connect_unspec;
use socket2::SockRef;
use taut_runtime::buffer::{RxBuf, SendBuf};
use taut_runtime::io::{Descriptor, Inbound, Outbound};
use taut_runtime::is_cancelled;
use taut_runtime::task::waiting;

use crate::TcpSocket;
use crate::address::{ToAddresses, no_address};
use crate::socket_options::socket_options;
use crate::tcp::options::{stream_options, to_std};
use crate::tcp::socket;
use crate::tcp::split::{OwnedReadHalf, OwnedWriteHalf};

/// A TCP connection; `TCP_NODELAY` is on.
///
/// Reads come in three kinds: [`recv`](Self::recv) hands out the bytes where they landed, without
/// a copy; [`read`](Self::read) copies them into the caller's memory;
/// [`recv_into`](Self::recv_into) lets the kernel write into the caller's buffer, for large
/// messages. They can be mixed, and dropping any of them loses nothing.
///
/// Dropping the stream closes it, after what was written or given to [`send`](Self::send) has gone
/// to the kernel.
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
#[derive(Debug)]
pub struct TcpStream {
    pub(crate) read: OwnedReadHalf,
    pub(crate) write: OwnedWriteHalf,
}

socket_options!(TcpStream);
stream_options!(TcpStream);

impl TcpStream {
    /// Connects to an address, or to a name that is resolved off the core. Addresses are tried in
    /// order until one answers. Dropping the future cancels the attempt and closes its socket.
    ///
    /// # Errors
    ///
    /// The last address's failure, such as `ConnectionRefused`; the resolver's.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn connect(to: impl ToAddresses) -> impl Future<Output = io::Result<Self>> {
        waiting("connect of a TCP stream", Self::connect_to_any(to))
    }

    async fn connect_to_any(to: impl ToAddresses) -> io::Result<Self> {
        let mut failure = None;
        for address in to.to_addresses().await? {
            let attempt = match TcpSocket::for_address(address) {
                Ok(socket) => socket.connect(address).await,
                // A host without the address's family may reach the next one.
                Err(error) => Err(error),
            };
            match attempt {
                Ok(stream) => return Ok(stream),
                Err(error) if is_cancelled(&error) => return Err(error),
                Err(error) => failure = Some(error),
            }
        }
        Err(failure.unwrap_or_else(no_address))
    }

    pub(crate) fn from_connected(descriptor: Descriptor) -> Self {
        let inbound = Inbound::new(descriptor.clone());
        let outbound = Outbound::new(descriptor.clone());
        Self {
            read: OwnedReadHalf { inbound, descriptor: descriptor.clone() },
            write: OwnedWriteHalf { outbound, descriptor, shut_on_drop: false },
        }
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

    /// The next bytes as they came in, without a copy; empty at the end of the stream.
    /// Cancel-safe.
    ///
    /// # Errors
    ///
    /// The connection's failure, such as `ConnectionReset`, once; then the end.
    #[track_caller]
    pub fn recv(&mut self) -> impl Future<Output = io::Result<RxBuf>> {
        self.read.recv()
    }

    /// Copies the next bytes to `to` and says how many; 0 at the end. Cancel-safe.
    ///
    /// # Errors
    ///
    /// As for [`recv`](Self::recv).
    #[track_caller]
    pub fn read(&mut self, to: &mut [u8]) -> impl Future<Output = io::Result<usize>> {
        self.read.read(to)
    }

    /// Fills `to`. Not cancel-safe: bytes that a dropped future copied are gone from the stream.
    ///
    /// # Errors
    ///
    /// `UnexpectedEof` where the stream ends before; as for [`recv`](Self::recv).
    #[track_caller]
    pub fn read_exact(&mut self, to: &mut [u8]) -> impl Future<Output = io::Result<()>> {
        self.read.read_exact(to)
    }

    /// Appends all bytes up to the end of the stream and says how many. What a dropped future read
    /// is in `to`.
    ///
    /// # Errors
    ///
    /// As for [`recv`](Self::recv).
    #[track_caller]
    pub fn read_to_end(&mut self, to: &mut Vec<u8>) -> impl Future<Output = io::Result<usize>> {
        self.read.read_to_end(to)
    }

    /// Lets the kernel write the next bytes into the spare capacity of `buffer`; gives their
    /// number, 0 at the end, and the buffer. Cancel-safe for the stream; the buffer goes with a
    /// dropped future.
    ///
    /// # Errors
    ///
    /// As for [`recv`](Self::recv); `InvalidInput` where `buffer` has no spare capacity.
    #[track_caller]
    pub fn recv_into(
        &mut self,
        buffer: Vec<u8>,
    ) -> impl Future<Output = (io::Result<usize>, Vec<u8>)> {
        self.read.recv_into(buffer)
    }

    /// Writes some of `bytes` and says how many. Cancel-safe: a pending write has sent nothing.
    ///
    /// # Errors
    ///
    /// `BrokenPipe`, `ConnectionReset`; the failure of a `send` whose future was dropped.
    #[track_caller]
    pub fn write(&mut self, bytes: &[u8]) -> impl Future<Output = io::Result<usize>> {
        self.write.write(bytes)
    }

    /// Writes all of `bytes`. A dropped future may have written a part.
    ///
    /// # Errors
    ///
    /// As for [`write`](Self::write).
    #[track_caller]
    pub fn write_all(&mut self, bytes: &[u8]) -> impl Future<Output = io::Result<()>> {
        self.write.write_all(bytes)
    }

    /// Writes some bytes of several slices, with one system call. Cancel-safe as
    /// [`write`](Self::write).
    ///
    /// # Errors
    ///
    /// As for [`write`](Self::write).
    #[track_caller]
    pub fn write_vectored(
        &mut self,
        slices: &[IoSlice<'_>],
    ) -> impl Future<Output = io::Result<usize>> {
        self.write.write_vectored(slices)
    }

    /// Sends all of an owned buffer without a copy: an `RxBuf`, a `TxBuf`, `Bytes` or a `Vec<u8>`.
    /// A dropped future does not stop it: it goes on in the background, complete and in order. Only
    /// one that still waited for an earlier `send` has not begun, and sends nothing.
    ///
    /// # Errors
    ///
    /// As for [`write`](Self::write).
    #[track_caller]
    pub fn send<B: Into<SendBuf>>(
        &mut self,
        buffer: B,
    ) -> impl Future<Output = io::Result<()>> + use<'_, B> {
        self.write.send(buffer)
    }

    /// Waits until every `send` is with the kernel. Cancel-safe.
    ///
    /// # Errors
    ///
    /// The failure of a `send` whose future was dropped.
    #[track_caller]
    pub fn flush(&mut self) -> impl Future<Output = io::Result<()>> {
        self.write.flush()
    }

    /// Ends one direction, or both, after every `send` is with the kernel. The peer reads the end
    /// of the stream.
    ///
    /// # Errors
    ///
    /// What `shutdown(2)` tells, such as `NotConnected`.
    #[track_caller]
    pub fn shutdown(&mut self, how: Shutdown) -> impl Future<Output = io::Result<()>> {
        waiting("shutdown of a TCP stream", async move {
            if how != Shutdown::Read {
                self.write.outbound.flush().await?;
            }
            SockRef::from(&*self).shutdown(how)
        })
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

    /// Makes the stream *hot*: the spin loop receives from it directly while a reader waits. The
    /// fastest way in for the one or two sockets that matter most; each turn of the loop then costs
    /// a system call, and the core does not sleep meanwhile.
    pub fn set_hot(&mut self, hot: bool) {
        self.read.set_hot(hot);
    }

    /// The address of the other end.
    ///
    /// # Errors
    ///
    /// What `getpeername(2)` tells: `NotConnected` where the peer is gone.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        to_std(&SockRef::from(self).peer_addr()?)
    }

    /// Splits into halves that different tasks can own.
    pub fn into_split(self) -> (OwnedReadHalf, OwnedWriteHalf) {
        let Self { read, mut write } = self;
        write.shut_on_drop = true;
        (read, write)
    }
}

impl AsFd for TcpStream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.read.descriptor.as_fd()
    }
}

impl AsRawFd for TcpStream {
    fn as_raw_fd(&self) -> RawFd {
        self.read.descriptor.as_raw_fd()
    }
}
