//! How many receivers there are, and the senders that wait until there are none: for channels that
//! can be subscribed to again.

use std::cell::Cell;

use crate::sync::{Line, WaitQueue};

/// See the module's documentation.
pub(crate) struct Audience {
    count: Cell<usize>,
    queue: WaitQueue,
}

impl Audience {
    /// Of one receiver.
    pub(crate) fn new() -> Self {
        Self { count: Cell::new(1), queue: WaitQueue::new() }
    }

    pub(crate) fn count(&self) -> usize {
        self.count.get()
    }

    pub(crate) fn enter(&self) {
        self.count.set(self.count.get() + 1);
    }

    pub(crate) fn leave(&self) {
        self.count.set(self.count.get() - 1);
        if self.count.get() == 0 {
            self.queue.grant_all();
        }
    }
}

impl Line for Audience {
    type Want = ();

    fn queue(&self) -> &WaitQueue {
        &self.queue
    }

    fn name(&self, (): ()) -> &'static str {
        "channel closed"
    }

    fn take(&self, (): ()) -> bool {
        self.count.get() == 0
    }

    /// There is enough for all.
    fn put_back(&self, (): ()) {}
}
