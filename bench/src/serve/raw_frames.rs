//! The WebSocket of a raw server, which reads as little of it as can be.
//!
//! It answers the request of the handshake, learns from the first header how long the client's
//! frames are, and from then on counts bytes: a frame is owed for each whole frame that came, and
//! those that it sends were made beforehand. Nothing that reads, unmasks, validates or inflates can
//! be faster through these calls.

use std::io;
use std::os::fd::OwnedFd;

use taut::ws::wire::{Decoded, Decoder, FrameHeader, Unit};
use taut::ws::{MessageLimits, Opcode, Role};

use super::send_all;
use crate::ws::{Frames, Kind, agreement, answer, frame_bytes, head_bytes};

/// What is sent at once, in bytes and in frames.
const RUN_BYTES: usize = 256 << 10;
const RUN_FRAMES: usize = 256;

/// See the module's documentation.
#[derive(Debug)]
pub(super) enum RawFrames {
    /// What came of the handshake, and of the first header.
    Opening {
        received: Vec<u8>,
        /// Whether messages are compressed, once the request was answered.
        is_compressed: Option<bool>,
    },
    Open(Box<Open>),
}

/// A connection whose frames are known.
#[derive(Debug)]
pub(super) struct Open {
    question_bytes: usize,
    /// What a message counts for: its frame as it would be without compression.
    counted_bytes: usize,
    answers: Frames,
    run: usize,
    answered: u64,
    /// Bytes of a frame that is not all there.
    partial: usize,
}

impl Default for RawFrames {
    fn default() -> Self {
        Self::Opening { received: Vec::new(), is_compressed: None }
    }
}

impl RawFrames {
    /// Returns how many bytes count as served.
    #[inline(always)]
    pub(super) fn answer(
        &mut self,
        stream: &OwnedFd,
        bytes: &[u8],
        syscalls: &mut u64,
    ) -> io::Result<usize> {
        match self {
            Self::Open(open) => open.answer(stream, bytes.len(), syscalls),
            Self::Opening { .. } => self.learn(stream, bytes, syscalls),
        }
    }

    #[cold]
    fn learn(&mut self, stream: &OwnedFd, bytes: &[u8], syscalls: &mut u64) -> io::Result<usize> {
        let Self::Opening { received, is_compressed } = self else { return Ok(0) };
        received.extend_from_slice(bytes);
        let is_compressed = match *is_compressed {
            Some(is_compressed) => is_compressed,
            None => {
                let Some(head) = head_bytes(received) else { return Ok(0) };
                let (answer, asks) = answer(&received[..head]);
                received.drain(..head);
                send_all(stream, &answer, syscalls)?;
                *is_compressed.insert(asks)
            }
        };
        let frame = first_frame(received)?;
        let Some((is_text, payload_bytes, question_bytes)) = frame else { return Ok(0) };
        let kind = Kind { is_text, payload_bytes, is_compressed };
        let mut open = Box::new(Open::new(kind, question_bytes));
        let served = open.answer(stream, received.len(), syscalls)?;
        *self = Self::Open(open);
        Ok(served)
    }
}

/// Whether messages are text, their bytes, and those of a frame, as soon as the first tells that.
fn first_frame(received: &[u8]) -> io::Result<Option<(bool, usize, usize)>> {
    let wrong = |violation: taut::ws::Violation| io::Error::other(violation.to_string());
    let header = FrameHeader::read(received, Role::Server, true).map_err(wrong)?;
    let Some((header, header_bytes)) = header else { return Ok(None) };
    let mut payload_bytes = header.payload_bytes as usize;
    let frame_bytes = header_bytes + payload_bytes;
    if header.is_compressed {
        let Some(frame) = received.get(..frame_bytes) else { return Ok(None) };
        let mut decoder = Decoder::new(Role::Server, MessageLimits::default());
        decoder.inflate_as_agreed(Some(&agreement()));
        decoder.push(frame.to_vec());
        if let Some(Decoded::Data(data)) = decoder.decode(Unit::Message).map_err(wrong)? {
            payload_bytes = decoder.payload(&data).len();
        }
    }
    Ok(Some((header.opcode == Opcode::Text, payload_bytes, frame_bytes)))
}

impl Open {
    fn new(kind: Kind, question_bytes: usize) -> Self {
        let run = (RUN_BYTES / question_bytes).clamp(1, RUN_FRAMES);
        let answers = Frames::new(kind, Role::Server, run);
        let counted_bytes = frame_bytes(kind.payload_bytes, Role::Client);
        Self { question_bytes, counted_bytes, answers, run, answered: 0, partial: 0 }
    }

    #[inline(always)]
    fn answer(&mut self, stream: &OwnedFd, bytes: usize, syscalls: &mut u64) -> io::Result<usize> {
        let bytes = self.partial + bytes;
        self.partial = bytes % self.question_bytes;
        let messages = bytes / self.question_bytes;
        let mut owed = messages;
        while owed > 0 {
            let count = owed.min(self.run);
            send_all(stream, self.answers.run(self.answered, count), syscalls)?;
            self.answered += count as u64;
            owed -= count;
        }
        Ok(messages * self.counted_bytes)
    }
}
