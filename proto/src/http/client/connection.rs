//! One connection: a request goes out, the head of its answer comes in.
//!
//! While a request is written the connection is read, too, as soon as writing has to wait: an
//! answer that comes before the request's end (a refusal, mostly) ends the writing, and a peer that
//! answers before it reads can't block both.
//!
//! Invariant: [`Progress`] is right at every point where a future can be dropped or fail, since it
//! decides what the sender is told, and whether the request may be sent again.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::task::Poll;

use bytes::Bytes;
use http::{Method, StatusCode};
use taut_net::{Transport, transport};
use taut_runtime::buffer::RxBuf;
use taut_runtime::time::Instant;

use super::config::{Limits, Timeouts};
use super::error::{Cause, Phase};
use super::limit_time::Total;
use super::pool::Live;
use super::received::Received;
use super::transport::ClientTransport;
use crate::http::body::{Body, BodySource};
use crate::http::wire::{
    CHUNK_END, ChunkDecoder, ChunkHead, ChunkLimits, HeadIndex, HeadLimits, HeadScanner,
    LAST_CHUNK, Reject, ResponseHead, read_response,
};

/// A connection to one origin, with the memory of its exchanges.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) transport: ClientTransport,
    pub(super) received: Received,
    pub(super) chunks: ChunkDecoder,
    pub(super) index: HeadIndex,
    scanner: HeadScanner,
    /// Whether an exchange went over it before: it may have been closed by the peer since.
    pub(super) was_used: bool,
    /// Whether a proxy at the other end wants whole URLs.
    pub(super) wants_absolute: bool,
    pub(super) idle_since: Instant,
    /// Memory for the heads of requests.
    pub(super) head: Vec<u8>,
    /// Counts it, once a pool has it.
    pub(super) live: Option<Live>,
}

/// What limits an exchange.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) timeouts: Timeouts,
    pub(super) limits: Limits,
    pub(super) total: Total,
}

/// What is to be sent.
#[derive(Debug)]
pub(super) struct Outgoing<'a> {
    pub(super) method: &'a Method,
    pub(super) head: &'a [u8],
    pub(super) body: &'a mut Body,
    pub(super) expects_continue: bool,
    /// Whether the peer may change the protocol.
    pub(super) wants_upgrade: bool,
}

/// How far an exchange has come.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Progress {
    /// Bytes that went to the kernel.
    pub(super) written: u64,
    /// Whether a byte of an answer came.
    pub(super) was_answered: bool,
    interim_answers: usize,
    may_continue: bool,
}

/// The head of an answer, where it landed.
#[derive(Debug)]
pub(super) struct AnswerHead {
    pub(super) bytes: RxBuf,
    pub(super) head: ResponseHead,
    /// Whether all of the request was sent, so that another can follow.
    pub(super) request_is_complete: bool,
}

impl Connection {
    pub(super) fn new(transport: ClientTransport, limits: &Limits) -> Self {
        let trailer_bytes_max = limits.head_bytes_max;
        Self {
            transport,
            received: Received::default(),
            chunks: ChunkDecoder::new(ChunkLimits { trailer_bytes_max, ..Default::default() }),
            index: HeadIndex::new(),
            scanner: HeadScanner::response(),
            was_used: false,
            wants_absolute: false,
            idle_since: Instant::now(),
            head: Vec::new(),
            live: None,
        }
    }

    /// Sends a request and gives the head of its final answer.
    pub(super) async fn exchange(
        &mut self,
        outgoing: Outgoing<'_>,
        bounds: &Bounds,
        progress: &mut Progress,
    ) -> Result<AnswerHead, Cause> {
        let mut exchange = Exchange {
            connection: self,
            method: outgoing.method,
            wants_upgrade: outgoing.wants_upgrade,
            bounds,
            progress,
        };
        let written = match outgoing.expects_continue {
            true => exchange.write_after_continue(outgoing.head, outgoing.body).await,
            false => exchange.write(outgoing.head, outgoing.body).await,
        };
        match written {
            Ok(Some(early)) => Ok(AnswerHead { request_is_complete: false, ..early }),
            Ok(None) => exchange.read_head().await,
            // A peer that refuses and closes makes the writing fail; its answer may be here.
            Err(Cause::Io(Phase::Write, error)) if exchange.progress.written > 0 => {
                match taut_runtime::is_cancelled(&error) {
                    true => Err(Cause::Io(Phase::Write, error)),
                    false => match exchange.read_head().await {
                        Ok(answer) => Ok(AnswerHead { request_is_complete: false, ..answer }),
                        Err(_) => Err(Cause::Io(Phase::Write, error)),
                    },
                }
            }
            Err(cause) => Err(cause),
        }
    }

    /// Receives once more; false at the end of the stream, which under TLS the peer has to announce:
    /// where it was cut off that is an error.
    pub(super) async fn receive(&mut self, phase: Phase) -> Result<bool, Cause> {
        let bytes = transport::recv(&mut self.transport).await;
        let bytes = bytes.map_err(|error| Cause::Io(phase, error))?;
        let is_more = !bytes.is_empty();
        if is_more {
            self.received.push(bytes);
        }
        Ok(is_more)
    }
}

struct Exchange<'a> {
    connection: &'a mut Connection,
    method: &'a Method,
    wants_upgrade: bool,
    bounds: &'a Bounds,
    progress: &'a mut Progress,
}

/// What came first.
enum Step {
    Wrote(io::Result<usize>),
    Received(io::Result<RxBuf>),
}

impl Exchange<'_> {
    /// The head and, unless a final answer comes instead of `100 Continue`, the body.
    async fn write_after_continue(
        &mut self,
        head: &[u8],
        body: &mut Body,
    ) -> Result<Option<AnswerHead>, Cause> {
        if let Some(early) = self.write_pieces([head, &[], &[]]).await? {
            return Ok(Some(early));
        }
        let Bounds { timeouts, total, .. } = *self.bounds;
        let waiting = async {
            loop {
                if let Some(early) = self.take_head()? {
                    return Ok(Some(early));
                }
                if self.progress.may_continue {
                    return Ok(None);
                }
                self.receive().await?;
            }
        };
        match total.within(Phase::Head, timeouts.expect_continue, waiting).await {
            Ok(Ok(None)) => {}
            Ok(early_or_failed) => return early_or_failed,
            // The peer does not know of this: the body is sent all the same.
            Err(Cause::TimedOut { phase: Phase::Head, .. }) => {}
            Err(cause) => return Err(cause),
        }
        self.write(&[], body).await
    }

    /// The head and the body; the final answer, where that came before their end.
    async fn write(&mut self, head: &[u8], body: &mut Body) -> Result<Option<AnswerHead>, Cause> {
        if let Some(bytes) = body.as_bytes() {
            return self.write_pieces([head, bytes, &[]]).await;
        }
        let length = body.length();
        let mut early = self.write_pieces([head, &[], &[]]).await?;
        let mut sent = 0;
        while early.is_none() {
            match self.next_piece(body).await? {
                Ok(Some(piece)) if piece.is_empty() => {}
                Ok(Some(piece)) => {
                    sent += piece.len() as u64;
                    if length.is_some_and(|length| sent > length) {
                        let what = format!("it has more than the {length:?} bytes that were said");
                        return Err(Cause::BodySource(io::Error::other(what)));
                    }
                    early = self.write_piece(length, &piece).await?;
                }
                Ok(None) => match length {
                    None => return self.write_pieces([LAST_CHUNK, &[], &[]]).await,
                    Some(length) if sent == length => return Ok(None),
                    Some(length) => {
                        let what = format!("it ended after {sent} of {length} bytes");
                        let error = io::Error::new(io::ErrorKind::UnexpectedEof, what);
                        return Err(Cause::BodySource(error));
                    }
                },
                Err(answer) => early = Some(answer),
            }
        }
        Ok(early)
    }

    async fn write_piece(
        &mut self,
        length: Option<u64>,
        piece: &[u8],
    ) -> Result<Option<AnswerHead>, Cause> {
        match length {
            Some(_) => self.write_pieces([piece, &[], &[]]).await,
            None => {
                let head = ChunkHead::new(piece.len());
                self.write_pieces([head.as_bytes(), piece, CHUNK_END]).await
            }
        }
    }

    /// The next piece of a body, or the final answer, where that comes first.
    async fn next_piece(
        &mut self,
        body: &mut Body,
    ) -> Result<Result<Option<Bytes>, AnswerHead>, Cause> {
        loop {
            let transport = &mut self.connection.transport;
            let next = poll_fn(|context| {
                if let Poll::Ready(piece) = body.poll_piece(context) {
                    return Poll::Ready(Ok(piece.transpose()));
                }
                transport.poll_recv(context).map(Err)
            });
            // A source may take its time; only the whole is limited.
            let next = self.bounds.total.unlimited_phase(next).await?;
            match next {
                Ok(piece) => return piece.map(Ok).map_err(Cause::BodySource),
                Err(received) => {
                    if let Some(answer) = self.took(received)? {
                        return Ok(Err(answer));
                    }
                }
            }
        }
    }

    /// Writes some slices, one after the other; the final answer, where that comes before their
    /// end.
    async fn write_pieces(&mut self, pieces: [&[u8]; 3]) -> Result<Option<AnswerHead>, Cause> {
        let Bounds { timeouts, total, .. } = *self.bounds;
        let mut left = pieces;
        loop {
            let slices = left.map(IoSlice::new);
            let filled = match left.iter().rposition(|slice| !slice.is_empty()) {
                Some(last) => &slices[..=last],
                None => return Ok(None),
            };
            let transport = &mut self.connection.transport;
            let step = poll_fn(|context| {
                let wrote = match filled {
                    [one] => transport.poll_write(context, one),
                    several => transport.poll_write_vectored(context, several),
                };
                match wrote {
                    Poll::Ready(wrote) => Poll::Ready(Step::Wrote(wrote)),
                    Poll::Pending => transport.poll_recv(context).map(Step::Received),
                }
            });
            match total.within(Phase::Write, timeouts.write, step).await? {
                Step::Wrote(Ok(0)) => {
                    return Err(Cause::Io(Phase::Write, io::ErrorKind::WriteZero.into()));
                }
                Step::Wrote(Ok(count)) => {
                    self.progress.written += count as u64;
                    advance(&mut left, count);
                }
                Step::Wrote(Err(error)) => return Err(Cause::Io(Phase::Write, error)),
                Step::Received(received) => {
                    if let Some(answer) = self.took(received)? {
                        return Ok(Some(answer));
                    }
                }
            }
        }
    }

    async fn read_head(&mut self) -> Result<AnswerHead, Cause> {
        let Bounds { timeouts, total, .. } = *self.bounds;
        let reading = async {
            loop {
                if let Some(answer) = self.take_head()? {
                    return Ok(answer);
                }
                self.receive().await?;
            }
        };
        total.within(Phase::Head, timeouts.head, reading).await?
    }

    async fn receive(&mut self) -> Result<(), Cause> {
        if !self.connection.receive(Phase::Head).await? {
            return Err(Cause::Closed);
        }
        self.progress.was_answered = true;
        Ok(())
    }

    /// What was received while the request was still being written.
    fn took(&mut self, received: io::Result<RxBuf>) -> Result<Option<AnswerHead>, Cause> {
        match received {
            Ok(bytes) if bytes.is_empty() => Err(Cause::Closed),
            Ok(bytes) => {
                self.progress.was_answered = true;
                self.connection.received.push(bytes);
                self.take_head()
            }
            Err(error) => Err(Cause::Io(Phase::Write, error)),
        }
    }

    /// The head of the final answer, if all of it is here. Interim ones are taken and counted.
    fn take_head(&mut self) -> Result<Option<AnswerHead>, Cause> {
        let limits = head_limits(&self.bounds.limits);
        let connection = &mut *self.connection;
        loop {
            let read = read_response(
                connection.received.bytes(),
                self.method,
                &mut connection.scanner,
                &mut connection.index,
                &limits,
            );
            let read = read.map_err(|reject| refused(reject, &self.bounds.limits))?;
            let Some((head, head_bytes)) = read else { return Ok(None) };
            let bytes = connection.received.take(head_bytes).expect("a head is not empty");
            if !head.framing.interim {
                if head.status == StatusCode::SWITCHING_PROTOCOLS && !self.wants_upgrade {
                    let why = "101 to a request without Upgrade (RFC 9110 15.2.2)";
                    return Err(Cause::InvalidResponse(why.to_owned()));
                }
                return Ok(Some(AnswerHead { bytes, head, request_is_complete: true }));
            }
            self.progress.may_continue |= head.status == StatusCode::CONTINUE;
            self.progress.interim_answers += 1;
            let interim_max = self.bounds.limits.interim_answers_max;
            if self.progress.interim_answers > interim_max {
                let value = interim_max as u64;
                return Err(Cause::TooLarge { limit: "interim_answers_max", value });
            }
        }
    }
}

fn head_limits(limits: &Limits) -> HeadLimits {
    HeadLimits {
        head_bytes_max: limits.head_bytes_max,
        start_line_bytes_max: limits.head_bytes_max,
        header_line_bytes_max: limits.head_bytes_max,
        headers_max: limits.headers_max,
    }
}

/// Why an answer is refused: what is too large names the limit to raise.
pub(super) fn refused(reject: Reject, limits: &Limits) -> Cause {
    let (limit, value) = match reject {
        Reject::HeadTooLong
        | Reject::StartLineTooLong
        | Reject::HeaderLineTooLong
        | Reject::TrailersTooLong => ("head_bytes_max", limits.head_bytes_max),
        Reject::TooManyHeaders => ("headers_max", limits.headers_max),
        _ => return Cause::InvalidResponse(reject.to_string()),
    };
    Cause::TooLarge { limit, value: value as u64 }
}

/// Drops the first `count` bytes of some slices.
fn advance(slices: &mut [&[u8]], mut count: usize) {
    for slice in slices {
        let here = count.min(slice.len());
        *slice = &slice[here..];
        count -= here;
    }
}
