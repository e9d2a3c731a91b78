//! The grammar of chunk extensions (RFC 9112 section 7.1.1), byte by byte.
//!
//! Nothing reads what they say. They are checked, all the same: what one reader takes for an
//! extension and the next for the end of a line hides a message.

use super::characters::{TEXT, TOKEN, is};

/// Where in the extensions of a chunk the reader is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extension {
    /// White space in front of a semicolon.
    Space,
    /// Behind a semicolon.
    NameStart,
    Name,
    /// White space behind a name.
    NameEnd,
    /// Behind an equals sign.
    ValueStart,
    Value,
    Quoted,
    /// Behind a backslash.
    Escaped,
    /// Behind the closing quote.
    QuotedEnd,
}

impl Extension {
    /// The first byte behind the size of a chunk.
    #[inline]
    pub(super) fn start(byte: u8) -> Option<Self> {
        Self::QuotedEnd.next(byte)
    }

    /// One byte further; nothing where the byte can't stand there.
    pub(super) fn next(self, byte: u8) -> Option<Self> {
        match (self, byte) {
            (Self::Quoted, b'"') => Some(Self::QuotedEnd),
            (Self::Quoted, b'\\') => Some(Self::Escaped),
            (Self::Quoted | Self::Escaped, _) => is(byte, TEXT).then_some(Self::Quoted),
            (Self::NameStart | Self::ValueStart | Self::NameEnd | Self::Space, b' ' | b'\t') => {
                Some(self)
            }
            (Self::Name, b' ' | b'\t') => Some(Self::NameEnd),
            (Self::Value | Self::QuotedEnd, b' ' | b'\t') => Some(Self::Space),
            (Self::NameStart | Self::ValueStart, b';') => None,
            (_, b';') => Some(Self::NameStart),
            (Self::Name | Self::NameEnd, b'=') => Some(Self::ValueStart),
            (Self::ValueStart, b'"') => Some(Self::Quoted),
            (Self::NameStart | Self::Name, _) => is(byte, TOKEN).then_some(Self::Name),
            (Self::ValueStart | Self::Value, _) => is(byte, TOKEN).then_some(Self::Value),
            _ => None,
        }
    }

    /// Whether the line may end here.
    pub(super) const fn may_end(self) -> bool {
        matches!(self, Self::Name | Self::Value | Self::QuotedEnd)
    }
}
