//! How much there has been, and the line of those who wait for more: each is told of all.
//!
//! Invariant: whoever stands in line has seen all there was when it came.

use std::cell::Cell;
use std::marker::PhantomData;

use super::gate::Goods;
use crate::sync::{Line, WaitQueue};

/// See the module's documentation.
pub(crate) struct News<G> {
    count: Cell<u64>,
    closed: Cell<bool>,
    queue: WaitQueue<u64>,
    goods: PhantomData<G>,
}

impl<G> News<G> {
    pub(crate) fn new() -> Self {
        let (count, closed) = (Cell::new(0), Cell::new(false));
        Self { count, closed, queue: WaitQueue::new(), goods: PhantomData }
    }

    /// How much there has been.
    #[inline]
    pub(crate) fn count(&self) -> u64 {
        self.count.get()
    }

    /// There is one more.
    #[inline]
    pub(crate) fn add(&self) {
        self.count.set(self.count.get() + 1);
        self.queue.grant_all();
    }

    /// There will be no more.
    pub(crate) fn close(&self) {
        self.closed.set(true);
        self.queue.grant_all();
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.get()
    }
}

impl<G: Goods> Line for News<G> {
    /// How much the waiter has seen.
    type Want = u64;

    fn queue(&self) -> &WaitQueue<u64> {
        &self.queue
    }

    fn name(&self, _: u64) -> &'static str {
        G::WAIT
    }

    #[inline]
    fn take(&self, seen: u64) -> bool {
        self.count.get() != seen
    }

    /// There is enough for all.
    fn put_back(&self, _: u64) {}

    fn is_closed(&self) -> bool {
        self.is_closed()
    }

    /// Those who stand in line have seen more.
    #[inline]
    fn try_take(&self, seen: u64) -> bool {
        self.take(seen)
    }
}
