//! Transfers between a file and a slot of the core's pools, which must not leave the core.
//!
//! The driver takes the slot as it is. Where it does not do files, the bytes are copied, and go to
//! the blocking pool.

use std::future::poll_fn;
use std::io;

use super::AlignedBuffer;
use super::buffer::{Buffer, LocalBuffer};
use super::operation::FileDescriptor;
use super::transfer::{no_room, place, read_once, write_all, write_once, write_zero};
use crate::driver::{Backend, LocalTransfer, Operation};
use crate::executor::current;
use crate::io::perform as perform_on_driver;

/// Reads into the free part of a slot, or writes what is in it, once. Gives the slot back, unless
/// the wait was cancelled while the kernel had it.
pub(super) async fn transfer(
    file: &FileDescriptor,
    mut buffer: LocalBuffer,
    offset: u64,
    writes: bool,
) -> (io::Result<usize>, Option<LocalBuffer>) {
    if !writes && buffer.spare_bytes() == 0 {
        return (Err(no_room()), Some(buffer));
    }
    if !current().driver.borrow().performs_local() {
        return copied(file, buffer, offset, writes).await;
    }
    loop {
        // Both asked before, because a refusal after this would keep the buffer.
        let cancelled = poll_fn(|context| current().checkpoint(context)).await;
        let room = current().driver.borrow().room();
        if let Err(error) = cancelled.map_err(io::Error::from).and(room) {
            return (Err(error), Some(buffer));
        }
        let transfer = LocalTransfer { file: file.clone(), buffer, offset: place(offset), writes };
        let completed = match perform_on_driver(Operation::FileLocal(transfer)).await {
            Ok(completed) => completed,
            Err(error) => return (Err(error), None),
        };
        let Some(Operation::FileLocal(LocalTransfer { buffer: given_back, .. })) =
            completed.operation
        else {
            return (completed.result, None);
        };
        match completed.result {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => buffer = given_back,
            result => return (result, Some(given_back)),
        }
    }
}

/// Writes all of a slot.
pub(super) async fn write_all_local(
    file: &FileDescriptor,
    buffer: LocalBuffer,
    offset: u64,
) -> (io::Result<()>, Option<LocalBuffer>) {
    let bytes = buffer.len();
    let (result, buffer) = transfer(file, buffer, offset, true).await;
    let result = match (result, &buffer) {
        (Ok(count), _) if count == bytes => Ok(()),
        (Ok(count @ 1..), Some(buffer)) => {
            // The kernel moved less than asked: seldom enough for a copy.
            let rest = copy_of(&buffer[count..]);
            write_all(file, rest, offset.saturating_add(count as u64)).await.0
        }
        (Ok(_), _) => Err(write_zero()),
        (Err(error), _) => Err(error),
    };
    (result, buffer)
}

async fn copied(
    file: &FileDescriptor,
    mut buffer: LocalBuffer,
    offset: u64,
    writes: bool,
) -> (io::Result<usize>, Option<LocalBuffer>) {
    if writes {
        let (result, _) = write_once(file, copy_of(&buffer), 0, offset).await;
        return (result, Some(buffer));
    }
    let bytes_max = buffer.spare_bytes();
    let copy = Buffer::Aligned(AlignedBuffer::new(bytes_max));
    let (result, bytes) = read_once(file, copy, bytes_max, offset).await;
    if let (Ok(_), Some(bytes), LocalBuffer::Registered(slot)) = (&result, bytes, &mut buffer) {
        slot.spare_mut()[..bytes.len()].copy_from_slice(&bytes);
        slot.resize(slot.len() + bytes.len());
    }
    (result, Some(buffer))
}

/// Aligned, since the file may be open for direct transfers.
fn copy_of(bytes: &[u8]) -> Buffer {
    let mut copy = AlignedBuffer::new(bytes.len());
    copy.resize(bytes.len());
    copy.copy_from_slice(bytes);
    Buffer::Aligned(copy)
}
