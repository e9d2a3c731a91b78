//! Received bytes that are being decoded.

use std::ops::{Deref, Range};

use taut_runtime::buffer::{RxBuf, RxBufMut};

/// Received bytes, to be changed where they are if nobody else has a handle onto their buffer.
#[derive(Debug)]
pub(super) enum Unread {
    Own(RxBufMut),
    Shared(RxBuf),
}

impl Unread {
    #[inline]
    pub(super) fn new(bytes: RxBuf) -> Self {
        // Several TLS records may lie in one buffer, of which each is handed out alone.
        bytes.try_into_mut().map_or_else(Self::Shared, Self::Own)
    }

    #[inline]
    pub(super) fn as_mut(&mut self) -> Option<&mut [u8]> {
        match self {
            Self::Own(bytes) => Some(bytes),
            Self::Shared(_) => None,
        }
    }

    /// A part, to be changed where it is, or else copied to `scratch`.
    #[inline]
    pub(super) fn part_mut<'a>(
        &'a mut self,
        range: Range<usize>,
        scratch: &'a mut Vec<u8>,
    ) -> &'a mut [u8] {
        match self {
            Self::Own(bytes) => &mut bytes[range],
            Self::Shared(bytes) => {
                scratch.clear();
                scratch.extend_from_slice(&bytes[range]);
                scratch
            }
        }
    }

    /// Takes the first bytes off.
    #[inline]
    pub(super) fn split_to(&mut self, count: usize) -> RxBuf {
        match self {
            Self::Own(bytes) => bytes.split_to(count).freeze(),
            Self::Shared(bytes) => bytes.split_to(count),
        }
    }

    #[inline]
    pub(super) fn freeze(self) -> RxBuf {
        match self {
            Self::Own(bytes) => bytes.freeze(),
            Self::Shared(bytes) => bytes,
        }
    }
}

impl Deref for Unread {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match self {
            Self::Own(bytes) => bytes,
            Self::Shared(bytes) => bytes,
        }
    }
}
