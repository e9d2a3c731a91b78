//! The open file.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::path::Path;
use std::time::SystemTime;

use rustix::fs::{FallocateFlags, OFlags, SeekFrom, fcntl_getfl, seek};
use rustix::io::{Errno, fcntl_dupfd_cloexec};

use super::OpenOptions;
use super::error::on;
use super::handle::Handle;
use super::metadata::{Metadata, stat_of, timestamps};
use super::operation::{FileDescriptor, FileOperation};
use super::perform::{in_pool, perform};
use super::stream::Stream;
use crate::task::waiting;

/// An open file: read and written by position in owned buffers, or as a stream.
///
/// The stream's position is the file's own: what is done by position does not move it, and a
/// dropped read leaves it where it was. Dropping the file closes it off the core;
/// [`close`](Self::close) waits for that and tells of errors. Nothing is written behind the
/// caller's back: a write that has given its result is with the kernel, and
/// [`sync_data`](Self::sync_data) puts it on the disk.
///
/// Meant for what has contents: regular files, block devices, `/proc`. A read of a pipe or terminal
/// may take a thread for ever.
///
/// ```
/// use taut_runtime::fs::{self, File};
///
/// taut_runtime::run(async {
///     let path = std::env::temp_dir().join(format!("taut-file-{}", std::process::id()));
///     let mut file = File::create(&path).await?;
///     file.write_all(b"bid 101.25\nask 101.50\n").await?;
///     file.sync_data().await?;
///     file.close().await?;
///
///     let mut file = File::open(&path).await?;
///     file.seek(std::io::SeekFrom::Start(11)).await?;
///     let mut ask = String::new();
///     file.read_to_string(&mut ask).await?;
///     assert_eq!(ask, "ask 101.50\n");
///     fs::remove_file(&path).await
/// })??;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct File {
    stream: Stream,
    handle: Handle,
}

impl File {
    pub(super) fn opened(file: OwnedFd, appends: bool, position: u64) -> Self {
        Self { stream: Stream::new(position, appends), handle: Handle::new(file) }
    }

    /// Opens a file to read from.
    ///
    /// # Errors
    ///
    /// See [`OpenOptions::open`].
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn open(path: impl AsRef<Path>) -> impl Future<Output = io::Result<Self>> {
        OpenOptions::new().read(true).open(path)
    }

    /// Opens a file to write to; makes it if there is none, and empty if there is one.
    ///
    /// # Errors
    ///
    /// See [`OpenOptions::open`].
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn create(path: impl AsRef<Path>) -> impl Future<Output = io::Result<Self>> {
        OpenOptions::new().write(true).create(true).truncate(true).open(path)
    }

    /// Makes a file to read from and write to, where there is none.
    ///
    /// # Errors
    ///
    /// `AlreadyExists`; see [`OpenOptions::open`].
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn create_new(path: impl AsRef<Path>) -> impl Future<Output = io::Result<Self>> {
        OpenOptions::new().read(true).write(true).create_new(true).open(path)
    }

    /// All options.
    pub fn options() -> OpenOptions {
        OpenOptions::new()
    }

    pub(crate) fn descriptor(&self) -> &FileDescriptor {
        self.handle.descriptor()
    }

    pub(super) fn stream_and_descriptor(&mut self) -> (&mut Stream, &FileDescriptor) {
        (&mut self.stream, self.handle.descriptor())
    }

    /// Waits until all that was written is on the disk, and what the file system knows of the file
    /// with it (`fsync`).
    ///
    /// A dropped or cancelled sync may still happen.
    ///
    /// # Errors
    ///
    /// What fsync(2) tells: after a failure the state of the bytes on the disk is unknown.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn sync_all(&self) -> impl Future<Output = io::Result<()>> {
        waiting("syncing a file", self.do_plain("sync", |file| sync(file, false)))
    }

    /// As [`sync_all`](Self::sync_all), without what is not needed to read the bytes back, such as
    /// the time of the last change (`fdatasync`).
    ///
    /// # Errors
    ///
    /// As for [`sync_all`](Self::sync_all).
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn sync_data(&self) -> impl Future<Output = io::Result<()>> {
        waiting("syncing a file", self.do_plain("sync", |file| sync(file, true)))
    }

    /// Makes the file so many bytes long: cuts it, or appends zeros that take no room.
    ///
    /// # Errors
    ///
    /// What ftruncate(2) tells.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn set_len(&self, length: u64) -> impl Future<Output = io::Result<()>> {
        let truncate = move |file| FileOperation::Truncate { file, length };
        waiting("truncating a file", self.do_plain("truncate", truncate))
    }

    /// Reserves room on the disk for a part of the file, so that writing there can't fail for want
    /// of it, nor has to look for it. The file grows to the part's end; new bytes are zeros.
    ///
    /// # Errors
    ///
    /// What fallocate(2) tells: `StorageFull`; `Unsupported` by the file system.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn allocate(&self, offset: u64, bytes: u64) -> impl Future<Output = io::Result<()>> {
        let flags = FallocateFlags::empty();
        let allocate = move |file| FileOperation::Allocate { file, flags, offset, bytes };
        waiting("allocating a file", self.do_plain("allocate", allocate))
    }

    /// What the file system knows of the file.
    ///
    /// # Errors
    ///
    /// What statx(2) tells.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn metadata(&self) -> impl Future<Output = io::Result<Metadata>> {
        let file = self.descriptor();
        waiting("asking about a file", async move {
            stat_of(file.clone()).await.map_err(|error| on("stat", file, error))
        })
    }

    /// Sets the permissions.
    ///
    /// # Errors
    ///
    /// What fchmod(2) tells.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn set_permissions(
        &self,
        permissions: std::fs::Permissions,
    ) -> impl Future<Output = io::Result<()>> {
        use std::os::unix::fs::PermissionsExt;
        let mode = rustix::fs::Mode::from_raw_mode(permissions.mode());
        let change = move |file: FileDescriptor| Ok(rustix::fs::fchmod(file, mode)?);
        waiting("setting permissions", self.do_in_pool("set permissions", change))
    }

    /// Sets the times of the last access and the last change; `None` leaves one as it is.
    ///
    /// # Errors
    ///
    /// What futimens(2) tells.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn set_times(
        &self,
        accessed: Option<SystemTime>,
        modified: Option<SystemTime>,
    ) -> impl Future<Output = io::Result<()>> {
        let times = timestamps(accessed, modified);
        let change = move |file: FileDescriptor| Ok(rustix::fs::futimens(file, &times)?);
        waiting("setting times", self.do_in_pool("set times", change))
    }

    /// A second file for the same open one, with a position of its own that starts where this one
    /// stands. Makes one system call, which does not wait.
    ///
    /// # Errors
    ///
    /// Where the process has no descriptor left.
    pub fn try_clone(&self) -> io::Result<Self> {
        let file = fcntl_dupfd_cloexec(self.as_fd(), 0)
            .map_err(|error| on("duplicate", self.descriptor(), error.into()))?;
        Ok(Self { stream: self.stream.fresh(), handle: Handle::new(file) })
    }

    /// Takes over a file of the standard library, at its position.
    ///
    /// # Errors
    ///
    /// What fcntl(2) tells.
    pub fn from_std(file: std::fs::File) -> io::Result<Self> {
        let file = OwnedFd::from(file);
        let position = match seek(&file, SeekFrom::Current(0)) {
            // A pipe or a terminal has none.
            Err(Errno::SPIPE) => 0,
            position => position?,
        };
        let appends = fcntl_getfl(&file)?.contains(OFlags::APPEND);
        Ok(Self::opened(file, appends, position))
    }

    /// Gives the file to the standard library, at its position. While an operation of a dropped
    /// future is in flight, that one keeps a descriptor of its own.
    ///
    /// # Errors
    ///
    /// Where the process has no descriptor left.
    pub fn into_std(self) -> io::Result<std::fs::File> {
        let Self { stream, handle } = self;
        let file = match handle.into_owned() {
            Ok(file) => file,
            Err(shared) => fcntl_dupfd_cloexec(&shared, 0)?,
        };
        match seek(&file, SeekFrom::Start(stream.position_by(&file)?)) {
            Err(Errno::SPIPE) | Ok(_) => Ok(file.into()),
            Err(error) => Err(error.into()),
        }
    }

    /// Closes the file and tells what the file system had to say, such as a network file system
    /// about bytes that it could not write. The descriptor is free, whatever the result; and also
    /// where the future is dropped.
    ///
    /// Where an operation of a dropped future is still in flight, that one closes it.
    ///
    /// # Errors
    ///
    /// That of a stream's write whose future was dropped; what close(2) tells.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn close(self) -> impl Future<Output = io::Result<()>> {
        waiting("closing a file", async move {
            let mut this = self;
            let flushed = this.flush().await;
            let Self { stream, handle } = this;
            drop(stream);
            flushed.and(handle.close().await)
        })
    }

    async fn do_plain(
        &self,
        what: &'static str,
        operation: impl FnOnce(FileDescriptor) -> FileOperation,
    ) -> io::Result<()> {
        let file = self.descriptor();
        let outcome = perform(operation(file.clone())).await;
        outcome.result.map(drop).map_err(|error| on(what, file, error))
    }

    async fn do_in_pool(
        &self,
        what: &'static str,
        work: impl FnOnce(FileDescriptor) -> io::Result<()> + Send + 'static,
    ) -> io::Result<()> {
        let file = self.descriptor().clone();
        in_pool(move || work(file)).await.map_err(|error| on(what, self.descriptor(), error))
    }
}

fn sync(file: FileDescriptor, data_only: bool) -> FileOperation {
    FileOperation::Sync { file, data_only }
}

impl AsFd for File {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor().as_fd()
    }
}

impl AsRawFd for File {
    fn as_raw_fd(&self) -> RawFd {
        self.descriptor().as_raw_fd()
    }
}
