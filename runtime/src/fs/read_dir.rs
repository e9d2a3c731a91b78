//! What is in a directory, in the order in which the file system has it.
//!
//! A thread of the blocking pool reads [`BATCH_ENTRIES`] entries at a time, and no more until they
//! are taken, so a directory of any size takes the same memory and never keeps a thread.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::future::poll_fn;
use std::io;
use std::os::unix::fs::DirEntryExt;
use std::path::{Path, PathBuf};

use super::error::at;
use super::metadata::{FileKind, Metadata};
use super::path::{call, symlink_metadata};
use super::perform::PoolCall;
use crate::executor::current;
use crate::task::waiting;

/// Entries that are read at once.
pub(super) const BATCH_ENTRIES: usize = 128;

/// A source of entries that is read on threads that may block.
pub(super) trait Source: Send + Sized + 'static {
    type Item: Send + 'static;

    /// The next one, or the end.
    fn next(&mut self) -> Option<Self::Item>;
}

/// The source, unless it is at its end, and what was read from it.
type Batch<S> = (Option<S>, VecDeque<<S as Source>::Item>);

/// Hands out a source's entries, and reads the next batch when they are gone.
pub(super) struct Batches<S: Source> {
    ready: VecDeque<S::Item>,
    /// Away while a batch is read, and at the end.
    source: Option<S>,
    reading: Option<PoolCall<Batch<S>>>,
}

impl<S: Source> Batches<S> {
    pub(super) fn new(source: S) -> Self {
        Self { ready: VecDeque::new(), source: Some(source), reading: None }
    }

    pub(super) async fn next(&mut self) -> io::Result<Option<S::Item>> {
        poll_fn(|context| current().checkpoint(context)).await?;
        loop {
            if let Some(item) = self.ready.pop_front() {
                return Ok(Some(item));
            }
            if let Some(mut source) = self.source.take() {
                let mut batch = std::mem::take(&mut self.ready);
                let read = move || {
                    while batch.len() < BATCH_ENTRIES {
                        match source.next() {
                            Some(item) => batch.push_back(item),
                            None => return (None, batch),
                        }
                    }
                    (Some(source), batch)
                };
                self.reading = Some(PoolCall::new(current().handle(), read));
            }
            let Some(reading) = &mut self.reading else {
                return Ok(None);
            };
            let batch = poll_fn(|context| reading.poll(context)).await?;
            self.reading = None;
            (self.source, self.ready) = batch?;
        }
    }
}

/// The entries of a directory. Made by [`read_dir`].
pub struct ReadDir {
    path: PathBuf,
    batches: Batches<Entries>,
}

struct Entries(std::fs::ReadDir);

impl Source for Entries {
    type Item = io::Result<DirEntry>;

    fn next(&mut self) -> Option<io::Result<DirEntry>> {
        Some(self.0.next()?.and_then(DirEntry::new))
    }
}

/// Opens a directory to list what is in it, without `.` and `..`.
///
/// # Errors
///
/// `NotFound`, `NotADirectory`; what opendir(3) tells.
///
/// # Panics
///
/// Outside of a runtime.
///
/// ```
/// taut_runtime::run(async {
///     let mut entries = taut_runtime::fs::read_dir("/proc/self/fd").await?;
///     let mut count = 0;
///     while let Some(entry) = entries.next().await? {
///         assert!(entry.path().starts_with("/proc/self/fd"));
///         count += 1;
///     }
///     assert!(count >= 3);
///     Ok::<(), std::io::Error>(())
/// })??;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[track_caller]
pub fn read_dir(path: impl AsRef<Path>) -> impl Future<Output = io::Result<ReadDir>> {
    waiting("listing a directory", async move {
        let path = path.as_ref();
        let entries = call("read directory", path, |path| std::fs::read_dir(path)).await?;
        Ok(ReadDir { path: path.to_path_buf(), batches: Batches::new(Entries(entries)) })
    })
}

impl ReadDir {
    /// The next entry; `None` at the end. Cancel-safe: a dropped one takes nothing.
    ///
    /// # Errors
    ///
    /// What getdents(2) tells; the next call goes on behind it.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    #[expect(clippy::should_implement_trait, reason = "the field's word, and it is awaited")]
    pub fn next(&mut self) -> impl Future<Output = io::Result<Option<DirEntry>>> {
        waiting("listing a directory", async move {
            match self.batches.next().await? {
                None => Ok(None),
                Some(Ok(entry)) => Ok(Some(entry)),
                Some(Err(error)) => Err(at("read directory", &self.path, error)),
            }
        })
    }
}

impl std::fmt::Debug for ReadDir {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReadDir").field("path", &self.path).finish_non_exhaustive()
    }
}

/// A name in a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirEntry {
    path: PathBuf,
    kind: FileKind,
    inode: u64,
}

impl DirEntry {
    pub(super) fn new(entry: std::fs::DirEntry) -> io::Result<Self> {
        use std::os::unix::fs::FileTypeExt;
        let kind = match entry.file_type()? {
            kind if kind.is_file() => FileKind::File,
            kind if kind.is_dir() => FileKind::Directory,
            kind if kind.is_symlink() => FileKind::Symlink,
            kind if kind.is_block_device() => FileKind::BlockDevice,
            kind if kind.is_char_device() => FileKind::CharacterDevice,
            kind if kind.is_fifo() => FileKind::Fifo,
            kind if kind.is_socket() => FileKind::Socket,
            _ => FileKind::Unknown,
        };
        Ok(Self { path: entry.path(), kind, inode: entry.ino() })
    }

    /// The directory's path as it was given, and the name.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The name alone.
    pub fn file_name(&self) -> &OsStr {
        self.path.file_name().expect("an entry has a name")
    }

    /// What the name stands for; links are not followed.
    pub fn kind(&self) -> FileKind {
        self.kind
    }

    /// The file's number in its file system.
    pub fn inode(&self) -> u64 {
        self.inode
    }

    /// What the file system knows of it; links are not followed.
    ///
    /// # Errors
    ///
    /// As for [`symlink_metadata`]: `NotFound` where it has gone meanwhile.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn metadata(&self) -> impl Future<Output = io::Result<Metadata>> {
        symlink_metadata(&self.path)
    }
}
