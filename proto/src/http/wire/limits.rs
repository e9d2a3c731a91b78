//! What a peer may make us hold and look at.

/// Limits of a head: the start line and the header lines, up to the empty line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeadLimits {
    /// Bytes of the whole head with its line ends. 16 KiB, and never 4 GiB; a request beyond it is
    /// answered 431.
    pub head_bytes_max: usize,
    /// Bytes of the start line without its end. 8 KiB (RFC 9112 section 3 asks for at least 8000);
    /// a request beyond it is answered 414.
    pub start_line_bytes_max: usize,
    /// Bytes of one header line without its end. 8 KiB; a request beyond it is answered 431.
    pub header_line_bytes_max: usize,
    /// Header lines. 100; a request beyond it is answered 431.
    pub headers_max: usize,
}

impl Default for HeadLimits {
    fn default() -> Self {
        Self {
            head_bytes_max: 16 << 10,
            start_line_bytes_max: 8 << 10,
            header_line_bytes_max: 8 << 10,
            headers_max: 100,
        }
    }
}

/// Limits of what surrounds the payload of a chunked body. The payload itself is the reader's to
/// limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkLimits {
    /// Bytes of the line in front of a chunk, without its end. 256; a request beyond it is answered
    /// 413.
    pub line_bytes_max: usize,
    /// Bytes of all chunk extensions of a body together. 4 KiB; a request beyond it is answered
    /// 413.
    pub extension_bytes_max: usize,
    /// Bytes of the trailer section with its line ends. 4 KiB; a request beyond it is answered 431.
    pub trailer_bytes_max: usize,
    /// Trailer lines. 32; a request beyond it is answered 431.
    pub trailers_max: usize,
}

impl Default for ChunkLimits {
    fn default() -> Self {
        Self {
            line_bytes_max: 256,
            extension_bytes_max: 4 << 10,
            trailer_bytes_max: 4 << 10,
            trailers_max: 32,
        }
    }
}
