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

use flate2::{Decompress, FlushDecompress, Status};

use super::super::violation::Violation;
use super::TAIL;
use super::negotiation::DeflateAgreement;

/// Empty stored blocks. Behind a block that is whole they change nothing; in the midst of one they
/// are a mistake or become output. The description of a dynamic block has no output, so they are
/// many: one that all of them fit into would have to agree with each.
const PROBE: [u8; 40] = {
    let mut blocks = [0; 40];
    let mut at = 0;
    while at < blocks.len() {
        // Bits that no block needs, so that what is no block has more to trip over.
        blocks[at] = 0xF8;
        (blocks[at + 3], blocks[at + 4]) = (0xFF, 0xFF);
        at += 5;
    }
    blocks
};

/// One that is final, and shows more where nothing comes after it: the data has to end with it.
const LAST_PROBE: [u8; 5] = [0x01, 0x00, 0x00, 0xFF, 0xFF];

/// What the output grows by at least, in bytes.
const GROWTH_BYTES_MIN: usize = 4 << 10;

/// Idle streams that a core keeps; as many messages of different connections can come in pieces at
/// a time before one more is made.
const IDLE_MAX: usize = 16;

thread_local! {
    /// The streams of this core that no message uses. All are as new.
    static IDLE: RefCell<Vec<Decompress>> = const { RefCell::new(Vec::new()) };
}

/// Inflates the messages of one direction of a connection.
pub(crate) struct Inflate {
    keeps_context: bool,
    /// Where messages have no context, only in the midst of one.
    stream: Option<Decompress>,
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

    /// Ends the message, as [`push`](Self::push).
    pub(crate) fn finish_message(
        &mut self,
        out: &mut Vec<u8>,
        bytes_max: usize,
    ) -> Result<(), Violation> {
        // Peers that end a message with a final block and nothing behind it have no block begun
        // that the tail would end; nor have those whose empty message has no data at all.
        if !self.is_at_start {
            let bytes = out.len();
            self.push(&TAIL, out, bytes_max)?;
            // A block that was cut off may have made bytes of the tail.
            if out.len() > bytes {
                out.truncate(bytes);
                return Err(Violation::NOT_DEFLATED);
            }
            self.check_whole()?;
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

impl Inflate {
    /// Checks that the message did not end inside of a block. The library does not tell where it
    /// stands, so it is given blocks that only whole ones take.
    fn check_whole(&mut self) -> Result<(), Violation> {
        let Some(stream) = &mut self.stream else { return Ok(()) };
        let (probe, expected) = match self.keeps_context {
            true => (&PROBE[..], Status::Ok),
            false => (&LAST_PROBE[..], Status::StreamEnd),
        };
        let (read, put_out) = (stream.total_in(), stream.total_out());
        let status = stream.decompress(probe, &mut [0], FlushDecompress::Sync);
        let is_whole = status.is_ok_and(|status| status == expected)
            && stream.total_in() - read == probe.len() as u64
            && stream.total_out() == put_out;
        if is_whole { Ok(()) } else { Err(Violation::NOT_DEFLATED) }
    }
}

impl fmt::Debug for Inflate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inflate")
            .field("keeps_context", &self.keeps_context)
            .finish_non_exhaustive()
    }
}

fn idle_stream() -> Decompress {
    IDLE.with_borrow_mut(Vec::pop).unwrap_or_else(|| Decompress::new(false))
}

/// Inflates `piece` until it is used up, or the data has ended with a final block, or `out` is
/// longer than `bytes_max`; says whether the data has ended.
fn inflate(
    stream: &mut Decompress,
    piece: &mut &[u8],
    out: &mut Vec<u8>,
    bytes_max: usize,
) -> Result<bool, Violation> {
    loop {
        if out.len() == out.capacity() {
            let most = bytes_max.saturating_add(1) - out.len();
            out.reserve_exact(out.len().max(GROWTH_BYTES_MIN).min(most));
        }
        let before = stream.total_in();
        let status = stream.decompress_vec(piece, out, FlushDecompress::Sync);
        *piece = &piece[(stream.total_in() - before) as usize..];
        match status {
            Err(_) => return Err(Violation::NOT_DEFLATED),
            Ok(Status::StreamEnd) => return Ok(true),
            Ok(_) if out.len() > bytes_max => return Ok(false),
            // With room left, all was put out that there is.
            Ok(_) if out.len() < out.capacity() => {
                debug_assert!(piece.is_empty(), "with room it goes on to the end");
                *piece = &[];
                return Ok(false);
            }
            Ok(_) => {}
        }
    }
}
