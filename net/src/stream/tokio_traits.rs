//! `tokio::io::{AsyncRead, AsyncWrite}` for streams and their halves.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::async_write::async_write;
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
        async_write!($type, $this => $half, poll_shutdown, {
            fn is_write_vectored(&self) -> bool {
                true
            }
        });
    };
}

reads!(Stream<F>, this => this.read);
reads!(OwnedReadHalf<F>, this => this);
writes!(Stream<F>, this => this.write);
writes!(OwnedWriteHalf<F>, this => this);
