//! `futures_io::{AsyncRead, AsyncWrite}` for streams and their halves.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_io::{AsyncRead, AsyncWrite};

use super::async_write::async_write;
use super::{Family, OwnedReadHalf, OwnedWriteHalf, Stream};

macro_rules! reads {
    ($type:ty, $this:ident => $half:expr) => {
        impl<F: Family> AsyncRead for $type {
            fn poll_read(
                mut self: Pin<&mut Self>,
                context: &mut Context<'_>,
                to: &mut [u8],
            ) -> Poll<io::Result<usize>> {
                let $this = &mut *self;
                $half.poll_read(context, to)
            }
        }
    };
}

reads!(Stream<F>, this => this.read);
reads!(OwnedReadHalf<F>, this => this);
async_write!(Stream<F>, this => this.write, poll_close, {});
async_write!(OwnedWriteHalf<F>, this => this, poll_close, {});
