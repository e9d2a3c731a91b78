//! A stream that descriptors are passed on.
//!
//! The kernel attaches descriptors to bytes, and closes them if these bytes are received by a call
//! that has no room for them: so does the receive that a [`UnixStream`] leaves with the ring. A
//! stream for descriptors therefore is a type of its own, which never receives in the background.
//! It can become a [`UnixStream`]; a [`UnixStream`] can't become one, since its receive may have
//! closed some already.

use std::io;
use std::net::Shutdown;
use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::net::SocketType;
use socket2::SockRef;
use taut_runtime::task::waiting;

use super::address::{ToUnixAddress, invalid};
use super::connect::connected;
use super::endpoint::{Endpoint, UnixMessage};
use super::options::unix_options;
use super::stream::pair;
use crate::UnixStream;
use crate::has_descriptor::has_descriptor;

/// A Unix stream on which descriptors are passed: of files, sockets, pidfds, memory.
///
/// Both ends may be anything that speaks `SCM_RIGHTS`. Descriptors travel with the first byte of
/// what they were sent with, and a receive ends where the bytes of one such send end.
///
/// ```
/// use std::io::{Read, Write};
/// use std::os::fd::AsFd;
/// use taut_net::UnixFdStream;
///
/// taut_runtime::run(async {
///     let (mut supervisor, mut gateway) = UnixFdStream::pair()?;
///     let (reader, mut writer) = std::io::pipe()?;
///     supervisor.send_with_fds(b"the log", &[reader.as_fd()]).await?;
///     drop(reader);
///
///     let message = gateway.recv_with_fds(1).await?;
///     assert_eq!(&message.bytes[..], b"the log");
///     writer.write_all(b"x")?;
///     let mut passed = std::io::PipeReader::from(message.fds.into_iter().next().unwrap());
///     let mut byte = [0];
///     passed.read_exact(&mut byte)?;
///     assert_eq!(&byte, b"x");
///     Ok::<(), std::io::Error>(())
/// })??;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct UnixFdStream {
    endpoint: Endpoint,
}

unix_options!(UnixFdStream);
has_descriptor!(UnixFdStream, endpoint);

impl UnixFdStream {
    /// Connects to a path or an abstract name; as [`UnixStream::connect`].
    ///
    /// # Errors
    ///
    /// As for [`UnixStream::connect`].
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn connect(to: impl ToUnixAddress) -> impl Future<Output = io::Result<Self>> {
        let to = to.to_unix_address();
        waiting("connect of a Unix stream", async {
            let messages = connected(SocketType::STREAM, to).await?;
            Ok(Self { endpoint: Endpoint::new(messages)? })
        })
    }

    /// Two streams that are connected with each other.
    ///
    /// # Errors
    ///
    /// What `socketpair(2)` tells, such as `EMFILE`.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    pub fn pair() -> io::Result<(Self, Self)> {
        let (one, other) = pair(SocketType::STREAM)?;
        Ok((Self::from_connected(one)?, Self::from_connected(other)?))
    }

    /// Takes over a connected socket that nobody else receives from.
    ///
    /// # Errors
    ///
    /// What `ioctl(2)` tells.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    pub fn from_std(stream: std::os::unix::net::UnixStream) -> io::Result<Self> {
        stream.set_nonblocking(false)?;
        Self::from_connected(stream.into())
    }

    pub(super) fn from_connected(socket: OwnedFd) -> io::Result<Self> {
        Ok(Self { endpoint: Endpoint::of(socket)? })
    }

    /// The next bytes, and up to so many descriptors that came with them; no bytes at the end of
    /// the stream. Cancel-safe: a dropped future has taken nothing.
    ///
    /// # Errors
    ///
    /// Where more descriptors came, or the process can't open so many: all of them are closed, and
    /// the bytes are lost, so the stream is of no more use. `ECANCELED`; what `recvmsg(2)` tells.
    #[track_caller]
    pub fn recv_with_fds(
        &mut self,
        fds_max: usize,
    ) -> impl Future<Output = io::Result<UnixMessage>> {
        waiting("recv_with_fds on a Unix stream", self.endpoint.receive(Some(fds_max)))
    }

    /// As [`recv_with_fds`](Self::recv_with_fds), with the bytes in the caller's memory.
    ///
    /// # Errors
    ///
    /// As for [`recv_with_fds`](Self::recv_with_fds); `InvalidInput` where `to` is empty.
    #[track_caller]
    pub fn read_with_fds<'a>(
        &mut self,
        to: &'a mut [u8],
        fds_max: usize,
    ) -> impl Future<Output = io::Result<UnixMessage<&'a [u8]>>> {
        waiting("read_with_fds on a Unix stream", async move {
            if to.is_empty() {
                return Err(invalid("there is no room for a byte: give some".to_owned()));
            }
            self.endpoint.receive_to(to, Some(fds_max)).await
        })
    }

    /// Writes all of `bytes`, with these descriptors on the first of them. The descriptors are
    /// copied: the caller's stay open.
    ///
    /// A dropped future may have written a part; if any, the descriptors went with it.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for more than [`FDS_MAX`](crate::FDS_MAX) descriptors, or for some without a
    /// byte to carry them; `BrokenPipe`, `ConnectionReset`; `ECANCELED`; `ETOOMANYREFS` where this
    /// user has too many under way that nobody has received.
    #[track_caller]
    pub fn send_with_fds(
        &mut self,
        bytes: &[u8],
        fds: &[BorrowedFd<'_>],
    ) -> impl Future<Output = io::Result<()>> {
        waiting("send_with_fds on a Unix stream", async move {
            if bytes.is_empty() && !fds.is_empty() {
                let message = "descriptors travel with a byte, and there is none: send one";
                return Err(invalid(message.to_owned()));
            }
            let (mut rest, mut fds) = (bytes, fds);
            while !rest.is_empty() {
                let count = self.endpoint.send(rest, fds).await?;
                (rest, fds) = (&rest[count..], &[]);
            }
            Ok(())
        })
    }

    /// Writes all of `bytes`. A dropped future may have written a part.
    ///
    /// # Errors
    ///
    /// As for [`send_with_fds`](Self::send_with_fds).
    #[track_caller]
    pub fn write_all(&mut self, bytes: &[u8]) -> impl Future<Output = io::Result<()>> {
        self.send_with_fds(bytes, &[])
    }

    /// Ends one direction, or both. The peer reads the end of the stream.
    ///
    /// # Errors
    ///
    /// What `shutdown(2)` tells.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        SockRef::from(self).shutdown(how)
    }

    /// Goes on as a stream without descriptors, which receives in the background. Those that the
    /// peer still passes are closed.
    pub fn into_stream(self) -> UnixStream {
        UnixStream::from_connected(self.endpoint.messages.into_descriptor())
    }
}
