//! Payload as chunks (RFC 9112 section 7.1).

use super::{EncodeError, write_head_end, write_header};

/// What follows the payload of a chunk.
pub const CHUNK_END: &[u8] = b"\r\n";

/// The end of a chunked body without trailers.
pub const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// The line in front of a chunk, in place: for payload that is written from where it lies.
///
/// ```
/// assert_eq!(taut_proto::http::wire::ChunkHead::new(31).as_bytes(), b"1f\r\n");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct ChunkHead {
    bytes: [u8; Self::BYTES_MAX],
    start: u8,
}

impl ChunkHead {
    /// The longest line: the digits of 64 bits, and its end.
    const BYTES_MAX: usize = 18;

    /// The line in front of so many bytes.
    ///
    /// # Panics
    ///
    /// Where they are none: an empty chunk ends the body.
    #[must_use]
    pub fn new(payload_bytes: usize) -> Self {
        assert!(payload_bytes > 0, "an empty chunk ends the body");
        let mut bytes = [0; Self::BYTES_MAX];
        let mut start = Self::BYTES_MAX - 2;
        bytes[start..].copy_from_slice(b"\r\n");
        let mut left = payload_bytes;
        while left > 0 {
            start -= 1;
            bytes[start] = b"0123456789abcdef"[left & 0xf];
            left >>= 4;
        }
        Self { bytes, start: start as u8 }
    }

    /// The line with its end.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[self.start as usize..]
    }
}

/// Appends a chunk. Appends nothing for an empty payload: an empty chunk would end the body.
pub fn write_chunk(out: &mut Vec<u8>, payload: &[u8]) {
    if payload.is_empty() {
        return;
    }
    out.extend_from_slice(ChunkHead::new(payload.len()).as_bytes());
    out.extend_from_slice(payload);
    out.extend_from_slice(CHUNK_END);
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
    let before = out.len();
    out.extend_from_slice(b"0\r\n");
    for (name, value) in trailers {
        write_header(out, name, value).inspect_err(|_| out.truncate(before))?;
    }
    write_head_end(out);
    Ok(())
}
