//! Running code of the user's whose panic nobody waits for.

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
