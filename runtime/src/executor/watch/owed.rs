//! Wakes that ends of this core owe to those who sleep elsewhere.
//!
//! Invariant: a signal is told only while an owner keeps its memory, and after a fence behind the
//! change. Cost: one fence a turn serves all that changed since the last one.

use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::{Owner, Watch, Watches};
use crate::cores::Signal;
use crate::threads::fence;

/// A signal that may have sleepers who were not told, and what keeps its memory.
pub(super) struct Owed {
    signal: NonNull<Signal>,
    _owner: Owner,
}

impl Owed {
    /// To be called after a fence, which orders it behind what the sleepers wait for.
    pub(super) fn tell(self) {
        // SAFETY: the owner keeps the memory, by the contract of `Watches::add`.
        unsafe { self.signal.as_ref() }.notify_after_fence();
    }
}

impl Watch {
    /// Those who sleep; to be asked after a fence.
    #[inline]
    pub(super) fn owed(&self) -> Option<Owed> {
        let signal = self.tells?;
        // SAFETY: the owner keeps the memory, by the contract of `Watches::add`.
        if !unsafe { signal.as_ref() }.has_sleepers() {
            return None;
        }
        Some(Owed { signal, _owner: Arc::clone(self.owner.as_ref()?) })
    }
}

impl Watches {
    /// Wakes who sleeps at the signal that a watch of this core tells, now or with the next turn:
    /// one fence a turn serves all.
    #[inline]
    pub(crate) fn owe(&self, signal: &Signal) {
        if signal.has_sleepers() {
            return signal.wake_all();
        }
        // Somebody may fall asleep just now, without having seen the change.
        self.owing.set(true);
    }

    /// Tells those who sleep what was owed to them.
    #[inline]
    pub(crate) fn settle(&self) {
        if self.owing.get() {
            self.settle_all();
        }
    }

    #[cold]
    fn settle_all(&self) {
        self.owing.set(false);
        fence(Ordering::SeqCst);
        let mut from = 0;
        while let Some(owed) = self.next_owed(&mut from) {
            owed.tell();
        }
    }

    /// Nothing is borrowed when it returns, since a waker runs foreign code.
    fn next_owed(&self, from: &mut usize) -> Option<Owed> {
        let table = self.table.borrow();
        while let Some(watch) = table.watches.get(*from) {
            *from += 1;
            if let Some(owed) = watch.owed() {
                return Some(owed);
            }
        }
        None
    }
}
