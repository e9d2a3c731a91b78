//! All memory of the process locked, and when that ends.
//!
//! The kernel does not count locks: unlocking everything would unlock the pools that other runtimes
//! locked by themselves. So memory that a runtime locks, in whatever way, is held by one count, and
//! everything is unlocked when the count is down to none; not at all, where nobody asked for
//! everything. Invariant: whatever a living runtime was told is locked, is locked.

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::mm::{MlockAllFlags, mlockall, munlockall};

static LOCKS: Mutex<Locks> = Mutex::new(Locks { holders: 0, everything: false });

struct Locks {
    holders: usize,
    everything: bool,
}

impl Locks {
    /// Nothing panics under this lock.
    fn lock() -> MutexGuard<'static, Self> {
        LOCKS.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Memory that stays locked for as long as this lives.
#[derive(Debug)]
pub(crate) struct LockedMemory(());

impl LockedMemory {
    /// A piece that the caller is about to lock, and unlocks by unmapping it.
    pub(crate) fn of_a_region() -> Self {
        Locks::lock().holders += 1;
        Self(())
    }

    /// Locks all that the process has, and will have.
    pub(super) fn of_the_process() -> io::Result<Self> {
        let mut locks = Locks::lock();
        if !locks.everything {
            mlockall(MlockAllFlags::CURRENT | MlockAllFlags::FUTURE)?;
            locks.everything = true;
        }
        locks.holders += 1;
        Ok(Self(()))
    }
}

impl Drop for LockedMemory {
    fn drop(&mut self) {
        let mut locks = Locks::lock();
        locks.holders -= 1;
        if locks.holders == 0 && std::mem::take(&mut locks.everything) {
            // It has no way to fail that the caller could mend.
            let _ = munlockall();
        }
    }
}
