//! Errors that say what was done to which file.

use std::error::Error;
use std::ffi::CString;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::{fmt, io};

use rustix::fs::{OFlags, fcntl_getfl};

use super::operation::FileDescriptor;
use crate::cancelled::is_cancelled;

/// What a failure of a file operation says besides the system's error: the operation and the path.
///
/// The functions of this module give a plain [`io::Error`] whose [`kind`](io::Error::kind) is the
/// system's. It wraps a `PathError`, so it has no `raw_os_error` of its own:
/// [`PathError::of`] finds that one. A wait that was cancelled is not wrapped.
///
/// ```
/// use taut_runtime::fs::{self, PathError};
///
/// taut_runtime::run(async {
///     let error = fs::read("/nowhere/prices").await.unwrap_err();
///     assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
///     assert!(error.to_string().starts_with("open /nowhere/prices: No such file"));
///     assert_eq!(PathError::of(&error).unwrap().raw_os_error(), Some(2));
/// })?;
/// # Ok::<(), taut_runtime::BuildError>(())
/// ```
#[derive(Debug)]
pub struct PathError {
    operation: &'static str,
    path: PathBuf,
    source: io::Error,
    /// What to do, where the system's words don't say.
    advice: &'static str,
}

impl PathError {
    /// The file's part of an error that this module gave.
    pub fn of(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }

    /// What was done, such as `open` or `read`.
    pub fn operation(&self) -> &'static str {
        self.operation
    }

    /// The path as it was given; for an open file where its name stands now, as the kernel has it.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The system's error code, if it was one.
    pub fn raw_os_error(&self) -> Option<i32> {
        self.source.raw_os_error()
    }
}

impl fmt::Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}{}", self.operation, self.path.display(), self.source, self.advice)
    }
}

impl Error for PathError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.source)
    }
}

/// What `EINVAL` means where a file was opened with `O_DIRECT`.
const DIRECT_ADVICE: &str = "; the file was opened with O_DIRECT, so the offset, the number of \
    bytes and the buffer's address must be multiples of the device's block (512 bytes on most, see \
    Metadata::direct_alignment): use an AlignedBuffer and whole blocks";

/// Names the operation and the path.
pub(crate) fn at(operation: &'static str, path: &Path, source: io::Error) -> io::Error {
    advise(operation, path.to_path_buf(), source, "")
}

/// Names the operation and the path of an open file, which the kernel is asked for.
#[cold]
pub(crate) fn on(operation: &'static str, file: &FileDescriptor, source: io::Error) -> io::Error {
    let link = format!("/proc/self/fd/{}", file.as_raw_fd());
    // Without /proc the number has to do.
    let path = std::fs::read_link(&link).unwrap_or_else(|_| link.into());
    let misaligned = source.raw_os_error() == Some(libc::EINVAL)
        && fcntl_getfl(file).is_ok_and(|flags| flags.contains(OFlags::DIRECT));
    advise(operation, path, source, if misaligned { DIRECT_ADVICE } else { "" })
}

fn advise(
    operation: &'static str,
    path: PathBuf,
    source: io::Error,
    advice: &'static str,
) -> io::Error {
    if is_cancelled(&source) {
        return source;
    }
    io::Error::new(source.kind(), PathError { operation, path, source, advice })
}

/// A path as the kernel takes it.
pub(crate) fn c_path(operation: &'static str, path: &Path) -> io::Result<CString> {
    CString::new(path.as_os_str().as_bytes()).map_err(|_| {
        let what = "the path contains a zero byte, where the kernel would end it";
        at(operation, path, io::Error::new(io::ErrorKind::InvalidInput, what))
    })
}
