//! File operations as ring entries, and which of them this kernel has.

use std::os::fd::AsRawFd;

use io_uring::types::{Fd, FsyncFlags};
use io_uring::{Probe, opcode, squeue};

use super::table::FIXED_BUFFER;
use crate::driver::LocalTransfer;
use crate::fs::{CURRENT_POSITION, FileOperation, LocalBuffer, STAT_MASK};

/// Paths that are not absolute start at the process's directory.
const HERE: Fd = Fd(libc::AT_FDCWD);
// What the ring takes as "at the descriptor's own position".
const _: () = assert!(CURRENT_POSITION == -1_i64 as u64);
/// The most bytes of one transfer, below the kernel's own limit of 2 GiB less a page.
const TRANSFER_BYTES_MAX: usize = 1 << 30;

/// The operations that files use, by number and name.
const OPERATIONS: [(u8, &str); 15] = [
    (opcode::OpenAt::CODE, "OPENAT"),
    (opcode::Close::CODE, "CLOSE"),
    (opcode::Read::CODE, "READ"),
    (opcode::Write::CODE, "WRITE"),
    (opcode::Readv::CODE, "READV"),
    (opcode::Writev::CODE, "WRITEV"),
    (opcode::Fsync::CODE, "FSYNC"),
    (opcode::Ftruncate::CODE, "FTRUNCATE"),
    (opcode::Fallocate::CODE, "FALLOCATE"),
    (opcode::Statx::CODE, "STATX"),
    (opcode::UnlinkAt::CODE, "UNLINKAT"),
    (opcode::RenameAt::CODE, "RENAMEAT"),
    (opcode::MkDirAt::CODE, "MKDIRAT"),
    (opcode::LinkAt::CODE, "LINKAT"),
    (opcode::SymlinkAt::CODE, "SYMLINKAT"),
];

/// The file operations that a kernel's ring does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct FileOperations(u64);

impl FileOperations {
    /// Those of [`OPERATIONS`] that the kernel has, and the names of the others.
    pub(super) fn probe(probe: &Probe) -> (Self, Vec<&'static str>) {
        let mut granted = Self::default();
        let mut missing = Vec::new();
        for (code, name) in OPERATIONS {
            if probe.is_supported(code) {
                granted.0 |= 1 << code;
            } else {
                missing.push(name);
            }
        }
        (granted, missing)
    }

    pub(crate) fn has(self, operation: &FileOperation) -> bool {
        self.0 & 1 << code(operation) != 0
    }
}

fn code(operation: &FileOperation) -> u8 {
    match operation {
        FileOperation::Open { .. } => opcode::OpenAt::CODE,
        FileOperation::Close { .. } => opcode::Close::CODE,
        FileOperation::Read { .. } => opcode::Read::CODE,
        FileOperation::Write { .. } => opcode::Write::CODE,
        FileOperation::ReadVectored { .. } => opcode::Readv::CODE,
        FileOperation::WriteVectored { .. } => opcode::Writev::CODE,
        FileOperation::Sync { .. } => opcode::Fsync::CODE,
        FileOperation::Truncate { .. } => opcode::Ftruncate::CODE,
        FileOperation::Allocate { .. } => opcode::Fallocate::CODE,
        FileOperation::Stat { .. } => opcode::Statx::CODE,
        FileOperation::Unlink { .. } => opcode::UnlinkAt::CODE,
        FileOperation::Rename { .. } => opcode::RenameAt::CODE,
        FileOperation::MakeDirectory { .. } => opcode::MkDirAt::CODE,
        FileOperation::Link { .. } => opcode::LinkAt::CODE,
        FileOperation::Symlink { .. } => opcode::SymlinkAt::CODE,
    }
}

/// The entry of a file operation, without its user data.
pub(super) fn entry(operation: &mut FileOperation) -> squeue::Entry {
    let fd = Fd(operation.raw_fd().unwrap_or(libc::AT_FDCWD));
    match operation {
        FileOperation::Read { .. }
        | FileOperation::Write { .. }
        | FileOperation::ReadVectored { .. }
        | FileOperation::WriteVectored { .. } => transfer(fd, operation),
        // On a thread of the kernel's: the last close of a file may free all of it.
        FileOperation::Close { .. } => opcode::Close::new(fd).build().flags(squeue::Flags::ASYNC),
        FileOperation::Sync { data_only, .. } => {
            let flags = if *data_only { FsyncFlags::DATASYNC } else { FsyncFlags::empty() };
            opcode::Fsync::new(fd).flags(flags).build()
        }
        FileOperation::Truncate { length, .. } => opcode::Ftruncate::new(fd, *length).build(),
        FileOperation::Allocate { flags, offset, bytes, .. } => {
            opcode::Fallocate::new(fd, *bytes).offset(*offset).mode(flags.bits() as i32).build()
        }
        _ => named(fd, operation),
    }
}

fn transfer(fd: Fd, operation: &mut FileOperation) -> squeue::Entry {
    match operation {
        FileOperation::Read { buffer, bytes_max, offset, .. } => {
            let spare = buffer.spare_mut();
            let length = length(spare.len().min(*bytes_max as usize));
            opcode::Read::new(fd, spare.as_mut_ptr().cast(), length).offset(*offset).build()
        }
        FileOperation::Write { buffer, written, offset, .. } => {
            let bytes = &buffer[*written..];
            opcode::Write::new(fd, bytes.as_ptr(), length(bytes.len())).offset(*offset).build()
        }
        FileOperation::ReadVectored { vectors, offset, .. } => {
            let places = vectors.places();
            opcode::Readv::new(fd, places.as_ptr(), places.len() as u32).offset(*offset).build()
        }
        FileOperation::WriteVectored { vectors, offset, .. } => {
            let places = vectors.places();
            opcode::Writev::new(fd, places.as_ptr(), places.len() as u32).offset(*offset).build()
        }
        _ => unreachable!("it moves no bytes"),
    }
}

/// What takes paths. `fd` is the file of a `Stat` with an empty path.
fn named(fd: Fd, operation: &mut FileOperation) -> squeue::Entry {
    match operation {
        FileOperation::Open { path, flags, mode, .. } => opcode::OpenAt::new(HERE, path.as_ptr())
            .flags(flags.bits() as i32)
            .mode(mode.bits())
            .build(),
        FileOperation::Stat { path, flags, stat, .. } => {
            opcode::Statx::new(fd, path.as_ptr(), stat.as_mut_ptr().cast())
                .flags(flags.bits() as i32)
                .mask(STAT_MASK.bits())
                .build()
        }
        FileOperation::Unlink { path, directory } => {
            let flags = if *directory { libc::AT_REMOVEDIR } else { 0 };
            opcode::UnlinkAt::new(HERE, path.as_ptr()).flags(flags).build()
        }
        FileOperation::Rename { from, to, flags } => {
            opcode::RenameAt::new(HERE, from.as_ptr(), HERE, to.as_ptr())
                .flags(flags.bits())
                .build()
        }
        FileOperation::MakeDirectory { path, mode } => {
            opcode::MkDirAt::new(HERE, path.as_ptr()).mode(mode.bits()).build()
        }
        FileOperation::Link { existing, link } => {
            opcode::LinkAt::new(HERE, existing.as_ptr(), HERE, link.as_ptr()).build()
        }
        FileOperation::Symlink { target, link } => {
            opcode::SymlinkAt::new(HERE, target.as_ptr(), link.as_ptr()).build()
        }
        _ => unreachable!("it takes no path"),
    }
}

/// The entry of a transfer from or to a slot of the core's pools.
pub(super) fn local_entry(transfer: &mut LocalTransfer, fixed_buffers: bool) -> squeue::Entry {
    let fd = Fd(transfer.file.as_raw_fd());
    let offset = transfer.offset;
    let registered = fixed_buffers && matches!(transfer.buffer, LocalBuffer::Registered(_));
    if transfer.writes {
        let bytes = &transfer.buffer[..];
        let (start, length) = (bytes.as_ptr(), length(bytes.len()));
        if registered {
            let write = opcode::WriteFixed::new(fd, start, length, FIXED_BUFFER);
            return write.offset(offset).build();
        }
        return opcode::Write::new(fd, start, length).offset(offset).build();
    }
    let LocalBuffer::Registered(slot) = &mut transfer.buffer else {
        unreachable!("received bytes are only ever written");
    };
    let spare = slot.spare_mut();
    let (start, length) = (spare.as_mut_ptr(), length(spare.len()));
    if registered {
        return opcode::ReadFixed::new(fd, start, length, FIXED_BUFFER).offset(offset).build();
    }
    opcode::Read::new(fd, start, length).offset(offset).build()
}

fn length(bytes: usize) -> u32 {
    bytes.min(TRANSFER_BYTES_MAX) as u32
}
