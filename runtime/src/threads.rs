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
/// alone must have happened before, or after, whatever others do there.
#[cfg(loom)]
#[derive(Debug, Default)]
pub(crate) struct Touched(loom::cell::UnsafeCell<()>);

#[cfg(loom)]
impl Touched {
    pub(crate) fn alone(&self) {
        self.0.with_mut(|_| ());
    }

    pub(crate) fn by_many(&self) {
        self.0.with(|_| ());
    }
}

/// Runs a model in every interleaving with at most three switches of threads that nothing forced,
/// or as many as `LOOM_MAX_PREEMPTIONS` says.
#[cfg(all(test, loom))]
pub(crate) fn explore(model: impl Fn() + Sync + Send + 'static) {
    explore_within(3, model);
}

/// As [`explore`], with fewer switches where there is more to interleave.
#[cfg(all(test, loom))]
pub(crate) fn explore_within(switches: usize, model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = builder.preemption_bound.or(Some(switches));
    builder.check(model);
}
