//! Something that has happened, or has not, until it is reset.

use std::cell::Cell;

use super::acquire::{Acquire, Line};
use super::wait_queue::WaitQueue;
use crate::cancelled::Cancelled;

/// A flag that tasks wait for: set by hand, reset by hand.
///
/// For the tasks of one core. Setting it wakes all who wait, in the order in which they came; who
/// comes while it is set does not wait. A waiter that was woken is done, also where the event is
/// reset before it runs.
///
/// ```
/// use std::rc::Rc;
/// use taut_runtime::sync::Event;
///
/// taut_runtime::run(async {
///     let session_up = Rc::new(Event::new());
///     let waiter = Rc::clone(&session_up);
///     let task = taut_runtime::spawn(async move { waiter.wait().await });
///     taut_runtime::yield_now().await;
///     session_up.set();
///     session_up.reset();
///     task.await??;
///     assert!(!session_up.is_set());
///     Ok::<(), Box<dyn std::error::Error>>(())
/// })??;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Event {
    set: Cell<bool>,
    queue: WaitQueue,
}

impl Event {
    /// An event that has not happened.
    pub fn new() -> Self {
        Self { set: Cell::new(false), queue: WaitQueue::new() }
    }

    /// Waits until the event is set. Cancel-safe.
    ///
    /// # Errors
    ///
    /// [`Cancelled`] where the task was asked to stop before that.
    #[track_caller]
    pub fn wait(&self) -> impl Future<Output = Result<(), Cancelled>> {
        Acquire::new(self, ()).map(|turn| turn.map(drop))
    }

    /// Says that it has happened.
    pub fn set(&self) {
        self.set.set(true);
        self.queue.grant_all();
    }

    /// Says that it has not, from now on.
    pub fn reset(&self) {
        self.set.set(false);
    }

    /// Whether it has happened.
    pub fn is_set(&self) -> bool {
        self.set.get()
    }
}

impl Default for Event {
    fn default() -> Self {
        Self::new()
    }
}

impl Line for Event {
    type Want = ();

    #[inline]
    fn queue(&self) -> &WaitQueue {
        &self.queue
    }

    fn name(&self, (): ()) -> &'static str {
        "event"
    }

    #[inline]
    fn take(&self, (): ()) -> bool {
        self.set.get()
    }

    /// There is enough for all.
    #[inline]
    fn put_back(&self, (): ()) {}
}
