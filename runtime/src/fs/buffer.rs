//! The buffers that a file is read into and written from, owned by the operation meanwhile.
//!
//! A caller's type goes in and comes out again; in between it is a [`Buffer`], which may go to any
//! thread, or a [`LocalBuffer`], a slot of the core's own pools, which may not.

use std::mem::MaybeUninit;
use std::ops::Deref;

use bytes::Bytes;

use super::AlignedBuffer;
use crate::buffer::{RxBuf, TxBuf};

/// A buffer that a file can be read into: a `Vec<u8>` or an [`AlignedBuffer`].
///
/// Bytes are appended: a read fills what is free between the length and the capacity. For a
/// [`TxBuf`] see [`File::read_fixed_at`](super::File::read_fixed_at).
pub trait ReadBuffer: WriteBuffer + Send {}

/// A buffer that can be written to a file: a `Vec<u8>`, `Bytes`, a `&'static [u8]`, an
/// [`AlignedBuffer`], or an [`RxBuf`], so that a message goes from the wire to the disk without a
/// copy.
///
/// For a [`TxBuf`] see [`File::write_fixed_at`](super::File::write_fixed_at).
pub trait WriteBuffer: Deref<Target = [u8]> + sealed::Convert + 'static {}

/// A buffer that may go to other threads.
#[derive(Debug)]
pub enum Buffer {
    Vec(Vec<u8>),
    Bytes(Bytes),
    Aligned(AlignedBuffer),
    Static(&'static [u8]),
}

/// A slot of the core's pools.
#[derive(Debug)]
pub enum LocalBuffer {
    Registered(TxBuf),
    Received(RxBuf),
}

/// Either.
#[derive(Debug)]
pub enum AnyBuffer {
    Sendable(Buffer),
    Local(LocalBuffer),
}

pub(super) mod sealed {
    use super::AnyBuffer;

    /// To the form in which an operation holds it, and back.
    pub trait Convert: Sized {
        fn into_any(self) -> AnyBuffer;

        /// An empty one where the buffer is still with the kernel.
        fn from_any(buffer: Option<AnyBuffer>) -> Self;

        /// Makes room for a read of so many bytes; `false` where this type can't grow.
        fn make_room(&mut self, _bytes: usize) -> bool {
            false
        }
    }
}

impl Buffer {
    /// Where a read may go: the rest of the capacity. Empty for what is only ever written.
    pub(crate) fn spare_mut(&mut self) -> &mut [MaybeUninit<u8>] {
        match self {
            Self::Vec(bytes) => bytes.spare_capacity_mut(),
            Self::Bytes(_) | Self::Static(_) => &mut [],
            Self::Aligned(bytes) => {
                let spare = bytes.spare_mut();
                // SAFETY: initialised bytes of the same length are valid as maybe initialised ones,
                // and whoever gets this view (the kernel, a system call) writes only bytes to it.
                unsafe { std::slice::from_raw_parts_mut(spare.as_mut_ptr().cast(), spare.len()) }
            }
        }
    }

    /// So many bytes more belong to the buffer.
    ///
    /// # Safety
    ///
    /// They were written to the start of [`spare_mut`](Self::spare_mut).
    pub(crate) unsafe fn filled(&mut self, count: usize) {
        match self {
            Self::Vec(bytes) => {
                let length = bytes.len() + count;
                assert!(length <= bytes.capacity());
                // SAFETY: within the capacity; the bytes up to there are initialised by contract.
                unsafe { bytes.set_len(length) };
            }
            Self::Bytes(_) | Self::Static(_) => {
                assert_eq!(count, 0, "nothing is read into shared bytes");
            }
            Self::Aligned(bytes) => bytes.resize(bytes.len() + count),
        }
    }
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Vec(bytes) => bytes,
            Self::Bytes(bytes) => bytes,
            Self::Aligned(bytes) => bytes,
            Self::Static(bytes) => bytes,
        }
    }
}

impl From<Vec<u8>> for Buffer {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Vec(bytes)
    }
}

impl LocalBuffer {
    /// How many bytes a read can append.
    pub(crate) fn spare_bytes(&self) -> usize {
        match self {
            Self::Registered(slot) => slot.capacity() - slot.len(),
            Self::Received(_) => 0,
        }
    }
}

impl Deref for LocalBuffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Registered(bytes) => bytes,
            Self::Received(bytes) => bytes,
        }
    }
}

macro_rules! converts {
    ($type:ty, $pattern:path, $any:path, empty: $empty:expr $(, $make_room:item)?) => {
        impl WriteBuffer for $type {}

        impl sealed::Convert for $type {
            fn into_any(self) -> AnyBuffer {
                $any($pattern(self))
            }

            fn from_any(buffer: Option<AnyBuffer>) -> Self {
                match buffer {
                    Some($any($pattern(bytes))) => bytes,
                    Some(other) => unreachable!("an operation changed the type of {other:?}"),
                    None => $empty,
                }
            }

            $($make_room)?
        }
    };
}

converts!(
    Vec<u8>, Buffer::Vec, AnyBuffer::Sendable, empty: Self::new(),
    fn make_room(&mut self, bytes: usize) -> bool {
        self.reserve(bytes);
        true
    }
);
converts!(
    AlignedBuffer, Buffer::Aligned, AnyBuffer::Sendable, empty: Self::default(),
    fn make_room(&mut self, bytes: usize) -> bool {
        bytes <= self.capacity() - self.len()
    }
);
converts!(&'static [u8], Buffer::Static, AnyBuffer::Sendable, empty: &[]);
converts!(Bytes, Buffer::Bytes, AnyBuffer::Sendable, empty: Self::new());
converts!(RxBuf, LocalBuffer::Received, AnyBuffer::Local, empty: Self::empty());

impl ReadBuffer for Vec<u8> {}
impl ReadBuffer for AlignedBuffer {}
