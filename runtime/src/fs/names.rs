//! What is done to names: make, remove, rename, link.
//!
//! One ring operation each, but for trees, which take a thread of the blocking pool. Dropped or
//! cancelled while under way, each may still happen.

use std::io;
use std::path::Path;

use rustix::fs::{AtFlags, Mode, RenameFlags};

use super::error::{at, c_path};
use super::operation::FileOperation;
use super::path::{call, stat_at};
use super::perform::perform;
use crate::cancelled::is_cancelled;
use crate::task::waiting;

/// Makes a directory.
///
/// # Errors
///
/// `AlreadyExists`; `NotFound` where the one above it is missing; what mkdir(2) tells.
///
/// # Panics
///
/// Outside of a runtime.
#[track_caller]
pub fn create_dir(path: impl AsRef<Path>) -> impl Future<Output = io::Result<()>> {
    waiting("making a directory", async move { make_directory(path.as_ref()).await })
}

async fn make_directory(path: &Path) -> io::Result<()> {
    let mode = Mode::from_raw_mode(0o777);
    let operation = FileOperation::MakeDirectory { path: c_path("create directory", path)?, mode };
    perform(operation).await.result.map(drop).map_err(|error| at("create directory", path, error))
}

/// Makes a directory and all above it that are missing. One that is there already is no error.
///
/// # Errors
///
/// Where one of them can't be made, or a file has its name.
///
/// # Panics
///
/// Outside of a runtime.
#[track_caller]
pub fn create_dir_all(path: impl AsRef<Path>) -> impl Future<Output = io::Result<()>> {
    waiting("making a directory", async move {
        // From the inside out to the first one that can be made, and back in.
        let mut missing = Vec::new();
        let mut next = Some(path.as_ref());
        while let Some(path) = next.filter(|path| !path.as_os_str().is_empty()) {
            match make_unless_there(path).await {
                Err(error) if error.kind() == io::ErrorKind::NotFound => missing.push(path),
                Err(error) => return Err(error),
                Ok(()) => break,
            }
            next = path.parent();
        }
        for path in missing.into_iter().rev() {
            make_unless_there(path).await?;
        }
        Ok(())
    })
}

async fn make_unless_there(path: &Path) -> io::Result<()> {
    let Err(error) = make_directory(path).await else {
        return Ok(());
    };
    // Whatever the reason, such as a file system that can't be written to.
    let there = !is_cancelled(&error)
        && error.kind() != io::ErrorKind::NotFound
        && stat_at(path, AtFlags::empty()).await.is_ok_and(|found| found.is_dir());
    if there { Ok(()) } else { Err(error) }
}

/// Removes an empty directory.
///
/// # Errors
///
/// `DirectoryNotEmpty`; what rmdir(2) tells.
///
/// # Panics
///
/// Outside of a runtime.
#[track_caller]
pub fn remove_dir(path: impl AsRef<Path>) -> impl Future<Output = io::Result<()>> {
    waiting("removing a directory", unlink("remove directory", path, true))
}

/// Removes a file's name, or a link; the file itself goes with its last name and its last open
/// descriptor.
///
/// # Errors
///
/// `NotFound`; `IsADirectory`; what unlink(2) tells.
///
/// # Panics
///
/// Outside of a runtime.
#[track_caller]
pub fn remove_file(path: impl AsRef<Path>) -> impl Future<Output = io::Result<()>> {
    waiting("removing a file", unlink("remove", path, false))
}

async fn unlink(what: &'static str, path: impl AsRef<Path>, directory: bool) -> io::Result<()> {
    let path = path.as_ref();
    let operation = FileOperation::Unlink { path: c_path(what, path)?, directory };
    perform(operation).await.result.map(drop).map_err(|error| at(what, path, error))
}

/// Removes a directory with all that is in it, or a file. Links are removed, not followed. On a
/// thread of the blocking pool; dropped or cancelled it goes on.
///
/// # Errors
///
/// The first thing that can't be removed; what was removed before it is gone.
///
/// # Panics
///
/// Outside of a runtime.
#[track_caller]
pub fn remove_dir_all(path: impl AsRef<Path>) -> impl Future<Output = io::Result<()>> {
    let remove = |path: &Path| std::fs::remove_dir_all(path);
    waiting(
        "removing a directory",
        async move { call("remove directory", path.as_ref(), remove).await },
    )
}

/// Renames, within one file system; replaces what has the new name.
///
/// # Errors
///
/// `CrossesDevices`; what rename(2) tells.
///
/// # Panics
///
/// Outside of a runtime.
#[track_caller]
pub fn rename(
    from: impl AsRef<Path>,
    to: impl AsRef<Path>,
) -> impl Future<Output = io::Result<()>> {
    waiting("renaming a file", async move {
        let (from, to) = (from.as_ref(), to.as_ref());
        let flags = RenameFlags::empty();
        let operation = FileOperation::Rename {
            from: c_path("rename", from)?,
            to: c_path("rename to", to)?,
            flags,
        };
        perform(operation).await.result.map(drop).map_err(|error| at("rename", from, error))
    })
}

/// Gives a file one more name.
///
/// # Errors
///
/// What link(2) tells.
///
/// # Panics
///
/// Outside of a runtime.
#[track_caller]
pub fn hard_link(
    existing: impl AsRef<Path>,
    link: impl AsRef<Path>,
) -> impl Future<Output = io::Result<()>> {
    waiting("linking a file", async move {
        let (existing, link) = (existing.as_ref(), link.as_ref());
        let operation = FileOperation::Link {
            existing: c_path("link", existing)?,
            link: c_path("link", link)?,
        };
        perform(operation).await.result.map(drop).map_err(|error| at("link", link, error))
    })
}

/// Makes a symbolic link that leads to `target`, which need not exist.
///
/// # Errors
///
/// What symlink(2) tells.
///
/// # Panics
///
/// Outside of a runtime.
#[track_caller]
pub fn symlink(
    target: impl AsRef<Path>,
    link: impl AsRef<Path>,
) -> impl Future<Output = io::Result<()>> {
    waiting("linking a file", async move {
        let (target, link) = (target.as_ref(), link.as_ref());
        let operation =
            FileOperation::Symlink { target: c_path("link", target)?, link: c_path("link", link)? };
        perform(operation).await.result.map(drop).map_err(|error| at("link", link, error))
    })
}
