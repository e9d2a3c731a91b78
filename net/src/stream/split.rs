//! The two halves of a connection, for tasks of their own.

use std::fmt;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::marker::PhantomData;
use std::net::Shutdown;
use std::os::fd::AsRawFd;
use std::task::{Context, Poll, ready};

use socket2::SockRef;
use taut_runtime::buffer::{RxBuf, SendBuf};
use taut_runtime::io::{Descriptor, Inbound, Outbound};
use taut_runtime::task::waiting;

use super::{Family, Stream};
use crate::Tcp;

/// The reading half of a [`Stream`]. Dropping it leaves the connection to the other half.
#[derive(Debug)]
pub struct OwnedReadHalf<F = Tcp> {
    pub(crate) inbound: Inbound,
    pub(crate) descriptor: Descriptor,
    pub(crate) family: PhantomData<F>,
}

/// The writing half of a [`Stream`]. Dropping it ends the writing direction: the peer reads the
/// end of the stream.
#[derive(Debug)]
pub struct OwnedWriteHalf<F = Tcp> {
    pub(crate) outbound: Outbound,
    pub(crate) descriptor: Descriptor,
    /// A half of its own; a whole stream closes instead.
    pub(crate) shut_on_drop: bool,
    pub(crate) family: PhantomData<F>,
}

impl<F: Family> OwnedReadHalf<F> {
    /// As [`Stream::recv`].
    ///
    /// # Errors
    ///
    /// As for [`Stream::recv`].
    #[track_caller]
    pub fn recv(&mut self) -> impl Future<Output = io::Result<RxBuf>> {
        waiting(F::WAITS.recv, self.inbound.recv())
    }

    /// As [`Stream::read`].
    ///
    /// # Errors
    ///
    /// As for [`Stream::recv`].
    #[track_caller]
    pub fn read(&mut self, to: &mut [u8]) -> impl Future<Output = io::Result<usize>> {
        waiting(F::WAITS.read, self.inbound.read(to))
    }

    /// As [`Stream::read_exact`].
    ///
    /// # Errors
    ///
    /// As for [`Stream::read_exact`].
    #[track_caller]
    pub fn read_exact(&mut self, to: &mut [u8]) -> impl Future<Output = io::Result<()>> {
        waiting(F::WAITS.read_exact, async move {
            let mut filled = 0;
            while filled < to.len() {
                let count = self.inbound.read(&mut to[filled..]).await?;
                if count == 0 {
                    let message = format!("the stream ended after {filled} of {} bytes", to.len());
                    return Err(io::Error::new(io::ErrorKind::UnexpectedEof, message));
                }
                filled += count;
            }
            Ok(())
        })
    }

    /// As [`Stream::read_to_end`].
    ///
    /// # Errors
    ///
    /// As for [`Stream::recv`].
    #[track_caller]
    pub fn read_to_end(&mut self, to: &mut Vec<u8>) -> impl Future<Output = io::Result<usize>> {
        waiting(F::WAITS.read_to_end, async move {
            let before = to.len();
            loop {
                let bytes = self.inbound.recv().await?;
                if bytes.is_empty() {
                    return Ok(to.len() - before);
                }
                to.extend_from_slice(&bytes);
            }
        })
    }

    /// As [`Stream::recv_into`].
    ///
    /// # Errors
    ///
    /// As for [`Stream::recv_into`].
    #[track_caller]
    pub fn recv_into(
        &mut self,
        buffer: Vec<u8>,
    ) -> impl Future<Output = (io::Result<usize>, Vec<u8>)> {
        waiting(F::WAITS.recv_into, self.inbound.recv_into(buffer))
    }

    /// As [`Stream::set_hot`].
    pub fn set_hot(&mut self, hot: bool) {
        self.inbound.set_hot(hot);
    }

    /// As [`Stream::recv`], for futures written by hand.
    ///
    /// # Errors
    ///
    /// As for [`Stream::recv`].
    pub fn poll_recv(&mut self, context: &mut Context<'_>) -> Poll<io::Result<RxBuf>> {
        self.inbound.poll_recv(context)
    }

    /// As [`Stream::read`], for futures written by hand.
    ///
    /// # Errors
    ///
    /// As for [`Stream::recv`].
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
    pub fn reunite(self, write: OwnedWriteHalf<F>) -> Result<Stream<F>, ReuniteError<F>> {
        if self.descriptor.as_raw_fd() != write.descriptor.as_raw_fd() {
            return Err(ReuniteError(self, write));
        }
        let mut write = write;
        write.shut_on_drop = false;
        Ok(Stream { read: self, write })
    }
}

impl<F: Family> OwnedWriteHalf<F> {
    /// As [`Stream::write`].
    ///
    /// # Errors
    ///
    /// As for [`Stream::write`].
    #[track_caller]
    pub fn write(&mut self, bytes: &[u8]) -> impl Future<Output = io::Result<usize>> {
        let write = poll_fn(|context| self.outbound.poll_write(context, bytes));
        waiting(F::WAITS.write, write)
    }

    /// As [`Stream::write_all`].
    ///
    /// # Errors
    ///
    /// As for [`Stream::write`].
    #[track_caller]
    pub fn write_all(&mut self, bytes: &[u8]) -> impl Future<Output = io::Result<()>> {
        waiting(F::WAITS.write_all, async move {
            let mut rest = bytes;
            while !rest.is_empty() {
                let count = poll_fn(|context| self.outbound.poll_write(context, rest)).await?;
                rest = &rest[count..];
            }
            Ok(())
        })
    }

    /// As [`Stream::write_vectored`].
    ///
    /// # Errors
    ///
    /// As for [`Stream::write`].
    #[track_caller]
    pub fn write_vectored(
        &mut self,
        slices: &[IoSlice<'_>],
    ) -> impl Future<Output = io::Result<usize>> {
        let write = poll_fn(|context| self.outbound.poll_write_vectored(context, slices));
        waiting(F::WAITS.write_vectored, write)
    }

    /// As [`Stream::send`].
    ///
    /// # Errors
    ///
    /// As for [`Stream::write`].
    #[track_caller]
    pub fn send<B: Into<SendBuf>>(
        &mut self,
        buffer: B,
    ) -> impl Future<Output = io::Result<()>> + use<'_, B, F> {
        waiting(F::WAITS.send, self.outbound.send(buffer.into()))
    }

    /// As [`Stream::flush`].
    ///
    /// # Errors
    ///
    /// As for [`Stream::flush`].
    #[track_caller]
    pub fn flush(&mut self) -> impl Future<Output = io::Result<()>> {
        waiting(F::WAITS.flush, self.outbound.flush())
    }

    /// Ends the writing direction after every `send` is with the kernel.
    ///
    /// # Errors
    ///
    /// What `shutdown(2)` tells.
    #[track_caller]
    pub fn shutdown(&mut self) -> impl Future<Output = io::Result<()>> {
        waiting(F::WAITS.shutdown, async {
            self.outbound.flush().await?;
            SockRef::from(&self.descriptor).shutdown(Shutdown::Write)
        })
    }

    /// As [`Stream::write`], for futures written by hand.
    ///
    /// # Errors
    ///
    /// As for [`Stream::write`].
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
    pub fn poll_shutdown(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.outbound.poll_flush(context))?;
        Poll::Ready(SockRef::from(&self.descriptor).shutdown(Shutdown::Write))
    }
}

impl<F> Drop for OwnedWriteHalf<F> {
    fn drop(&mut self) {
        self.outbound.close(self.shut_on_drop);
    }
}

/// Two halves that are not of one connection, given back.
pub struct ReuniteError<F = Tcp>(pub OwnedReadHalf<F>, pub OwnedWriteHalf<F>);

impl<F> fmt::Display for ReuniteError<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the two halves are of different connections")
    }
}

impl<F> fmt::Debug for ReuniteError<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReuniteError({self})")
    }
}

impl<F> std::error::Error for ReuniteError<F> {}
