//! What is known of a path, and what can be set on what it leads to.
//!
//! One ring operation each where the ring has one, else one call on the blocking pool. Dropped or
//! cancelled while under way, each may still happen.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rustix::fs::{AtFlags, CWD, Gid, Mode, Uid};

use super::OpenOptions;
use super::error::{at, c_path};
use super::metadata::{Metadata, Space, stat, timestamps};
use super::perform::in_pool;
use crate::task::waiting;

/// What the file system knows of a file; links are followed.
///
/// # Errors
///
/// What statx(2) tells, with the path.
///
/// # Panics
///
/// Outside of a runtime.
#[track_caller]
pub fn metadata(path: impl AsRef<Path>) -> impl Future<Output = io::Result<Metadata>> {
    waiting("asking about a file", async move { stat_at(path.as_ref(), AtFlags::empty()).await })
}

/// As [`metadata`], of a link itself.
///
/// # Errors
///
/// As for [`metadata`].
///
/// # Panics
///
/// Outside of a runtime.
#[track_caller]
pub fn symlink_metadata(path: impl AsRef<Path>) -> impl Future<Output = io::Result<Metadata>> {
    let flags = AtFlags::SYMLINK_NOFOLLOW;
    waiting("asking about a file", async move { stat_at(path.as_ref(), flags).await })
}

pub(super) async fn stat_at(path: &Path, flags: AtFlags) -> io::Result<Metadata> {
    let found = stat(None, c_path("stat", path)?, flags).await;
    found.map_err(|error| at("stat", path, error))
}

/// Whether there is something of that name; links are followed, so of one that leads nowhere
/// `false`.
///
/// # Errors
///
/// Where that can't be told, for want of permission say.
///
/// # Panics
///
/// Outside of a runtime.
#[track_caller]
pub fn try_exists(path: impl AsRef<Path>) -> impl Future<Output = io::Result<bool>> {
    waiting("asking about a file", async move {
        match stat_at(path.as_ref(), AtFlags::empty()).await {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    })
}

/// Whether something of that name can be seen; `false` also where that can't be told, as in a task
/// that was cancelled. Better ask [`try_exists`].
///
/// # Panics
///
/// Outside of a runtime.
#[track_caller]
pub fn exists(path: impl AsRef<Path>) -> impl Future<Output = bool> {
    let exists = try_exists(path);
    async move { exists.await.unwrap_or(false) }
}

/// Whether two names stand for the same file; links are followed.
///
/// # Errors
///
/// As for [`metadata`], of either.
///
/// # Panics
///
/// Outside of a runtime.
#[track_caller]
pub fn equivalent(
    one: impl AsRef<Path>,
    other: impl AsRef<Path>,
) -> impl Future<Output = io::Result<bool>> {
    waiting("asking about a file", async move {
        let one = stat_at(one.as_ref(), AtFlags::empty()).await?;
        Ok(one.is_same_file(&stat_at(other.as_ref(), AtFlags::empty()).await?))
    })
}

/// Whether a file has no bytes, or a directory no entries.
///
/// # Errors
///
/// As for [`metadata`] and [`read_dir`](super::read_dir).
///
/// # Panics
///
/// Outside of a runtime.
#[track_caller]
pub fn is_empty(path: impl AsRef<Path>) -> impl Future<Output = io::Result<bool>> {
    waiting("asking about a file", async move {
        let path = path.as_ref();
        let found = stat_at(path, AtFlags::empty()).await?;
        if !found.is_dir() {
            return Ok(found.len() == 0);
        }
        let first = |path: &Path| std::fs::read_dir(path)?.next().transpose();
        Ok(call("read directory", path, first).await?.is_none())
    })
}

/// Where a symbolic link leads.
///
/// # Errors
///
/// `InvalidInput` where it is none; what readlink(2) tells.
///
/// # Panics
///
/// Outside of a runtime.
#[track_caller]
pub fn read_link(path: impl AsRef<Path>) -> impl Future<Output = io::Result<PathBuf>> {
    let read = |path: &Path| std::fs::read_link(path);
    waiting("resolving a path", async move { call("read link", path.as_ref(), read).await })
}

/// The absolute path of a file, without links, `.` and `..`.
///
/// # Errors
///
/// Where a part of the path does not exist.
///
/// # Panics
///
/// Outside of a runtime.
#[track_caller]
pub fn canonicalize(path: impl AsRef<Path>) -> impl Future<Output = io::Result<PathBuf>> {
    let resolve = |path: &Path| std::fs::canonicalize(path);
    waiting("resolving a path", async move { call("resolve", path.as_ref(), resolve).await })
}

/// Sets a file's permissions; links are followed.
///
/// # Errors
///
/// What chmod(2) tells.
///
/// # Panics
///
/// Outside of a runtime.
#[track_caller]
pub fn set_permissions(
    path: impl AsRef<Path>,
    permissions: std::fs::Permissions,
) -> impl Future<Output = io::Result<()>> {
    let mode = Mode::from_raw_mode(permissions.mode());
    let set = move |path: &Path| Ok(rustix::fs::chmod(path, mode)?);
    waiting("setting permissions", async move { call("set permissions", path.as_ref(), set).await })
}

/// Sets a file's owner and group by number; `None` leaves one as it is. Links are followed.
///
/// # Errors
///
/// What chown(2) tells.
///
/// # Panics
///
/// Outside of a runtime.
#[track_caller]
pub fn set_owner(
    path: impl AsRef<Path>,
    uid: Option<u32>,
    gid: Option<u32>,
) -> impl Future<Output = io::Result<()>> {
    let (uid, gid) = (uid.map(Uid::from_raw), gid.map(Gid::from_raw));
    let set = move |path: &Path| Ok(rustix::fs::chown(path, uid, gid)?);
    waiting("setting an owner", async move { call("set owner", path.as_ref(), set).await })
}

/// Sets the times of a file's last access and last change; `None` leaves one as it is, and both
/// leave the file alone, even where there is none. Links are followed.
///
/// # Errors
///
/// What utimensat(2) tells.
///
/// # Panics
///
/// Outside of a runtime.
#[track_caller]
pub fn set_times(
    path: impl AsRef<Path>,
    accessed: Option<SystemTime>,
    modified: Option<SystemTime>,
) -> impl Future<Output = io::Result<()>> {
    let times = timestamps(accessed, modified);
    let set = move |path: &Path| Ok(rustix::fs::utimensat(CWD, path, &times, AtFlags::empty())?);
    waiting("setting times", async move { call("set times", path.as_ref(), set).await })
}

/// Makes a file so many bytes long, see [`File::set_len`](super::File::set_len).
///
/// # Errors
///
/// As for that, and for [`OpenOptions::open`].
///
/// # Panics
///
/// Outside of a runtime.
#[track_caller]
pub fn truncate(path: impl AsRef<Path>, length: u64) -> impl Future<Output = io::Result<()>> {
    let opening = OpenOptions::new().write(true).open(path);
    waiting("truncating a file", async move { opening.await?.set_len(length).await })
}

/// How much room there is on the file system that a path is on.
///
/// # Errors
///
/// What statvfs(3) tells.
///
/// # Panics
///
/// Outside of a runtime.
#[track_caller]
pub fn space(path: impl AsRef<Path>) -> impl Future<Output = io::Result<Space>> {
    let ask = |path: &Path| {
        let found = rustix::fs::statvfs(path)?;
        Ok(Space {
            capacity_bytes: found.f_blocks * found.f_frsize,
            free_bytes: found.f_bfree * found.f_frsize,
            available_bytes: found.f_bavail * found.f_frsize,
        })
    };
    waiting("asking about a file", async move { call("ask for space", path.as_ref(), ask).await })
}

/// Makes a call about a path on the blocking pool.
pub(super) async fn call<T: Send + 'static>(
    what: &'static str,
    path: &Path,
    work: impl FnOnce(&Path) -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let owned = path.to_path_buf();
    in_pool(move || work(&owned)).await.map_err(|error| at(what, path, error))
}
