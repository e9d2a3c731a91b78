//! Why submitted work has no result.

use std::any::Any;
use std::error::Error;
use std::sync::Arc;
use std::{fmt, io};

use crate::cancelled::Cancelled;
use crate::executor::PanicPayload;

/// Work that was submitted to a core has no result. The message names the core.
///
/// By `?` it comes inside of an [`io::Error`]; [`io::Error::downcast`] takes it out.
pub struct SubmitError {
    core: Arc<str>,
    cause: Cause,
}

enum Cause {
    Full(usize),
    Closed,
    Unknown(Box<str>),
    Cancelled,
    Panicked(Box<PanicPayload>),
    /// Whether the work had been asked to stop.
    Ended(bool),
}

/// The cause of a [`SubmitError`], for code that reacts to it. Only where it is
/// [`Panicked`](Self::Panicked) or [`Ended`](Self::Ended) may the work have begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SubmitErrorKind {
    /// There was no room in the core's inbox: the core is behind. Submit later, or wait with
    /// [`CoreHandle::submit`](super::CoreHandle::submit).
    Full,
    /// The core's reception has ended: it takes no more work.
    Closed,
    /// There is no such core among those that can be submitted to.
    Unknown,
    /// The submitting task was asked to stop before there was room.
    Cancelled,
    /// The work panicked: the bug is in its own code.
    Panicked,
    /// The core, or its reception, has ended before the work had. Where the work had been asked to
    /// stop before, [`is_cancelled`](crate::is_cancelled) is true of the error.
    Ended,
}

impl SubmitError {
    fn new(core: Arc<str>, cause: Cause) -> Self {
        Self { core, cause }
    }

    pub(super) fn full(core: Arc<str>, capacity: usize) -> Self {
        Self::new(core, Cause::Full(capacity))
    }

    pub(super) fn closed(core: Arc<str>) -> Self {
        Self::new(core, Cause::Closed)
    }

    /// `others` says which cores there are.
    pub(super) fn unknown(asked: String, others: String) -> Self {
        Self::new(asked.into(), Cause::Unknown(others.into()))
    }

    pub(super) fn cancelled(core: Arc<str>) -> Self {
        Self::new(core, Cause::Cancelled)
    }

    pub(super) fn panicked(core: Arc<str>, payload: Box<dyn Any + Send>) -> Self {
        Self::new(core, Cause::Panicked(Box::new(PanicPayload::new(payload))))
    }

    pub(super) fn ended(core: Arc<str>, after_cancel: bool) -> Self {
        Self::new(core, Cause::Ended(after_cancel))
    }

    /// The cause, for code that reacts to it.
    pub fn kind(&self) -> SubmitErrorKind {
        match self.cause {
            Cause::Full(_) => SubmitErrorKind::Full,
            Cause::Closed => SubmitErrorKind::Closed,
            Cause::Unknown(_) => SubmitErrorKind::Unknown,
            Cause::Cancelled => SubmitErrorKind::Cancelled,
            Cause::Panicked(_) => SubmitErrorKind::Panicked,
            Cause::Ended(_) => SubmitErrorKind::Ended,
        }
    }

    /// Whether the cause is that the core has ended, be it before the work began.
    pub(in crate::cores) fn is_end_of_core(&self) -> bool {
        matches!(self.cause, Cause::Closed | Cause::Ended(_))
    }

    /// The name of the core; for one that there is not, what was asked for.
    pub fn core(&self) -> &str {
        &self.core
    }

    /// The payload of the work's panic, for [`std::panic::resume_unwind`].
    ///
    /// # Errors
    ///
    /// The error itself, where the work did not panic.
    pub fn try_into_panic(self) -> Result<Box<dyn Any + Send>, Self> {
        match self.cause {
            Cause::Panicked(payload) => Ok(payload.into_inner()),
            _ => Err(self),
        }
    }
}

impl fmt::Display for SubmitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let core = &self.core;
        match &self.cause {
            Cause::Full(capacity) => {
                write!(f, "the inbox of {core} is full: {capacity} pieces of work wait in it")
            }
            Cause::Closed => write!(f, "{core} takes no more work: its reception has ended"),
            Cause::Unknown(others) => write!(f, "{core} can't be submitted to: {others}"),
            Cause::Cancelled => {
                write!(f, "the task was cancelled before there was room in the inbox of {core}")
            }
            Cause::Panicked(payload) => write!(f, "the work on {core} panicked: {payload}"),
            Cause::Ended(_) => write!(f, "{core} has ended before the work had"),
        }
    }
}

impl fmt::Debug for SubmitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SubmitError({self})")
    }
}

impl Error for SubmitError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        matches!(self.cause, Cause::Cancelled | Cause::Ended(true)).then_some(&Cancelled as _)
    }
}

impl From<SubmitError> for io::Error {
    fn from(error: SubmitError) -> Self {
        match error.cause {
            Cause::Cancelled => Cancelled.into(),
            Cause::Full(_) => Self::new(io::ErrorKind::ResourceBusy, error),
            Cause::Closed | Cause::Ended(_) => Self::new(io::ErrorKind::BrokenPipe, error),
            Cause::Unknown(_) => Self::new(io::ErrorKind::NotFound, error),
            Cause::Panicked(_) => Self::other(error),
        }
    }
}
