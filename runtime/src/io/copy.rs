//! Copying between two streams, both ways at once: the heart of every proxy.
//!
//! Works on whatever has the traits of `futures-io`, of this crate or not. One way only, the `copy`
//! of `futures-util` serves.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_io::{AsyncRead, AsyncWrite};

use crate::task::waiting;

/// Bytes of the buffer of each direction.
const BUFFER_BYTES: usize = 32 << 10;
/// Reads of one direction in one poll; then others get their turn.
const READS_MAX: u32 = 16;

/// Copies from `one` to `other` and from `other` to `one` until both have ended, and gives how many
/// bytes went each way.
///
/// When one side ends, what it sent is written to the other, whose writing direction is then closed
/// (`poll_close`: for TCP its peer reads the end), while bytes still go the other way. What was
/// read is flushed whenever nothing more comes for the moment.
///
/// Not cancel-safe: dropped, or in a task that is cancelled, bytes that were read and not written
/// yet, up to 32 768 each way, are lost. So close both sides then.
///
/// # Errors
///
/// The first failure of either side; the other direction is given up with it.
///
/// ```no_run
/// # async fn proxy<S>(mut client: S, mut exchange: S) -> std::io::Result<()>
/// # where S: futures_io::AsyncRead + futures_io::AsyncWrite + Unpin {
/// let (sent, received) = taut_runtime::io::copy_bidirectional(&mut client, &mut exchange).await?;
/// println!("{sent} bytes sent, {received} received");
/// # Ok(())
/// # }
/// ```
#[track_caller]
pub fn copy_bidirectional<A, B>(
    one: &mut A,
    other: &mut B,
) -> impl Future<Output = io::Result<(u64, u64)>>
where
    A: AsyncRead + AsyncWrite + Unpin + ?Sized,
    B: AsyncRead + AsyncWrite + Unpin + ?Sized,
{
    waiting("copying both ways", async move {
        let (mut there, mut back) = (Direction::new(), Direction::new());
        poll_fn(|context| {
            // Both, whatever the first one says: each waits for its own.
            let went = there.poll_copy(context, one, other)?;
            let came = back.poll_copy(context, other, one)?;
            match (went, came) {
                (Poll::Ready(went), Poll::Ready(came)) => Poll::Ready(Ok((went, came))),
                _ => Poll::Pending,
            }
        })
        .await
    })
}

/// One of the two ways.
struct Direction {
    buffer: Box<[u8]>,
    /// What was read and not written: from `written` to `read`.
    read: usize,
    written: usize,
    copied: u64,
    stage: Stage,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Nothing was written since the last flush.
    Flushed,
    /// Something was.
    Unflushed,
    /// The end was read.
    Closing,
    Closed,
}

impl Direction {
    fn new() -> Self {
        let buffer = vec![0; BUFFER_BYTES].into_boxed_slice();
        Self { buffer, read: 0, written: 0, copied: 0, stage: Stage::Flushed }
    }

    /// How much was copied, once the end was passed on.
    fn poll_copy<R, W>(
        &mut self,
        context: &mut Context<'_>,
        from: &mut R,
        to: &mut W,
    ) -> Poll<io::Result<u64>>
    where
        R: AsyncRead + Unpin + ?Sized,
        W: AsyncWrite + Unpin + ?Sized,
    {
        for _ in 0..READS_MAX {
            ready!(self.poll_write(context, to))?;
            match self.stage {
                Stage::Flushed | Stage::Unflushed => ready!(self.poll_read(context, from, to))?,
                Stage::Closing => {
                    ready!(Pin::new(&mut *to).poll_close(context))?;
                    self.stage = Stage::Closed;
                }
                Stage::Closed => return Poll::Ready(Ok(self.copied)),
            }
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }

    /// Writes what was read.
    fn poll_write<W>(&mut self, context: &mut Context<'_>, to: &mut W) -> Poll<io::Result<()>>
    where
        W: AsyncWrite + Unpin + ?Sized,
    {
        while self.written < self.read {
            let rest = &self.buffer[self.written..self.read];
            let count = ready!(Pin::new(&mut *to).poll_write(context, rest))?;
            if count == 0 {
                let what = "a side of the copy takes no more bytes";
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::WriteZero, what)));
            }
            self.written += count;
            self.copied += count as u64;
            self.stage = Stage::Unflushed;
        }
        Poll::Ready(Ok(()))
    }

    /// Reads more; meanwhile what was written is flushed.
    fn poll_read<R, W>(
        &mut self,
        context: &mut Context<'_>,
        from: &mut R,
        to: &mut W,
    ) -> Poll<io::Result<()>>
    where
        R: AsyncRead + Unpin + ?Sized,
        W: AsyncWrite + Unpin + ?Sized,
    {
        match Pin::new(from).poll_read(context, &mut self.buffer)? {
            Poll::Ready(0) => self.stage = Stage::Closing,
            Poll::Ready(count) => (self.read, self.written) = (count, 0),
            Poll::Pending => {
                if self.stage == Stage::Unflushed {
                    ready!(Pin::new(to).poll_flush(context))?;
                    self.stage = Stage::Flushed;
                }
                return Poll::Pending;
            }
        }
        Poll::Ready(Ok(()))
    }
}
