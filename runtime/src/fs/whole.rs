//! Whole files: read, write, copy.

use std::io;
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use rustix::io::Errno;

use super::File;
use super::error::on;
use super::operation::FileDescriptor;
use super::perform::in_pool;
use crate::task::waiting;

/// Bytes that one call on the blocking pool copies: what a cancelled copy may still do.
const COPY_BYTES_MAX: usize = 16 << 20;
/// Bytes that are read at once where the length is not known.
const CHUNK_BYTES: usize = 64 << 10;

/// Reads a whole file.
///
/// # Errors
///
/// As for [`OpenOptions::open`](super::OpenOptions::open) and [`File::read_at`].
///
/// # Panics
///
/// Outside of a runtime.
#[track_caller]
pub fn read(path: impl AsRef<Path>) -> impl Future<Output = io::Result<Vec<u8>>> {
    let opening = File::open(path);
    waiting("reading a file", async move { read_all(&opening.await?).await })
}

async fn read_all(file: &File) -> io::Result<Vec<u8>> {
    // One byte of room more, so that the end shows without the vector growing. Files of /proc say
    // that they are empty.
    let length = usize::try_from(file.metadata().await?.len()).unwrap_or(usize::MAX - 1);
    let mut bytes = Vec::new();
    reserve(&mut bytes, if length == 0 { CHUNK_BYTES } else { length + 1 })?;
    loop {
        let offset = bytes.len() as u64;
        let count;
        (count, bytes) = file.read_at(bytes, offset).await;
        if count? == 0 {
            return Ok(bytes);
        }
        if bytes.len() == bytes.capacity() {
            reserve(&mut bytes, CHUNK_BYTES)?;
        }
    }
}

fn reserve(bytes: &mut Vec<u8>, more: usize) -> io::Result<()> {
    bytes.try_reserve(more).map_err(|error| io::Error::new(io::ErrorKind::OutOfMemory, error))
}

/// Reads a whole file of text.
///
/// # Errors
///
/// `InvalidData` where it is not UTF-8; as for [`read`].
///
/// # Panics
///
/// Outside of a runtime.
#[track_caller]
pub fn read_to_string(path: impl AsRef<Path>) -> impl Future<Output = io::Result<String>> {
    let opening = File::open(path);
    waiting("reading a file", async move {
        let file = opening.await?;
        String::from_utf8(read_all(&file).await?).map_err(|error| {
            on("read", file.descriptor(), io::Error::new(io::ErrorKind::InvalidData, error))
        })
    })
}

/// Writes a whole file: makes it, or empties it first. Not synced to the disk.
///
/// Takes text and bytes that are static or owned; no copy is made of either.
///
/// # Errors
///
/// As for [`OpenOptions::open`](super::OpenOptions::open) and [`File::write_all_at`]; the file may
/// be incomplete then.
///
/// # Panics
///
/// Outside of a runtime.
#[track_caller]
pub fn write(
    path: impl AsRef<Path>,
    contents: impl Into<Bytes>,
) -> impl Future<Output = io::Result<()>> {
    let (creating, contents) = (File::create(path), contents.into());
    waiting("writing a file", async move { creating.await?.write_all_at(contents, 0).await.0 })
}

/// Copies a file's contents and permissions, and says how many bytes. The kernel copies where it
/// can (`copy_file_range`), so a file system that shares blocks does.
///
/// Dropped or cancelled it stops within 16 MiB; the copy is incomplete then.
///
/// # Errors
///
/// As for [`OpenOptions::open`](super::OpenOptions::open), of either; `InvalidInput` where both are
/// one file; what copy_file_range(2), read or write tell.
///
/// # Panics
///
/// Outside of a runtime.
#[track_caller]
pub fn copy(from: impl AsRef<Path>, to: impl AsRef<Path>) -> impl Future<Output = io::Result<u64>> {
    let opening = File::open(from);
    waiting("copying a file", async move {
        let from = opening.await?;
        let found = from.metadata().await?;
        let options = File::options().write(true).create(true).mode(found.mode());
        let to = options.open(to.as_ref()).await?;
        let target = to.metadata().await?;
        if target.is_same_file(&found) {
            let what = "a file can't be copied to itself";
            let error = io::Error::new(io::ErrorKind::InvalidInput, what);
            return Err(on("copy", to.descriptor(), error));
        }
        if target.is_file() {
            // Only now, because opening it so would have destroyed the source.
            to.set_len(0).await?;
        }
        let copied = copy_all(&from, &to).await?;
        if target.is_file() {
            to.set_permissions(found.permissions()).await?;
        }
        Ok(copied)
    })
}

async fn copy_all(from: &File, to: &File) -> io::Result<u64> {
    let mut copied = 0;
    loop {
        match copy_in_kernel(from.descriptor(), to.descriptor(), copied).await {
            // Also what files of /proc answer, so the ordinary copy has the last word.
            Ok(0) => return copy_by_hand(from, to, copied).await,
            Ok(count) => copied += count,
            Err(error) if cannot_copy(&error) => return copy_by_hand(from, to, copied).await,
            Err(error) => return Err(on("copy", to.descriptor(), error)),
        }
    }
}

/// Not between these two, or not by this kernel.
fn cannot_copy(error: &io::Error) -> bool {
    let code = error.raw_os_error().map(Errno::from_raw_os_error);
    let refusals =
        [Errno::XDEV, Errno::NOSYS, Errno::OPNOTSUPP, Errno::INVAL, Errno::PERM, Errno::BADF];
    code.is_some_and(|code| refusals.contains(&code))
}

async fn copy_in_kernel(
    from: &FileDescriptor,
    to: &FileDescriptor,
    offset: u64,
) -> io::Result<u64> {
    let (from, to) = (Arc::clone(from), Arc::clone(to));
    in_pool(move || {
        let (mut read, mut written) = (offset, offset);
        let copied = rustix::io::retry_on_intr(|| {
            rustix::fs::copy_file_range(
                from.as_fd(),
                Some(&mut read),
                to.as_fd(),
                Some(&mut written),
                COPY_BYTES_MAX,
            )
        });
        Ok(copied? as u64)
    })
    .await
}

async fn copy_by_hand(from: &File, to: &File, mut copied: u64) -> io::Result<u64> {
    let mut buffer = Vec::with_capacity(CHUNK_BYTES);
    loop {
        buffer.clear();
        let count;
        (count, buffer) = from.read_at(buffer, copied).await;
        if count? == 0 {
            return Ok(copied);
        }
        let written;
        (written, buffer) = to.write_all_at(buffer, copied).await;
        written?;
        copied += buffer.len() as u64;
    }
}
