//! Panics of the user's code: those that nobody waits for, and what the others carry and say.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};

/// Runs the code; a panic ends here. The panic's payload is dropped, and one that panics in turn is
/// leaked: its own payload could go on for ever.
pub(crate) fn contain(code: impl FnOnce()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(code))
        && let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(payload)))
    {
        std::mem::forget(again);
    }
}

/// What a panic carried, for an error to hold. Displays as what the panic said.
pub(crate) struct PanicPayload(
    /// A payload need not be `Sync`, which a source of errors has to be.
    Mutex<Option<Box<dyn Any + Send>>>,
);

impl PanicPayload {
    pub(crate) fn new(payload: Box<dyn Any + Send>) -> Self {
        Self(Mutex::new(Some(payload)))
    }

    pub(crate) fn into_inner(self) -> Box<dyn Any + Send> {
        self.take().expect("only this method and the destructor take it, and both end the payload")
    }

    fn take(&self) -> Option<Box<dyn Any + Send>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Drop for PanicPayload {
    fn drop(&mut self) {
        // A payload may panic in turn, which an error that is merely dropped must not.
        contain(|| drop(self.take()));
    }
}

impl fmt::Display for PanicPayload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let payload = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        f.write_str(payload.as_deref().map_or("", message))
    }
}

fn message(payload: &(dyn Any + Send)) -> &str {
    match payload.downcast_ref::<String>() {
        Some(message) => message,
        None => payload.downcast_ref::<&str>().unwrap_or(&"a payload that is no text"),
    }
}
