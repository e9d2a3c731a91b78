//! What the file system knows of a file.

use std::fmt;
use std::io;
use std::mem::MaybeUninit;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::fs::{AtFlags, FileType, Statx, StatxTimestamp, Timespec, Timestamps, UTIME_OMIT};

use super::operation::{FileDescriptor, FileOperation, Outcome};
use super::perform::perform;

// The kernel writes its own structure there.
const _: () = assert!(size_of::<Statx>() == 256);

/// What kind of thing a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FileKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link, where it is not followed.
    Symlink,
    /// A block device, such as a disk.
    BlockDevice,
    /// A character device, such as a terminal.
    CharacterDevice,
    /// A named pipe.
    Fifo,
    /// A Unix socket.
    Socket,
    /// What the file system does not tell.
    Unknown,
}

impl FileKind {
    pub(super) fn of(kind: FileType) -> Self {
        match kind {
            FileType::RegularFile => Self::File,
            FileType::Directory => Self::Directory,
            FileType::Symlink => Self::Symlink,
            FileType::BlockDevice => Self::BlockDevice,
            FileType::CharacterDevice => Self::CharacterDevice,
            FileType::Fifo => Self::Fifo,
            FileType::Socket => Self::Socket,
            FileType::Unknown => Self::Unknown,
        }
    }
}

/// What a transfer past the page cache must be a multiple of, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DirectAlignment {
    /// The address of the memory.
    pub memory_bytes: u32,
    /// The offset in the file, and the number of bytes.
    pub offset_bytes: u32,
}

/// What the file system knows of a file (statx).
#[derive(Clone, Copy)]
pub struct Metadata {
    stat: Statx,
}

impl Metadata {
    /// What the name stands for.
    pub fn kind(&self) -> FileKind {
        FileKind::of(FileType::from_raw_mode(self.stat.stx_mode.into()))
    }

    /// Whether it is a regular file.
    pub fn is_file(&self) -> bool {
        self.kind() == FileKind::File
    }

    /// Whether it is a directory.
    pub fn is_dir(&self) -> bool {
        self.kind() == FileKind::Directory
    }

    /// Whether it is a symbolic link, which only
    /// [`symlink_metadata`](super::symlink_metadata) tells.
    pub fn is_symlink(&self) -> bool {
        self.kind() == FileKind::Symlink
    }

    /// Number of bytes in the file; of a block device see [`File::length`](super::File::length).
    #[expect(clippy::len_without_is_empty, reason = "as in std; a directory's is not its count")]
    pub fn len(&self) -> u64 {
        self.stat.stx_size
    }

    /// Bytes that the file takes on the disk: fewer than its length where it has holes.
    pub fn allocated_bytes(&self) -> u64 {
        self.stat.stx_blocks * 512
    }

    /// The file system's preferred size of a transfer.
    pub fn block_bytes(&self) -> u32 {
        self.stat.stx_blksize
    }

    /// What transfers past the page cache must be aligned to; `None` where the file can't do them,
    /// or the file system does not tell (Linux 6.1).
    pub fn direct_alignment(&self) -> Option<DirectAlignment> {
        let (memory_bytes, offset_bytes) =
            (self.stat.stx_dio_mem_align, self.stat.stx_dio_offset_align);
        (offset_bytes > 0).then_some(DirectAlignment { memory_bytes, offset_bytes })
    }

    /// The twelve permission bits.
    pub fn mode(&self) -> u32 {
        u32::from(self.stat.stx_mode) & 0o7777
    }

    /// The permissions, as the standard library has them.
    pub fn permissions(&self) -> std::fs::Permissions {
        std::fs::Permissions::from_mode(self.mode())
    }

    /// The owner's number.
    pub fn uid(&self) -> u32 {
        self.stat.stx_uid
    }

    /// The group's number.
    pub fn gid(&self) -> u32 {
        self.stat.stx_gid
    }

    /// Number of names (hard links).
    pub fn links(&self) -> u32 {
        self.stat.stx_nlink
    }

    /// The file's number in its file system.
    pub fn inode(&self) -> u64 {
        self.stat.stx_ino
    }

    /// The numbers (major, minor) of the device that the file is on. With [`inode`](Self::inode)
    /// they are the file's identity.
    pub fn device(&self) -> (u32, u32) {
        (self.stat.stx_dev_major, self.stat.stx_dev_minor)
    }

    /// The numbers (major, minor) of the device that the file is, where it is one.
    pub fn own_device(&self) -> (u32, u32) {
        (self.stat.stx_rdev_major, self.stat.stx_rdev_minor)
    }

    /// When it was last read, in the granularity that the file system keeps.
    pub fn accessed(&self) -> SystemTime {
        time_of(&self.stat.stx_atime)
    }

    /// When its contents last changed.
    pub fn modified(&self) -> SystemTime {
        time_of(&self.stat.stx_mtime)
    }

    /// When its contents or what is known of it last changed.
    pub fn changed(&self) -> SystemTime {
        time_of(&self.stat.stx_ctime)
    }

    /// When it was made, where the file system keeps that.
    pub fn created(&self) -> Option<SystemTime> {
        let kept = self.stat.stx_mask & rustix::fs::StatxFlags::BTIME.bits() != 0;
        kept.then(|| time_of(&self.stat.stx_btime))
    }

    pub(super) fn is_same_file(&self, other: &Self) -> bool {
        (self.device(), self.inode()) == (other.device(), other.inode())
    }
}

impl fmt::Debug for Metadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metadata")
            .field("kind", &self.kind())
            .field("len", &self.len())
            .field("mode", &format_args!("{:#o}", self.mode()))
            .field("modified", &self.modified())
            .finish_non_exhaustive()
    }
}

fn time_of(stamp: &StatxTimestamp) -> SystemTime {
    to_time(stamp.tv_sec, stamp.tv_nsec)
}

fn to_time(seconds: i64, nanos: u32) -> SystemTime {
    let (before, within) = (seconds < 0, Duration::from_nanos(nanos.into()));
    let seconds = Duration::from_secs(seconds.unsigned_abs());
    let whole = match before {
        true => UNIX_EPOCH.checked_sub(seconds),
        false => UNIX_EPOCH.checked_add(seconds),
    };
    // A time that a damaged file system gives, and none can hold.
    whole.and_then(|whole| whole.checked_add(within)).unwrap_or(UNIX_EPOCH)
}

/// As utimensat(2) takes them.
pub(super) fn timestamps(accessed: Option<SystemTime>, modified: Option<SystemTime>) -> Timestamps {
    Timestamps { last_access: to_timespec(accessed), last_modification: to_timespec(modified) }
}

fn to_timespec(time: Option<SystemTime>) -> Timespec {
    let Some(time) = time else {
        return Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT };
    };
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => {
            Timespec { tv_sec: after.as_secs() as i64, tv_nsec: after.subsec_nanos().into() }
        }
        Err(before) => {
            let before = before.duration();
            // Nanoseconds count forwards, also before the epoch.
            let down = i64::from(before.subsec_nanos() > 0);
            let tv_nsec = (1_000_000_000 - i64::from(before.subsec_nanos())) % 1_000_000_000;
            Timespec { tv_sec: -(before.as_secs() as i64) - down, tv_nsec }
        }
    }
}

/// Of an open file.
pub(super) async fn stat_of(file: FileDescriptor) -> io::Result<Metadata> {
    stat(Some(file), Default::default(), AtFlags::EMPTY_PATH).await
}

/// Of a path, or with an empty path of a file.
pub(super) async fn stat(
    file: Option<FileDescriptor>,
    path: std::ffi::CString,
    flags: AtFlags,
) -> io::Result<Metadata> {
    let stat = Box::new(MaybeUninit::uninit());
    let Outcome { result, operation } =
        perform(FileOperation::Stat { file, path, flags, stat }).await;
    result?;
    let Some(FileOperation::Stat { stat, .. }) = operation else {
        unreachable!("an operation that ended comes back as it went");
    };
    // SAFETY: the operation succeeded, so the kernel or `run` has written all of it.
    Ok(Metadata { stat: unsafe { *stat.assume_init() } })
}

/// How much room a file system has, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Space {
    /// All of it.
    pub capacity_bytes: u64,
    /// What is free.
    pub free_bytes: u64,
    /// What of it this process may use.
    pub available_bytes: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_before_and_after_the_epoch_come_back_to_the_nanosecond() {
        for (seconds, nanos) in [(0, 0), (1, 1), (1_700_000_000, 999_999_999), (3, 0)] {
            let distance = Duration::new(seconds, nanos);
            for time in [UNIX_EPOCH + distance, UNIX_EPOCH - distance] {
                let timespec = to_timespec(Some(time));
                assert!((0..1_000_000_000).contains(&timespec.tv_nsec), "{timespec:?}");
                assert_eq!(to_time(timespec.tv_sec, timespec.tv_nsec as u32), time);
            }
        }
        assert_eq!(to_time(i64::MAX, u32::MAX), UNIX_EPOCH);
    }
}
