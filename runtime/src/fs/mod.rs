//! Files and directories.
//!
//! On io_uring opening, reading, writing, syncing, truncating, stating, renaming and removing are
//! operations of the ring; with epoll, and for what a ring has no operation for (listing a
//! directory, resolving a path, permissions), a thread of the blocking pool makes the call. Neither
//! ever blocks the core. What the kernel can't do at once it does on threads of its own
//! (`iou-wrk`), which a pinned runtime keeps off its core.
//!
//! A [`File`] is used in two ways. By *position*: [`read_at`](File::read_at),
//! [`write_at`](File::write_at) and their kin take an owned buffer and give it back with the
//! result; many can be in flight on one file. As a *stream*: [`read`](File::read),
//! [`write`](File::write) and [`seek`](File::seek) take borrowed memory, at the cost of a copy, and
//! the I/O traits of `futures-io` and `tokio` are the same thing (features `futures-io` and
//! `tokio-io`), so `BufReader`, `BufWriter`, `lines` and `copy` of those crates work.
//!
//! | file | idea |
//! |---|---|
//! | `operation` | what can be asked of a file system, and what each request owns |
//! | `buffer`, `aligned`, `vectored` | the memory that is read into and written from |
//! | `run` | operations by system calls |
//! | `perform` | who does an operation: the driver or the blocking pool |
//! | `handle` | an open file's descriptor, and how it is closed |
//! | `options` | how a file is opened |
//! | `file` | the open file |
//! | `positional` | its transfers by position, in owned buffers |
//! | `transfer`, `local` | how those are made: until all is moved; with slots of the core's pools |
//! | `sequential`, `stream` | its transfers one after the other, in borrowed memory |
//! | `metadata` | what the file system knows of a file |
//! | `path` | what is known of a path, and can be set on what it leads to |
//! | `names` | what is done to names: make, remove, rename, link |
//! | `whole` | whole files: read, write, copy |
//! | `read_dir`, `walk_dir` | what is in a directory, and in all below it |
//! | `error` | errors that name the operation and the path |
//!
//! Invariant: paths, buffers and descriptors belong to the operation until the kernel is done with
//! it. So every future can be dropped at every point; what it had begun may still happen, as it may
//! when a process is killed. In a cancelled task a wait ends with `ECANCELED` at once.
//!
//! ```
//! use taut_runtime::fs::{self, File};
//!
//! taut_runtime::run(async {
//!     let path = std::env::temp_dir().join(format!("taut-fs-{}", std::process::id()));
//!     let journal = File::create(&path).await?;
//!     let (written, order) = journal.write_all_at(b"8=FIX.4.4".to_vec(), 0).await;
//!     written?;
//!     journal.sync_data().await?;
//!     assert_eq!(fs::read(&path).await?, order);
//!     fs::remove_file(&path).await
//! })??;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod aligned;
mod buffer;
mod error;
mod file;
#[cfg(feature = "futures-io")]
mod futures_traits;
mod handle;
mod local;
mod metadata;
mod names;
mod operation;
mod options;
mod path;
mod perform;
mod positional;
mod read_dir;
mod run;
mod sequential;
mod stream;
#[cfg(feature = "tokio-io")]
mod tokio_traits;
mod transfer;
mod vectored;
mod walk_dir;
mod whole;

pub use aligned::AlignedBuffer;
pub use buffer::{ReadBuffer, WriteBuffer};
pub use error::PathError;
pub use file::File;
pub use metadata::{DirectAlignment, FileKind, Metadata, Space};
pub use names::{
    create_dir, create_dir_all, hard_link, remove_dir, remove_dir_all, remove_file, rename, symlink,
};
pub use options::OpenOptions;
pub use path::{
    canonicalize, equivalent, exists, is_empty, metadata, read_link, set_owner, set_permissions,
    set_times, space, symlink_metadata, truncate, try_exists,
};
pub use read_dir::{DirEntry, ReadDir, read_dir};
pub use walk_dir::{WalkDir, WalkEntry, walk_dir};
pub use whole::{copy, read, read_to_string, write};

pub(crate) use buffer::LocalBuffer;
pub(crate) use operation::{CURRENT_POSITION, FileDescriptor, FileOperation};
pub(crate) use perform::in_pool;
pub(crate) use run::STAT_MASK;
