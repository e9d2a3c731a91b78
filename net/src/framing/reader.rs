//! The reader: frames out of received buffers.
//!
//! Invariant: every byte that was received and not handed out stands in `joined`, while a frame is
//! being joined, or behind that in `current`; so a dropped read loses nothing. A frame is looked
//! for in `current` itself. Only what is left of a buffer that ends within a frame is copied to
//! `joined`, and from the next buffer no more than the framing asks for, or as much again as is
//! there: the copy of a frame costs at most twice its length, and the frames behind it are slices
//! again.

use std::io;
use std::ops::Range;
use std::rc::Rc;

use taut_runtime::buffer::RxBuf;

use super::{Frame, Framing, Receive};

/// The most bytes that a frame takes from the stream, unless another limit is set: 1 MiB.
pub const FRAME_BYTES_MAX: usize = 1 << 20;

/// The least that is copied from a buffer to look for the end of a frame there, in bytes.
const STEP_BYTES: usize = 64;

/// Reads frames from a source of buffers.
///
/// A frame that lies in one received buffer keeps that buffer's slot from the kernel while it
/// lives: copy out what is to be kept. A frame that spans buffers lies in memory of the reader's
/// own, which is used again once the frame is dropped; it grows up to the limit of a frame.
/// Nothing else is allocated.
#[derive(Debug)]
pub struct FrameReader<S, F> {
    source: S,
    framing: F,
    frame_bytes_max: usize,
    /// The buffer that is being read.
    current: Option<RxBuf>,
    /// The beginning of a frame whose buffer is gone, while `joining`; else memory to use again.
    joined: Rc<Vec<u8>>,
    joining: bool,
    /// Bytes of the next frame that were looked at and are not enough.
    seen: usize,
    /// How many there have to be before it is looked at again, if known.
    needed: Option<usize>,
}

impl<S: Receive, F: Framing> FrameReader<S, F> {
    /// A reader of frames of up to [`FRAME_BYTES_MAX`] bytes.
    pub fn new(source: S, framing: F) -> Self {
        Self {
            source,
            framing,
            frame_bytes_max: FRAME_BYTES_MAX,
            current: None,
            joined: Rc::default(),
            joining: false,
            seen: 0,
            needed: None,
        }
    }

    /// Sets the most bytes that a frame, with its header or delimiter, takes from the stream.
    #[must_use]
    pub fn frame_bytes_max(self, bytes: usize) -> Self {
        Self { frame_bytes_max: bytes, ..self }
    }

    /// The next frame; nothing at the end of the stream. Cancel-safe.
    ///
    /// # Errors
    ///
    /// The stream's. `InvalidData` where a frame is longer than the limit, and what else the
    /// framing refuses; every later call tells it again. `UnexpectedEof` where the stream ends
    /// within a frame; [`into_parts`](Self::into_parts) has what there was of it.
    ///
    /// # Panics
    ///
    /// Where the framing names bytes that are not there.
    pub async fn next(&mut self) -> io::Result<Option<RxBuf>> {
        loop {
            if let Some(frame) = self.next_in_hand()? {
                return Ok(Some(frame));
            }
            let received = self.source.recv().await?;
            if received.is_empty() {
                return self.end();
            }
            self.current = Some(received);
        }
    }

    /// The next frame, where all of it has been received.
    ///
    /// # Errors
    ///
    /// `InvalidData`, as for [`next`](Self::next).
    ///
    /// # Panics
    ///
    /// As for [`next`](Self::next).
    #[inline]
    pub fn next_in_hand(&mut self) -> io::Result<Option<RxBuf>> {
        if self.joining {
            return self.next_joined();
        }
        let Some(current) = &mut self.current else { return Ok(None) };
        let frame = self.framing.frame(current, self.seen)?;
        match judge(frame, current.len(), self.frame_bytes_max)? {
            Judged::Whole { payload, bytes } => {
                let frame = current.slice(payload);
                take(&mut self.current, bytes);
                self.seen = 0;
                Ok(Some(frame))
            }
            Judged::Part { needed } => {
                self.join_rest_of_current(needed);
                Ok(None)
            }
        }
    }

    /// Frees the buffer's slot, since the rest of the frame may take its time.
    fn join_rest_of_current(&mut self, needed: Option<usize>) {
        let Some(current) = self.current.take() else { return };
        if Rc::get_mut(&mut self.joined).is_none() {
            // The last joined frame still lives.
            self.joined = Rc::default();
        }
        let joined = own(&mut self.joined);
        joined.clear();
        joined.reserve(needed.unwrap_or(current.len()));
        joined.extend_from_slice(&current);
        (self.joining, self.seen, self.needed) = (true, current.len(), needed);
    }

    /// The next frame, whose beginning is in `joined`.
    fn next_joined(&mut self) -> io::Result<Option<RxBuf>> {
        while let Some(current) = &self.current {
            let joined = own(&mut self.joined);
            let before = joined.len();
            let step = match self.needed {
                Some(needed) => needed - before,
                None => before.max(STEP_BYTES),
            };
            let step = step.min(current.len());
            joined.extend_from_slice(&current[..step]);
            let judged = self
                .framing
                .frame(joined, self.seen)
                .and_then(|frame| judge(frame, joined.len(), self.frame_bytes_max))
                // Looked at once more by the next call, which tells the error again.
                .inspect_err(|_| joined.truncate(before))?;
            match judged {
                Judged::Whole { payload, bytes } => {
                    assert!(bytes > before, "a framing finds a frame where it had seen a part");
                    take(&mut self.current, bytes - before);
                    (self.joining, self.seen, self.needed) = (false, 0, None);
                    return Ok(Some(RxBuf::from(Rc::clone(&self.joined)).slice(payload)));
                }
                Judged::Part { needed } => {
                    (self.seen, self.needed) = (joined.len(), needed);
                    take(&mut self.current, step);
                }
            }
        }
        Ok(None)
    }

    fn end(&self) -> io::Result<Option<RxBuf>> {
        match self.joining {
            false => Ok(None),
            true => {
                let there = self.joined.len();
                let message = format!("the stream ended within a frame, after {there} bytes of it");
                Err(io::Error::new(io::ErrorKind::UnexpectedEof, message))
            }
        }
    }
}

impl<S, F> FrameReader<S, F> {
    /// The source: to write to a stream that is read here, say.
    pub fn source(&mut self) -> &mut S {
        &mut self.source
    }

    /// Reads what comes next by another framing, as after a handshake.
    #[must_use]
    pub fn with_framing<G>(self, framing: G) -> FrameReader<S, G> {
        let current = match self.joining {
            false => self.current,
            true => Some(RxBuf::from(self.unread())),
        };
        FrameReader {
            source: self.source,
            framing,
            frame_bytes_max: self.frame_bytes_max,
            current,
            joined: self.joined,
            joining: false,
            seen: 0,
            needed: None,
        }
    }

    /// The source, and what was received and is in no frame that was handed out.
    #[must_use]
    pub fn into_parts(self) -> (S, Vec<u8>) {
        let unread = self.unread();
        (self.source, unread)
    }

    fn unread(&self) -> Vec<u8> {
        let joined = if self.joining { &self.joined[..] } else { &[] };
        [joined, self.current.as_deref().unwrap_or_default()].concat()
    }
}

/// Memory that no frame shares.
fn own(joined: &mut Rc<Vec<u8>>) -> &mut Vec<u8> {
    Rc::get_mut(joined).expect("what is being joined is in no frame yet")
}

/// Drops the first bytes of a buffer, and the buffer with the last ones.
#[inline]
fn take(buffer: &mut Option<RxBuf>, bytes: usize) {
    match buffer {
        Some(rest) if bytes < rest.len() => rest.advance(bytes),
        _ => *buffer = None,
    }
}

/// What a framing said, checked.
enum Judged {
    Whole { payload: Range<usize>, bytes: usize },
    Part { needed: Option<usize> },
}

/// Checks what a framing said of so many bytes.
#[inline]
fn judge(frame: Frame, there: usize, max: usize) -> io::Result<Judged> {
    let (judged, bytes) = match frame {
        Frame::Whole { payload, bytes } => {
            let is_there = (1..=there).contains(&bytes);
            let is_inside = payload.start <= payload.end && payload.end <= bytes;
            assert!(
                is_there && is_inside,
                "a framing names {payload:?} of {bytes} of {there} bytes"
            );
            (Judged::Whole { payload, bytes }, bytes)
        }
        Frame::Part { needed } => {
            let asks_for_more = needed.is_none_or(|needed| needed > there);
            assert!(asks_for_more, "a framing needs {needed:?} bytes, and {there} are there");
            // What is not whole has a byte more at least.
            (Judged::Part { needed }, needed.unwrap_or(there + 1))
        }
    };
    if bytes > max {
        let message = format!(
            "a frame of {bytes} bytes or more is above the limit, frame_bytes_max, of {max}: raise \
             it, or the peer does not speak this framing"
        );
        return Err(io::Error::new(io::ErrorKind::InvalidData, message));
    }
    Ok(judged)
}
