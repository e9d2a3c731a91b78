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
enum Sleeper {
    /// A core, which then looks at all that it watches.
    Core(Arc<Remote>),
    /// A plain thread, or another executor.
    Waker(Ticket, Waker),
}

/// Names one wait with a waker at one signal. Two waits may have the same waker, and the one that
/// is given up must not take the other's place with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ticket(u64);

impl Sleeper {
    fn wake(self) {
        match self {
            Self::Core(remote) => remote.ring(),
            // One that panics must not keep the others asleep.
            Self::Waker(_, waker) => contain(|| waker.wake()),
        }
    }

    fn is_core(&self, core: &Arc<Remote>) -> bool {
        matches!(self, Self::Core(known) if Arc::ptr_eq(known, core))
    }

    fn has(&self, ticket: Ticket) -> bool {
        matches!(self, Self::Waker(known, _) if *known == ticket)
    }
}

/// Sleepers that a signal has room for from the first.
const SLEEPERS_EXPECTED: usize = 4;

struct Sleepers {
    all: Vec<Sleeper>,
    /// Empty: its memory is for those who come while the others are woken.
    spare: Vec<Sleeper>,
    tickets: u64,
}

impl Sleepers {
    fn new() -> Self {
        let room = || Vec::with_capacity(SLEEPERS_EXPECTED);
        Self { all: room(), spare: room(), tickets: 0 }
    }
}

/// See the module's documentation.
pub(crate) struct Signal {
    /// Whether there is a sleeper. Written under the lock.
    asleep: AtomicBool,
    sleepers: Mutex<Sleepers>,
}

impl Signal {
    pub(crate) fn new() -> Self {
        Self { asleep: AtomicBool::new(false), sleepers: Mutex::new(Sleepers::new()) }
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
            let spare = std::mem::take(&mut sleepers.spare);
            std::mem::replace(&mut sleepers.all, spare)
        };
        // With no lock held: a waker runs foreign code.
        awake.drain(..).for_each(Sleeper::wake);
        // Its memory serves again.
        let mut sleepers = lock(&self.sleepers);
        if sleepers.spare.capacity() == 0 {
            sleepers.spare = awake;
        }
    }

    /// A core is about to sleep. It then has to pass a sequentially consistent fence and look at
    /// the word.
    pub(crate) fn announce_core(&self, core: &Arc<Remote>) {
        let mut sleepers = lock(&self.sleepers);
        if !sleepers.all.iter().any(|sleeper| sleeper.is_core(core)) {
            sleepers.all.push(Sleeper::Core(Arc::clone(core)));
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

    /// Whoever polls with this waker is about to wait, or waits on. It then has to look at the
    /// word. The wait's ticket is issued with its first call.
    pub(crate) fn announce_waker(&self, ticket: &mut Option<Ticket>, waker: &Waker) {
        let waker = waker.clone();
        let mut sleepers = lock(&self.sleepers);
        let ticket = *ticket.get_or_insert_with(|| {
            sleepers.tickets += 1;
            Ticket(sleepers.tickets)
        });
        let sleeper = Sleeper::Waker(ticket, waker);
        let before = match sleepers.all.iter_mut().find(|known| known.has(ticket)) {
            Some(known) => Some(std::mem::replace(known, sleeper)),
            None => {
                sleepers.all.push(sleeper);
                None
            }
        };
        self.update(&sleepers);
        drop(sleepers);
        // A waker's destructor runs foreign code.
        drop(before);
        fence(Ordering::SeqCst);
    }

    /// The wait with this ticket is over.
    pub(crate) fn retire_waker(&self, ticket: Ticket) {
        self.retire(|sleeper| sleeper.has(ticket));
    }

    fn retire(&self, is_it: impl Fn(&Sleeper) -> bool) {
        let mut sleepers = lock(&self.sleepers);
        let index = sleepers.all.iter().position(is_it);
        let gone = index.map(|index| sleepers.all.swap_remove(index));
        self.update(&sleepers);
        drop(sleepers);
        // A waker's destructor runs foreign code.
        drop(gone);
    }

    fn update(&self, sleepers: &MutexGuard<'_, Sleepers>) {
        self.asleep.store(!sleepers.all.is_empty(), Ordering::Relaxed);
    }
}

impl fmt::Debug for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signal").field("has_sleepers", &self.has_sleepers()).finish()
    }
}
