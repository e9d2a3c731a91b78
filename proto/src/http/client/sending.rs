//! A request on its way out: what of it is still to be sent.
//!
//! A request is sent from what its caller lends, and from there also the prepared ones allocate
//! nothing. Where its answer begins before its end, the rest is owned from then on ([`Unsent`]) and
//! goes out beside the reading of the answer, in the same task.
//!
//! Invariant: [`Sending`] is right to the byte whenever a future that drives it is dropped or
//! fails, so whoever drives it next goes on where that one stopped.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use taut_net::{Transport, transport};
use taut_runtime::buffer::RxBuf;
use taut_runtime::time::Instant;

use super::connection::Bounds;
use super::error::{Cause, Phase};
use super::transport::ClientTransport;
use crate::http::body::{Body, BodySource};
use crate::http::wire::{CHUNK_END, ChunkHead, LAST_CHUNK};

/// What is sent.
#[derive(Debug)]
pub(super) struct Message<'a> {
    pub(super) head: &'a [u8],
    pub(super) body: &'a mut Body,
}

/// How far a message was sent. Counts for the message that it was driven with, and for no other.
#[derive(Debug, Default)]
pub(super) struct Sending {
    frame: Frame,
    /// Bytes of the frame that were written.
    at: usize,
    /// Bytes that a source brought.
    brought: u64,
}

/// What goes out in one piece, if the connection takes it.
#[derive(Debug, Default)]
enum Frame {
    /// The head, and the body where its bytes are there.
    #[default]
    Start,
    Piece {
        head: Option<ChunkHead>,
        bytes: Bytes,
    },
    LastChunk,
    End,
}

impl Frame {
    fn slices<'a>(&'a self, message: &'a Message<'_>) -> [&'a [u8]; 3] {
        match self {
            Self::Start => [message.head, message.body.as_bytes().unwrap_or(&[]), &[]],
            Self::Piece { head: Some(head), bytes } => [head.as_bytes(), bytes, CHUNK_END],
            Self::Piece { head: None, bytes } => [bytes, &[], &[]],
            Self::LastChunk => [LAST_CHUNK, &[], &[]],
            Self::End => [&[]; 3],
        }
    }
}

impl Sending {
    /// Whether all of the message went to the connection.
    pub(super) fn is_whole(&self, message: &Message<'_>) -> bool {
        self.is_frame_written(message)
            && match self.frame {
                Frame::Start => message.body.as_bytes().is_some(),
                Frame::Piece { .. } => false,
                Frame::LastChunk | Frame::End => true,
            }
    }

    /// Whether the body's source has to bring something before more can be sent.
    pub(super) fn waits_for_source(&self, message: &Message<'_>) -> bool {
        self.is_frame_written(message) && !self.is_whole(message)
    }

    fn is_frame_written(&self, message: &Message<'_>) -> bool {
        let frame_bytes: usize = self.frame.slices(message).iter().map(|slice| slice.len()).sum();
        self.at == frame_bytes
    }

    /// Sends more of a message that is not whole, or asks its source for more. Adds to `written`
    /// what the connection took.
    pub(super) fn poll_step(
        &mut self,
        message: &mut Message<'_>,
        transport: &mut ClientTransport,
        written: &mut u64,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), Cause>> {
        if self.is_frame_written(message) {
            self.frame = ready!(self.poll_next_frame(message.body, context))?;
            self.at = 0;
            return Poll::Ready(Ok(()));
        }
        let mut left = self.frame.slices(message);
        advance(&mut left, self.at);
        let slices = left.map(IoSlice::new);
        let last = left.iter().rposition(|slice| !slice.is_empty()).expect("a part is left");
        let wrote = match &slices[..=last] {
            [one] => transport.poll_write(context, one),
            several => transport.poll_write_vectored(context, several),
        };
        let failed = |error| Cause::Io(Phase::Write, error);
        match ready!(wrote).map_err(failed)? {
            0 => Poll::Ready(Err(failed(io::ErrorKind::WriteZero.into()))),
            count => {
                self.at += count;
                *written += count as u64;
                Poll::Ready(Ok(()))
            }
        }
    }

    /// What the body's source brings next.
    fn poll_next_frame(
        &mut self,
        body: &mut Body,
        context: &mut Context<'_>,
    ) -> Poll<Result<Frame, Cause>> {
        let wrong = |kind, what| Poll::Ready(Err(Cause::BodySource(io::Error::new(kind, what))));
        let length = body.length();
        loop {
            match ready!(body.poll_piece(context)).transpose().map_err(Cause::BodySource)? {
                Some(piece) if piece.is_empty() => {}
                Some(bytes) => {
                    self.brought += bytes.len() as u64;
                    if length.is_some_and(|length| self.brought > length) {
                        let what = format!("it has more than the {length:?} bytes that were said");
                        return wrong(io::ErrorKind::Other, what);
                    }
                    let head = length.is_none().then(|| ChunkHead::new(bytes.len()));
                    return Poll::Ready(Ok(Frame::Piece { head, bytes }));
                }
                None => match length {
                    None => return Poll::Ready(Ok(Frame::LastChunk)),
                    Some(length) if self.brought == length => return Poll::Ready(Ok(Frame::End)),
                    Some(length) => {
                        let what = format!("it ended after {} of {length} bytes", self.brought);
                        return wrong(io::ErrorKind::UnexpectedEof, what);
                    }
                },
            }
        }
    }
}

/// Drops the first `count` bytes of some slices.
fn advance(slices: &mut [&[u8]], mut count: usize) {
    for slice in slices {
        let here = count.min(slice.len());
        *slice = &slice[here..];
        count -= here;
    }
}

/// The rest of a request whose answer began before its end.
#[derive(Debug)]
pub(super) struct Unsent {
    head: Bytes,
    body: Body,
    sending: Sending,
    /// For how long the connection took nothing while somebody waited for it.
    stuck_for: Duration,
    /// Whose turn it is, so that neither direction starves the other.
    sends_next: bool,
    /// Why no more can be written. What the peer said before can still be read.
    failed: Option<Cause>,
}

/// What came first.
#[derive(Debug)]
pub(super) enum Step {
    /// More of the request went out, or no more of it can.
    Sent,
    /// All of it is with the kernel.
    Whole,
    Received(RxBuf),
}

impl Unsent {
    /// What a message that was sent so far still has. Bytes are shared with it; a source moves.
    pub(super) fn new(message: Message<'_>, sending: Sending, failed: Option<Cause>) -> Self {
        let head = match sending.frame {
            Frame::Start => Bytes::copy_from_slice(message.head),
            _ => Bytes::new(),
        };
        let body = message.body.hand_over();
        Self { head, body, sending, stuck_for: Duration::ZERO, sends_next: true, failed }
    }

    /// Whether no more of it can be sent; [`finish`](Self::finish) tells why.
    pub(super) fn has_failed(&self) -> bool {
        self.failed.is_some()
    }

    /// Sends more, or receives, whichever comes first. Cancel-safe.
    ///
    /// A write that failed is no error of this: what the peer said before can still be read. Only
    /// the connection is limited in time, not the body's source.
    pub(super) async fn step(
        &mut self,
        transport: &mut ClientTransport,
        written: &mut u64,
        bounds: &Bounds,
    ) -> Result<Step, Cause> {
        let Bounds { timeouts, total, .. } = *bounds;
        let message = Message { head: &self.head, body: &mut self.body };
        let waits_for_source = self.sending.waits_for_source(&message);
        let left = timeouts.write.saturating_sub(self.stuck_for);
        let began = Instant::now();
        let step = transport::read_by(transport, |transport, context| {
            for sends in [self.sends_next, !self.sends_next] {
                let step = match sends {
                    true => self.poll_send(transport, written, context),
                    false => transport.poll_recv(context).map(|received| {
                        received.map(Step::Received).map_err(|error| Cause::Io(Phase::Body, error))
                    }),
                };
                if step.is_ready() {
                    self.sends_next = !sends;
                    return step;
                }
            }
            Poll::Pending
        });
        let step = match waits_for_source {
            true => total.unlimited_phase(step).await?,
            false => total.within(Phase::Write, left, step).await.map_err(|cause| match cause {
                Cause::TimedOut { phase: phase @ Phase::Write, .. } => {
                    Cause::TimedOut { phase, limit: timeouts.write }
                }
                cause => cause,
            })?,
        };
        self.stuck_for = match step {
            Ok(Step::Received(_)) if !waits_for_source => self.stuck_for + began.elapsed(),
            _ => Duration::ZERO,
        };
        match step {
            Err(cause @ Cause::Io(Phase::Write, _)) if !cause.is_cancel() => {
                self.failed = Some(cause);
                Ok(Step::Sent)
            }
            step => step,
        }
    }

    /// Sends all that is left, where nothing more is to be received. Cancel-safe.
    ///
    /// Nobody can tell any more that a source should end, so it has to bring something in the time
    /// that writing has.
    pub(super) async fn finish(
        &mut self,
        transport: &mut ClientTransport,
        written: &mut u64,
        bounds: &Bounds,
    ) -> Result<(), Cause> {
        let Bounds { timeouts, total, .. } = *bounds;
        loop {
            if let Some(cause) = self.failed.take() {
                return Err(cause);
            }
            let step = poll_fn(|context| self.poll_send(transport, written, context));
            if let Step::Whole = total.within(Phase::Write, timeouts.write, step).await?? {
                return Ok(());
            }
        }
    }

    fn poll_send(
        &mut self,
        transport: &mut ClientTransport,
        written: &mut u64,
        context: &mut Context<'_>,
    ) -> Poll<Result<Step, Cause>> {
        let mut message = Message { head: &self.head, body: &mut self.body };
        if !self.sending.is_whole(&message) {
            let step = self.sending.poll_step(&mut message, transport, written, context);
            return step.map_ok(|()| Step::Sent);
        }
        let flushed = transport.poll_flush(context).map_ok(|()| Step::Whole);
        flushed.map_err(|error| Cause::Io(Phase::Write, error))
    }
}
