//! Panics of the user's code: those that nobody waits for, and what the others say.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs the code; a panic ends here. The panic's payload is dropped, and one that panics in turn is
/// leaked: its own payload could go on for ever.
pub(crate) fn contain(code: impl FnOnce()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(code))
        && let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(payload)))
    {
        std::mem::forget(again);
    }
}

/// What a panic said, by its payload.
pub(crate) fn panic_message(payload: &(dyn Any + Send)) -> &str {
    match payload.downcast_ref::<String>() {
        Some(message) => message,
        None => payload.downcast_ref::<&str>().unwrap_or(&"a payload that is no text"),
    }
}
