//! Both directions of a TLS connection, by polls.
//!
//! Invariants: what was sealed leaves in order and is complete before more is sealed, so a pending
//! write has taken nothing. Whoever polls sends what is left, also a reader: an answer to the peer
//! needs no writer. A reader that thereby took a waiting writer's place with the transport wakes
//! it once it is done.

use std::io::{self, IoSlice};
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

use taut_net::transport::{Lend, read_by};
use taut_net::{ReceiveTimestamps, StampedBy, Transport};
use taut_runtime::buffer::RxBuf;
use taut_runtime::io::poll_checkpoint;

use super::received::Received;
use crate::tls::record::RecordLayer;
use crate::tls::{Agreed, Finished};

/// The most bytes that one write takes: 64 KiB, four full records.
pub const WRITE_BYTES_MAX: usize = 64 << 10;

/// A connection and what it runs over.
#[derive(Debug)]
pub(super) struct Connection<T> {
    pub(super) transport: T,
    pub(super) layer: RecordLayer,
    /// Shared with who tells others of it.
    pub(super) agreed: Rc<Agreed>,
    received: Received,
    /// Opened, and read in part.
    unread: Option<RxBuf>,
    /// A writer that waits for the transport.
    writer: Option<Waker>,
    is_shut: bool,
}

impl<T: Transport> Connection<T> {
    pub(super) fn new(transport: T, finished: Finished) -> Self {
        let mut received = Received::default();
        received.push(finished.received.into());
        Self {
            transport,
            layer: finished.layer,
            agreed: Rc::new(finished.agreed),
            received,
            unread: None,
            writer: None,
            is_shut: false,
        }
    }

    /// The next data, from what was received or is received now.
    fn poll_open(&mut self, context: &mut Context<'_>) -> Poll<io::Result<RxBuf>> {
        self.layer.not_failed()?;
        loop {
            let opened = self.received.next(&mut self.layer);
            // An answer, or the alert that goes with the error.
            self.send_answers(context);
            if let Some(data) = opened? {
                return Poll::Ready(Ok(data));
            }
            if self.layer.is_peer_done() {
                return Poll::Ready(Ok(RxBuf::empty()));
            }
            let bytes = ready!(self.transport.poll_recv(context))?;
            if bytes.is_empty() {
                self.layer.transport_ended()?;
                return Poll::Ready(Ok(RxBuf::empty()));
            }
            self.received.push(bytes);
        }
    }

    /// Sends what is left, on behalf of whoever sealed it. A failure is told by the next write,
    /// which meets it again.
    #[inline]
    fn send_answers(&mut self, context: &mut Context<'_>) {
        if !self.layer.sealed().is_empty() && self.poll_drain(context).is_ready() {
            self.wake_writer();
        }
    }

    fn wake_writer(&mut self) {
        if let Some(writer) = self.writer.take() {
            writer.wake();
        }
    }

    /// Ready once the transport has taken all that was sealed.
    #[inline]
    fn poll_drain(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.layer.sealed().is_empty() {
            let count = ready!(self.transport.poll_write(context, self.layer.sealed()))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.layer.sent(count);
        }
        Poll::Ready(Ok(()))
    }

    /// As [`poll_drain`](Self::poll_drain), for a writer that waits.
    #[inline]
    pub(super) fn poll_drained(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = self.poll_drain(context);
        self.writer = match polled {
            Poll::Ready(_) => None,
            Poll::Pending => Some(context.waker().clone()),
        };
        polled
    }

    /// Sends what a writer's bytes were sealed to. They are taken, also where the transport has no
    /// room for all of them now. Where a part has left, a failure is told by the next write: else
    /// the writer would think that none has.
    fn send_sealed(&mut self, context: &mut Context<'_>, count: usize) -> Poll<io::Result<usize>> {
        let sealed_bytes = self.layer.sealed().len();
        match self.poll_drained(context) {
            Poll::Ready(Err(error)) if self.layer.sealed().len() == sealed_bytes => {
                Poll::Ready(Err(error))
            }
            _ => Poll::Ready(Ok(count)),
        }
    }

    /// As [`Transport::poll_recv`], copied.
    pub(super) fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        to: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        if to.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let mut data = ready!(self.poll_recv(context))?;
        let count = data.len().min(to.len());
        to[..count].copy_from_slice(&data[..count]);
        data.advance(count);
        self.unread = Some(data).filter(|rest| !rest.is_empty());
        Poll::Ready(Ok(count))
    }
}

impl<T: Transport> Transport for Connection<T> {
    #[inline]
    fn poll_recv(&mut self, context: &mut Context<'_>) -> Poll<io::Result<RxBuf>> {
        ready!(poll_checkpoint(context))?;
        match self.unread.take() {
            Some(data) => Poll::Ready(Ok(data)),
            None => self.poll_open(context),
        }
    }

    fn stop_waiting(&mut self) {
        self.transport.stop_waiting();
        self.wake_writer();
    }

    #[inline]
    fn poll_write(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(context, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        &mut self,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(poll_checkpoint(context))?;
        if self.is_shut {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        ready!(self.poll_drained(context))?;
        let count = self.layer.seal_vectored(slices, WRITE_BYTES_MAX)?;
        self.send_sealed(context, count)
    }

    fn poll_write_in_place(
        &mut self,
        context: &mut Context<'_>,
        memory: &mut Vec<u8>,
        start: usize,
    ) -> Poll<io::Result<usize>> {
        ready!(poll_checkpoint(context))?;
        if self.is_shut {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        ready!(self.poll_drained(context))?;
        let count = memory.len() - start;
        if self.layer.seal_in_place(memory, start)? {
            return self.send_sealed(context, count);
        }
        self.poll_write(context, &memory[start..])
    }

    fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_drained(context))?;
        self.transport.poll_flush(context)
    }

    fn poll_shutdown(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.is_shut = true;
        self.layer.close();
        ready!(self.poll_drained(context))?;
        self.transport.poll_shutdown(context)
    }

    fn set_hot(&mut self, hot: bool) {
        self.transport.set_hot(hot);
    }

    fn set_receive_timestamps(&mut self, by: Option<StampedBy>) -> io::Result<()> {
        self.transport.set_receive_timestamps(by)
    }

    #[inline]
    fn receive_timestamps(&self) -> ReceiveTimestamps {
        // All that was received before is opened, so the last bytes completed the last record.
        self.transport.receive_timestamps()
    }
}

/// Copies the next data to `to`.
pub(super) async fn read<T: Transport>(
    from: &mut impl Lend<Transport = Connection<T>>,
    to: &mut [u8],
) -> io::Result<usize> {
    read_by(from, |connection, context| connection.poll_read(context, to)).await
}

pub(super) async fn read_exact<T: Transport>(
    from: &mut impl Lend<Transport = Connection<T>>,
    to: &mut [u8],
) -> io::Result<()> {
    let mut filled = 0;
    while filled < to.len() {
        let count = read(from, &mut to[filled..]).await?;
        if count == 0 {
            let message = format!("the stream ended after {filled} of {} bytes", to.len());
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, message));
        }
        filled += count;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::record::tests::finished;

    /// Takes so many bytes and breaks.
    struct Breaking(usize);

    impl Transport for Breaking {
        fn poll_recv(&mut self, _: &mut Context<'_>) -> Poll<io::Result<RxBuf>> {
            Poll::Pending
        }

        fn stop_waiting(&mut self) {}

        fn poll_write(&mut self, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
            let count = bytes.len().min(self.0);
            self.0 -= count;
            Poll::Ready(match count {
                0 => Err(io::ErrorKind::ConnectionReset.into()),
                _ => Ok(count),
            })
        }

        fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn set_hot(&mut self, _: bool) {}
    }

    #[test]
    fn a_write_of_which_a_part_left_is_not_told_as_if_nothing_had() {
        let outcomes = |room| {
            let mut connection = Connection::new(Breaking(room), finished());
            taut_runtime::run(async move {
                std::future::poll_fn(|context| {
                    let two = [0; 2].map(|_| connection.poll_write(context, &[7; 20_000]));
                    Poll::Ready(two.map(|polled| match polled {
                        Poll::Ready(outcome) => outcome.map_err(|error| error.kind()),
                        Poll::Pending => panic!("it does not wait"),
                    }))
                })
                .await
            })
            .unwrap()
        };
        let broken = Err(io::ErrorKind::ConnectionReset);
        assert_eq!(outcomes(0), [broken, broken], "nothing left");
        assert_eq!(outcomes(1), [Ok(20_000), broken]);
        assert_eq!(outcomes(17_000), [Ok(20_000), broken], "one record of two");
    }
}
