//! What a connection is to send: the writing side, without I/O.
//!
//! Invariants: after a close frame nothing is queued. At most `PONGS_QUEUED_MAX` pongs stand in
//! the queue and at most one waits beside them, always the answer to the newest ping (RFC 6455
//! section 5.5.3 lets older ones go): a peer that only pings makes us hold nothing more.

use std::io;
use std::task::{Poll, ready};

use super::error::{Error, ErrorKind};
use super::wire::{
    CloseCode, CloseFrame, ControlPayload, Deflate, DeflateAgreement, Encoder, Opcode, Role, Room,
    close_payload,
};

/// Pongs that stand in the queue at the same time: pings that come together are all answered, as a
/// peer that counts its answers expects, but for a flood.
const PONGS_QUEUED_MAX: u32 = 16;

/// What a connection is to send. It leaves with the next `flush` or `send`, and by itself when
/// the reader waits: so what is queued while messages are read leaves together.
///
/// Where compression was agreed on, messages are compressed when they are queued, but for short
/// ones, and what is written in place.
#[derive(Debug)]
pub struct Outbox {
    pub(super) encoder: Encoder,
    deflate: Option<Deflate>,
    queue_bytes_max: usize,
    /// The answer to the newest ping, while as many older ones as may stand in the queue.
    pong: Option<ControlPayload>,
    /// Since the last time that none of them stood in the queue.
    pongs_queued: u32,
    /// Where in the stream of bytes the last pong ends.
    pong_end: u64,
    pub(super) is_closed: bool,
    /// Pings and pongs that were sent without being asked for.
    pub(super) control_frames: u64,
    /// What the peer closed with.
    pub(super) peer_close: Option<CloseFrame>,
}

impl Outbox {
    pub(super) fn new(
        role: Role,
        queue_bytes_max: usize,
        deflate: Option<&DeflateAgreement>,
    ) -> Self {
        Self {
            encoder: Encoder::new(role),
            deflate: deflate.and_then(Deflate::new),
            queue_bytes_max,
            pong: None,
            pongs_queued: 0,
            pong_end: 0,
            is_closed: false,
            control_frames: 0,
            peer_close: None,
        }
    }

    /// Queues a text message.
    ///
    /// # Errors
    ///
    /// [`Closed`](ErrorKind::Closed) after a close frame, [`QueueFull`](ErrorKind::QueueFull) where
    /// the peer takes too little.
    #[inline]
    pub fn queue_text(&mut self, text: &str) -> Result<(), Error> {
        self.queue(Opcode::Text, text.as_bytes())
    }

    /// Queues a binary message.
    ///
    /// # Errors
    ///
    /// As for [`queue_text`](Self::queue_text).
    #[inline]
    pub fn queue_binary(&mut self, data: &[u8]) -> Result<(), Error> {
        self.queue(Opcode::Binary, data)
    }

    /// Queues one message in several frames, one for each piece; an empty message where there is
    /// none.
    ///
    /// # Errors
    ///
    /// As for [`queue_text`](Self::queue_text). [`Invalid`](ErrorKind::Invalid) where `opcode` is
    /// neither text nor binary. All of it is queued, or nothing.
    pub fn queue_fragmented(&mut self, opcode: Opcode, pieces: &[&[u8]]) -> Result<(), Error> {
        if !matches!(opcode, Opcode::Text | Opcode::Binary) {
            return Err(ErrorKind::Invalid("a message is text or binary").into());
        }
        let Some((last, others)) = pieces.split_last() else {
            return self.queue(opcode, &[]);
        };
        self.check_room(pieces.iter().map(|piece| piece.len()).sum())?;
        if self.deflated(opcode, pieces) {
            return Ok(());
        }
        let mut opcode = opcode;
        for piece in others {
            self.encoder.frame(opcode, false, false, piece);
            opcode = Opcode::Continuation;
        }
        self.encoder.frame(opcode, true, false, last);
        Ok(())
    }

    /// Room for a message of up to `bytes_max` bytes, to be written where it will be sent from. It
    /// is never compressed.
    ///
    /// # Errors
    ///
    /// As for [`queue_text`](Self::queue_text). [`Invalid`](ErrorKind::Invalid) where `opcode` is
    /// neither text nor binary.
    pub fn reserve(&mut self, opcode: Opcode, bytes_max: usize) -> Result<Room<'_>, Error> {
        if !matches!(opcode, Opcode::Text | Opcode::Binary) {
            return Err(ErrorKind::Invalid("a message is text or binary").into());
        }
        self.check_room(bytes_max)?;
        Ok(self.encoder.reserve(opcode, bytes_max))
    }

    /// Queues a ping with at most 125 bytes. Its answer is handed out as any other pong: the
    /// connection measures only its own pings.
    ///
    /// # Errors
    ///
    /// [`Closed`](ErrorKind::Closed); [`Invalid`](ErrorKind::Invalid) where it is too long.
    pub fn queue_ping(&mut self, payload: &[u8]) -> Result<(), Error> {
        self.control(Opcode::Ping, payload)
    }

    /// Queues a pong with at most 125 bytes: the answer to a ping where the user gives it, or one
    /// that nobody asked for.
    ///
    /// # Errors
    ///
    /// As for [`queue_ping`](Self::queue_ping).
    pub fn queue_pong(&mut self, payload: &[u8]) -> Result<(), Error> {
        self.control(Opcode::Pong, payload)
    }

    /// Queues the close frame: after it nothing can be sent. No effect where there was one. Messages
    /// of the peer are still read until it has answered.
    ///
    /// # Errors
    ///
    /// [`Invalid`](ErrorKind::Invalid) where `reason` has more than
    /// [`CLOSE_REASON_BYTES_MAX`](super::CLOSE_REASON_BYTES_MAX) bytes.
    pub fn queue_close(&mut self, code: CloseCode, reason: &str) -> Result<(), Error> {
        let payload = close_payload(code, reason)
            .ok_or(ErrorKind::Invalid("the reason of a close frame has more than 123 bytes"))?;
        self.close_with(&payload);
        Ok(())
    }

    /// What waits to be sent, in bytes: where it grows, the peer takes less than it is sent.
    #[inline]
    pub fn queued_bytes(&self) -> usize {
        self.encoder.unsent().len()
    }

    #[inline]
    pub(super) fn queue(&mut self, opcode: Opcode, payload: &[u8]) -> Result<(), Error> {
        self.check_room(payload.len())?;
        if !self.deflated(opcode, &[payload]) {
            self.encoder.frame(opcode, true, false, payload);
        }
        Ok(())
    }

    /// Queues a message as a compressed one, where it is to be.
    #[inline]
    fn deflated(&mut self, opcode: Opcode, pieces: &[&[u8]]) -> bool {
        match &mut self.deflate {
            Some(deflate) => deflate.message(&mut self.encoder, opcode, pieces),
            None => false,
        }
    }

    /// Whether a message of so many bytes is compressed.
    #[inline]
    pub(super) fn compresses(&self, bytes: usize) -> bool {
        self.deflate.as_ref().is_some_and(|deflate| deflate.compresses(bytes))
    }

    /// Whether a message of so many bytes may be queued.
    #[inline]
    fn check_room(&self, bytes: usize) -> Result<(), Error> {
        self.check_open()?;
        if self.has_room(bytes) {
            return Ok(());
        }
        let (queued_bytes, queue_bytes_max) = (self.queued_bytes(), self.queue_bytes_max);
        Err(ErrorKind::QueueFull { queued_bytes, queue_bytes_max }.into())
    }

    #[inline]
    pub(super) fn has_room(&self, bytes: usize) -> bool {
        let queued_bytes = self.queued_bytes();
        queued_bytes == 0 || queued_bytes.saturating_add(bytes) <= self.queue_bytes_max
    }

    #[inline]
    pub(super) fn check_open(&self) -> Result<(), Error> {
        if self.is_closed {
            return Err(ErrorKind::Closed(self.peer_close.clone()).into());
        }
        Ok(())
    }

    fn control(&mut self, opcode: Opcode, payload: &[u8]) -> Result<(), Error> {
        self.check_room(payload.len())?;
        if payload.len() > super::CONTROL_PAYLOAD_BYTES_MAX {
            return Err(ErrorKind::Invalid("a ping or pong has more than 125 bytes").into());
        }
        self.encoder.frame(opcode, true, false, payload);
        Ok(())
    }

    pub(super) fn close_with(&mut self, payload: &[u8]) {
        if !self.is_closed {
            self.encoder.frame(Opcode::Close, true, false, payload);
            self.is_closed = true;
            self.pong = None;
        }
    }

    /// Answers a ping: now, or once the answers to earlier ones have left.
    pub(super) fn answer_ping(&mut self, payload: &[u8]) {
        if self.is_closed {
            return;
        }
        if self.encoder.sent_total() >= self.pong_end {
            self.pongs_queued = 0;
        }
        if self.pongs_queued == PONGS_QUEUED_MAX {
            self.pong = ControlPayload::new(payload);
            return;
        }
        self.pongs_queued += 1;
        self.encoder.frame(Opcode::Pong, true, false, payload);
        self.control_frames += 1;
        self.pong_end = self.encoder.queued_total();
    }

    /// Has `write` write what is queued, as [`Encoder::poll_write`].
    #[inline]
    pub(super) fn poll_write(
        &mut self,
        write: impl FnOnce(&mut Vec<u8>, usize) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        let count = ready!(self.encoder.poll_write(write))?;
        if let Some(pong) = self.pong
            && self.encoder.sent_total() >= self.pong_end
        {
            self.pong = None;
            self.answer_ping(&pong);
        }
        Poll::Ready(Ok(count))
    }
}

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use super::*;

    /// What is written where the transport takes all but so many bytes.
    fn written(outbox: &mut Outbox, bytes_left: usize) -> Vec<u8> {
        let mut written = Vec::new();
        let polled = outbox.poll_write(|queue, at| {
            written.extend_from_slice(&queue[at..queue.len() - bytes_left]);
            Poll::Ready(Ok(written.len()))
        });
        assert!(matches!(polled, Poll::Ready(Ok(_))));
        written
    }

    #[test]
    fn pings_that_come_together_are_all_answered_but_for_a_flood() {
        let mut outbox = Outbox::new(Role::Server, 0, None);
        let pongs = |numbers: Range<u32>| {
            let pong = |number: u32| [&[0x8A, 4][..], &number.to_be_bytes()].concat();
            numbers.map(pong).collect::<Vec<_>>().concat()
        };
        for number in 0..PONGS_QUEUED_MAX + 5 {
            outbox.answer_ping(&number.to_be_bytes());
        }
        let mut first = written(&mut outbox, 1);
        outbox.answer_ping(&99_u32.to_be_bytes());
        first.extend(written(&mut outbox, 0));
        assert_eq!(first, pongs(0..PONGS_QUEUED_MAX));
        for number in 100..100 + PONGS_QUEUED_MAX {
            outbox.answer_ping(&number.to_be_bytes());
        }
        let newest = written(&mut outbox, 0);
        assert_eq!(newest, pongs(99..99 + PONGS_QUEUED_MAX), "none of those between");
    }
}
