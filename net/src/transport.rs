//! What a protocol runs over: a connected, ordered stream of bytes, by polls.
//!
//! TCP connections and Unix sockets are transports, and so is what a protocol makes of one: TLS over
//! TCP is read and written the same way. By polls, so that one task can wait for both directions at
//! once, and so that a transport can stand inside of another without boxed futures.
//!
//! Received bytes come where they landed, as an [`RxBuf`]; what is written is borrowed for the call.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::task::{Context, Poll, ready};

use taut_runtime::buffer::RxBuf;

use crate::{Family, Stream};

/// A connected stream of bytes that protocols run over.
pub trait Transport: Unpin {
    /// The next bytes as they came in; empty at the end of the stream, then and ever after. A
    /// pending poll has taken nothing.
    ///
    /// # Errors
    ///
    /// The stream's failure, once.
    fn poll_recv(&mut self, context: &mut Context<'_>) -> Poll<io::Result<RxBuf>>;

    /// Nobody waits for bytes any more, until the next poll: a hot socket is not polled meanwhile.
    fn stop_waiting(&mut self);

    /// Writes some of `bytes` and says how many. A pending poll has written nothing.
    ///
    /// # Errors
    ///
    /// `BrokenPipe`, `ConnectionReset` and the like.
    fn poll_write(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>>;

    /// As [`poll_write`](Self::poll_write), of several slices.
    ///
    /// # Errors
    ///
    /// As for [`poll_write`](Self::poll_write).
    fn poll_write_vectored(
        &mut self,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>>;

    /// Ready once all that was written is with the kernel.
    ///
    /// # Errors
    ///
    /// As for [`poll_write`](Self::poll_write).
    fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Ends the writing direction, after what was written: the peer reads the end of the stream.
    ///
    /// # Errors
    ///
    /// As for [`poll_write`](Self::poll_write).
    fn poll_shutdown(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Has the spin loop receive directly while a reader waits, as [`Stream::set_hot`].
    fn set_hot(&mut self, hot: bool);
}

impl<F: Family> Transport for Stream<F> {
    #[inline]
    fn poll_recv(&mut self, context: &mut Context<'_>) -> Poll<io::Result<RxBuf>> {
        self.read.poll_recv(context)
    }

    fn stop_waiting(&mut self) {
        self.read.inbound.stop_waiting();
    }

    #[inline]
    fn poll_write(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.write.poll_write(context, bytes)
    }

    #[inline]
    fn poll_write_vectored(
        &mut self,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.write.outbound.poll_write_vectored(context, slices)
    }

    fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.write.outbound.poll_flush(context)
    }

    fn poll_shutdown(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.write.poll_shutdown(context)
    }

    fn set_hot(&mut self, hot: bool) {
        Self::set_hot(self, hot);
    }
}

/// The next bytes of a transport, as [`Transport::poll_recv`]. Cancel-safe; a dropped future no
/// longer waits.
///
/// # Errors
///
/// As for [`Transport::poll_recv`].
pub async fn recv<T: Transport + ?Sized>(transport: &mut T) -> io::Result<RxBuf> {
    let waiting = Waiting(transport);
    poll_fn(|context| waiting.0.poll_recv(context)).await
}

/// Writes all of `bytes`. A dropped future may have written a part.
///
/// # Errors
///
/// As for [`Transport::poll_write`]; `WriteZero` where the transport takes nothing.
pub async fn write_all<T: Transport + ?Sized>(
    transport: &mut T,
    mut bytes: &[u8],
) -> io::Result<()> {
    poll_fn(|context| {
        while !bytes.is_empty() {
            let count = ready!(transport.poll_write(context, bytes))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            bytes = &bytes[count..];
        }
        Poll::Ready(Ok(()))
    })
    .await
}

/// A read that is under way.
struct Waiting<'a, T: Transport + ?Sized>(&'a mut T);

impl<T: Transport + ?Sized> Drop for Waiting<'_, T> {
    fn drop(&mut self) {
        self.0.stop_waiting();
    }
}
