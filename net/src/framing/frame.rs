//! Where a frame ends.

use std::io;
use std::ops::Range;

/// What the bytes at the front of a stream are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// A whole frame, and perhaps more behind it.
    Whole {
        /// Which of its bytes are handed out.
        payload: Range<usize>,
        /// How many bytes it takes from the stream, at least one and no less than the payload's
        /// end.
        bytes: usize,
    },
    /// The beginning of a frame.
    Part {
        /// How many bytes there have to be before it is worth while to look again, where that is
        /// known; more than there are.
        needed: Option<usize>,
    },
}

/// Says where frames end. Closures of the same form are framings.
///
/// ```
/// use taut_net::framing::{Frame, Framing};
///
/// // A FIX message ends after its field 10, the checksum.
/// let mut fix = |bytes: &[u8], seen: usize| {
///     let from = seen.saturating_sub(4);
///     let Some(at) = bytes[from..].windows(4).position(|four| four == b"\x0110=") else {
///         return Ok(Frame::Part { needed: None });
///     };
///     let end = from + at + b"\x0110=123\x01".len();
///     match bytes.len() < end {
///         true => Ok(Frame::Part { needed: Some(end) }),
///         false => Ok(Frame::Whole { payload: 0..end, bytes: end }),
///     }
/// };
/// let message = b"8=FIX.4.4\x019=5\x0135=0\x0110=163\x018=FIX";
/// assert_eq!(fix.frame(message, 0)?, Frame::Whole { payload: 0..26, bytes: 26 });
/// # Ok::<(), std::io::Error>(())
/// ```
pub trait Framing {
    /// Looks at the front of the stream. The first `seen` bytes were there when this frame was
    /// looked at before, and were not enough.
    ///
    /// # Errors
    ///
    /// Bytes that can't be a frame. The stream is then of no more use.
    fn frame(&mut self, bytes: &[u8], seen: usize) -> io::Result<Frame>;
}

impl<F: FnMut(&[u8], usize) -> io::Result<Frame>> Framing for F {
    fn frame(&mut self, bytes: &[u8], seen: usize) -> io::Result<Frame> {
        self(bytes, seen)
    }
}
