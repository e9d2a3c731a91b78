//! A header and its payload in one write.

use std::io::{self, IoSlice};

use super::LengthPrefix;
use crate::{Family, OwnedWriteHalf, Stream};

/// A stream that several slices can be written to with one system call.
pub trait WriteVectored {
    /// Writes some of the bytes and says how many.
    ///
    /// # Errors
    ///
    /// The stream's.
    fn write_vectored(&mut self, slices: &[IoSlice<'_>])
    -> impl Future<Output = io::Result<usize>>;
}

impl<F: Family> WriteVectored for Stream<F> {
    fn write_vectored(
        &mut self,
        slices: &[IoSlice<'_>],
    ) -> impl Future<Output = io::Result<usize>> {
        Self::write_vectored(self, slices)
    }
}

impl<F: Family> WriteVectored for OwnedWriteHalf<F> {
    fn write_vectored(
        &mut self,
        slices: &[IoSlice<'_>],
    ) -> impl Future<Output = io::Result<usize>> {
        Self::write_vectored(self, slices)
    }
}

impl<S: WriteVectored> WriteVectored for &mut S {
    fn write_vectored(
        &mut self,
        slices: &[IoSlice<'_>],
    ) -> impl Future<Output = io::Result<usize>> {
        S::write_vectored(self, slices)
    }
}

/// Writes a length and the payload behind it with one system call, where the kernel has room for
/// both; copies and allocates nothing. Not cancel-safe: a dropped future may have written a part.
///
/// For a header that holds more than the length, fill the header by
/// [`put_length`](LengthPrefix::put_length) and give both to [`write_all_vectored`].
///
/// # Errors
///
/// `InvalidInput` where the payload is too long for its length, before anything is written; the
/// stream's.
///
/// # Panics
///
/// Where the header is more than the length.
pub async fn write_frame(
    stream: &mut impl WriteVectored,
    prefix: LengthPrefix,
    payload: &[u8],
) -> io::Result<()> {
    let width = prefix.width.bytes();
    assert_eq!(prefix.header_bytes, width, "the header holds more than the length: {prefix:?}");
    let mut header = [0; 8];
    let header = &mut header[..width];
    prefix.put_length(header, payload.len())?;
    write_all_vectored(stream, header, payload).await
}

/// Writes a header and the payload behind it as [`write_frame`] does.
///
/// # Errors
///
/// The stream's; `WriteZero` where it takes nothing more.
pub async fn write_all_vectored(
    stream: &mut impl WriteVectored,
    header: &[u8],
    payload: &[u8],
) -> io::Result<()> {
    let all = header.len() + payload.len();
    let mut written = 0;
    while written < all {
        let header = &header[written.min(header.len())..];
        let payload = &payload[payload.len() - (all - written).min(payload.len())..];
        let slices = [IoSlice::new(header), IoSlice::new(payload)];
        match stream.write_vectored(&slices).await? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            count => written += count,
        }
    }
    Ok(())
}
