//! The WebSocket of a raw server, which reads as little of it as can be.
//!
//! It answers the request of the handshake, learns from the first header how long the client's
//! frames are, and from then on counts bytes: a frame is owed for each whole frame that came, and
//! those that it sends were made beforehand. Nothing that reads, unmasks or validates can be faster
//! through these calls.

use std::io;
use std::os::fd::OwnedFd;

use taut::ws::wire::FrameHeader;
use taut::ws::{Opcode, Role};

use super::send_all;
use crate::ws::{ANSWER, Frames, Kind, head_bytes};

/// What is sent at once, in bytes and in frames.
const RUN_BYTES: usize = 256 << 10;
const RUN_FRAMES: usize = 256;

/// See the module's documentation.
#[derive(Debug)]
pub(super) enum RawFrames {
    /// What came of the handshake, and of the first header.
    Opening {
        received: Vec<u8>,
        is_answered: bool,
    },
    Open(Box<Open>),
}

/// A connection whose frames are known.
#[derive(Debug)]
pub(super) struct Open {
    question_bytes: usize,
    answers: Frames,
    run: usize,
    answered: u64,
    /// Bytes of a frame that is not all there.
    partial: usize,
}

impl Default for RawFrames {
    fn default() -> Self {
        Self::Opening { received: Vec::new(), is_answered: false }
    }
}

impl RawFrames {
    #[inline(always)]
    pub(super) fn answer(
        &mut self,
        stream: &OwnedFd,
        bytes: &[u8],
        syscalls: &mut u64,
    ) -> io::Result<()> {
        match self {
            Self::Open(open) => open.answer(stream, bytes.len(), syscalls),
            Self::Opening { .. } => self.learn(stream, bytes, syscalls),
        }
    }

    #[cold]
    fn learn(&mut self, stream: &OwnedFd, bytes: &[u8], syscalls: &mut u64) -> io::Result<()> {
        let Self::Opening { received, is_answered } = self else { return Ok(()) };
        received.extend_from_slice(bytes);
        if !*is_answered {
            let Some(head) = head_bytes(received) else { return Ok(()) };
            received.drain(..head);
            *is_answered = true;
            send_all(stream, ANSWER, syscalls)?;
        }
        let header = FrameHeader::read(received, Role::Server, false)
            .map_err(|violation| io::Error::other(violation.to_string()))?;
        let Some((header, header_bytes)) = header else { return Ok(()) };
        let (payload_bytes, count) = (header.payload_bytes as usize, received.len());
        let kind = Kind { is_text: header.opcode == Opcode::Text, payload_bytes };
        let mut open = Box::new(Open::new(kind, header_bytes + payload_bytes));
        open.answer(stream, count, syscalls)?;
        *self = Self::Open(open);
        Ok(())
    }
}

impl Open {
    fn new(kind: Kind, question_bytes: usize) -> Self {
        let run = (RUN_BYTES / question_bytes).clamp(1, RUN_FRAMES);
        let answers = Frames::new(kind, Role::Server, run);
        Self { question_bytes, answers, run, answered: 0, partial: 0 }
    }

    #[inline(always)]
    fn answer(&mut self, stream: &OwnedFd, bytes: usize, syscalls: &mut u64) -> io::Result<()> {
        let bytes = self.partial + bytes;
        self.partial = bytes % self.question_bytes;
        let mut owed = bytes / self.question_bytes;
        while owed > 0 {
            let count = owed.min(self.run);
            send_all(stream, self.answers.run(self.answered, count), syscalls)?;
            self.answered += count as u64;
            owed -= count;
        }
        Ok(())
    }
}
