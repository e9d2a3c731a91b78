//! What can be asked of a file system, and what each request owns while it is under way.
//!
//! Invariant: an operation owns its paths, its buffers and a counted descriptor, and is `Send`, so
//! the kernel or a thread of the blocking pool may work on it long after its future is gone. What
//! it produces (an open descriptor, bytes, a file's state) is kept in it from the moment it is
//! there, so dropping an operation at any time closes and frees all of it.

use std::ffi::CString;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::sync::Arc;

use rustix::fs::{AtFlags, FallocateFlags, Mode, OFlags, RenameFlags, Statx};

use super::buffer::Buffer;
use super::vectored::Vectors;

/// An open file that operations count themselves on.
pub(crate) type FileDescriptor = Arc<OwnedFd>;

/// No offset that a file can have.
pub(crate) const CURRENT_POSITION: u64 = u64::MAX;

/// A request to a file system with all that the kernel touches for it.
///
/// An offset of [`CURRENT_POSITION`] is the place that the kernel keeps for the descriptor.
#[derive(Debug)]
pub(crate) enum FileOperation {
    Open {
        path: CString,
        flags: OFlags,
        mode: Mode,
        opened: Option<OwnedFd>,
    },
    /// Holds the descriptor until the kernel has taken it over.
    Close {
        file: Option<OwnedFd>,
    },
    /// Reads at most `bytes_max` bytes behind what the buffer holds.
    Read {
        file: FileDescriptor,
        buffer: Buffer,
        bytes_max: u32,
        offset: u64,
    },
    /// Writes the bytes from `written` on.
    Write {
        file: FileDescriptor,
        buffer: Buffer,
        written: usize,
        offset: u64,
    },
    ReadVectored {
        file: FileDescriptor,
        vectors: Box<Vectors>,
        offset: u64,
    },
    WriteVectored {
        file: FileDescriptor,
        vectors: Box<Vectors>,
        offset: u64,
    },
    Sync {
        file: FileDescriptor,
        data_only: bool,
    },
    Truncate {
        file: FileDescriptor,
        length: u64,
    },
    Allocate {
        file: FileDescriptor,
        flags: FallocateFlags,
        offset: u64,
        bytes: u64,
    },
    /// Of a path, or with an empty path of an open file.
    Stat {
        file: Option<FileDescriptor>,
        path: CString,
        flags: AtFlags,
        stat: Box<MaybeUninit<Statx>>,
    },
    Unlink {
        path: CString,
        directory: bool,
    },
    Rename {
        from: CString,
        to: CString,
        flags: RenameFlags,
    },
    MakeDirectory {
        path: CString,
        mode: Mode,
    },
    Link {
        existing: CString,
        link: CString,
    },
    Symlink {
        target: CString,
        link: CString,
    },
}

impl FileOperation {
    /// The descriptor that it works on, where there is one.
    pub(crate) fn raw_fd(&self) -> Option<RawFd> {
        match self {
            Self::Read { file, .. }
            | Self::Write { file, .. }
            | Self::ReadVectored { file, .. }
            | Self::WriteVectored { file, .. }
            | Self::Sync { file, .. }
            | Self::Truncate { file, .. }
            | Self::Allocate { file, .. }
            | Self::Stat { file: Some(file), .. } => Some(file.as_raw_fd()),
            Self::Close { file } => file.as_ref().map(AsRawFd::as_raw_fd),
            _ => None,
        }
    }

    /// Takes what the kernel produced into the operation.
    ///
    /// # Safety
    ///
    /// `result` is what the kernel just answered to this very operation.
    pub(crate) unsafe fn settle(&mut self, result: i32) {
        match self {
            // Refused before it was begun: the descriptor is still ours, and closed when dropped.
            Self::Close { .. } if -result == libc::ECANCELED => {}
            Self::Close { file } => {
                // Whatever the answer was, the kernel has freed the number, see close(2).
                let _ = file.take().map(IntoRawFd::into_raw_fd);
            }
            _ if result < 0 => {}
            Self::Open { opened, .. } => {
                // SAFETY: the kernel just opened this descriptor for us; nobody else knows it.
                *opened = Some(unsafe { OwnedFd::from_raw_fd(result) });
            }
            // SAFETY: by contract the kernel wrote so many bytes to where these ones end.
            Self::Read { buffer, .. } => unsafe { buffer.filled(result as usize) },
            // SAFETY: as above, to the places in order.
            Self::ReadVectored { vectors, .. } => unsafe { vectors.filled(result as usize) },
            _ => {}
        }
    }

    /// The descriptor of an `Open` that succeeded.
    pub(crate) fn into_opened(self) -> Option<OwnedFd> {
        match self {
            Self::Open { opened, .. } => opened,
            _ => None,
        }
    }

    /// The buffer of a `Read` or a `Write`.
    pub(crate) fn into_buffer(self) -> Option<Buffer> {
        match self {
            Self::Read { buffer, .. } | Self::Write { buffer, .. } => Some(buffer),
            _ => None,
        }
    }
}

/// How an operation ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// Bytes moved, or zero.
    pub(crate) result: io::Result<usize>,
    /// The operation; `None` where somebody else still works on it, or it was lost with a thread.
    pub(crate) operation: Option<FileOperation>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_send<T: Send>() {}

    #[test]
    fn operations_can_go_to_other_threads_and_fit_where_sends_do() {
        is_send::<FileOperation>();
        assert!(size_of::<FileOperation>() <= 72, "{}", size_of::<FileOperation>());
    }

    #[test]
    fn a_close_that_was_cancelled_before_it_began_still_closes() {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
        let mut close = FileOperation::Close { file: Some(ours.into()) };
        // SAFETY: what the kernel answers where it did not begin; it changes nothing here.
        unsafe { close.settle(-libc::ECANCELED) };
        drop(close);
        let end = std::io::Read::read(&mut &theirs, &mut [0]).unwrap();
        assert_eq!(end, 0);
    }
}
