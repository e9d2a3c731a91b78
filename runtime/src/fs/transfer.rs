//! Transfers in buffers that may go to any thread: once, or until all is moved.
//!
//! Each gives the buffer back, unless the wait for it was cancelled while somebody else has it.

use std::io;

use super::buffer::Buffer;
use super::operation::{FileDescriptor, FileOperation};
use super::perform::perform;
use super::vectored::{BUFFERS_MAX, Vectors};

/// A result, and the buffer where it is not still away.
pub(super) type Transferred<T> = (io::Result<T>, Option<Buffer>);

/// The offset as the system takes it. Beyond what a file can have, where it is refused, some mean
/// the current position.
pub(super) fn place(offset: u64) -> u64 {
    offset.min(i64::MAX as u64)
}

pub(super) fn no_room() -> io::Error {
    let what = "a read fills a buffer's free capacity, and this one has none: reserve some";
    io::Error::new(io::ErrorKind::InvalidInput, what)
}

pub(super) fn write_zero() -> io::Error {
    io::Error::new(io::ErrorKind::WriteZero, "the file takes no more bytes")
}

pub(super) async fn read_once(
    file: &FileDescriptor,
    mut buffer: Buffer,
    bytes_max: usize,
    offset: u64,
) -> Transferred<usize> {
    if buffer.spare_mut().is_empty() {
        return (Err(no_room()), Some(buffer));
    }
    let (file, offset) = (file.clone(), place(offset));
    let bytes_max = u32::try_from(bytes_max).unwrap_or(u32::MAX);
    let outcome = perform(FileOperation::Read { file, buffer, bytes_max, offset }).await;
    (outcome.result, outcome.operation.and_then(FileOperation::into_buffer))
}

pub(super) async fn read_all(
    file: &FileDescriptor,
    mut buffer: Buffer,
    bytes: usize,
    offset: u64,
) -> Transferred<()> {
    let mut read = 0;
    while read < bytes {
        let at = offset.saturating_add(read as u64);
        match read_once(file, buffer, bytes - read, at).await {
            (Ok(count @ 1..), Some(given_back)) => {
                read += count;
                buffer = given_back;
            }
            (Ok(_), given_back) => {
                let what = format!("the file ends {} bytes before the range does", bytes - read);
                return (Err(io::Error::new(io::ErrorKind::UnexpectedEof, what)), given_back);
            }
            (Err(error), given_back) => return (Err(error), given_back),
        }
    }
    (Ok(()), Some(buffer))
}

pub(super) async fn write_once(
    file: &FileDescriptor,
    buffer: Buffer,
    written: usize,
    offset: u64,
) -> Transferred<usize> {
    let (file, offset) = (file.clone(), place(offset));
    let outcome = perform(FileOperation::Write { file, buffer, written, offset }).await;
    (outcome.result, outcome.operation.and_then(FileOperation::into_buffer))
}

pub(super) async fn write_all(
    file: &FileDescriptor,
    mut buffer: Buffer,
    offset: u64,
) -> Transferred<()> {
    let mut written = 0;
    while written < buffer.len() {
        let at = offset.saturating_add(written as u64);
        match write_once(file, buffer, written, at).await {
            (Ok(count @ 1..), Some(given_back)) => {
                written += count;
                buffer = given_back;
            }
            (Ok(_), given_back) => return (Err(write_zero()), given_back),
            (Err(error), given_back) => return (Err(error), given_back),
        }
    }
    (Ok(()), Some(buffer))
}

pub(super) async fn read_vectored(
    file: &FileDescriptor,
    mut buffers: Vec<Buffer>,
    offset: u64,
) -> (io::Result<usize>, Vec<Buffer>) {
    if let Err(error) = check_count(&buffers) {
        return (Err(error), buffers);
    }
    if buffers.iter_mut().all(|buffer| buffer.spare_mut().is_empty()) {
        return (Err(no_room()), buffers);
    }
    let (file, offset) = (file.clone(), place(offset));
    let vectors = Box::new(Vectors::to_read(buffers));
    vectored(FileOperation::ReadVectored { file, vectors, offset }).await
}

pub(super) async fn write_all_vectored(
    file: &FileDescriptor,
    mut buffers: Vec<Buffer>,
    offset: u64,
) -> (io::Result<()>, Vec<Buffer>) {
    if let Err(error) = check_count(&buffers) {
        return (Err(error), buffers);
    }
    let bytes: usize = buffers.iter().map(|buffer| buffer.len()).sum();
    let mut written = 0;
    while written < bytes {
        let offset = place(offset.saturating_add(written as u64));
        let (file, vectors) = (file.clone(), Box::new(Vectors::to_write(buffers, written)));
        let result;
        (result, buffers) = vectored(FileOperation::WriteVectored { file, vectors, offset }).await;
        match result {
            Ok(0) => return (Err(write_zero()), buffers),
            Ok(count) => written += count,
            Err(error) => return (Err(error), buffers),
        }
    }
    (Ok(()), buffers)
}

async fn vectored(operation: FileOperation) -> (io::Result<usize>, Vec<Buffer>) {
    let outcome = perform(operation).await;
    let buffers = match outcome.operation {
        Some(
            FileOperation::ReadVectored { vectors, .. }
            | FileOperation::WriteVectored { vectors, .. },
        ) => vectors.into_buffers(),
        _ => Vec::new(),
    };
    (outcome.result, buffers)
}

fn check_count(buffers: &[Buffer]) -> io::Result<()> {
    let count = buffers.len();
    if count <= BUFFERS_MAX {
        return Ok(());
    }
    let what = format!("{count} buffers at once, and the kernel takes {BUFFERS_MAX}: use fewer");
    Err(io::Error::new(io::ErrorKind::InvalidInput, what))
}
