//! What is sent as a body: bytes that are there, or a source that brings them piece by piece.
//!
//! A body with a length goes out with `Content-Length`, one without in chunks. A source that brings
//! more or less than was said ends the message with an error and never with a wrong frame.

use std::collections::VecDeque;
use std::error::Error;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::{fmt, io};

use bytes::Bytes;
use futures_core::Stream;
use taut_runtime::fs::File;

/// Bytes of a file that are read ahead of being sent.
const FILE_PIECE_BYTES: u64 = 64 << 10;

/// Brings the pieces of a body.
///
/// Closures of this shape are sources, too:
///
/// ```
/// use std::task::{Context, Poll};
/// use taut_proto::http::client::Body;
///
/// let mut left = 3;
/// let body = Body::stream(move |_: &mut Context<'_>| {
///     left -= 1;
///     Poll::Ready((left >= 0).then(|| Ok("tick\n".into())))
/// });
/// assert_eq!(body.length(), None);
/// ```
pub trait BodySource {
    /// The next piece; `None` at the end. Empty pieces are passed over.
    ///
    /// # Errors
    ///
    /// Why there is none; ends the message, and its connection.
    fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>>;
}

impl<F: FnMut(&mut Context<'_>) -> Poll<Option<io::Result<Bytes>>>> BodySource for F {
    fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        self(context)
    }
}

/// What is sent as a body.
#[derive(Default)]
pub struct Body(Content);

#[derive(Default)]
enum Content {
    #[default]
    Empty,
    Bytes(Bytes),
    Source {
        length: Option<u64>,
        source: Box<dyn BodySource>,
    },
}

impl Body {
    /// No body.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// A body of unknown length, sent in chunks.
    pub fn stream(source: impl BodySource + 'static) -> Self {
        Self(Content::Source { length: None, source: Box::new(source) })
    }

    /// A body of so many bytes, brought by a source.
    pub fn stream_of(length: u64, source: impl BodySource + 'static) -> Self {
        Self(Content::Source { length: Some(length), source: Box::new(source) })
    }

    /// The items of a stream, each a buffer: with `length`, exactly so many bytes, and without it
    /// in chunks.
    ///
    /// ```
    /// use std::pin::Pin;
    /// use std::task::{Context, Poll};
    /// use taut_proto::http::client::Body;
    ///
    /// /// Counts down.
    /// struct Ticks(u8);
    ///
    /// type Item = std::io::Result<String>;
    ///
    /// impl futures_core::Stream for Ticks {
    ///     type Item = Item;
    ///
    ///     fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Item>> {
    ///         let left = self.0.checked_sub(1);
    ///         Poll::Ready(left.map(|left| {
    ///             self.0 = left;
    ///             Ok(format!("{left}\n"))
    ///         }))
    ///     }
    /// }
    ///
    /// assert_eq!(Body::from_stream(Ticks(3), Some(6)).length(), Some(6));
    /// ```
    pub fn from_stream<S, B, E>(stream: S, length: Option<u64>) -> Self
    where
        S: Stream<Item = Result<B, E>> + 'static,
        B: Into<Bytes>,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        Self(Content::Source { length, source: Box::new(Streamed(Box::pin(stream))) })
    }

    /// The bytes of a file from its first on, up to the length that it has now. It is read while it
    /// is sent, 64 KiB at a time.
    ///
    /// # Errors
    ///
    /// What asking for the file's length tells.
    pub async fn file(file: File) -> io::Result<Self> {
        let length = file.metadata().await?.len();
        Ok(Self::stream_of(length, FileSource::new(file, length)))
    }

    /// Number of bytes, where it is known.
    pub fn length(&self) -> Option<u64> {
        match &self.0 {
            Content::Empty => Some(0),
            Content::Bytes(bytes) => Some(bytes.len() as u64),
            Content::Source { length, .. } => *length,
        }
    }

    /// Whether nothing is sent.
    pub fn is_empty(&self) -> bool {
        self.length() == Some(0)
    }

    /// The bytes, where they are all there.
    pub(crate) fn as_bytes(&self) -> Option<&[u8]> {
        match &self.0 {
            Content::Empty => Some(&[]),
            Content::Bytes(bytes) => Some(bytes),
            Content::Source { .. } => None,
        }
    }

    /// The body for another owner: bytes are shared with it, a source moves. What stays in its
    /// place still is no bytes, and brings an error.
    pub(crate) fn hand_over(&mut self) -> Self {
        match &mut self.0 {
            Content::Empty => Self::empty(),
            Content::Bytes(bytes) => Self(Content::Bytes(bytes.clone())),
            Content::Source { length, .. } => {
                let gone = |_: &mut Context<'_>| {
                    Poll::Ready(Some(Err(io::Error::other("the source went with another request"))))
                };
                let source = Box::new(gone) as Box<dyn BodySource>;
                let gone = Content::Source { length: *length, source };
                Self(std::mem::replace(&mut self.0, gone))
            }
        }
    }
}

impl BodySource for Body {
    /// Each piece once.
    fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        match &mut self.0 {
            Content::Empty => Poll::Ready(None),
            Content::Bytes(bytes) => {
                let bytes = std::mem::take(bytes);
                self.0 = Content::Empty;
                Poll::Ready(Some(Ok(bytes)))
            }
            Content::Source { source, .. } => source.poll_piece(context),
        }
    }
}

/// A stream of buffers as a source.
struct Streamed<S>(Pin<Box<S>>);

impl<S, B, E> BodySource for Streamed<S>
where
    S: Stream<Item = Result<B, E>>,
    B: Into<Bytes>,
    E: Into<Box<dyn Error + Send + Sync>>,
{
    fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        let item = ready!(self.0.as_mut().poll_next(context));
        Poll::Ready(item.map(|piece| piece.map(Into::into).map_err(io::Error::other)))
    }
}

/// Several bodies, one after the other.
#[derive(Default)]
pub(crate) struct Sequence(pub(crate) VecDeque<Body>);

impl Sequence {
    pub(crate) fn into_body(self) -> Body {
        let length = self.0.iter().map(Body::length).sum();
        Body(Content::Source { length, source: Box::new(self) })
    }
}

impl BodySource for Sequence {
    fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        while let Some(first) = self.0.front_mut() {
            if let Some(piece) = ready!(first.poll_piece(context)) {
                return Poll::Ready(Some(piece));
            }
            self.0.pop_front();
        }
        Poll::Ready(None)
    }
}

type Reading = Pin<Box<dyn Future<Output = (io::Result<usize>, Vec<u8>)>>>;

/// Reads a file piece by piece.
struct FileSource {
    file: Rc<File>,
    position: u64,
    length: u64,
    reading: Option<Reading>,
}

impl FileSource {
    fn new(file: File, length: u64) -> Self {
        Self { file: Rc::new(file), position: 0, length, reading: None }
    }
}

impl BodySource for FileSource {
    fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        let left = self.length - self.position;
        if left == 0 {
            return Poll::Ready(None);
        }
        let (file, position) = (&self.file, self.position);
        let reading = self.reading.get_or_insert_with(|| {
            let file = Rc::clone(file);
            let buffer = Vec::with_capacity(left.min(FILE_PIECE_BYTES) as usize);
            Box::pin(async move { file.read_at(buffer, position).await })
        });
        let (outcome, mut buffer) = ready!(reading.as_mut().poll(context));
        self.reading = None;
        Poll::Ready(Some(outcome.and_then(|count| {
            if count == 0 {
                let what = format!("the file ends {left} bytes before the length that it had");
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, what));
            }
            // A vector may have more room than was asked for.
            buffer.truncate(left.min(count as u64) as usize);
            self.position += buffer.len() as u64;
            Ok(buffer.into())
        })))
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.length() {
            Some(length) => write!(f, "Body({length} bytes)"),
            None => f.write_str("Body(in chunks)"),
        }
    }
}

macro_rules! from_bytes {
    ($($type:ty),+) => {
        $(impl From<$type> for Body {
            fn from(bytes: $type) -> Self {
                Self(Content::Bytes(bytes.into()))
            }
        })+
    };
}

from_bytes!(Bytes, Vec<u8>, String, &'static [u8], &'static str);

#[cfg(test)]
mod tests {
    use super::*;

    fn all_of(mut body: Body) -> Vec<u8> {
        let mut context = Context::from_waker(std::task::Waker::noop());
        let mut all = Vec::new();
        while let Poll::Ready(Some(piece)) = body.poll_piece(&mut context) {
            all.extend_from_slice(&piece.unwrap());
        }
        all
    }

    #[test]
    fn a_sequence_has_the_sum_of_its_lengths_and_all_of_its_bytes() {
        let parts = [Body::from("one "), Body::empty(), Body::from(b"two".to_vec())];
        let body = Sequence(parts.into()).into_body();
        assert_eq!(body.length(), Some(7));
        assert_eq!(all_of(body), b"one two");
        let unknown = Body::stream(|_: &mut Context<'_>| Poll::Ready(None));
        let body = Sequence([Body::from("one"), unknown].into()).into_body();
        assert_eq!(body.length(), None, "one part of unknown length is enough");
    }

    #[test]
    fn a_body_that_was_handed_over_leaves_its_bytes_or_an_error() {
        let mut bytes = Body::from("bytes");
        assert_eq!(all_of(bytes.hand_over()), b"bytes");
        assert_eq!(bytes.as_bytes(), Some(&b"bytes"[..]));
        let mut source = Sequence([Body::from("once")].into()).into_body();
        assert_eq!(all_of(source.hand_over()), b"once");
        assert!(source.as_bytes().is_none(), "it can't be sent again");
        let mut context = Context::from_waker(std::task::Waker::noop());
        assert!(matches!(source.poll_piece(&mut context), Poll::Ready(Some(Err(_)))));
    }

    #[test]
    fn bytes_are_brought_once() {
        let mut body = Body::from("once");
        let mut context = Context::from_waker(std::task::Waker::noop());
        assert!(
            matches!(body.poll_piece(&mut context), Poll::Ready(Some(Ok(piece))) if piece == "once")
        );
        assert!(matches!(body.poll_piece(&mut context), Poll::Ready(None)));
    }
}
