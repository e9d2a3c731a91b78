//! Where a counter file lies, and how it comes there and goes.
//!
//! Invariant: a file appears under its name complete, and locked by its writer; so one that is not
//! locked has no writer any more, however that ended. Only whoever holds the lock on a file removes
//! it.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::thread::yield_now;

use rustix::fs::{
    AtFlags, CWD, FlockOperation, Mode, OFlags, flock, fstat, fstatfs, ftruncate, linkat, open,
    stat, unlink,
};
use rustix::io::{Errno, pread};

use crate::error::{CounterFileError, CounterFileErrorKind as Kind};
use crate::format::MAGIC;

/// Where counter files are made and looked for, unless told otherwise: the memory file system that
/// every Linux has.
pub const DIRECTORY: &str = "/dev/shm";

const PREFIX: &str = "taut-";
const SUFFIX: &str = ".counters";
/// The longest name, in bytes: what the header holds.
const NAME_BYTES_MAX: usize = 64;
/// File systems that keep their pages in memory and never write them back.
const TMPFS_MAGIC: u64 = 0x0102_1994;
const RAMFS_MAGIC: u64 = 0x8584_58f6;
/// How often a file of a dead process is looked at anew while others take its name, too.
const TRIES_MAX: u32 = 64;

/// The path of a file of this name.
pub(crate) fn path_of(directory: &Path, name: &str) -> Result<PathBuf, CounterFileError> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.bytes().all(allowed) {
        return Err(CounterFileError::new(
            Kind::Name,
            format!(
                "{name:?} can't be the name of a counter file: use 1 to {NAME_BYTES_MAX} ASCII \
                 letters, digits, dots, dashes and underscores"
            ),
        ));
    }
    Ok(directory.join(format!("{PREFIX}{name}{SUFFIX}")))
}

/// A new file without a name, locked, of so many bytes.
pub(crate) fn make(
    directory: &Path,
    bytes: u64,
    any_file_system: bool,
) -> Result<OwnedFd, CounterFileError> {
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    // As the umask allows: whoever may look at the process may look at its counters.
    let file = open(directory, flags, Mode::from_raw_mode(0o644)).map_err(|errno| {
        let (kind, remedy) = match errno {
            Errno::NOENT | Errno::NOTDIR => (Kind::NotFound, "make it, or choose another"),
            Errno::OPNOTSUPP | Errno::ISDIR => {
                (Kind::FileSystem, "choose one on tmpfs, such as /dev/shm")
            }
            _ => (Kind::System, "choose one that takes files"),
        };
        let what = format!("no counter file can be made in {} ({remedy})", directory.display());
        CounterFileError::with_source(kind, what, errno)
    })?;
    let kind = fstatfs(&file)
        .map_err(|errno| CounterFileError::system("the file system can't be told", errno))?
        .f_type as u64;
    if !any_file_system && kind != TMPFS_MAGIC && kind != RAMFS_MAGIC {
        return Err(CounterFileError::new(
            Kind::FileSystem,
            format!(
                "{} is not on tmpfs: the kernel would write the file's pages back to a disk now \
                 and then, and each time stop the core that counts with a page fault; choose a \
                 folder on tmpfs, such as {DIRECTORY}, or set any_file_system",
                directory.display()
            ),
        ));
    }
    flock(&file, FlockOperation::NonBlockingLockExclusive)
        .map_err(|errno| CounterFileError::system("the counter file can't be locked", errno))?;
    ftruncate(&file, bytes).map_err(|errno| {
        CounterFileError::system(format!("the counter file can't have {bytes} bytes"), errno)
    })?;
    Ok(file)
}

/// Gives the file its name, in place of one whose process is dead.
pub(crate) fn publish(file: BorrowedFd<'_>, path: &Path) -> Result<(), CounterFileError> {
    let unnamed = format!("/proc/self/fd/{}", file.as_raw_fd());
    for _ in 0..TRIES_MAX {
        match linkat(CWD, unnamed.as_str(), CWD, path, AtFlags::SYMLINK_FOLLOW) {
            Ok(()) => return Ok(()),
            Err(Errno::EXIST) => {
                if !remove_if_dead(path)? {
                    // Alive, or held by a reader that looks whether it is.
                    yield_now();
                }
            }
            Err(errno) => {
                let what = format!("the counter file can't be named {}", path.display());
                return Err(CounterFileError::system(what, errno));
            }
        }
    }
    Err(CounterFileError::new(
        Kind::InUse,
        format!(
            "{} belongs to a process that is alive: end it, or choose another name",
            path.display()
        ),
    ))
}

/// Removes the counter files in a folder whose processes are dead: killed, or ended by
/// `std::process::exit`, which drops nothing. Gives their paths.
///
/// # Errors
///
/// The folder can't be read. A file that can't be removed is left out.
pub fn remove_dead(directory: impl AsRef<Path>) -> Result<Vec<PathBuf>, CounterFileError> {
    let paths = files(directory.as_ref())?.into_iter();
    Ok(paths.filter(|path| remove_if_dead(path).unwrap_or(false) && !path.exists()).collect())
}

/// The paths in a folder that are called like counter files, in order.
pub(crate) fn files(directory: &Path) -> Result<Vec<PathBuf>, CounterFileError> {
    let entries = std::fs::read_dir(directory).map_err(|error| {
        CounterFileError::system(format!("{} can't be read", directory.display()), error)
    })?;
    let called_like_one = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with(PREFIX) && name.ends_with(SUFFIX)
    };
    let paths = entries.filter_map(|entry| entry.ok().map(|entry| entry.path()));
    let mut paths: Vec<PathBuf> = paths.filter(called_like_one).collect();
    paths.sort();
    Ok(paths)
}

/// Removes the file of a process that is dead; `false` where one that lives holds it.
fn remove_if_dead(path: &Path) -> Result<bool, CounterFileError> {
    let flags = OFlags::RDWR | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = match open(path, flags, Mode::empty()) {
        Ok(file) => file,
        Err(Errno::NOENT) => return Ok(true),
        Err(errno) => {
            let what = format!("{} is there and can't be opened", path.display());
            return Err(CounterFileError::with_source(Kind::InUse, what, errno));
        }
    };
    let mut magic = [0; 8];
    if pread(&file, &mut magic, 0) != Ok(8) || u64::from_ne_bytes(magic) != MAGIC {
        return Err(CounterFileError::new(
            Kind::NotACounterFile,
            format!(
                "{} is there and is no counter file: remove it, or choose another name",
                path.display()
            ),
        ));
    }
    let alive = is_locked(file.as_fd(), FlockOperation::NonBlockingLockExclusive);
    if !alive {
        remove(file.as_fd(), path);
    }
    Ok(!alive)
}

/// Removes the path, if it is still this file. The caller holds the file's lock.
pub(crate) fn remove(file: BorrowedFd<'_>, path: &Path) {
    let same = |ours: &rustix::fs::Stat, named: &rustix::fs::Stat| {
        (ours.st_dev, ours.st_ino) == (named.st_dev, named.st_ino)
    };
    if let (Ok(ours), Ok(named)) = (fstat(file), stat(path))
        && same(&ours, &named)
    {
        // Somebody else has removed it, or the folder no longer lets us: nothing to do about it.
        let _ = unlink(path);
    }
}

/// Whether the writer of the file still lives.
pub(crate) fn has_writer(file: BorrowedFd<'_>) -> bool {
    let locked = is_locked(file, FlockOperation::NonBlockingLockShared);
    if !locked {
        let _ = flock(file, FlockOperation::Unlock);
    }
    locked
}

/// Whether somebody else holds the lock; otherwise it is now held by this descriptor.
fn is_locked(file: BorrowedFd<'_>, operation: FlockOperation) -> bool {
    flock(file, operation) == Err(Errno::WOULDBLOCK)
}
