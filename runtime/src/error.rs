//! Why a runtime could not be built, who can mend it and how.

use std::{fmt, io};

/// A runtime could not be built as asked.
///
/// The message names what was refused, the cause and the remedy.
///
/// ```
/// use taut_runtime::{BuildErrorKind, Runtime};
///
/// let error = Runtime::builder().core(100_000).build().unwrap_err();
/// assert_eq!(error.kind(), BuildErrorKind::Pin);
/// println!("{error}");
/// ```
#[derive(Debug)]
pub struct BuildError {
    kind: BuildErrorKind,
    what: String,
    remedy: String,
    source: Option<io::Error>,
}

/// The cause of a [`BuildError`], for code that reacts to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BuildErrorKind {
    /// The administrator switched io_uring off (`kernel.io_uring_disabled`).
    DisabledBySysctl,
    /// The kernel denied `io_uring_setup` although the sysctl allows it: a seccomp filter (most
    /// container runtimes install one) or a security module.
    DeniedBySeccomp,
    /// A limit on locked memory or on memory as such was reached.
    MemoryLimit,
    /// The kernel has no io_uring, or lacks a part of it that the driver can't do without.
    KernelTooOld,
    /// The thread could not be pinned to the core that was asked for.
    Pin,
    /// The host does not grant what the builder demanded of it: a real-time priority, all memory
    /// locked, a bound on the processor's latency, a part of the stack, memory of one node.
    NotGranted,
    /// A setting of the builder, or `TAUT_DRIVER`, makes no sense: the caller's fault.
    Configuration,
    /// A system call failed for a reason that names no remedy.
    System,
}

impl BuildError {
    pub(crate) fn new(
        kind: BuildErrorKind,
        what: impl Into<String>,
        remedy: impl Into<String>,
        source: Option<io::Error>,
    ) -> Self {
        Self { kind, what: what.into(), remedy: remedy.into(), source }
    }

    pub(crate) fn configuration(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(BuildErrorKind::Configuration, what, remedy, None)
    }

    pub(crate) fn system(what: impl Into<String>, source: io::Error) -> Self {
        Self::new(BuildErrorKind::System, what, "", Some(source))
    }

    /// The cause, for code that reacts to it.
    pub fn kind(&self) -> BuildErrorKind {
        self.kind
    }
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        if let Some(source) = &self.source {
            write!(f, ": {source}")?;
        }
        if !self.remedy.is_empty() {
            write!(f, " ({})", self.remedy)?;
        }
        Ok(())
    }
}

impl std::error::Error for BuildError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|source| source as _)
    }
}

impl From<BuildError> for io::Error {
    fn from(error: BuildError) -> Self {
        Self::other(error)
    }
}

/// The error of an operation on a runtime that has ended.
pub(crate) fn runtime_ended() -> io::Error {
    io::Error::new(
        io::ErrorKind::BrokenPipe,
        "the runtime that this object belongs to has been dropped; keep it alive while its \
         sockets are in use",
    )
}
