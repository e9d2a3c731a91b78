//! Panics of handlers.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// What the code gives; nothing where it panics. The panic was reported by its hook, so its payload
/// is dropped, and one that panics in turn is leaked.
///
/// What a panicking handler leaves half done is its own: its future is not polled again.
#[inline]
pub(super) fn catch<R>(code: impl FnOnce() -> R) -> Option<R> {
    match catch_unwind(AssertUnwindSafe(code)) {
        Ok(result) => Some(result),
        Err(payload) => {
            if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
                std::mem::forget(again);
            }
            None
        }
    }
}
