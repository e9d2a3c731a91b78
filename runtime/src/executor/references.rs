//! How many can reach a task: a count that is biased towards the task's own thread.
//!
//! Counting with atomics would cost several locked instructions a poll. So the owner thread counts
//! in a plain cell, other threads in an atomic, and the truth is the sum of both.
//!
//! When a task is complete and only its `JoinHandle` can still reach it, both are settled: the sum
//! equals one or zero with the others at zero. Where wakers are left at that point the counts are
//! *merged*: the plain count is added to the atomic one, for good, and from then on whoever takes
//! the atomic to zero gives the memory back.
//!
//! Why the check before freeing is sound: every handle that is alive was counted up before it came
//! to be, by the owner (which sees its own cell) or by the others; a handle made from another one
//! by a foreign thread is counted before its parent can be dropped. So there is no moment at which
//! the sum reads zero while a handle exists.
//!
//! Invariant: exactly one call says that no reference is left, and all that was done with any of
//! them happened before it.

use std::sync::atomic::Ordering;

use crate::threads::{AtomicIsize, Cell, Life};

/// The others count in steps of two; the lowest bit says that the counts are merged.
const ONE: isize = 2;
const MERGED_BIT: isize = 1;

/// Stands for the owner's count once it is merged.
const MERGED: isize = isize::MIN;

/// What is left after the owner released a reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Released {
    Some,
    /// The owner has none, and the counts are not merged.
    NoneOfOwner,
    /// The counts are merged, and nobody has any.
    NoneOfAll,
}

/// What is to be done with a task that has just completed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Settled {
    /// Nobody can reach it.
    Free,
    /// Only its `JoinHandle` can.
    Joinable,
    /// Wakers can, so the counts have to be merged.
    Shared,
}

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct References {
    /// As wide as the others' count: a waker that is cloned on one side and dropped on the other
    /// moves the two apart by one, for as long as the task lives.
    owner: Cell<isize>,
    others: AtomicIsize,
    life: Life,
}

impl References {
    /// So many of the owner's.
    pub(crate) fn new(count: isize) -> Self {
        Self { owner: Cell::new(count), others: AtomicIsize::new(0), life: Life::default() }
    }

    /// For the owner thread.
    #[inline]
    pub(crate) fn is_merged(&self) -> bool {
        self.life.used();
        self.owner.get() == MERGED
    }

    /// Counts a reference of the owner thread.
    #[inline]
    pub(crate) fn retain_local(&self) {
        match self.owner.get() {
            MERGED => self.retain_remote(),
            count => self.owner.set(count + 1),
        }
    }

    /// Counts a reference of any other thread.
    #[inline]
    pub(crate) fn retain_remote(&self) {
        self.life.used();
        self.others.fetch_add(ONE, Ordering::Relaxed);
    }

    /// Gives up a reference of the owner thread.
    #[inline]
    pub(crate) fn release_local(&self) -> Released {
        match self.owner.get() {
            MERGED if self.release_remote() => Released::NoneOfAll,
            MERGED => Released::Some,
            count => {
                self.owner.set(count - 1);
                if count == 1 { Released::NoneOfOwner } else { Released::Some }
            }
        }
    }

    /// Gives up a reference that is counted with the others; `true` where none of all is left.
    pub(crate) fn release_remote(&self) -> bool {
        self.life.used();
        self.others.fetch_sub(ONE, Ordering::AcqRel) - ONE == MERGED_BIT
    }

    /// Gives up the executor's reference at completion. For the owner thread, before any merge.
    pub(crate) fn settle(&self, joinable: bool) -> Settled {
        let _ = self.release_local();
        if self.owner.get() != isize::from(joinable) || self.others.load(Ordering::Acquire) != 0 {
            return Settled::Shared;
        }
        if joinable { Settled::Joinable } else { Settled::Free }
    }

    /// Adds the owner's count to the others', for good; `true` where none of all is left. For the
    /// owner thread, once.
    pub(crate) fn merge(&self) -> bool {
        self.life.used();
        let added = self.owner.replace(MERGED) * ONE + MERGED_BIT;
        self.others.fetch_add(added, Ordering::AcqRel) + added == MERGED_BIT
    }

    /// Whether the counts are merged and none is left, of a task that came by mail: if none is, it
    /// was sent by the thread that saw the last one go, which orders all that was done before.
    pub(crate) fn is_none_of_all(&self) -> bool {
        self.others.load(Ordering::Relaxed) == MERGED_BIT
    }

    /// The memory is about to be given back.
    pub(crate) fn end(&self) {
        self.life.end();
    }
}

#[cfg(all(test, loom))]
mod models {
    use std::sync::Arc;

    use loom::sync::Notify;
    use loom::thread;

    use super::*;
    use crate::threads::{AtomicBool, explore};

    /// For the models, which check that what they share is used by one thread at a time.
    struct Shared(References);

    // SAFETY: the owner's cell is checked by the model.
    unsafe impl Send for Shared {}
    // SAFETY: as above.
    unsafe impl Sync for Shared {}

    impl Shared {
        /// Ends the memory where a call said that no reference is left.
        fn end_if(&self, none_left: bool) -> usize {
            if none_left {
                self.0.end();
            }
            usize::from(none_left)
        }

        fn complete(&self) -> usize {
            match self.0.settle(false) {
                Settled::Free => self.end_if(true),
                Settled::Joinable => 0,
                Settled::Shared => self.end_if(self.0.merge()),
            }
        }
    }

    #[test]
    fn loom_one_of_all_threads_ends_the_memory_after_every_use() {
        explore(|| {
            let task = Arc::new(Shared(References::new(1)));
            let threads = [0, 1].map(|_| {
                task.0.retain_local();
                let task = Arc::clone(&task);
                thread::spawn(move || {
                    task.0.retain_remote();
                    let first = task.end_if(task.0.release_remote());
                    first + task.end_if(task.0.release_remote())
                })
            });
            let mut ends = task.complete();
            for thread in threads {
                ends += thread.join().unwrap();
            }
            assert_eq!(ends, 1);
        });
    }

    #[test]
    fn loom_a_clone_that_a_thread_made_and_dropped_was_used_before_the_end() {
        explore(|| {
            let task = Arc::new(Shared(References::new(1)));
            let lent = Arc::new((AtomicBool::new(true), Notify::new()));
            task.0.retain_local();
            let (other, lender) = (Arc::clone(&task), Arc::clone(&lent));
            let thread = thread::spawn(move || {
                // Of a waker that the owner lends until it is given back, and then drops itself.
                other.0.retain_remote();
                lender.0.store(false, Ordering::Release);
                lender.1.notify();
                other.end_if(other.0.release_remote())
            });
            while lent.0.load(Ordering::Acquire) {
                lent.1.wait();
            }
            assert_eq!(task.0.release_local(), Released::Some);
            let ends = task.complete();
            assert_eq!(ends + thread.join().unwrap(), 1);
        });
    }
}
