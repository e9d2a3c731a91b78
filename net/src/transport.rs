//! What a protocol runs over: a connected, ordered stream of bytes, by polls.
//!
//! TCP connections and Unix sockets are transports, and so is what a protocol makes of one: TLS
//! over TCP is read and written the same way. By polls, so that one task can wait for both
//! directions at once, and so that a transport can stand inside of another without boxed futures.
//!
//! Received bytes come where they landed, as an [`RxBuf`]; what is written is borrowed for the
//! call.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::task::{Context, Poll, ready};

use taut_runtime::buffer::RxBuf;

use crate::{Family, ReceiveTimestamps, StampedBy, Stream};

/// Room in front of bytes that are [written in place](Transport::poll_write_in_place) which is enough
/// for every transport, in bytes: TLS puts a record's header and a nonce there.
pub const WRITE_ROOM_BYTES: usize = 16;

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

    /// As [`poll_write`](Self::poll_write), of several slices. Of the first one that is not empty
    /// where a transport knows nothing better.
    ///
    /// # Errors
    ///
    /// As for [`poll_write`](Self::poll_write).
    fn poll_write_vectored(
        &mut self,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let first = slices.iter().find(|slice| !slice.is_empty());
        self.poll_write(context, first.map_or(&[], |slice| slice))
    }

    /// As [`poll_write`](Self::poll_write), of `memory[start..]`, by who has no more use for
    /// `memory` once that is sent. A transport that changes what it sends may do so there, with what
    /// stands before `start`, where [`WRITE_ROOM_BYTES`] should be, and behind the end as its room:
    /// it keeps the memory then, having taken all of the bytes, and leaves other memory in its
    /// place, which is empty.
    ///
    /// # Errors
    ///
    /// As for [`poll_write`](Self::poll_write).
    #[inline]
    fn poll_write_in_place(
        &mut self,
        context: &mut Context<'_>,
        memory: &mut Vec<u8>,
        start: usize,
    ) -> Poll<io::Result<usize>> {
        self.poll_write(context, &memory[start..])
    }

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

    /// Has what comes in stamped, or with `None` no longer. A transport that can't, such as a Unix
    /// socket, does nothing: it has no stamps.
    ///
    /// # Errors
    ///
    /// As for [`TcpStream::set_receive_timestamps`](crate::TcpStream::set_receive_timestamps).
    fn set_receive_timestamps(&mut self, by: Option<StampedBy>) -> io::Result<()> {
        let _ = by;
        Ok(())
    }

    /// When the kernel received the last of the bytes that [`poll_recv`](Self::poll_recv) handed
    /// out last: of what is decoded, the last that was needed for it.
    #[inline]
    fn receive_timestamps(&self) -> ReceiveTimestamps {
        ReceiveTimestamps::default()
    }
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

    fn set_receive_timestamps(&mut self, by: Option<StampedBy>) -> io::Result<()> {
        self.read.set_receive_timestamps(by)
    }

    #[inline]
    fn receive_timestamps(&self) -> ReceiveTimestamps {
        self.read.inbound.receive_timestamps()
    }
}

/// Who has a transport for the time of a poll: a transport itself, or one of the halves that share
/// it.
pub trait Lend {
    /// What is lent.
    type Transport: Transport + ?Sized;

    /// Lends it for one poll.
    fn with<R>(&mut self, poll: impl FnOnce(&mut Self::Transport) -> R) -> R;
}

impl<T: Transport + ?Sized> Lend for T {
    type Transport = Self;

    #[inline]
    fn with<R>(&mut self, poll: impl FnOnce(&mut Self) -> R) -> R {
        poll(self)
    }
}

/// The next bytes of a transport, as [`Transport::poll_recv`]. Cancel-safe; a dropped future no
/// longer waits.
///
/// # Errors
///
/// As for [`Transport::poll_recv`].
pub async fn recv<L: Lend + ?Sized>(from: &mut L) -> io::Result<RxBuf> {
    read_by(from, |transport, context| transport.poll_recv(context)).await
}

/// A read of one's own over a transport. A dropped future no longer waits.
///
/// # Errors
///
/// What `poll` tells.
pub async fn read_by<L: Lend + ?Sized, R>(
    from: &mut L,
    mut poll: impl FnMut(&mut L::Transport, &mut Context<'_>) -> Poll<R>,
) -> R {
    let waiting = Waiting(from);
    poll_fn(|context| waiting.0.with(|transport| poll(transport, context))).await
}

/// Writes all of `bytes`, and waits until they are with the kernel. A dropped future may have
/// written a part.
///
/// # Errors
///
/// As for [`Transport::poll_write`]; `WriteZero` where the transport takes nothing.
pub async fn write_all<L: Lend + ?Sized>(to: &mut L, mut bytes: &[u8]) -> io::Result<()> {
    poll_fn(|context| {
        to.with(|transport| {
            while !bytes.is_empty() {
                let count = ready!(transport.poll_write(context, bytes))?;
                if count == 0 {
                    return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
                }
                bytes = &bytes[count..];
            }
            transport.poll_flush(context)
        })
    })
    .await
}

/// A read that is under way.
struct Waiting<'a, L: Lend + ?Sized>(&'a mut L);

impl<L: Lend + ?Sized> Drop for Waiting<'_, L> {
    fn drop(&mut self) {
        self.0.with(Transport::stop_waiting);
    }
}
