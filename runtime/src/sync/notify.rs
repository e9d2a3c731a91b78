//! Word that something has happened, for one waiter or for all.

use std::cell::Cell;

use super::acquire::{Acquire, Line};
use super::grant::Grant;
use super::wait_queue::WaitQueue;
use crate::cancelled::Cancelled;

/// Tells a task that there is something to do.
///
/// For the tasks of one core. [`notify_one`](Self::notify_one) wakes the task that waits longest;
/// where nobody waits it is remembered, once, for whoever comes next. So a task that checks its
/// work and then waits misses nothing, whatever was notified in between. Where the state itself is
/// to be waited for, there are [`Event`](super::Event) and [`Condition`](super::Condition).
///
/// ```
/// use std::{cell::RefCell, rc::Rc};
/// use taut_runtime::sync::Notify;
///
/// taut_runtime::run(async {
///     let shared = Rc::new((RefCell::new(Vec::new()), Notify::new()));
///     let worker = Rc::clone(&shared);
///     let task = taut_runtime::spawn(async move {
///         let (orders, arrived) = &*worker;
///         while orders.borrow().is_empty() {
///             arrived.notified().await?;
///         }
///         Ok::<_, taut_runtime::Cancelled>(orders.borrow_mut().pop())
///     });
///     shared.0.borrow_mut().push("buy");
///     shared.1.notify_one();
///     assert_eq!(task.await??, Some("buy"));
///     Ok::<(), Box<dyn std::error::Error>>(())
/// })??;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Notify {
    notified: Cell<bool>,
    queue: WaitQueue,
}

impl Notify {
    /// Nothing has happened yet.
    pub fn new() -> Self {
        Self { notified: Cell::new(false), queue: WaitQueue::new() }
    }

    /// Waits for a notification, or takes the one that is remembered. It stands in line from its
    /// first poll on.
    ///
    /// Cancel-safe: dropped after [`notify_one`](Self::notify_one) chose it, it passes the
    /// notification to the next.
    ///
    /// # Errors
    ///
    /// [`Cancelled`] where the task was asked to stop before it was notified.
    #[track_caller]
    pub fn notified(&self) -> impl Future<Output = Result<(), Cancelled>> {
        // A notification is used up by its waiter.
        Acquire::new(self, ()).map(|turn| turn.map(|grant| grant.map(Grant::forget)).map(drop))
    }

    /// Wakes the one who waits longest; remembered where nobody waits.
    pub fn notify_one(&self) {
        self.hand_on(());
    }

    /// Wakes all who wait now, in the order in which they came; nothing is remembered.
    pub fn notify_all(&self) {
        self.queue.dismiss_all();
    }
}

impl Default for Notify {
    fn default() -> Self {
        Self::new()
    }
}

impl Line for Notify {
    type Want = ();

    #[inline]
    fn queue(&self) -> &WaitQueue {
        &self.queue
    }

    fn name(&self, (): ()) -> &'static str {
        "notification"
    }

    #[inline]
    fn take(&self, (): ()) -> bool {
        self.notified.replace(false)
    }

    #[inline]
    fn put_back(&self, (): ()) {
        self.notified.set(true);
    }
}
