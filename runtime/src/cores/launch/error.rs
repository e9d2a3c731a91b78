//! Who failed, and why.

use std::any::Any;
use std::error::Error;
use std::time::Duration;
use std::{fmt, io};

use super::crew::CoreInfo;
use crate::error::BuildError;
use crate::executor::PanicPayload;

pub(super) type BoxError = Box<dyn Error + Send + Sync>;

/// A run could not be started, or some of its cores failed.
///
/// The message names each core that is at fault, the first cause first.
///
/// ```
/// use taut_runtime::cores::CoresErrorKind;
///
/// let error = taut_runtime::cores([100_000])
///     .run(|_core| async { Ok::<(), std::io::Error>(()) })
///     .unwrap_err();
/// assert_eq!(error.kind(), CoresErrorKind::Choice);
/// assert!(error.to_string().contains("core 100000 does not exist"));
/// ```
#[derive(Debug)]
pub struct CoresError(Repr);

#[derive(Debug)]
enum Repr {
    Choice(String),
    System(&'static str, io::Error),
    Cores(Vec<CoreFailure>),
}

/// The cause of a [`CoresError`], or of one core's failure, for code that reacts to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CoresErrorKind {
    /// The cores, or the settings, can't be had as they were chosen; nothing was started.
    Choice,
    /// A thread or a descriptor could not be had; nothing was started.
    System,
    /// A core's runtime could not be built; no future was started.
    Build,
    /// A core's future gave an error.
    Error,
    /// A core's future panicked.
    Panic,
    /// A core had not ended when the time to stop was up.
    Overdue,
}

impl CoresError {
    pub(super) fn choice(message: String) -> Self {
        Self(Repr::Choice(message))
    }

    pub(super) fn system(what: &'static str, error: io::Error) -> Self {
        Self(Repr::System(what, error))
    }

    pub(super) fn of_cores(failures: Vec<CoreFailure>) -> Self {
        Self(Repr::Cores(failures))
    }

    /// The first cause.
    pub fn kind(&self) -> CoresErrorKind {
        match &self.0 {
            Repr::Choice(_) => CoresErrorKind::Choice,
            Repr::System(..) => CoresErrorKind::System,
            Repr::Cores(failures) => {
                failures.first().map_or(CoresErrorKind::System, CoreFailure::kind)
            }
        }
    }

    /// The cores that failed, the first cause first; none where it did not come to that.
    pub fn failures(&self) -> &[CoreFailure] {
        match &self.0 {
            Repr::Cores(failures) => failures,
            _ => &[],
        }
    }

    /// The same, to take.
    pub fn into_failures(self) -> Vec<CoreFailure> {
        match self.0 {
            Repr::Cores(failures) => failures,
            _ => Vec::new(),
        }
    }
}

impl fmt::Display for CoresError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Repr::Choice(message) => f.write_str(message),
            Repr::System(what, error) => write!(f, "{what}: {error}"),
            Repr::Cores(failures) => {
                for (index, failure) in failures.iter().enumerate() {
                    write!(f, "{}{failure}", if index == 0 { "" } else { "; " })?;
                }
                Ok(())
            }
        }
    }
}

impl Error for CoresError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.0 {
            Repr::Choice(_) => None,
            Repr::System(_, error) => Some(error),
            Repr::Cores(failures) => failures.first().and_then(Error::source),
        }
    }
}

impl From<CoresError> for io::Error {
    fn from(error: CoresError) -> Self {
        Self::other(error)
    }
}

/// One core's failure.
pub struct CoreFailure {
    info: CoreInfo,
    fault: Box<Fault>,
}

/// What went wrong on a core.
pub(super) enum Fault {
    Build(BuildError),
    Error(BoxError),
    Panic(PanicPayload),
    Overdue { since_stop: Duration, doing: String },
}

impl CoreFailure {
    pub(super) fn new(info: CoreInfo, fault: Fault) -> Self {
        Self { info, fault: Box::new(fault) }
    }

    /// Which core.
    pub fn info(&self) -> &CoreInfo {
        &self.info
    }

    /// What kind of failure it is.
    pub fn kind(&self) -> CoresErrorKind {
        match &*self.fault {
            Fault::Build(_) => CoresErrorKind::Build,
            Fault::Error(_) => CoresErrorKind::Error,
            Fault::Panic(_) => CoresErrorKind::Panic,
            Fault::Overdue { .. } => CoresErrorKind::Overdue,
        }
    }

    /// The error that the core's future gave, or why its runtime could not be built, for
    /// [`downcast`](Box::downcast).
    ///
    /// # Errors
    ///
    /// The failure itself, where there is none.
    pub fn try_into_error(self) -> Result<Box<dyn Error + Send + Sync>, Self> {
        match *self.fault {
            Fault::Build(error) => Ok(error.into()),
            Fault::Error(error) => Ok(error),
            fault => Err(Self::new(self.info, fault)),
        }
    }

    /// The payload of the core's panic, for [`std::panic::resume_unwind`].
    ///
    /// # Errors
    ///
    /// The failure itself, where the core did not panic.
    pub fn try_into_panic(self) -> Result<Box<dyn Any + Send>, Self> {
        match *self.fault {
            Fault::Panic(payload) => Ok(payload.into_inner()),
            fault => Err(Self::new(self.info, fault)),
        }
    }
}

impl fmt::Display for CoreFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "core {}", self.info.core())?;
        if let Some(role) = self.info.role() {
            write!(f, " ({role})")?;
        }
        self.fault.fmt(f)
    }
}

impl fmt::Debug for CoreFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CoreFailure({self})")
    }
}

impl Error for CoreFailure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &*self.fault {
            Fault::Build(error) => Some(error),
            Fault::Error(error) => Some(error.as_ref()),
            Fault::Panic(_) | Fault::Overdue { .. } => None,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Build(error) => write!(f, " got no runtime: {error}"),
            Self::Error(error) => write!(f, " failed: {error}"),
            Self::Panic(payload) => write!(f, " panicked: {payload}"),
            Self::Overdue { since_stop, doing } => write!(
                f,
                " had not ended {since_stop:.1?} after it was asked to stop, and its thread was \
                 left behind: {doing}"
            ),
        }
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fault({self})")
    }
}
