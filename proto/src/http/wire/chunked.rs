//! Chunked bodies, in place (RFC 9112 section 7.1).

use std::ops::Range;

use super::{ChunkLimits, Reject, Trailers};

/// What [`ChunkDecoder::decode`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChunkEvent {
    /// So many bytes of the input are done with: the next call starts behind them.
    pub consumed: usize,
    /// Which bytes of the input are payload. If none, and the body is not done, all input was
    /// consumed and more is needed.
    pub data: Range<usize>,
    /// Whether the body ended. What follows is the next message.
    pub done: bool,
}

/// Decodes a chunked body where it lies. Can be interrupted at every byte.
#[derive(Debug)]
pub struct ChunkDecoder {}

impl ChunkDecoder {
    /// A decoder in front of the first chunk. Allocates nothing.
    #[must_use]
    pub const fn new(limits: ChunkLimits) -> Self {
        let _ = limits;
        Self {}
    }

    /// The next run of payload in `bytes`, which start where the last call's `consumed` ended.
    ///
    /// # Errors
    ///
    /// Says which rule the body breaks. Every further call says so again.
    pub fn decode(&mut self, bytes: &[u8]) -> Result<ChunkEvent, Reject> {
        let _ = bytes;
        unimplemented!()
    }

    /// Whether the body ended.
    #[must_use]
    pub fn is_done(&self) -> bool {
        unimplemented!()
    }

    /// The trailer fields; none before the body ended.
    #[must_use]
    pub fn trailers(&self) -> Trailers<'_> {
        unimplemented!()
    }

    /// Starts over, for the next body.
    pub fn reset(&mut self) {}
}
