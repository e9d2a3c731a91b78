//! Who sleeps until another thread changes a word, and has to be woken then.
//!
//! Invariant (no lost wake): who is about to sleep leaves word here, passes a fence, and looks at
//! the word once more; who changes the word passes a fence, and looks here. Of the two fences one
//! comes first, so the sleeper sees the change, or the other one sees the sleeper. Cost: a fence
//! and one load of a line that is written only when somebody sleeps; no system call while nobody
//! does, and one for each core that sleeps, however many changes follow.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Waker;

use crate::executor::{Remote, contain};
use crate::threads::{AtomicBool, Mutex, MutexGuard, fence, lock};

/// Whom to wake.
pub(crate) enum Sleeper {
    /// A core, which then looks at all that it watches.
    Core(Arc<Remote>),
    /// A plain thread, or another executor.
    Waker(Waker),
}

impl Sleeper {
    fn wake(self) {
        match self {
            Self::Core(remote) => remote.ring(),
            // One that panics must not keep the others asleep.
            Self::Waker(waker) => contain(|| waker.wake()),
        }
    }

    fn is_core(&self, core: &Arc<Remote>) -> bool {
        matches!(self, Self::Core(known) if Arc::ptr_eq(known, core))
    }

    fn is_waker(&self, waker: &Waker) -> bool {
        matches!(self, Self::Waker(known) if known.will_wake(waker))
    }
}

/// See the module's documentation.
pub(crate) struct Signal {
    /// Whether there is a sleeper. Written under the lock.
    asleep: AtomicBool,
    sleepers: Mutex<Vec<Sleeper>>,
}

impl Signal {
    pub(crate) fn new() -> Self {
        Self { asleep: AtomicBool::new(false), sleepers: Mutex::new(Vec::new()) }
    }

    /// Wakes all who sleep. To be called after the word was changed.
    #[inline]
    pub(crate) fn notify(&self) {
        fence(Ordering::SeqCst);
        self.notify_after_fence();
    }

    /// As [`notify`](Self::notify), where the caller has passed a sequentially consistent fence
    /// since the change.
    #[inline]
    pub(crate) fn notify_after_fence(&self) {
        if self.has_sleepers() {
            self.wake_all();
        }
    }

    #[inline]
    pub(crate) fn has_sleepers(&self) -> bool {
        self.asleep.load(Ordering::Relaxed)
    }

    /// Wakes all who sleep.
    #[cold]
    pub(crate) fn wake_all(&self) {
        let mut awake = {
            let mut sleepers = lock(&self.sleepers);
            self.asleep.store(false, Ordering::Relaxed);
            std::mem::take(&mut *sleepers)
        };
        // With no lock held: a waker runs foreign code.
        awake.drain(..).for_each(Sleeper::wake);
        // Its memory serves again.
        let mut sleepers = lock(&self.sleepers);
        if sleepers.capacity() == 0 {
            *sleepers = awake;
        }
    }

    /// A core is about to sleep. It then has to pass a sequentially consistent fence and look at
    /// the word.
    pub(crate) fn announce_core(&self, core: &Arc<Remote>) {
        let mut sleepers = lock(&self.sleepers);
        if !sleepers.iter().any(|sleeper| sleeper.is_core(core)) {
            sleepers.push(Sleeper::Core(Arc::clone(core)));
        }
        self.update(&sleepers);
    }

    /// The core is awake.
    pub(crate) fn retire_core(&self, core: &Arc<Remote>) {
        // Only the core itself announces it, so what it reads here is not older than that.
        if self.has_sleepers() {
            self.retire(|sleeper| sleeper.is_core(core));
        }
    }

    /// Whoever polls with this waker is about to wait. It then has to look at the word.
    pub(crate) fn announce_waker(&self, waker: &Waker) {
        let new = waker.clone();
        let mut sleepers = lock(&self.sleepers);
        // One that is known is left to be dropped with no lock held.
        let new = if sleepers.iter().any(|sleeper| sleeper.is_waker(waker)) {
            Some(new)
        } else {
            sleepers.push(Sleeper::Waker(new));
            None
        };
        self.update(&sleepers);
        drop(sleepers);
        drop(new);
        fence(Ordering::SeqCst);
    }

    /// Whoever polls with this waker does not wait any more.
    pub(crate) fn retire_waker(&self, waker: &Waker) {
        self.retire(|sleeper| sleeper.is_waker(waker));
    }

    fn retire(&self, is_it: impl Fn(&Sleeper) -> bool) {
        let mut sleepers = lock(&self.sleepers);
        let gone = sleepers.iter().position(is_it).map(|index| sleepers.swap_remove(index));
        self.update(&sleepers);
        drop(sleepers);
        // A waker's destructor runs foreign code.
        drop(gone);
    }

    fn update(&self, sleepers: &MutexGuard<'_, Vec<Sleeper>>) {
        self.asleep.store(!sleepers.is_empty(), Ordering::Relaxed);
    }
}

impl fmt::Debug for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signal").field("has_sleepers", &self.has_sleepers()).finish()
    }
}
