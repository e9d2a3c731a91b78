//! One piece of work that several tasks wait for.
//!
//! It runs as a task of its own, so none of those who wait is the one whose drop or cancel would
//! take it from the others. Invariant: the task lives no longer than somebody waits; the last one
//! to go aborts it.

use std::cell::{Cell, OnceCell};
use std::fmt;
use std::rc::{Rc, Weak};

use taut_runtime::sync::Event;
use taut_runtime::{Cancelled, JoinHandle, spawn};

/// See the module's documentation. Each who waits holds a reference.
pub(super) struct Flight<T> {
    outcome: OnceCell<T>,
    landed: Event,
    task: Cell<Option<JoinHandle<()>>>,
}

impl<T: Clone + 'static> Flight<T> {
    /// Starts the work; `name` is for dumps.
    pub(super) fn start(name: &str, work: impl Future<Output = T> + 'static) -> Rc<Self> {
        let flight =
            Rc::new(Self { outcome: OnceCell::new(), landed: Event::new(), task: Cell::new(None) });
        let landing = Landing(Rc::downgrade(&flight));
        let task = spawn(async move {
            let outcome = work.await;
            if let Some(flight) = landing.0.upgrade() {
                let _ = flight.outcome.set(outcome);
            }
        });
        flight.task.set(Some(task.named(name)));
        flight
    }

    /// What came of it, or `None` where the work panicked. Cancel-safe.
    pub(super) async fn outcome(&self) -> Result<Option<T>, Cancelled> {
        self.landed.wait().await?;
        Ok(self.outcome.get().cloned())
    }
}

impl<T> Drop for Flight<T> {
    fn drop(&mut self) {
        if let Some(task) = self.task.take() {
            task.abort();
        }
    }
}

impl<T> fmt::Debug for Flight<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flight").field("landed", &self.landed.is_set()).finish_non_exhaustive()
    }
}

/// Tells those who wait that the work is over, also where it panicked.
struct Landing<T>(Weak<Flight<T>>);

impl<T> Drop for Landing<T> {
    fn drop(&mut self) {
        if let Some(flight) = self.0.upgrade() {
            flight.landed.set();
        }
    }
}
