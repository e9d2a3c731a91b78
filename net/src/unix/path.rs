//! Sockets in the file system: whether one is alive, and removing those that are not.
//!
//! Invariant: a file is removed only if it is a socket that nobody answers on, or the one that this
//! process bound, known by its device and inode; never whatever else has come to its place.

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};

/// What a path that can't be bound leads to.
#[derive(Debug)]
pub(super) enum Holder {
    /// A socket that somebody has bound.
    Alive,
    /// A socket of a process that is gone.
    Stale(Inode),
    /// Not a socket.
    Other,
    /// Nothing any more.
    Nobody,
}

/// Which file it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Inode {
    device: u64,
    number: u64,
}

impl Inode {
    fn of(metadata: &fs::Metadata) -> Self {
        Self { device: metadata.dev(), number: metadata.ino() }
    }
}

/// Looks who is there. One that is alive sees a connection that ends at once.
pub(super) fn holder(path: &Path, kind: SocketType) -> io::Result<Holder> {
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Holder::Nobody),
        Err(error) => return Err(error),
    };
    if !metadata.file_type().is_socket() {
        return Ok(Holder::Other);
    }
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let probe = socket_with(AddressFamily::UNIX, kind, flags, None)?;
    match connect(&probe, &SocketAddrUnix::new(path)?) {
        Err(Errno::CONNREFUSED) => Ok(Holder::Stale(Inode::of(&metadata))),
        Err(Errno::NOENT) => Ok(Holder::Nobody),
        // Also one of another type, with a full queue, or that this user may not talk to.
        _ => Ok(Holder::Alive),
    }
}

/// Removes a file if it is still this one; whether it was.
pub(super) fn remove(path: &Path, inode: Inode) -> io::Result<bool> {
    match fs::symlink_metadata(path) {
        Ok(metadata) if Inode::of(&metadata) == inode => fs::remove_file(path).map(|()| true),
        Ok(_) => Ok(false),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// The path of a socket that this process has bound. Dropping it removes the file, unless it is
/// [kept](Self::keep).
#[derive(Debug)]
pub(super) struct BoundPath {
    /// Absolute: the working directory may change.
    path: PathBuf,
    inode: Inode,
    kept: bool,
}

impl BoundPath {
    /// To be called right after the bind.
    pub(super) fn new(path: &Path) -> io::Result<Self> {
        let path = std::path::absolute(path)?;
        let inode = Inode::of(&fs::symlink_metadata(&path)?);
        Ok(Self { path, inode, kept: false })
    }

    /// Has the file stay when this is dropped.
    pub(super) fn keep(&mut self) {
        self.kept = true;
    }
}

impl Drop for BoundPath {
    fn drop(&mut self) {
        if self.kept {
            return;
        }
        // A directory that has become read-only, or is gone, keeps what it has.
        let _ = remove(&self.path, self.inode);
    }
}
