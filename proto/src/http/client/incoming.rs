//! The body of an answer as it comes in: pieces where they landed, and the connection's way back to
//! the pool.
//!
//! What is left of the request goes out meanwhile. The answer has no end before the request has its
//! own: who reads to the end knows that all of it was sent.
//!
//! Invariant: the connection is given back exactly when the answer's last byte was taken from it
//! and the request's is with the kernel, and closed in every other case. So an answer whose body is
//! here together with its head (most are) holds no connection at all.

use std::rc::Rc;

use http::HeaderMap;
use taut_runtime::buffer::RxBuf;

use super::connection::{AnswerHead, Bounds};
use super::error::{Asked, Cause, Error, Phase};
use super::pool::Lease;
use super::sending::{Step, Unsent};
use super::transport::ClientTransport;
use crate::http::wire::{BodyLength, ResponseHead};

#[derive(Debug)]
pub(super) struct Incoming {
    lease: Option<Lease>,
    state: State,
    /// The whole body, where it came with the head.
    whole: Option<RxBuf>,
    unsent: Option<Box<Unsent>>,
    may_give_back: bool,
    trailers: Option<HeaderMap>,
    asked: Rc<Asked>,
    head: ResponseHead,
    written: u64,
    bounds: Bounds,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Length(u64),
    Chunked,
    UntilClose,
    Done,
    Failed,
}

impl Incoming {
    pub(super) fn new(
        mut lease: Lease,
        answer: &mut AnswerHead,
        asked: Rc<Asked>,
        written: u64,
        bounds: Bounds,
    ) -> Self {
        let head = answer.head;
        let state = match head.framing.body {
            _ if head.framing.tunnel => State::Done,
            BodyLength::None => State::Length(0),
            BodyLength::Length(length) => State::Length(length),
            BodyLength::Chunked => State::Chunked,
            BodyLength::UntilClose => State::UntilClose,
        };
        lease.connection.chunks.reset();
        let mut incoming = Self {
            lease: Some(lease),
            state,
            whole: None,
            unsent: answer.unsent.take(),
            may_give_back: head.framing.keep_alive && !answer.stopped,
            trailers: None,
            asked,
            head,
            written,
            bounds,
        };
        incoming.take_whole();
        incoming
    }

    /// Takes a body that is here already, and gives the connection back.
    fn take_whole(&mut self) {
        let State::Length(length) = self.state else { return };
        let Some(lease) = &mut self.lease else { return };
        let received = &mut lease.connection.received;
        if length <= received.bytes().len() as u64 {
            self.whole = received.take(length as usize);
            self.finish();
        }
    }

    /// The last byte of the answer was taken.
    fn finish(&mut self) {
        self.state = State::Done;
        if self.unsent.is_none() {
            self.release();
        }
    }

    fn release(&mut self) {
        if let Some(lease) = self.lease.take()
            && self.may_give_back
        {
            lease.give_back();
        }
    }

    /// The next bytes; `None` after the last. Cancel-safe.
    pub(super) async fn piece(&mut self) -> Result<Option<RxBuf>, Error> {
        loop {
            match self.here() {
                Ok(Some(piece)) => return Ok(Some(piece)),
                Ok(None) if self.state == State::Done => {
                    self.finish_sending().await?;
                    return Ok(None);
                }
                Ok(None) => {}
                Err(cause) => return Err(self.failed(cause)),
            }
            match self.receive().await {
                Ok(true) => {}
                Ok(false) if self.state == State::UntilClose => self.finish(),
                Ok(false) => return Err(self.failed(Cause::Closed)),
                Err(cause) => return Err(self.failed(cause)),
            }
        }
    }

    /// Sends what is left of the request, if all of the answer was received. Cancel-safe.
    pub(super) async fn finish_sending(&mut self) -> Result<(), Error> {
        let (State::Done, Some(lease), Some(unsent)) =
            (self.state, &mut self.lease, &mut self.unsent)
        else {
            return Ok(());
        };
        let transport = &mut lease.connection.transport;
        let sent = unsent.finish(transport, &mut self.written, &self.bounds).await;
        sent.map_err(|cause| self.failed(cause))?;
        self.unsent = None;
        if !self.is_tunnel() {
            self.release();
        }
        Ok(())
    }

    /// Sends what is left of the request. What comes in of the answer meanwhile is thrown away.
    pub(super) async fn send_rest(&mut self) -> Result<(), Error> {
        while self.unsent.is_some() && self.piece().await?.is_some() {}
        Ok(())
    }

    /// What is here already of the body.
    fn here(&mut self) -> Result<Option<RxBuf>, Cause> {
        if let Some(whole) = self.whole.take() {
            return Ok(Some(whole));
        }
        if self.state == State::Failed {
            return Err(Cause::Closed);
        }
        let Some(lease) = &mut self.lease else { return Ok(None) };
        let connection = &mut lease.connection;
        let received = &mut connection.received;
        match self.state {
            State::Length(_) | State::UntilClose if received.is_empty() => Ok(None),
            State::Length(left) => {
                let count = left.min(received.bytes().len() as u64);
                let piece = received.take(count as usize);
                self.state = State::Length(left - count);
                if left == count {
                    self.finish();
                }
                Ok(piece)
            }
            State::UntilClose => Ok(received.take_all()),
            State::Chunked => {
                let event = connection.chunks.decode(received.bytes());
                let event = event
                    .map_err(|reject| super::connection::refused(reject, &self.bounds.limits))?;
                let taken = received.take(event.consumed);
                let piece = taken.filter(|_| !event.data.is_empty());
                let piece = piece.map(|taken| taken.slice(event.data));
                if event.done {
                    let trailers = connection.chunks.trailers();
                    self.trailers = (!trailers.is_empty()).then(|| trailers.to_map());
                    self.finish();
                }
                Ok(piece)
            }
            State::Done | State::Failed => Ok(None),
        }
    }

    async fn receive(&mut self) -> Result<bool, Cause> {
        let Bounds { timeouts, total, .. } = self.bounds;
        let Some(lease) = &mut self.lease else { return Ok(false) };
        while let Some(unsent) = self.unsent.as_mut().filter(|unsent| !unsent.has_failed()) {
            let transport = &mut lease.connection.transport;
            match unsent.step(transport, &mut self.written, &self.bounds).await? {
                Step::Sent => {}
                Step::Whole => self.unsent = None,
                Step::Received(bytes) => return Ok(lease.connection.took(bytes)),
            }
        }
        let receiving = lease.connection.receive(Phase::Body);
        total.within(Phase::Body, timeouts.body_idle, receiving).await?
    }

    /// The error of this answer; the connection is closed.
    pub(super) fn failed(&mut self, cause: Cause) -> Error {
        self.state = State::Failed;
        self.lease = None;
        self.error(cause)
    }

    pub(super) fn error(&self, cause: Cause) -> Error {
        self.asked.failed(self.written, Some(self.head.status), cause)
    }

    /// Bytes that went out, in all that was done for this answer.
    pub(super) fn written(&self) -> u64 {
        self.written
    }

    pub(super) fn bounds(&self) -> &Bounds {
        &self.bounds
    }

    pub(super) fn head(&self) -> &ResponseHead {
        &self.head
    }

    pub(super) fn trailers(&self) -> Option<&HeaderMap> {
        self.trailers.as_ref()
    }

    pub(super) fn is_tunnel(&self) -> bool {
        self.head.framing.tunnel
    }

    /// The connection, which now speaks another protocol, and what came of it already.
    pub(super) fn into_tunnel(mut self) -> Option<(ClientTransport, RxBuf)> {
        let mut connection = self.lease.take()?.into_connection();
        let received = connection.received.take_all().unwrap_or_else(RxBuf::empty);
        Some((connection.transport, received))
    }
}
