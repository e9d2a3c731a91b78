//! All or none: no core's future starts before every runtime is built.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::error::CoreFailure;

/// Where the threads of the cores wait for one another.
#[derive(Debug, Default)]
pub(super) struct Gate {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Threads that have built their runtime, or failed to.
    arrived: usize,
    /// Those of them that wait.
    waiting: usize,
    failures: Vec<CoreFailure>,
    open: Option<bool>,
}

impl Gate {
    /// Nothing panics under this lock.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A core's runtime is built; waits for the others. Whether to start: if not, the core says
    /// when its runtime is gone, by [`leave`](Self::leave).
    pub(super) fn arrive(&self) -> bool {
        let mut state = self.lock();
        state.arrived += 1;
        state.waiting += 1;
        self.changed.notify_all();
        loop {
            match state.open {
                Some(open) => return open,
                None => state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    /// A core's runtime could not be built.
    pub(super) fn fail(&self, failure: CoreFailure) {
        let mut state = self.lock();
        state.arrived += 1;
        state.failures.push(failure);
        self.changed.notify_all();
    }

    /// A core that was not let through has given back all that it had.
    pub(super) fn leave(&self) {
        self.lock().waiting -= 1;
        self.changed.notify_all();
    }

    /// Waits until so many cores have built their runtimes or failed; who failed.
    pub(super) fn wait_for(&self, count: usize) -> Vec<CoreFailure> {
        let state = self.lock();
        let mut state = self
            .changed
            .wait_while(state, |state| state.arrived < count)
            .unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut state.failures)
    }

    /// Lets all start.
    pub(super) fn open(&self) {
        self.lock().open = Some(true);
        self.changed.notify_all();
    }

    /// Lets nobody start, and waits for so long at most until all have given back what they had.
    pub(super) fn refuse(&self, patience: Duration) {
        let mut state = self.lock();
        state.open = Some(false);
        self.changed.notify_all();
        // Whoever is late is late with the memory of a runtime that did nothing.
        let _ = self.changed.wait_timeout_while(state, patience, |state| state.waiting > 0);
    }
}
