//! Received DEFLATE data to messages.
//!
//! Invariants: the verdict on a message depends on its bytes alone, and so do the bytes that were
//! put out before it; so the window is the largest, whatever was agreed on. The output has at most
//! the capacity that it came with, or `bytes_max` and one more; it grows to at most twice what was
//! put out.
//!
//! Cost: the data is inflated to where it is handed out; nothing is allocated once that memory has
//! grown. A stream is taken from those of the core for the time of a message, or kept by the
//! connection where messages refer to earlier ones.

use std::cell::RefCell;
use std::fmt;

use zlib_rs::{Inflate as Stream, InflateFlush, Status};

use super::super::violation::Violation;
use super::TAIL;
use super::negotiation::DeflateAgreement;

/// What every message is without (RFC 7692 section 7.2.2), and one byte that the stream is not to
/// take.
const TAIL_AND_MORE: [u8; 5] = {
    let [one, two, three, four] = TAIL;
    [one, two, three, four, 0]
};

/// Room that a stream is given at first, in bytes: less keeps it from its fast path, and all of it
/// is cleared before.
const ROOM_BYTES_MIN: usize = 2 << 10;

/// The largest window.
const WINDOW_BITS: u8 = 15;

/// What the output grows by at least, in bytes.
const GROWTH_BYTES_MIN: usize = 4 << 10;

/// Idle streams that a core keeps; as many messages of different connections can come in pieces at
/// a time before one more is made.
const IDLE_MAX: usize = 16;

thread_local! {
    /// The streams of this core that no message uses. All are as new.
    static IDLE: RefCell<Vec<Stream>> = const { RefCell::new(Vec::new()) };
}

/// Inflates the messages of one direction of a connection.
pub(crate) struct Inflate {
    keeps_context: bool,
    /// Where messages have no context, only in the midst of one.
    stream: Option<Stream>,
    /// Whether no byte came since the beginning of the message, or its last final block.
    is_at_start: bool,
}

impl Inflate {
    pub(crate) fn new(agreement: &DeflateAgreement) -> Self {
        let keeps_context = agreement.receive.keeps_context;
        Self { keeps_context, stream: None, is_at_start: true }
    }

    /// Puts what `piece` of a message inflates to behind `out`.
    ///
    /// # Errors
    ///
    /// `piece` is not DEFLATE data; `out` would be longer than `bytes_max`. What came before is in
    /// `out`.
    pub(crate) fn push(
        &mut self,
        mut piece: &[u8],
        out: &mut Vec<u8>,
        bytes_max: usize,
    ) -> Result<(), Violation> {
        let stream = self.stream.get_or_insert_with(idle_stream);
        while !piece.is_empty() {
            self.is_at_start = false;
            let inflated = inflate(stream, &mut piece, out, bytes_max);
            if out.len() > bytes_max {
                out.truncate(bytes_max);
                return Err(Violation::INFLATED_TOO_LONG);
            }
            if inflated? {
                // More blocks may follow a final one (RFC 7692 section 7.2.3.5).
                stream.reset(false);
                self.is_at_start = true;
            }
        }
        Ok(())
    }

    /// Ends the message.
    ///
    /// # Errors
    ///
    /// Its data ended inside of a block.
    pub(crate) fn finish_message(&mut self) -> Result<(), Violation> {
        // Peers that end a message with a final block and nothing behind it have no block begun
        // that the tail would end; nor have those whose empty message has no data at all.
        if !self.is_at_start
            && let Some(stream) = &mut self.stream
        {
            if !takes_tail(stream) {
                return Err(Violation::NOT_DEFLATED);
            }
            self.is_at_start = true;
        }
        if !self.keeps_context
            && let Some(mut stream) = self.stream.take()
        {
            stream.reset(false);
            IDLE.with_borrow_mut(|idle| {
                if idle.len() < IDLE_MAX {
                    idle.push(stream);
                }
            });
        }
        Ok(())
    }
}

impl fmt::Debug for Inflate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inflate")
            .field("keeps_context", &self.keeps_context)
            .finish_non_exhaustive()
    }
}

fn idle_stream() -> Stream {
    IDLE.with_borrow_mut(Vec::pop).unwrap_or_else(|| Stream::new(false, WINDOW_BITS))
}

/// Whether the tail, which the peer has left out, ends a block: all of it and nothing but it. A block
/// that was cut off takes the byte behind, too, or ends before, or makes bytes of it.
fn takes_tail(stream: &mut Stream) -> bool {
    let (taken, put_out) = (stream.total_in(), stream.total_out());
    let status = stream.decompress(&TAIL_AND_MORE, &mut [0], InflateFlush::Block);
    matches!(status, Ok(Status::Ok))
        && stream.total_in() - taken == TAIL.len() as u64
        && stream.total_out() == put_out
}

/// Inflates `piece` until it is used up, or the data has ended with a final block, or `out` is
/// longer than `bytes_max`; says whether the data has ended.
fn inflate(
    stream: &mut Stream,
    piece: &mut &[u8],
    out: &mut Vec<u8>,
    bytes_max: usize,
) -> Result<bool, Violation> {
    let mut room_bytes = piece.len().saturating_mul(4).max(ROOM_BYTES_MIN);
    loop {
        let start = out.len();
        if start == out.capacity() {
            let most = bytes_max.saturating_add(1) - start;
            out.reserve_exact(start.max(GROWTH_BYTES_MIN).min(most));
        }
        let room = room_bytes.min(out.capacity() - start);
        out.resize(start + room, 0);
        let (taken, put_out) = (stream.total_in(), stream.total_out());
        let status = stream.decompress(piece, &mut out[start..], InflateFlush::SyncFlush);
        *piece = &piece[(stream.total_in() - taken) as usize..];
        let put_out = (stream.total_out() - put_out) as usize;
        out.truncate(start + put_out);
        match status {
            Err(_) => return Err(Violation::NOT_DEFLATED),
            Ok(Status::StreamEnd) => return Ok(true),
            Ok(_) if out.len() > bytes_max => return Ok(false),
            // With room left, all was put out that there is.
            Ok(_) if put_out < room => {
                debug_assert!(piece.is_empty(), "with room it goes on to the end");
                *piece = &[];
                return Ok(false);
            }
            Ok(_) => room_bytes = room_bytes.saturating_mul(2),
        }
    }
}
