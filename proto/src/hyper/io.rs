//! A transport as hyper reads and writes it.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use hyper::rt::{Read, ReadBufCursor, Write};
use taut_net::Transport;
use taut_runtime::buffer::RxBuf;

/// Implements hyper's [`Read`] and [`Write`] for a [`Transport`]. Received bytes are copied once,
/// to hyper's buffer; what does not fit stays here for the next read.
#[derive(Debug)]
pub struct Io<T> {
    transport: T,
    rest: Option<RxBuf>,
}

impl<T: Transport> Io<T> {
    /// Wraps a transport.
    #[must_use]
    pub fn new(transport: T) -> Self {
        Self { transport, rest: None }
    }

    /// The transport, and what was received from it and not read: after an upgrade it is the first
    /// of the new protocol.
    pub fn into_parts(self) -> (T, Option<RxBuf>) {
        (self.transport, self.rest)
    }
}

impl<T: Transport> Read for Io<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut to: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        if to.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        let this = &mut *self;
        let mut bytes = match this.rest.take() {
            Some(rest) => rest,
            None => ready!(this.transport.poll_recv(context))?,
        };
        let count = bytes.len().min(to.remaining());
        to.put_slice(&bytes[..count]);
        if count < bytes.len() {
            bytes.advance(count);
            this.rest = Some(bytes);
        }
        Poll::Ready(Ok(()))
    }
}

impl<T: Transport> Write for Io<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.transport.poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.transport.poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.transport.poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.transport.poll_shutdown(context)
    }
}
