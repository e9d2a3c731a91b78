//! The error of work that panicked on its thread.

use std::any::Any;
use std::error::Error;
use std::{fmt, io};

use crate::executor::PanicPayload;

/// Work on another thread panicked: the bug is in the work's own code.
///
/// It comes inside of an [`io::Error`]; [`io::Error::downcast`] takes it out.
///
/// ```
/// use taut_runtime::{WorkPanicked, off_core};
///
/// taut_runtime::run(async {
///     let error = off_core(|| -> u32 { panic!("no such venue") }).await.unwrap_err();
///     assert!(error.to_string().contains("no such venue"));
///     let payload = error.downcast::<WorkPanicked>().unwrap().into_payload();
///     assert_eq!(payload.downcast_ref(), Some(&"no such venue"));
/// })?;
/// # Ok::<(), taut_runtime::BuildError>(())
/// ```
pub struct WorkPanicked(PanicPayload);

impl WorkPanicked {
    pub(crate) fn new(payload: Box<dyn Any + Send>) -> Self {
        Self(PanicPayload::new(payload))
    }

    /// The payload of the panic, for [`std::panic::resume_unwind`].
    pub fn into_payload(self) -> Box<dyn Any + Send> {
        self.0.into_inner()
    }
}

impl fmt::Display for WorkPanicked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the work panicked on its thread: {}", self.0)
    }
}

impl fmt::Debug for WorkPanicked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WorkPanicked({self})")
    }
}

impl Error for WorkPanicked {}

impl From<WorkPanicked> for io::Error {
    fn from(error: WorkPanicked) -> Self {
        Self::other(error)
    }
}
