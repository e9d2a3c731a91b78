//! A TLS connection as two halves, for tasks of their own.
//!
//! Invariant: the halves share the connection, which each borrows for one poll and no longer. A
//! reader sends what the connection has to answer, so no half waits for the other to be polled.

use std::cell::RefCell;
use std::fmt;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::rc::Rc;
use std::task::{Context, Waker};

use taut_net::Transport;
use taut_net::framing::Receive;
use taut_net::transport::{self, Lend};
use taut_runtime::buffer::RxBuf;
use taut_runtime::task::waiting;

use super::connection::{self, Connection};

/// The connection of both halves.
struct Shared<T>(Rc<RefCell<Box<Connection<T>>>>);

impl<T: Transport> Lend for Shared<T> {
    type Transport = Connection<T>;

    #[inline]
    fn with<R>(&mut self, poll: impl FnOnce(&mut Connection<T>) -> R) -> R {
        poll(&mut self.0.borrow_mut())
    }
}

/// The reading half of a [`TlsStream`](super::TlsStream). Dropping it leaves the connection to the
/// other half.
pub struct TlsReadHalf<T: Transport>(Shared<T>);

/// The writing half of a [`TlsStream`](super::TlsStream). Dropping it ends the transport's writing
/// direction without `close_notify`: the peer sees the stream as cut off.
/// [`shutdown`](Self::shutdown) first where all was sent that was to be sent.
pub struct TlsWriteHalf<T: Transport>(Shared<T>);

pub(super) fn split<T: Transport>(
    connection: Box<Connection<T>>,
) -> (TlsReadHalf<T>, TlsWriteHalf<T>) {
    let shared = Rc::new(RefCell::new(connection));
    (TlsReadHalf(Shared(Rc::clone(&shared))), TlsWriteHalf(Shared(shared)))
}

impl<T: Transport> TlsReadHalf<T> {
    /// As [`TlsStream::recv`](super::TlsStream::recv).
    ///
    /// # Errors
    ///
    /// As there.
    #[track_caller]
    pub fn recv(&mut self) -> impl Future<Output = io::Result<RxBuf>> {
        waiting("recv on TlsStream", transport::recv(&mut self.0))
    }

    /// As [`TlsStream::read`](super::TlsStream::read).
    ///
    /// # Errors
    ///
    /// As there.
    #[track_caller]
    pub fn read(&mut self, to: &mut [u8]) -> impl Future<Output = io::Result<usize>> {
        waiting("read on TlsStream", connection::read(&mut self.0, to))
    }

    /// As [`TlsStream::read_exact`](super::TlsStream::read_exact).
    ///
    /// # Errors
    ///
    /// As there.
    #[track_caller]
    pub fn read_exact(&mut self, to: &mut [u8]) -> impl Future<Output = io::Result<()>> {
        waiting("read_exact on TlsStream", connection::read_exact(&mut self.0, to))
    }

    /// As [`TlsStream::set_hot`](super::TlsStream::set_hot).
    pub fn set_hot(&mut self, hot: bool) {
        self.0.with(|connection| connection.set_hot(hot));
    }
}

impl<T: Transport> Receive for TlsReadHalf<T> {
    fn recv(&mut self) -> impl Future<Output = io::Result<RxBuf>> {
        Self::recv(self)
    }
}

impl<T: Transport> TlsWriteHalf<T> {
    /// As [`TlsStream::write`](super::TlsStream::write).
    ///
    /// # Errors
    ///
    /// As there.
    #[track_caller]
    pub fn write(&mut self, bytes: &[u8]) -> impl Future<Output = io::Result<usize>> {
        let write = poll_fn(|context| self.0.with(|stream| stream.poll_write(context, bytes)));
        waiting("write on TlsStream", write)
    }

    /// As [`TlsStream::write_all`](super::TlsStream::write_all).
    ///
    /// # Errors
    ///
    /// As there.
    #[track_caller]
    pub fn write_all(&mut self, bytes: &[u8]) -> impl Future<Output = io::Result<()>> {
        waiting("write_all on TlsStream", transport::write_all(&mut self.0, bytes))
    }

    /// As [`TlsStream::write_vectored`](super::TlsStream::write_vectored).
    ///
    /// # Errors
    ///
    /// As there.
    #[track_caller]
    pub fn write_vectored(
        &mut self,
        slices: &[IoSlice<'_>],
    ) -> impl Future<Output = io::Result<usize>> {
        let write =
            poll_fn(|context| self.0.with(|stream| stream.poll_write_vectored(context, slices)));
        waiting("write_vectored on TlsStream", write)
    }

    /// As [`TlsStream::flush`](super::TlsStream::flush).
    ///
    /// # Errors
    ///
    /// As there.
    #[track_caller]
    pub fn flush(&mut self) -> impl Future<Output = io::Result<()>> {
        let flush = poll_fn(|context| self.0.with(|stream| stream.poll_flush(context)));
        waiting("flush of TlsStream", flush)
    }

    /// As [`TlsStream::shutdown`](super::TlsStream::shutdown).
    ///
    /// # Errors
    ///
    /// As there.
    #[track_caller]
    pub fn shutdown(&mut self) -> impl Future<Output = io::Result<()>> {
        let shutdown = poll_fn(|context| self.0.with(|stream| stream.poll_shutdown(context)));
        waiting("shutdown of TlsStream", shutdown)
    }
}

impl<T: Transport> Drop for TlsWriteHalf<T> {
    fn drop(&mut self) {
        if Rc::strong_count(&self.0.0) > 1 {
            let mut context = Context::from_waker(Waker::noop());
            // A transport that is broken, or has no room, has no direction left to end in time.
            let _ = self.0.with(|connection| connection.transport.poll_shutdown(&mut context));
        }
    }
}

impl<T: Transport> fmt::Debug for TlsReadHalf<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TlsReadHalf")
    }
}

impl<T: Transport> fmt::Debug for TlsWriteHalf<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TlsWriteHalf")
    }
}
