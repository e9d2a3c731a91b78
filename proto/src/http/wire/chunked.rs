//! Chunked bodies, in place (RFC 9112 section 7.1).
//!
//! The decoder hands out which bytes of its input are payload; it copies and keeps nothing but
//! trailers. Its state is a few words, so that the input may end at any byte.

use std::ops::Range;

use super::extension::Extension;
use super::trailers::TrailerReader;
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
///
/// ```
/// use taut_proto::http::wire::{ChunkDecoder, ChunkLimits};
///
/// let mut decoder = ChunkDecoder::new(ChunkLimits::default());
/// let mut bytes = &b"5\r\nfirst\r\n6\r\nsecond\r\n0\r\n\r\n"[..];
/// let mut payload = Vec::new();
/// while !decoder.is_done() {
///     let event = decoder.decode(bytes)?;
///     payload.extend_from_slice(&bytes[event.data]);
///     bytes = &bytes[event.consumed..];
/// }
/// assert_eq!(payload, b"firstsecond");
/// # Ok::<(), taut_proto::http::wire::Reject>(())
/// ```
#[derive(Debug)]
pub struct ChunkDecoder {
    limits: ChunkLimits,
    state: State,
    /// Of the chunk: its size while that is read, then the bytes of payload still to come.
    left: u64,
    /// Bytes of the line in front of the chunk, so far.
    line_bytes: usize,
    /// Bytes of all extensions, so far.
    extension_bytes: usize,
    trailers: TrailerReader,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// In front of the first digit of a size.
    SizeStart,
    Size,
    Extension(Extension),
    /// The CR of the line in front of a chunk was read.
    LineEnd,
    Payload,
    /// Behind the payload.
    PayloadEnd,
    /// The CR behind the payload was read.
    ChunkEnd,
    /// Behind the line of the last chunk.
    TrailersStart,
    /// The CR of the empty line was read: there are no trailers.
    NoTrailers,
    Trailers,
    Done,
    Failed(Reject),
}

impl ChunkDecoder {
    /// A decoder in front of the first chunk. Allocates nothing, and later only for trailers.
    #[must_use]
    pub const fn new(limits: ChunkLimits) -> Self {
        Self {
            limits,
            state: State::SizeStart,
            left: 0,
            line_bytes: 0,
            extension_bytes: 0,
            trailers: TrailerReader::new(),
        }
    }

    /// The next run of payload in `bytes`, which start where the last call's `consumed` ended.
    ///
    /// # Errors
    ///
    /// Says which rule the body breaks. Every further call says so again.
    pub fn decode(&mut self, bytes: &[u8]) -> Result<ChunkEvent, Reject> {
        self.step(bytes).inspect_err(|&reject| self.state = State::Failed(reject))
    }

    #[inline]
    fn step(&mut self, bytes: &[u8]) -> Result<ChunkEvent, Reject> {
        let mut at = 0;
        loop {
            match self.state {
                State::Failed(reject) => return Err(reject),
                State::Done => break,
                _ => {}
            }
            let Some(&byte) = bytes.get(at) else { break };
            match self.state {
                State::Payload => return Ok(self.take_payload(at, bytes.len())),
                State::Trailers => match self.trailers.read(&bytes[at..], &self.limits)? {
                    Some(read) => {
                        self.state = State::Done;
                        at += read;
                    }
                    None => at = bytes.len(),
                },
                state => {
                    self.state = self.next(state, byte)?;
                    // The first byte of the trailers is theirs to read.
                    at += usize::from(self.state != State::Trailers);
                }
            }
        }
        Ok(ChunkEvent { consumed: at, data: at..at, done: self.is_done() })
    }

    #[inline]
    fn take_payload(&mut self, start: usize, end: usize) -> ChunkEvent {
        let room = (end - start) as u64;
        let taken = room.min(self.left);
        self.left -= taken;
        if self.left == 0 {
            self.state = State::PayloadEnd;
        }
        let end = start + taken as usize;
        ChunkEvent { consumed: end, data: start..end, done: false }
    }

    /// The state behind a byte of what surrounds the payload.
    #[inline]
    fn next(&mut self, state: State, byte: u8) -> Result<State, Reject> {
        match (state, byte) {
            (State::SizeStart | State::Size, _) if byte.is_ascii_hexdigit() => self.add_digit(byte),
            (State::SizeStart, _) => Err(Reject::ChunkSize),
            (State::Size | State::Extension(_), b'\n') => Err(Reject::BareLineFeed),
            (State::Size, b'\r') => Ok(State::LineEnd),
            (State::Size, _) => self.extension(Extension::start(byte).ok_or(Reject::ChunkSize)?),
            (State::Extension(extension), b'\r') if extension.may_end() => Ok(State::LineEnd),
            (State::Extension(extension), _) => {
                self.extension(extension.next(byte).ok_or(Reject::ChunkExtension)?)
            }
            (State::LineEnd, b'\n') => {
                self.line_bytes = 0;
                Ok(if self.left == 0 { State::TrailersStart } else { State::Payload })
            }
            (State::PayloadEnd, b'\r') => Ok(State::ChunkEnd),
            (State::ChunkEnd, b'\n') => Ok(State::SizeStart),
            (State::PayloadEnd | State::ChunkEnd, _) => Err(Reject::ChunkEnd),
            (State::TrailersStart, b'\r') => Ok(State::NoTrailers),
            (State::TrailersStart, _) => Ok(State::Trailers),
            (State::NoTrailers, b'\n') => Ok(State::Done),
            _ => Err(Reject::BareCarriageReturn),
        }
    }

    #[inline]
    fn add_digit(&mut self, digit: u8) -> Result<State, Reject> {
        let value = match digit {
            b'0'..=b'9' => digit - b'0',
            _ => (digit | 0x20) - b'a' + 10,
        };
        if self.left >> 60 != 0 {
            return Err(Reject::ChunkSizeOverflow);
        }
        self.left = self.left << 4 | u64::from(value);
        self.lengthen_line()?;
        Ok(State::Size)
    }

    fn extension(&mut self, extension: Extension) -> Result<State, Reject> {
        self.lengthen_line()?;
        self.extension_bytes += 1;
        if self.extension_bytes > self.limits.extension_bytes_max {
            return Err(Reject::ChunkExtensionsTooLong);
        }
        Ok(State::Extension(extension))
    }

    #[inline]
    fn lengthen_line(&mut self) -> Result<(), Reject> {
        self.line_bytes += 1;
        if self.line_bytes > self.limits.line_bytes_max {
            return Err(Reject::ChunkLineTooLong);
        }
        Ok(())
    }

    /// Whether the body ended.
    #[inline]
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// The trailer fields; none before the body ended.
    #[must_use]
    pub fn trailers(&self) -> Trailers<'_> {
        self.trailers.fields()
    }

    /// Starts over, for the next body.
    pub fn reset(&mut self) {
        self.state = State::SizeStart;
        self.left = 0;
        self.line_bytes = 0;
        self.extension_bytes = 0;
        self.trailers.reset();
    }
}
