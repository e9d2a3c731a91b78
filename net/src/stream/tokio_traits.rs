//! `tokio::io::{AsyncRead, AsyncWrite}` for streams and their halves.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{Family, OwnedReadHalf, OwnedWriteHalf, Stream};

macro_rules! reads {
    ($type:ty, $this:ident => $half:expr) => {
        impl<F: Family> AsyncRead for $type {
            fn poll_read(
                mut self: Pin<&mut Self>,
                context: &mut Context<'_>,
                to: &mut ReadBuf<'_>,
            ) -> Poll<io::Result<()>> {
                let $this = &mut *self;
                let count = ready!($half.poll_read(context, to.initialize_unfilled()))?;
                to.advance(count);
                Poll::Ready(Ok(()))
            }
        }
    };
}

macro_rules! writes {
    ($type:ty, $this:ident => $half:expr) => {
        impl<F: Family> AsyncWrite for $type {
            fn poll_write(
                mut self: Pin<&mut Self>,
                context: &mut Context<'_>,
                bytes: &[u8],
            ) -> Poll<io::Result<usize>> {
                let $this = &mut *self;
                $half.poll_write(context, bytes)
            }

            fn poll_write_vectored(
                mut self: Pin<&mut Self>,
                context: &mut Context<'_>,
                slices: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                let $this = &mut *self;
                $half.outbound.poll_write_vectored(context, slices)
            }

            fn is_write_vectored(&self) -> bool {
                true
            }

            fn poll_flush(
                mut self: Pin<&mut Self>,
                context: &mut Context<'_>,
            ) -> Poll<io::Result<()>> {
                let $this = &mut *self;
                $half.outbound.poll_flush(context)
            }

            fn poll_shutdown(
                mut self: Pin<&mut Self>,
                context: &mut Context<'_>,
            ) -> Poll<io::Result<()>> {
                let $this = &mut *self;
                $half.poll_shutdown(context)
            }
        }
    };
}

reads!(Stream<F>, this => this.read);
reads!(OwnedReadHalf<F>, this => this);
writes!(Stream<F>, this => this.write);
writes!(OwnedWriteHalf<F>, this => this);
