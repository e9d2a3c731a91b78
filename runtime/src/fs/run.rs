//! File operations by system calls, for a thread that may block.

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd, AsRawFd, IntoRawFd};

use rustix::fs::{AtFlags, CWD, StatxFlags};
use rustix::io::{Errno, pread, pwrite, read, retry_on_intr, write};

use super::operation::{CURRENT_POSITION, FileOperation, Outcome};

/// What is asked about a file.
pub(crate) const STAT_MASK: StatxFlags =
    StatxFlags::BASIC_STATS.union(StatxFlags::BTIME).union(StatxFlags::DIOALIGN);

/// No place was asked for; also what the system says of pipes and terminals, which have none.
const NOWHERE: Result<usize, Errno> = Err(Errno::SPIPE);

impl FileOperation {
    /// Does the operation on this thread.
    pub(crate) fn run(mut self) -> Outcome {
        let result = retry_on_intr(|| self.call());
        Outcome { result: result.map_err(io::Error::from), operation: Some(self) }
    }

    fn call(&mut self) -> Result<usize, Errno> {
        match self {
            Self::Open { path, flags, mode, opened } => {
                *opened = Some(rustix::fs::openat(CWD, &**path, *flags, *mode)?);
                Ok(0)
            }
            Self::Close { file } => close(file.take()),
            Self::Read { .. } | Self::Write { .. } => self.transfer(),
            Self::ReadVectored { .. } | Self::WriteVectored { .. } => self.transfer_vectored(),
            Self::Sync { file, data_only: true } => rustix::fs::fdatasync(file).map(done),
            Self::Sync { file, data_only: false } => rustix::fs::fsync(file).map(done),
            Self::Truncate { file, length } => rustix::fs::ftruncate(file, *length).map(done),
            Self::Allocate { file, flags, offset, bytes } => {
                rustix::fs::fallocate(file, *flags, *offset, *bytes).map(done)
            }
            Self::Stat { file, path, flags, stat } => {
                let directory = file.as_ref().map_or(CWD, |file| file.as_fd());
                stat.write(rustix::fs::statx(directory, &**path, *flags, STAT_MASK)?);
                Ok(0)
            }
            _ => self.change_names(),
        }
    }

    fn change_names(&mut self) -> Result<usize, Errno> {
        let unlink = |path: &CStr, flags| rustix::fs::unlinkat(CWD, path, flags);
        match self {
            Self::Unlink { path, directory: true } => unlink(path, AtFlags::REMOVEDIR),
            Self::Unlink { path, directory: false } => unlink(path, AtFlags::empty()),
            Self::Rename { from, to, flags } => {
                rustix::fs::renameat_with(CWD, &**from, CWD, &**to, *flags)
            }
            Self::MakeDirectory { path, mode } => rustix::fs::mkdirat(CWD, &**path, *mode),
            Self::Link { existing, link } => {
                rustix::fs::linkat(CWD, &**existing, CWD, &**link, AtFlags::empty())
            }
            Self::Symlink { target, link } => rustix::fs::symlinkat(&**target, CWD, &**link),
            _ => unreachable!("it changes no name"),
        }
        .map(done)
    }

    fn transfer(&mut self) -> Result<usize, Errno> {
        match self {
            Self::Read { file, buffer, bytes_max, offset } => {
                let spare = buffer.spare_mut();
                let most = spare.len().min(*bytes_max as usize);
                let spare = &mut spare[..most];
                let there = match *offset {
                    CURRENT_POSITION => NOWHERE,
                    offset => pread(&*file, &mut *spare, offset).map(|(bytes, _)| bytes.len()),
                };
                let count = match there {
                    NOWHERE => read(&*file, spare).map(|(bytes, _)| bytes.len())?,
                    there => there?,
                };
                // SAFETY: the call wrote so many bytes to the start of the spare capacity.
                unsafe { buffer.filled(count) };
                Ok(count)
            }
            Self::Write { file, buffer, written, offset } => {
                let bytes = &buffer[*written..];
                let there = match *offset {
                    CURRENT_POSITION => NOWHERE,
                    offset => pwrite(&*file, bytes, offset),
                };
                if there == NOWHERE { write(&*file, bytes) } else { there }
            }
            _ => unreachable!("it moves no bytes"),
        }
    }

    fn transfer_vectored(&mut self) -> Result<usize, Errno> {
        let fd = self.raw_fd().expect("a transfer has a descriptor");
        match self {
            Self::ReadVectored { vectors, offset, .. } => {
                let places = vectors.places();
                let (start, count) = (places.as_ptr(), places.len() as libc::c_int);
                // SAFETY: the places are free memory of the buffers, which nobody else uses.
                let read = unsafe { libc::preadv64(fd, start, count, *offset as i64) };
                let read = moved(read)?;
                // SAFETY: the call just wrote so many bytes to the places in order.
                unsafe { vectors.filled(read) };
                Ok(read)
            }
            Self::WriteVectored { vectors, offset, .. } => {
                let places = vectors.places();
                let (start, count) = (places.as_ptr(), places.len() as libc::c_int);
                // SAFETY: the places are bytes of the buffers, which live until the call returns.
                moved(unsafe { libc::pwritev64(fd, start, count, *offset as i64) })
            }
            _ => unreachable!("it moves no bytes"),
        }
    }
}

fn done((): ()) -> usize {
    0
}

fn moved(bytes: isize) -> Result<usize, Errno> {
    usize::try_from(bytes).map_err(|_| {
        let code = io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO);
        Errno::from_raw_os_error(code)
    })
}

/// Closes a descriptor and, unlike dropping it, tells what the file system had to say.
fn close(file: Option<std::os::fd::OwnedFd>) -> Result<usize, Errno> {
    let Some(file) = file else { return Ok(0) };
    let fd = file.as_raw_fd();
    let _ = file.into_raw_fd();
    // SAFETY: the descriptor was ours alone, and nothing else closes it from here on.
    match unsafe { libc::close(fd) } {
        0 => Ok(0),
        // Closed all the same, see close(2).
        _ => match Errno::from_raw_os_error(
            io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO),
        ) {
            Errno::INTR => Ok(0),
            error => Err(error),
        },
    }
}
