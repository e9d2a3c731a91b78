//! The body of a request, as it comes in.
//!
//! Pieces are handed out where they landed. Nothing is received before the handler asks, so a body
//! that nobody reads waits in the kernel, and a client that asked whether it may send is told so
//! only then (`100 Continue`).

use std::future::poll_fn;
use std::task::{Context, Poll, ready};

use http::HeaderMap;
use taut_net::Transport;
use taut_runtime::buffer::RxBuf;

use super::counters::count;
use super::pace::Pace;
use super::wire::{Received, SharedWire, Wire};
use super::{BodyError, Limits};
use crate::http::wire::{BodyLength, ChunkDecoder, RequestFraming};

const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// What is known of the body of the request that is being answered.
#[derive(Debug)]
pub(super) struct Inflow {
    left: Left,
    /// Kept from body to body, since it is large.
    decoder: ChunkDecoder,
    /// The client waits for `100 Continue`.
    awaits_continue: bool,
    /// Bytes that were handed out, and how many may be.
    bytes: u64,
    bytes_max: u64,
    /// The reader's waits.
    pace: Pace,
}

/// What is still to come.
#[derive(Clone, Copy, Debug)]
enum Left {
    Nothing,
    Bytes(u64),
    Chunks,
    /// What follows can't be told from the body.
    Broken,
}

impl Inflow {
    pub(super) fn none(limits: &Limits) -> Self {
        Self {
            left: Left::Nothing,
            decoder: ChunkDecoder::new(limits.chunks),
            awaits_continue: false,
            bytes: 0,
            bytes_max: u64::MAX,
            pace: Pace::default(),
        }
    }

    /// The body of the next request begins.
    #[inline]
    pub(super) fn begin(&mut self, framing: &RequestFraming, limits: &Limits) {
        self.left = match framing.body {
            BodyLength::None | BodyLength::Length(0) | BodyLength::UntilClose => Left::Nothing,
            BodyLength::Length(bytes) => Left::Bytes(bytes),
            BodyLength::Chunked => {
                self.decoder.reset();
                Left::Chunks
            }
        };
        self.awaits_continue = framing.expects_continue && !matches!(self.left, Left::Nothing);
        self.bytes = 0;
        self.bytes_max = limits.body_bytes_max;
        self.pace = Pace::default();
    }

    pub(super) fn set_bytes_max(&mut self, bytes_max: u64) {
        self.bytes_max = bytes_max;
    }

    /// Bytes that are still to come, where the client said how many.
    pub(super) fn bytes_left(&self) -> Option<u64> {
        match self.left {
            Left::Nothing => Some(0),
            Left::Bytes(bytes) => Some(bytes),
            Left::Chunks if self.decoder.is_done() => Some(0),
            Left::Chunks | Left::Broken => None,
        }
    }

    /// Whether the next request can be found behind what is left, if that is thrown away.
    pub(super) fn can_be_drained(&self, limits: &Limits) -> bool {
        match self.bytes_left() {
            Some(0) => true,
            // Nobody knows whether a client that was not told to go on will send the body.
            _ if self.awaits_continue => false,
            Some(bytes) => bytes <= limits.drain_bytes_max,
            None => !matches!(self.left, Left::Broken),
        }
    }

    pub(super) fn trailers(&self) -> Option<HeaderMap> {
        let is_at_end = matches!(self.left, Left::Chunks) && self.decoder.is_done();
        let trailers = is_at_end.then(|| self.decoder.trailers());
        trailers.filter(|fields| !fields.is_empty()).map(|fields| fields.to_map())
    }
}

impl<T: Transport> Wire<T> {
    /// The next piece of the body; nothing at its end. A pending poll has taken nothing.
    ///
    /// # Errors
    ///
    /// Why the body can't be read, once; then that it can't.
    pub(super) fn poll_body(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Result<Option<RxBuf>, BodyError>> {
        let polled = self.poll_piece(context);
        if let Poll::Ready(Err(_)) = polled {
            self.inflow.left = Left::Broken;
        }
        polled
    }

    fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<RxBuf>, BodyError>> {
        loop {
            if let Some(piece) = self.take_piece()? {
                return Poll::Ready(Ok(Some(piece)));
            }
            if self.inflow.bytes_left() == Some(0) {
                return Poll::Ready(Ok(None));
            }
            // A client that sends before it is told to needs not be told.
            if std::mem::take(&mut self.inflow.awaits_continue) {
                self.output().extend_from_slice(CONTINUE);
                count(&self.shared.counters.responses_1xx);
                self.push(context)?;
            }
            ready!(self.poll_more(context))?;
        }
    }

    /// The piece that is there; nothing where more has to come in, or at the end.
    fn take_piece(&mut self) -> Result<Option<RxBuf>, BodyError> {
        loop {
            let bytes_max = self.inflow.bytes_max;
            let too_large = BodyError::TooLarge { bytes_max };
            let unread = self.unread().len();
            let piece = match &mut self.inflow.left {
                Left::Nothing => return Ok(None),
                Left::Broken => return Err(BodyError::Truncated),
                Left::Bytes(left) if self.inflow.bytes.saturating_add(*left) > bytes_max => {
                    return Err(too_large);
                }
                Left::Bytes(0) => return Ok(None),
                Left::Bytes(_) if unread == 0 => return Ok(None),
                Left::Bytes(left) => {
                    let taken = usize::try_from(*left).unwrap_or(usize::MAX).min(unread);
                    *left -= taken as u64;
                    Some(self.take(taken))
                }
                Left::Chunks => match self.take_chunk()? {
                    ChunkStep::Piece(piece) => Some(piece),
                    ChunkStep::Again => continue,
                    ChunkStep::Nothing => return Ok(None),
                },
            };
            self.inflow.awaits_continue = false;
            self.inflow.bytes += piece.as_ref().map_or(0, |piece| piece.len() as u64);
            if self.inflow.bytes > bytes_max {
                return Err(too_large);
            }
            return Ok(piece);
        }
    }

    fn take_chunk(&mut self) -> Result<ChunkStep, BodyError> {
        let decoder = &mut self.inflow.decoder;
        let Some(unread) = self.unread.as_deref().filter(|_| !decoder.is_done()) else {
            return Ok(ChunkStep::Nothing);
        };
        let event = decoder.decode(unread).map_err(BodyError::Malformed)?;
        let taken = self.take(event.consumed);
        Ok(match event.data.is_empty() {
            true => ChunkStep::Again,
            false => ChunkStep::Piece(taken.slice(event.data)),
        })
    }

    /// Waits for bytes of the body, as long as they come fast enough.
    fn poll_more(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BodyError>> {
        let demand = self.shared.limits.of_body();
        let (since, granted) = self.inflow.pace.wait(self.inflow.bytes, demand);
        self.deadline.set(since + granted);
        let received = ready!(self.poll_receive(context));
        self.inflow.pace.stop();
        Poll::Ready(match received {
            Received::Bytes => Ok(()),
            Received::End => Err(BodyError::Truncated),
            Received::TimedOut | Received::Closing => {
                count(&self.shared.counters.timeouts_body);
                Err(BodyError::TooSlow)
            }
            Received::Failed(error) => Err(BodyError::Io(error)),
        })
    }
}

enum ChunkStep {
    Piece(RxBuf),
    /// Something was used up that was no payload.
    Again,
    Nothing,
}

/// A body, whatever transport it comes over.
pub(super) trait Source {
    fn poll_body(&self, context: &mut Context<'_>) -> Poll<Result<Option<RxBuf>, BodyError>>;
    fn stop_waiting(&self);
    fn set_bytes_max(&self, bytes_max: u64);
    fn bytes_left(&self) -> Option<u64>;
    fn trailers(&self) -> Option<HeaderMap>;
}

impl<T: Transport> Source for SharedWire<T> {
    fn poll_body(&self, context: &mut Context<'_>) -> Poll<Result<Option<RxBuf>, BodyError>> {
        self.borrow_mut().poll_body(context)
    }

    fn stop_waiting(&self) {
        let mut wire = self.borrow_mut();
        // The reader's own pauses are not the client's fault.
        if wire.inflow.pace.stop() {
            wire.transport.stop_waiting();
        }
    }

    fn set_bytes_max(&self, bytes_max: u64) {
        self.borrow_mut().inflow.set_bytes_max(bytes_max);
    }

    fn bytes_left(&self) -> Option<u64> {
        self.borrow().inflow.bytes_left()
    }

    fn trailers(&self) -> Option<HeaderMap> {
        self.borrow().inflow.trailers()
    }
}

/// Throws away what a handler left unread, up to the limit, and says whether the next request
/// follows.
pub(super) async fn drain<T: Transport>(wire: &SharedWire<T>) -> bool {
    if wire.borrow().inflow.bytes_left() == Some(0) {
        return true;
    }
    let bytes_max = wire.borrow().shared.limits.drain_bytes_max;
    let bytes = wire.borrow().inflow.bytes;
    wire.borrow_mut().inflow.set_bytes_max(bytes.saturating_add(bytes_max));
    loop {
        match poll_fn(|context| wire.borrow_mut().poll_body(context)).await {
            Ok(Some(_)) => {}
            Ok(None) => return true,
            Err(_) => return false,
        }
    }
}
