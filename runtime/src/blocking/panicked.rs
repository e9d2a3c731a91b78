//! The error of work that panicked on its thread.

use std::any::Any;
use std::error::Error;
use std::sync::{Mutex, PoisonError};
use std::{fmt, io};

use crate::executor::{contain, panic_message};

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
pub struct WorkPanicked(
    /// A payload need not be `Sync`, which a source of errors has to be.
    Mutex<Option<Box<dyn Any + Send>>>,
);

impl WorkPanicked {
    pub(crate) fn new(payload: Box<dyn Any + Send>) -> Self {
        Self(Mutex::new(Some(payload)))
    }

    /// The payload of the panic, for [`std::panic::resume_unwind`].
    pub fn into_payload(self) -> Box<dyn Any + Send> {
        self.take().expect("only this method and the destructor take it, and both end the error")
    }

    fn take(&self) -> Option<Box<dyn Any + Send>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Drop for WorkPanicked {
    fn drop(&mut self) {
        // A payload may panic in turn, which an error that is merely dropped must not.
        contain(|| drop(self.take()));
    }
}

impl fmt::Display for WorkPanicked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let payload = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let message = payload.as_deref().map_or("", panic_message);
        write!(f, "the work panicked on its thread: {message}")
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
