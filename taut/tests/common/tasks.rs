//! What tests of tasks share: who was dropped, who is told to stop, and who is slow to.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use taut::task::shield;
use taut::time::sleep;
use taut::{Cancelled, JoinHandle, spawn};

/// Longer than any test runs: whoever waits for it is cancelled, or hangs.
pub(crate) const FOREVER: Duration = Duration::from_secs(24 * 3600);

pub(crate) fn micros(count: u64) -> Duration {
    Duration::from_micros(count)
}

/// Names in the order in which they were noted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log(Rc<RefCell<Vec<&'static str>>>);

impl Log {
    pub(crate) fn note(&self, name: &'static str) {
        self.0.borrow_mut().push(name);
    }

    /// What was noted since the last call.
    pub(crate) fn take(&self) -> Vec<&'static str> {
        self.0.take()
    }
}

/// Counts guards that are alive: the futures that hold them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Alive(Rc<Cell<usize>>);

impl Alive {
    pub(crate) fn guard(&self) -> Guard {
        self.0.set(self.0.get() + 1);
        Guard(self.clone())
    }

    pub(crate) fn count(&self) -> usize {
        self.0.get()
    }
}

/// Counted while it is alive.
#[derive(Debug)]
pub(crate) struct Guard(Alive);

impl Drop for Guard {
    fn drop(&mut self) {
        let Self(Alive(count)) = self;
        count.set(count.get() - 1);
    }
}

/// Waits until it is cancelled, then cleans up for a while, as a well-behaved task does.
pub(crate) async fn slow_to_die(guard: Guard) -> Result<(), Cancelled> {
    let outcome = sleep(FOREVER).await;
    shield(sleep(micros(200))).await.expect("a cancel does not reach into a shield");
    drop(guard);
    outcome
}

/// A task that knows its own handle.
pub(crate) fn spawn_with_handle<F, T>(
    make: impl FnOnce(Rc<RefCell<Option<JoinHandle<T>>>>) -> F,
) -> Rc<RefCell<Option<JoinHandle<T>>>>
where
    F: Future<Output = T> + 'static,
    T: 'static,
{
    let own = Rc::new(RefCell::new(None));
    let handle = spawn(make(Rc::clone(&own)));
    own.replace(Some(handle));
    own
}
