//! Why a counter file could not be made, used or read, and what to do.

use std::{fmt, io};

/// A counter file could not be made, used or read. The text says what, why and what to do.
#[derive(Debug)]
pub struct CounterFileError {
    kind: CounterFileErrorKind,
    what: String,
    source: Option<io::Error>,
}

/// The cause of a [`CounterFileError`], for code that reacts to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CounterFileErrorKind {
    /// There is no such file or folder.
    NotFound,
    /// A living process has a file of this name, or this process a value of this label.
    InUse,
    /// The folder is on a file system that writes pages back, or has no room.
    FileSystem,
    /// The file is none of ours, or is damaged.
    NotACounterFile,
    /// The file is of a major version that this program does not know.
    Version,
    /// A limit of the file is used up; the text names it.
    Limit,
    /// A name, label or unit is too long, or has characters that it can't have.
    Name,
    /// A system call failed.
    System,
}

impl CounterFileError {
    pub(crate) fn new(kind: CounterFileErrorKind, what: impl Into<String>) -> Self {
        Self { kind, what: what.into(), source: None }
    }

    pub(crate) fn with_source(
        kind: CounterFileErrorKind,
        what: impl Into<String>,
        source: impl Into<io::Error>,
    ) -> Self {
        Self { kind, what: what.into(), source: Some(source.into()) }
    }

    pub(crate) fn system(what: impl Into<String>, source: impl Into<io::Error>) -> Self {
        Self::with_source(CounterFileErrorKind::System, what, source)
    }

    /// The cause, for code that reacts to it.
    #[must_use]
    pub fn kind(&self) -> CounterFileErrorKind {
        self.kind
    }
}

impl fmt::Display for CounterFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        match &self.source {
            Some(source) => write!(f, ": {source}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for CounterFileError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|source| source as _)
    }
}

impl From<CounterFileError> for io::Error {
    fn from(error: CounterFileError) -> Self {
        Self::other(error)
    }
}
