//! The two halves of a connection, for tasks of their own.

use std::fmt;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::net::Shutdown;
use std::os::fd::AsRawFd;
use std::task::{Context, Poll};

use socket2::SockRef;
use taut_runtime::buffer::{RxBuf, SendBuf};
use taut_runtime::io::{Descriptor, Inbound, Outbound};

use crate::TcpStream;

/// The reading half of a [`TcpStream`]. Dropping it leaves the connection to the other half.
#[derive(Debug)]
pub struct OwnedReadHalf {
    pub(crate) inbound: Inbound,
    pub(crate) descriptor: Descriptor,
}

/// The writing half of a [`TcpStream`]. Dropping it ends the writing direction: the peer reads the
/// end of the stream.
#[derive(Debug)]
pub struct OwnedWriteHalf {
    pub(crate) outbound: Outbound,
    pub(crate) descriptor: Descriptor,
    /// A half of its own; a whole stream closes instead.
    pub(crate) shut_on_drop: bool,
}

impl OwnedReadHalf {
    /// As [`TcpStream::recv`].
    ///
    /// # Errors
    ///
    /// As for [`TcpStream::recv`].
    pub async fn recv(&mut self) -> io::Result<RxBuf> {
        self.inbound.recv().await
    }

    /// As [`TcpStream::read`].
    ///
    /// # Errors
    ///
    /// As for [`TcpStream::recv`].
    pub async fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        self.inbound.read(to).await
    }

    /// As [`TcpStream::read_exact`].
    ///
    /// # Errors
    ///
    /// As for [`TcpStream::read_exact`].
    pub async fn read_exact(&mut self, to: &mut [u8]) -> io::Result<()> {
        let mut filled = 0;
        while filled < to.len() {
            let count = self.read(&mut to[filled..]).await?;
            if count == 0 {
                let message = format!("the stream ended after {filled} of {} bytes", to.len());
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, message));
            }
            filled += count;
        }
        Ok(())
    }

    /// As [`TcpStream::read_to_end`].
    ///
    /// # Errors
    ///
    /// As for [`TcpStream::recv`].
    pub async fn read_to_end(&mut self, to: &mut Vec<u8>) -> io::Result<usize> {
        let before = to.len();
        loop {
            let bytes = self.recv().await?;
            if bytes.is_empty() {
                return Ok(to.len() - before);
            }
            to.extend_from_slice(&bytes);
        }
    }

    /// As [`TcpStream::recv_into`].
    ///
    /// # Errors
    ///
    /// As for [`TcpStream::recv_into`].
    pub async fn recv_into(&mut self, buffer: Vec<u8>) -> (io::Result<usize>, Vec<u8>) {
        self.inbound.recv_into(buffer).await
    }

    /// As [`TcpStream::set_hot`].
    pub fn set_hot(&mut self, hot: bool) {
        self.inbound.set_hot(hot);
    }

    /// As [`TcpStream::recv`], for futures written by hand.
    ///
    /// # Errors
    ///
    /// As for [`TcpStream::recv`].
    pub fn poll_recv(&mut self, context: &mut Context<'_>) -> Poll<io::Result<RxBuf>> {
        self.inbound.poll_recv(context)
    }

    /// As [`TcpStream::read`], for futures written by hand.
    ///
    /// # Errors
    ///
    /// As for [`TcpStream::recv`].
    pub fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        to: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.inbound.poll_read(context, to)
    }

    /// Makes one stream of the two halves again.
    ///
    /// # Errors
    ///
    /// Gives both back where they are of different connections.
    pub fn reunite(self, write: OwnedWriteHalf) -> Result<TcpStream, ReuniteError> {
        if self.descriptor.as_raw_fd() != write.descriptor.as_raw_fd() {
            return Err(ReuniteError(self, write));
        }
        let mut write = write;
        write.shut_on_drop = false;
        Ok(TcpStream { read: self, write })
    }
}

impl OwnedWriteHalf {
    /// As [`TcpStream::write`].
    ///
    /// # Errors
    ///
    /// As for [`TcpStream::write`].
    pub async fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        poll_fn(|context| self.outbound.poll_write(context, bytes)).await
    }

    /// As [`TcpStream::write_all`].
    ///
    /// # Errors
    ///
    /// As for [`TcpStream::write`].
    pub async fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let count = self.write(rest).await?;
            rest = &rest[count..];
        }
        Ok(())
    }

    /// As [`TcpStream::write_vectored`].
    ///
    /// # Errors
    ///
    /// As for [`TcpStream::write`].
    pub async fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        poll_fn(|context| self.outbound.poll_write_vectored(context, slices)).await
    }

    /// As [`TcpStream::send`].
    ///
    /// # Errors
    ///
    /// As for [`TcpStream::write`].
    pub async fn send(&mut self, buffer: impl Into<SendBuf>) -> io::Result<()> {
        self.outbound.send(buffer.into()).await
    }

    /// As [`TcpStream::flush`].
    ///
    /// # Errors
    ///
    /// As for [`TcpStream::flush`].
    pub async fn flush(&mut self) -> io::Result<()> {
        self.outbound.flush().await
    }

    /// Ends the writing direction after every `send` is with the kernel.
    ///
    /// # Errors
    ///
    /// What `shutdown(2)` tells.
    pub async fn shutdown(&mut self) -> io::Result<()> {
        self.flush().await?;
        SockRef::from(&self.descriptor).shutdown(Shutdown::Write)
    }

    /// As [`TcpStream::write`], for futures written by hand.
    ///
    /// # Errors
    ///
    /// As for [`TcpStream::write`].
    pub fn poll_write(
        &mut self,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.outbound.poll_write(context, bytes)
    }

    /// As [`shutdown`](Self::shutdown), for futures written by hand.
    ///
    /// # Errors
    ///
    /// As for [`shutdown`](Self::shutdown).
    #[cfg(any(feature = "futures-io", feature = "tokio-io"))]
    pub(crate) fn poll_shutdown(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        std::task::ready!(self.outbound.poll_flush(context))?;
        Poll::Ready(SockRef::from(&self.descriptor).shutdown(Shutdown::Write))
    }
}

impl Drop for OwnedWriteHalf {
    fn drop(&mut self) {
        self.outbound.close(self.shut_on_drop);
    }
}

/// Two halves that are not of one connection, given back.
pub struct ReuniteError(pub OwnedReadHalf, pub OwnedWriteHalf);

impl fmt::Display for ReuniteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the two halves are of different connections")
    }
}

impl fmt::Debug for ReuniteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReuniteError({self})")
    }
}

impl std::error::Error for ReuniteError {}
