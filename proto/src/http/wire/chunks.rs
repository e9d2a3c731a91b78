//! Payload as chunks.

use super::EncodeError;

/// What follows the payload of a chunk.
pub const CHUNK_END: &[u8] = b"\r\n";

/// The end of a chunked body without trailers.
pub const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// The line in front of a chunk, in place: for payload that is written from where it lies.
#[derive(Clone, Copy, Debug)]
pub struct ChunkHead {
    bytes: [u8; 18],
    start: u8,
}

impl ChunkHead {
    /// The line in front of so many bytes.
    ///
    /// # Panics
    ///
    /// Where they are none: an empty chunk ends the body.
    #[must_use]
    pub fn new(payload_bytes: usize) -> Self {
        let _ = payload_bytes;
        unimplemented!()
    }

    /// The line with its end.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[self.start as usize..]
    }
}

/// Appends a chunk. Appends nothing for an empty payload: an empty chunk would end the body.
pub fn write_chunk(out: &mut Vec<u8>, payload: &[u8]) {
    let _ = (out, payload);
}

/// Appends the end of the body, with trailer fields. On an error `out` is as it was.
///
/// # Errors
///
/// Where a name or a value holds what it can't.
pub fn write_last_chunk<'a>(
    out: &mut Vec<u8>,
    trailers: impl IntoIterator<Item = (&'a [u8], &'a [u8])>,
) -> Result<(), EncodeError> {
    let _ = (out, trailers.into_iter());
    unimplemented!()
}
