//! What a connection hands out.

use std::fmt;
use std::ops::Deref;

use taut_net::ReceiveTimestamps;
use taut_runtime::buffer::RxBuf;

use super::wire::{ControlPayload, Opcode};

/// A message, as a handle onto the buffer that it was received in. Held for long, it slows the
/// core's other streams down: copy out what is to be kept.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Message {
    /// Text, validated.
    Text(Text),
    /// Text of a connection that [does not validate](super::Options::validate_text).
    UncheckedText(RxBuf),
    /// Bytes.
    Binary(RxBuf),
    /// A ping that the user [answers](super::Options::auto_pong).
    Ping(ControlPayload),
    /// A pong that answers none of the connection's own pings, where the user answers pings.
    Pong(ControlPayload),
}

impl Message {
    /// The bytes, of whatever kind.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => &text.0,
            Self::UncheckedText(bytes) | Self::Binary(bytes) => bytes,
            Self::Ping(payload) | Self::Pong(payload) => payload,
        }
    }

    /// The text; nothing where it is another kind of message, or not UTF-8.
    #[inline]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::UncheckedText(bytes) => std::str::from_utf8(bytes).ok(),
            _ => None,
        }
    }
}

impl AsRef<[u8]> for Message {
    #[inline]
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}

/// A text message: derefs to `str`.
#[derive(Clone)]
pub struct Text(RxBuf);

impl Text {
    /// `bytes` were validated.
    #[inline]
    pub(super) fn from_validated(bytes: RxBuf) -> Self {
        debug_assert!(std::str::from_utf8(&bytes).is_ok());
        Self(bytes)
    }

    /// The bytes, as a handle onto the buffer that they were received in.
    pub fn into_bytes(self) -> RxBuf {
        self.0
    }
}

impl Deref for Text {
    type Target = str;

    #[inline]
    fn deref(&self) -> &str {
        as_validated_str(&self.0)
    }
}

impl AsRef<str> for Text {
    fn as_ref(&self) -> &str {
        self
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

/// A frame, as it came.
#[derive(Clone, Debug)]
pub struct Frame {
    /// What it is.
    pub opcode: Opcode,
    /// Whether its message ends here.
    pub is_final: bool,
    /// Its payload, unmasked. Of a compressed message all of the data, which then is one frame.
    pub payload: RxBuf,
}

/// A message that is lent for a call, where it was received.
#[derive(Clone, Copy, Debug)]
pub struct Item<'a> {
    pub(super) payload: &'a [u8],
    pub(super) opcode: Opcode,
    pub(super) is_validated: bool,
    pub(super) is_last: bool,
    pub(super) timestamps: &'a ReceiveTimestamps,
}

impl<'a> Item<'a> {
    /// The bytes, of whatever kind.
    #[inline]
    pub fn as_bytes(&self) -> &'a [u8] {
        self.payload
    }

    /// The text; nothing where it is binary, or not UTF-8.
    #[inline]
    pub fn as_str(&self) -> Option<&'a str> {
        match (self.is_text(), self.is_validated) {
            (true, true) => Some(as_validated_str(self.payload)),
            (true, false) => std::str::from_utf8(self.payload).ok(),
            _ => None,
        }
    }

    /// Text or binary; also a ping, or a pong that answers none of the connection's own pings, where
    /// the user [answers](super::Options::auto_pong).
    #[inline]
    pub fn opcode(&self) -> Opcode {
        self.opcode
    }

    /// Whether it is text.
    #[inline]
    pub fn is_text(&self) -> bool {
        self.opcode == Opcode::Text
    }

    /// Whether no further message is there behind it in what was received together: the moment to
    /// act on the state that all of them made. Where what is behind it turns out to be a mistake, or
    /// the answer to a text ping, the end of the visit is that moment.
    #[inline]
    pub fn is_last(&self) -> bool {
        self.is_last
    }

    /// When the kernel received what ended the message, where it was
    /// [asked](super::Options::receive_timestamps) to stamp that. Messages that were received
    /// together share the stamps: those of the last segment of them.
    #[inline]
    pub fn timestamps(&self) -> ReceiveTimestamps {
        *self.timestamps
    }
}

/// Bytes that the decoder validated as they came in.
#[inline]
#[expect(unsafe_code, reason = "text is validated once, not with each look at it")]
fn as_validated_str(bytes: &[u8]) -> &str {
    // SAFETY: only `Text` and a validated `Item` come here. Both are made of what the decoder said
    // is valid text, and show all of it and nothing else; the bytes can't change while a handle
    // onto them, or the borrow, is there.
    unsafe { std::str::from_utf8_unchecked(bytes) }
}
