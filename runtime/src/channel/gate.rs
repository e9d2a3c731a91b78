//! A count of what is there for the taking, room or items, and the fair line of those who wait for
//! some.
//!
//! Invariant: while somebody stands in line nothing is free. So what is given is promised to the
//! first in line, and nobody overtakes. At a closed gate nobody waits.

use std::cell::Cell;
use std::marker::PhantomData;

use crate::executor::WakeSlot;
use crate::sync::{Answer, Line, WaitQueue, Wakeup};

/// What a gate gives out.
pub(crate) trait Goods {
    /// What a dump calls the wait for it.
    const WAIT: &'static str;
}

/// See the module's documentation. `S` is what is kept of a waiter.
pub(crate) struct Gate<G, S = WakeSlot> {
    free: Cell<usize>,
    closed: Cell<bool>,
    queue: WaitQueue<(), S>,
    goods: PhantomData<G>,
}

impl<G, S: Wakeup> Gate<G, S> {
    pub(crate) fn new(free: usize) -> Self {
        let (free, closed) = (Cell::new(free), Cell::new(false));
        Self { free, closed, queue: WaitQueue::new(), goods: PhantomData }
    }

    pub(crate) fn queue(&self) -> &WaitQueue<(), S> {
        &self.queue
    }

    /// What nobody has been promised.
    #[inline]
    pub(crate) fn free(&self) -> usize {
        self.free.get()
    }

    #[inline]
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.get()
    }

    /// Takes one, if one is free.
    #[inline]
    pub(crate) fn take(&self) -> bool {
        let free = self.free.get();
        self.free.set(free.saturating_sub(1));
        free > 0
    }

    /// Promises one to the first in line, whose wake is for the caller to fire, or frees it.
    #[inline]
    #[must_use = "the waiter is not awake yet"]
    pub(crate) fn give(&self) -> Option<S> {
        if !self.queue.is_empty() {
            return self.queue.answer_first(Answer::Granted).map(|((), wake)| wake);
        }
        self.free.set(self.free.get() + 1);
        None
    }

    /// Nobody waits from now on; those who do are for the caller to [`dismiss`](Self::dismiss).
    pub(crate) fn close(&self) {
        self.closed.set(true);
    }

    /// Sends the first in line away; its wake is for the caller to fire.
    #[must_use = "the waiter is not awake yet"]
    pub(crate) fn dismiss(&self) -> Option<S> {
        self.queue.answer_first(Answer::Dismissed).map(|((), wake)| wake)
    }
}

impl<G: Goods> Line for Gate<G> {
    type Want = ();

    #[inline]
    fn queue(&self) -> &WaitQueue {
        &self.queue
    }

    fn name(&self, (): ()) -> &'static str {
        G::WAIT
    }

    #[inline]
    fn take(&self, (): ()) -> bool {
        self.take()
    }

    #[inline]
    fn put_back(&self, (): ()) {
        self.free.set(self.free.get() + 1);
    }

    #[inline]
    fn is_closed(&self) -> bool {
        self.is_closed()
    }
}
