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
    queue: WaitQueue<Notification>,
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
        Acquire::new(self, Notification::Unused).map(|turn| turn.map(use_up))
    }

    /// Wakes the one who waits longest; remembered where nobody waits.
    pub fn notify_one(&self) {
        self.hand_on(Notification::Unused);
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
    type Want = Notification;

    #[inline]
    fn queue(&self) -> &WaitQueue<Notification> {
        &self.queue
    }

    fn name(&self, _: Notification) -> &'static str {
        "notification"
    }

    #[inline]
    fn take(&self, _: Notification) -> bool {
        self.notified.replace(false)
    }

    #[inline]
    fn put_back(&self, notification: Notification) {
        if notification == Notification::Unused {
            self.notified.set(true);
        }
    }
}

/// What somebody was told who waited for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Notification {
    /// To be handed on, where its waiter is gone.
    Unused,
    Used,
}

/// The waiter has heard it.
#[inline]
pub(super) fn use_up<L: Line<Want = Notification>>(grant: Option<Grant<'_, L>>) {
    if let Some(mut grant) = grant {
        grant.change(Notification::Used);
    }
}
