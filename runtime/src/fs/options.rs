//! How a file is opened.

use std::io;
use std::path::Path;

use rustix::fs::{Mode, OFlags};

use super::error::{at, c_path};
use super::file::File;
use super::operation::FileOperation;
use super::perform::perform;
use crate::task::waiting;

/// How a file is to be opened: as [`std::fs::OpenOptions`], and `O_DIRECT`.
///
/// All off in the beginning. The descriptor is closed on `exec`.
///
/// ```
/// use taut_runtime::fs::{self, OpenOptions};
///
/// taut_runtime::run(async {
///     let path = std::env::temp_dir().join(format!("taut-options-{}", std::process::id()));
///     let options = OpenOptions::new().append(true).create(true).mode(0o600);
///     let mut journal = options.open(&path).await?;
///     journal.write_all(b"first\n").await?;
///     journal.write_all(b"second\n").await?;
///     assert_eq!(fs::read_to_string(&path).await?, "first\nsecond\n");
///     fs::remove_file(&path).await
/// })??;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "options do nothing until `open`"]
pub struct OpenOptions {
    read: bool,
    write: bool,
    append: bool,
    truncate: bool,
    create: bool,
    create_new: bool,
    direct: bool,
    mode: u32,
    custom_flags: i32,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self::new()
    }
}

macro_rules! switches {
    ($($(#[doc = $doc:literal])+ $name:ident,)+) => {
        $($(#[doc = $doc])+ pub fn $name(mut self, $name: bool) -> Self {
            self.$name = $name;
            self
        })+
    };
}

impl OpenOptions {
    /// All off; a file that is created gets the mode 0o666, less the process's mask.
    pub fn new() -> Self {
        Self {
            read: false,
            write: false,
            append: false,
            truncate: false,
            create: false,
            create_new: false,
            direct: false,
            mode: 0o666,
            custom_flags: 0,
        }
    }

    switches! {
        /// To read from.
        read,
        /// To write to.
        write,
        /// To write to, always at the end, whatever the position: several processes may append.
        append,
        /// Makes the file empty; needs `write`.
        truncate,
        /// Creates the file where there is none; needs `write` or `append`.
        create,
        /// Creates the file, and fails where there is one, or a link; needs `write` or `append`.
        create_new,
        /// Past the page cache (`O_DIRECT`): every transfer in whole blocks from aligned memory,
        /// see [`AlignedBuffer`](super::AlignedBuffer). Some file systems refuse it, with
        /// `InvalidInput`.
        direct,
    }

    /// The permissions of a file that is created, less the process's mask. Default: 0o666.
    pub fn mode(mut self, mode: u32) -> Self {
        self.mode = mode;
        self
    }

    /// More flags of open(2), such as `libc::O_DSYNC` or `libc::O_NOFOLLOW`; access modes in it are
    /// ignored.
    pub fn custom_flags(mut self, flags: i32) -> Self {
        self.custom_flags = flags;
        self
    }

    /// Opens a file. A file that is opened after the future was dropped is closed again; it may
    /// have been created.
    ///
    /// # Errors
    ///
    /// What open(2) tells, with the path; `InvalidInput` for options that contradict each other.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn open<P: AsRef<Path>>(&self, path: P) -> impl Future<Output = io::Result<File>> + use<P> {
        let flags = self.flags();
        let mode = Mode::from_raw_mode(self.mode);
        waiting("opening a file", async move {
            let path = path.as_ref();
            let flags = flags.map_err(|error| at("open", path, error))?;
            let operation =
                FileOperation::Open { path: c_path("open", path)?, flags, mode, opened: None };
            let outcome = perform(operation).await;
            outcome.result.map_err(|error| at("open", path, error))?;
            let opened = outcome.operation.and_then(FileOperation::into_opened);
            let opened = opened.expect("an open that succeeds has a descriptor");
            Ok(File::opened(opened, flags.contains(OFlags::APPEND), 0))
        })
    }

    fn flags(&self) -> io::Result<OFlags> {
        let wrong = |what| Err(io::Error::new(io::ErrorKind::InvalidInput, what));
        let writes = self.write || self.append;
        let access = match (self.read, writes) {
            (true, true) => OFlags::RDWR,
            (true, false) => OFlags::RDONLY,
            (false, true) => OFlags::WRONLY,
            (false, false) => return wrong("neither read, write nor append was asked for"),
        };
        if (self.create || self.create_new) && !writes {
            return wrong("a file is only created to write to it: ask for write or append, too");
        }
        if self.truncate && (!self.write || self.append) {
            return wrong("a file is only truncated to write to it: ask for write, not append");
        }
        let mut flags = OFlags::from_bits_retain(self.custom_flags as u32);
        flags.remove(OFlags::RWMODE);
        flags |= access | OFlags::CLOEXEC;
        flags.set(OFlags::APPEND, self.append || flags.contains(OFlags::APPEND));
        flags.set(OFlags::DIRECT, self.direct || flags.contains(OFlags::DIRECT));
        if self.create_new {
            flags |= OFlags::CREATE | OFlags::EXCL;
        } else if self.create {
            flags |= OFlags::CREATE;
        }
        if self.truncate && !self.create_new {
            flags |= OFlags::TRUNC;
        }
        Ok(flags)
    }
}
