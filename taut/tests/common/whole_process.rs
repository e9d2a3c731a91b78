//! Tests that count or change what belongs to the whole process, such as its descriptors: they run
//! alone among the tests of their file.

use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use taut::{Builder, counters};

use super::{in_time, open_descriptors, until, until_open};

static WHOLE_PROCESS: RwLock<()> = RwLock::new(());

/// Held by a test that counts or changes it.
pub(crate) fn alone() -> RwLockWriteGuard<'static, ()> {
    WHOLE_PROCESS.write().unwrap_or_else(PoisonError::into_inner)
}

/// Held by any other test of the same file.
pub(crate) fn with_others() -> RwLockReadGuard<'static, ()> {
    WHOLE_PROCESS.read().unwrap_or_else(PoisonError::into_inner)
}

/// Runs a body that must leave as many descriptors open as it found, and nothing in flight; so must
/// its runtime.
pub(crate) fn leaves_none(builder: Builder, body: impl AsyncFnOnce()) {
    let outside = open_descriptors();
    let runtime = builder.build().unwrap();
    let before = open_descriptors();
    runtime.block_on(async {
        in_time(body()).await;
        until(|| open_descriptors() == before).await;
        until(|| counters().operations_in_flight == 0).await;
    });
    drop(runtime);
    // A thread that did the last work may let go of the doorbell a moment later.
    until_open(outside);
}
