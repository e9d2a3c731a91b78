//! One connection: a request goes out, the head of its answer comes in.
//!
//! While a request is written the connection is read, too, as soon as writing has to wait: a peer
//! that answers before it reads can't block both. A final answer before the request's end stops
//! the writing where it refuses the request or sends it elsewhere (RFC 9112 9.5). Any other says
//! nothing against the rest, which goes out beside the reading of the answer (RFC 9110 7.5).
//!
//! Invariant: [`Progress`] is right at every point where a future can be dropped or fail, since it
//! decides what the sender is told, and whether the request may be sent again.

use std::future::poll_fn;
use std::io;
use std::task::Poll;

use http::{Method, StatusCode};
use taut_net::{Transport, transport};
use taut_runtime::buffer::RxBuf;
use taut_runtime::time::Instant;

use super::config::{Limits, Timeouts};
use super::error::{Cause, Phase};
use super::limit_time::Total;
use super::pool::Live;
use super::received::Received;
use super::sending::{Message, Sending, Unsent};
use super::transport::ClientTransport;
use crate::http::body::Body;
use crate::http::wire::{
    ChunkDecoder, ChunkLimits, HeadIndex, HeadLimits, HeadScanner, Reject, ResponseHead,
    read_response,
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
    pub(super) message: Message<'a>,
    pub(super) expects_continue: bool,
    /// Whether the peer may change the protocol.
    pub(super) wants_upgrade: bool,
}

/// How far an exchange has come.
#[derive(Debug, Default)]
pub(super) struct Progress {
    sending: Sending,
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
    /// Whether sending was stopped, so that no other request can follow.
    pub(super) stopped: bool,
    /// What is still to be sent.
    pub(super) unsent: Option<Box<Unsent>>,
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
        let mut message = outgoing.message;
        let written = match outgoing.expects_continue {
            true => exchange.write_after_continue(&mut message).await,
            false => exchange.write(&mut message).await,
        };
        match written {
            Ok(Some(early)) => Ok(exchange.began_early(early, message, None)),
            Ok(None) => {
                let answer = exchange.read_head().await?;
                match exchange.is_flushed().await {
                    true => Ok(answer),
                    false => Ok(exchange.began_early(answer, message, None)),
                }
            }
            // A peer that refuses and closes makes the writing fail; its answer may be here.
            Err(Cause::Io(Phase::Write, error)) if exchange.progress.written > 0 => {
                let cause = Cause::Io(Phase::Write, error);
                match cause.is_cancel() {
                    true => Err(cause),
                    false => match exchange.read_head().await {
                        Ok(answer) => Ok(exchange.began_early(answer, message, Some(cause))),
                        Err(_) => Err(cause),
                    },
                }
            }
            Err(cause) => Err(cause),
        }
    }

    /// Receives once more; false at the end of the stream, which under TLS the peer has to
    /// announce: where it was cut off that is an error.
    pub(super) async fn receive(&mut self, phase: Phase) -> Result<bool, Cause> {
        let bytes = transport::recv(&mut self.transport).await;
        Ok(self.took(bytes.map_err(|error| Cause::Io(phase, error))?))
    }

    /// Keeps what was received; false at the end of the stream.
    pub(super) fn took(&mut self, bytes: RxBuf) -> bool {
        let is_more = !bytes.is_empty();
        if is_more {
            self.received.push(bytes);
        }
        is_more
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
    Sent(Result<(), Cause>),
    Received(io::Result<RxBuf>),
}

impl Exchange<'_> {
    /// The head and, unless a final answer comes instead of `100 Continue`, the body.
    async fn write_after_continue(
        &mut self,
        message: &mut Message<'_>,
    ) -> Result<Option<AnswerHead>, Cause> {
        let mut only_head = Message { head: message.head, body: &mut Body::empty() };
        if let Some(early) = self.write(&mut only_head).await? {
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
        self.write(message).await
    }

    /// What is left of the message; the final answer, where that came before its end.
    async fn write(&mut self, message: &mut Message<'_>) -> Result<Option<AnswerHead>, Cause> {
        let Bounds { timeouts, total, .. } = *self.bounds;
        while !self.progress.sending.is_whole(message) {
            let waits_for_source = self.progress.sending.waits_for_source(message);
            let transport = &mut self.connection.transport;
            let Progress { sending, written, .. } = &mut *self.progress;
            let step =
                poll_fn(|context| match sending.poll_step(message, transport, written, context) {
                    Poll::Ready(sent) => Poll::Ready(Step::Sent(sent)),
                    Poll::Pending => transport.poll_recv(context).map(Step::Received),
                });
            let step = match waits_for_source {
                // A source may take its time; only the whole is limited.
                true => total.unlimited_phase(step).await?,
                false => total.within(Phase::Write, timeouts.write, step).await?,
            };
            match step {
                Step::Sent(sent) => sent?,
                Step::Received(received) => {
                    if let Some(answer) = self.took(received)? {
                        return Ok(Some(answer));
                    }
                }
            }
        }
        Ok(None)
    }

    /// Whether the transport keeps nothing of the request back.
    async fn is_flushed(&mut self) -> bool {
        let transport = &mut self.connection.transport;
        let flushed = poll_fn(|context| Poll::Ready(transport.poll_flush(context))).await;
        matches!(flushed, Poll::Ready(Ok(())))
    }

    /// An answer to a message that is not with the kernel to its end.
    fn began_early(
        &mut self,
        answer: AnswerHead,
        message: Message<'_>,
        failed: Option<Cause>,
    ) -> AnswerHead {
        if stops_sending(answer.head.status) {
            return AnswerHead { stopped: true, ..answer };
        }
        let sending = std::mem::take(&mut self.progress.sending);
        let unsent = Some(Box::new(Unsent::new(message, sending, failed)));
        AnswerHead { unsent, ..answer }
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
                return Ok(Some(AnswerHead { bytes, head, stopped: false, unsent: None }));
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

/// Whether an answer says that the rest of the request is of no use to its sender: it refuses, or
/// names another place for it. 303 tells that the request was dealt with, as 2xx does.
fn stops_sending(status: StatusCode) -> bool {
    status.as_u16() >= 300 && status != StatusCode::SEE_OTHER
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
