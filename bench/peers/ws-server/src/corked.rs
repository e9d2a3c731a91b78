//! A stream whose writes are gathered until its reader has to wait.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, BufWriter, ReadBuf};

use crate::Transport;

/// Writes up to so many bytes leave together.
const GATHERED_BYTES: usize = 64 << 10;

/// See the module's documentation.
#[derive(Debug)]
pub struct Corked<T: AsyncWrite>(BufWriter<T>);

impl<T: Transport> Corked<T> {
    /// Around a connection.
    pub fn new(transport: T) -> Self {
        Self(BufWriter::with_capacity(GATHERED_BYTES, transport))
    }
}

impl<T: Transport> AsyncRead for Corked<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(self.0.get_mut()).poll_read(context, buffer);
        if read.is_pending() && !self.0.buffer().is_empty() {
            ready!(Pin::new(&mut self.0).poll_flush(context))?;
        }
        read
    }
}

impl<T: Transport> AsyncWrite for Corked<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
