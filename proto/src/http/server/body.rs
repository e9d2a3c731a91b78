//! What the body of a response is made of.

use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::{fmt, io};

use bytes::Bytes;
use futures_core::Stream;
use taut_runtime::buffer::{RxBuf, SendBuf, TxBuf};
use taut_runtime::fs::File;

use super::trailers::Trailed;
use super::upgrade::Takeover;

/// The body of a response: bytes that are there, a stream of them, or a file.
///
/// Bytes are given as `&'static str`, `&'static [u8]`, `String`, `Vec<u8>`, `Bytes`, or as a buffer
/// of the runtime (`RxBuf`, `TxBuf`). None of them is copied on the way in; a short body is copied
/// once more, beside its head, so that both leave in one write.
pub struct Body(pub(super) Kind);

pub(super) enum Kind {
    Empty,
    Static(&'static [u8]),
    Buffer(SendBuf),
    /// Chunked where nobody knows the length.
    Stream(Pin<Box<dyn Chunks>>, Option<u64>),
    File(Box<File>, u64),
    Upgrade(Takeover),
    /// Another one, and fields behind it.
    Trailed(Box<Trailed>),
}

/// A stream of chunks, whatever its types were.
pub(super) trait Chunks {
    fn poll_chunk(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<SendBuf>>>;
}

pin_project_lite::pin_project! {
    struct Erased<S> {
        #[pin]
        stream: S,
    }
}

impl<S, C, E> Chunks for Erased<S>
where
    S: Stream<Item = Result<C, E>>,
    C: Into<SendBuf>,
    E: Into<Box<dyn Error + Send + Sync>>,
{
    fn poll_chunk(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<SendBuf>>> {
        self.project()
            .stream
            .poll_next(context)
            .map(|item| item.map(|chunk| chunk.map(Into::into).map_err(io::Error::other)))
    }
}

impl Body {
    /// No body: the response says `content-length: 0` where its status allows one.
    #[must_use]
    pub const fn empty() -> Self {
        Self(Kind::Empty)
    }

    /// Chunks as they come: with `bytes`, exactly so many, and without it chunked (a client of
    /// HTTP/1.0 reads up to the end of the connection). A stream that fails, or that gives more or
    /// fewer bytes than it said, ends the connection, so that the client sees that the response is
    /// not whole.
    pub fn stream<S, C, E>(stream: S, bytes: Option<u64>) -> Self
    where
        S: Stream<Item = Result<C, E>> + 'static,
        C: Into<SendBuf> + 'static,
        E: Into<Box<dyn Error + Send + Sync>> + 'static,
    {
        Self(Kind::Stream(Box::pin(Erased { stream }), bytes))
    }

    /// The first `bytes` of a file. One that has become shorter ends the connection.
    #[must_use]
    pub fn file(file: File, bytes: u64) -> Self {
        Self(Kind::File(Box::new(file), bytes))
    }
}

macro_rules! from_bytes {
    ($($type:ty: |$bytes:ident| $buffer:expr,)+) => {
        $(impl From<$type> for Body {
            fn from($bytes: $type) -> Self {
                Self(Kind::Buffer($buffer.into()))
            }
        })+
    };
}

impl From<&'static [u8]> for Body {
    fn from(bytes: &'static [u8]) -> Self {
        Self(Kind::Static(bytes))
    }
}

impl From<&'static str> for Body {
    fn from(text: &'static str) -> Self {
        text.as_bytes().into()
    }
}

impl Default for Body {
    fn default() -> Self {
        Self::empty()
    }
}

from_bytes! {
    String: |text| text.into_bytes(),
    Vec<u8>: |bytes| bytes,
    Bytes: |bytes| bytes,
    RxBuf: |bytes| bytes,
    TxBuf: |bytes| bytes,
    SendBuf: |bytes| bytes,
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.describe(f)
    }
}

impl Kind {
    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("Body(empty)"),
            Self::Static(bytes) => write!(f, "Body({} bytes)", bytes.len()),
            Self::Buffer(bytes) => write!(f, "Body({} bytes)", bytes.len()),
            Self::Stream(_, Some(bytes)) => write!(f, "Body(a stream of {bytes} bytes)"),
            Self::Stream(_, None) => f.write_str("Body(a stream)"),
            Self::File(file, bytes) => write!(f, "Body({bytes} bytes of {file:?})"),
            Self::Upgrade(_) => f.write_str("Body(another protocol)"),
            Self::Trailed(trailed) => {
                trailed.body.describe(f)?;
                f.write_str(" with trailers")
            }
        }
    }
}
