//! Messages to DEFLATE data that is to be sent.
//!
//! Invariants: between two messages a compressor has put out all that it took in, up to a whole
//! byte. Where messages have no context, it is then as new; so it serves any connection of its core.
//! A message is compressed and queued in one go, so none that was refused is part of a context; nor
//! is one that was sent as it is.
//!
//! Cost: the data is copied once more, behind the queue, since the length of its header is known
//! last. Nothing is allocated once the memory has grown.

use std::cell::RefCell;
use std::fmt;
use std::rc::{Rc, Weak};

use flate2::{Compress, Compression, FlushCompress};

use super::super::encoder::Encoder;
use super::super::header::Opcode;
use super::TAIL;
use super::negotiation::DeflateAgreement;
use super::options::{Direction, SEND_WINDOW_BITS_MIN};

/// Memory for compressed data that is kept from one message to the next, in bytes; more is freed.
const KEPT_BYTES_MAX: usize = 256 << 10;

/// Room for DEFLATE data beside that for half of what becomes it, in bytes.
const ROOM_BYTES_MIN: usize = 256;

thread_local! {
    /// The compressors without context of this core, while a connection uses them.
    static SHARED: RefCell<Vec<Weak<RefCell<Compressor>>>> = const { RefCell::new(Vec::new()) };
}

/// Compresses the messages of one direction of a connection.
pub struct Deflate {
    compressor: Rc<RefCell<Compressor>>,
    keeps_context: bool,
    min_bytes: usize,
}

struct Compressor {
    level: u32,
    window_bits: u8,
    stream: Compress,
    /// What the last piece became.
    data: Vec<u8>,
}

impl Deflate {
    /// As was agreed. Nothing where the window is one that no compressor has: messages then go as they are, which
    /// is always allowed. zlib would take 512 bytes for 256, and refer to what the peer has
    /// forgotten.
    pub fn new(agreement: &DeflateAgreement) -> Option<Self> {
        let Direction { keeps_context, window_bits } = agreement.send;
        if window_bits < SEND_WINDOW_BITS_MIN {
            return None;
        }
        let compressor = match keeps_context {
            true => Rc::new(RefCell::new(Compressor::new(agreement.level, window_bits))),
            false => shared_compressor(agreement.level, window_bits),
        };
        Some(Self { compressor, keeps_context, min_bytes: agreement.min_bytes })
    }

    /// Whether a message of so many bytes is worth it; an empty one never is.
    #[inline]
    pub fn compresses(&self, bytes: usize) -> bool {
        bytes >= self.min_bytes.max(1)
    }

    /// Queues a message in as many frames as it has pieces, each with what its piece became, so
    /// that it can be inflated when it has come. Says no, and queues nothing, where the message is
    /// to be sent as it is: it is short; or it is one piece which became no shorter. What it then
    /// did to the context is undone by a new one, which later messages have to fill.
    pub fn message(&mut self, encoder: &mut Encoder, opcode: Opcode, pieces: &[&[u8]]) -> bool {
        if !self.compresses(pieces.iter().map(|piece| piece.len()).sum()) {
            return false;
        }
        let compressor = &mut *self.compressor.borrow_mut();
        let mut is_sent = true;
        for (index, piece) in pieces.iter().enumerate() {
            let (is_first, is_last) = (index == 0, index + 1 == pieces.len());
            compressor.compress(piece);
            if is_last {
                compressor.cut_tail();
            }
            is_sent = pieces.len() > 1 || compressor.data.len() < piece.len();
            if is_sent {
                let opcode = if is_first { opcode } else { Opcode::Continuation };
                encoder.frame(opcode, is_last, is_first, &compressor.data);
            }
        }
        if !(is_sent && self.keeps_context) {
            compressor.stream.reset();
        }
        compressor.data.clear();
        compressor.data.shrink_to(KEPT_BYTES_MAX);
        is_sent
    }
}

impl fmt::Debug for Deflate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deflate")
            .field("keeps_context", &self.keeps_context)
            .field("min_bytes", &self.min_bytes)
            .finish_non_exhaustive()
    }
}

impl Compressor {
    fn new(level: u32, window_bits: u8) -> Self {
        let stream = Compress::new_with_window_bits(Compression::new(level), false, window_bits);
        Self { level, window_bits, stream, data: Vec::new() }
    }

    /// Makes `data` of all of `piece`, up to a whole byte: an empty block is its end.
    fn compress(&mut self, piece: &[u8]) {
        let Self { stream, data, .. } = self;
        data.clear();
        let mut rest = piece;
        loop {
            data.reserve(rest.len() / 2 + ROOM_BYTES_MIN);
            let before = stream.total_in();
            stream
                .compress_vec(rest, data, FlushCompress::Sync)
                .expect("a compressor takes anything, up to its end, which it is never asked for");
            rest = &rest[(stream.total_in() - before) as usize..];
            // With room left, all was put out that there is.
            if rest.is_empty() && data.len() < data.capacity() {
                return;
            }
        }
    }

    /// Leaves out what the peer puts back.
    fn cut_tail(&mut self) {
        match self.data.strip_suffix(&TAIL).map(<[u8]>::len) {
            Some(bytes) => self.data.truncate(bytes),
            // An empty piece after another becomes nothing. This begins the block that the tail
            // ends (RFC 7692 section 7.2.3.6).
            None => self.data.push(0),
        }
    }
}

/// The compressor of this core that compresses like this.
fn shared_compressor(level: u32, window_bits: u8) -> Rc<RefCell<Compressor>> {
    SHARED.with_borrow_mut(|shared| {
        shared.retain(|compressor| compressor.strong_count() > 0);
        let known = shared.iter().filter_map(Weak::upgrade).find(|compressor| {
            let compressor = compressor.borrow();
            (compressor.level, compressor.window_bits) == (level, window_bits)
        });
        known.unwrap_or_else(|| {
            let compressor = Rc::new(RefCell::new(Compressor::new(level, window_bits)));
            shared.push(Rc::downgrade(&compressor));
            compressor
        })
    })
}
