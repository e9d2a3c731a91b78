//! What threads share their state with: the standard library's own, or, in a build with
//! `--cfg loom`, that of the model checker, which runs a test in every interleaving.
//!
//! Only structures that models cover are built on this module.

use std::sync::PoisonError;
use std::time::Duration;

#[cfg(not(loom))]
pub(crate) use std::{
    alloc::{alloc, dealloc},
    cell::Cell,
    sync::atomic::{AtomicBool, AtomicIsize, AtomicPtr, AtomicU64, fence},
    sync::{Condvar, Mutex, MutexGuard},
};

#[cfg(loom)]
pub(crate) use loom::{
    alloc::{alloc, dealloc},
    cell::Cell,
    sync::atomic::{AtomicBool, AtomicIsize, AtomicPtr, AtomicU64, fence},
    sync::{Condvar, Mutex, MutexGuard},
};

/// Locks a mutex under which nothing panics, or whose data is whole at every moment.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits until `condvar` is notified or the time is up; whether it may be up.
///
/// The model checker has no time: there every wake could be that of the clock, too.
pub(crate) fn wait_timeout<'a, T>(
    condvar: &Condvar,
    guard: MutexGuard<'a, T>,
    timeout: Duration,
) -> (MutexGuard<'a, T>, bool) {
    let (guard, result) =
        condvar.wait_timeout(guard, timeout).unwrap_or_else(PoisonError::into_inner);
    (guard, result.timed_out() || cfg!(loom))
}

/// Tells the model checker who uses memory that several threads hold, and who ends it: every use
/// must have happened before the end. Nothing at all in the shipped code.
#[derive(Debug, Default)]
pub(crate) struct Life {
    #[cfg(loom)]
    ended: Cell<bool>,
}

impl Life {
    #[inline]
    pub(crate) fn used(&self) {
        #[cfg(loom)]
        assert!(!self.ended.get(), "used after its end");
    }

    #[inline]
    pub(crate) fn end(&self) {
        #[cfg(loom)]
        assert!(!self.ended.replace(true), "ended twice");
    }
}

/// Tells the model checker who touches memory that it can't see by itself: what one thread touches
/// alone must have happened before, or after, whatever others do there. Nothing at all in the
/// shipped code.
#[derive(Debug, Default)]
pub(crate) struct Touched {
    #[cfg(loom)]
    memory: loom::cell::UnsafeCell<()>,
}

impl Touched {
    #[inline]
    pub(crate) fn alone(&self) {
        #[cfg(loom)]
        self.memory.with_mut(|_| ());
    }

    #[inline]
    pub(crate) fn by_many(&self) {
        #[cfg(loom)]
        self.memory.with(|_| ());
    }
}

/// Runs a model in every interleaving with at most three switches of threads that nothing forced,
/// or as many as `LOOM_MAX_PREEMPTIONS` says.
#[cfg(all(test, loom))]
pub(crate) fn explore(model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = builder.preemption_bound.or(Some(3));
    builder.check(model);
}
