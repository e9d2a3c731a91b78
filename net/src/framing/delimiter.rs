//! Frames that end in certain bytes.

use std::fmt;
use std::io;

use memchr::{memchr, memmem};

use super::{Frame, Framing};

/// Lines: they end in `\n` or `\r\n`, which is not handed out. A lone `\r` is part of its line.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lines;

impl Framing for Lines {
    #[inline]
    fn frame(&mut self, bytes: &[u8], seen: usize) -> io::Result<Frame> {
        let Some(at) = memchr(b'\n', &bytes[seen..]) else {
            return Ok(Frame::Part { needed: None });
        };
        let end = seen + at;
        let line = &bytes[..end];
        let payload = 0..line.strip_suffix(b"\r").unwrap_or(line).len();
        Ok(Frame::Whole { payload, bytes: end + 1 })
    }
}

/// Frames that end in a byte, as SOH, or in a string of bytes; it is not handed out.
#[derive(Clone)]
pub struct Delimiter(Search);

#[derive(Clone)]
enum Search {
    Byte(u8),
    Bytes(Box<memmem::Finder<'static>>),
}

impl Delimiter {
    /// Frames that end in this byte.
    #[must_use]
    pub const fn byte(byte: u8) -> Self {
        Self(Search::Byte(byte))
    }

    /// Frames that end in these bytes. Prepares the search; allocates.
    ///
    /// # Panics
    ///
    /// Where there are none.
    #[must_use]
    pub fn bytes(bytes: &[u8]) -> Self {
        assert!(!bytes.is_empty(), "a delimiter without bytes is everywhere");
        Self(Search::Bytes(Box::new(memmem::Finder::new(bytes).into_owned())))
    }
}

impl Framing for Delimiter {
    #[inline]
    fn frame(&mut self, bytes: &[u8], seen: usize) -> io::Result<Frame> {
        let (found, delimiter_bytes) = match &self.0 {
            Search::Byte(byte) => (memchr(*byte, &bytes[seen..]).map(|at| seen + at), 1),
            Search::Bytes(finder) => {
                let length = finder.needle().len();
                // All but the last byte of the delimiter may have been seen.
                let from = seen.saturating_sub(length - 1);
                (finder.find(&bytes[from..]).map(|at| from + at), length)
            }
        };
        Ok(match found {
            Some(end) => Frame::Whole { payload: 0..end, bytes: end + delimiter_bytes },
            None => Frame::Part { needed: None },
        })
    }
}

impl fmt::Debug for Delimiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = match &self.0 {
            Search::Byte(byte) => std::slice::from_ref(byte),
            Search::Bytes(finder) => finder.needle(),
        };
        write!(f, "Delimiter(\"{}\")", bytes.escape_ascii())
    }
}
