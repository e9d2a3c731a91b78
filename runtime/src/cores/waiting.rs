//! How one end of a ring waits for a word: by its core's own look, or else by a waker.
//!
//! Invariant: a core's watch holds the ring's memory, so a future that is leaked while it waits
//! leaves nothing dangling. Cost: the first wait of an end on a core makes a watch, which
//! allocates; each later one is a few stores. A wait outside of a runtime takes a lock.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};

use super::signal::{Signal, Ticket};
use crate::executor::{Core, Owner, WatchKey, Word, current, try_current};
use crate::threads::AtomicU64;

/// See the module's documentation.
#[derive(Default)]
pub(crate) struct Waiting {
    /// The watch of the core that this end was on last.
    watch: Option<(WatchKey, Owner)>,
    /// What was left with a signal by a wait outside of a runtime.
    ticket: Option<Ticket>,
    /// Whether a core may still have to wake somebody for this end.
    owes: bool,
}

/// Memory that outlives a watch, with the signal that the end tells, if it does not at once.
///
/// # Safety
///
/// The signal lies in that memory.
pub(crate) unsafe trait Shared: Any + Send + Sync {
    fn tells(&self) -> Option<&Signal>;
}

impl Waiting {
    /// Has the task run once the word has changed; `Ready` where it has already.
    ///
    /// # Safety
    ///
    /// The word and the signal lie in `memory`, which is the same for every call on one `Waiting`.
    #[inline]
    pub(crate) unsafe fn wait(
        &mut self,
        memory: &Arc<impl Shared>,
        word: Word<'_>,
        context: &Context<'_>,
    ) -> Poll<()> {
        let Some(core) = try_current() else {
            return self.wait_with_waker(word, context.waker());
        };
        let key = self.watch_on(core, memory);
        // SAFETY: by contract; the watch's owner keeps `memory`.
        unsafe { core.watches.wait(key, word, context) };
        Poll::Pending
    }

    /// Has the task run once a word that another process changes is not `seen` any more, and now
    /// and then before that, for a look at whether the process lives.
    ///
    /// # Panics
    ///
    /// Outside of a runtime: nobody would look at the word.
    ///
    /// # Safety
    ///
    /// As for [`wait`](Self::wait).
    #[inline]
    #[track_caller]
    #[cfg_attr(loom, allow(dead_code, reason = "models have one process"))]
    pub(crate) unsafe fn wait_for_peer(
        &mut self,
        memory: &Arc<impl Shared>,
        word: &AtomicU64,
        seen: u64,
        context: &Context<'_>,
    ) {
        let core = current();
        let key = self.watch_on(core, memory);
        let now_ns = || core.clock.now_ns();
        // SAFETY: by contract; the watch's owner keeps `memory`.
        unsafe { core.watches.wait_for_peer(key, word, seen, now_ns, context) };
    }

    /// The watch of this end on a core. The one on another core is forgotten with its owner.
    #[inline]
    fn watch_on(&mut self, core: &Core, memory: &Arc<impl Shared>) -> WatchKey {
        match &self.watch {
            Some((key, _)) if core.watches.has(*key) => *key,
            _ => self.make_watch(core, memory),
        }
    }

    #[cold]
    fn make_watch(&mut self, core: &Core, memory: &Arc<impl Shared>) -> WatchKey {
        let owner: Owner = Arc::new(Arc::clone(memory));
        // SAFETY: the owner holds the memory, and the signal lies in it, by the trait's contract.
        let key = unsafe { core.watches.add(&owner, memory.tells()) };
        self.watch = Some((key, owner));
        key
    }

    /// Looks at a word for a moment before the task gives way, where that costs nobody anything;
    /// whether it has changed.
    #[inline]
    pub(crate) fn linger(word: Word<'_>) -> bool {
        try_current().is_some_and(|core| core.linger(word.word, word.seen))
    }

    #[cold]
    fn wait_with_waker(&mut self, word: Word<'_>, waker: &Waker) -> Poll<()> {
        word.signal.announce_waker(&mut self.ticket, waker);
        if word.word.load(Ordering::Relaxed) == word.seen { Poll::Pending } else { Poll::Ready(()) }
    }

    /// The wait is over: for the better, or given up.
    #[inline]
    pub(crate) fn stop(&mut self, signal: &Signal) {
        if let Some(ticket) = self.ticket.take() {
            signal.retire_waker(ticket);
        }
        self.stop_looking();
    }

    /// As [`stop`](Self::stop), for the word of another process.
    #[inline]
    pub(crate) fn stop_looking(&self) {
        self.on_own_core(|core, key| core.watches.stop(key));
    }

    /// Whether something was left with a signal, which only [`stop`](Self::stop) takes back.
    #[inline]
    pub(crate) fn has_left_word(&self) -> bool {
        self.ticket.is_some()
    }

    /// Calls with the watch and its core, where that runs on this thread.
    #[inline]
    fn on_own_core(&self, call: impl FnOnce(&Core, WatchKey)) {
        if let Some((key, _)) = &self.watch
            && let Some(core) = try_current()
            && core.watches.has(*key)
        {
            call(core, *key);
        }
    }

    /// Wakes who sleeps at the signal that the memory tells: at the latest with the core's next
    /// turn or with [`settle`](Self::settle), whichever comes first.
    #[inline]
    pub(crate) fn notify(&mut self, memory: &Arc<impl Shared>) {
        let Some(signal) = memory.tells() else { return };
        let Some(core) = try_current() else {
            return signal.notify();
        };
        self.watch_on(core, memory);
        core.watches.owe(signal);
        self.owes = true;
    }

    /// Wakes who sleeps and was not woken yet: for an end that has nothing more to do, on a core
    /// that may not have come to its next turn.
    #[inline]
    pub(crate) fn settle(&mut self, memory: &Arc<impl Shared>) {
        if std::mem::take(&mut self.owes)
            && let Some(signal) = memory.tells()
        {
            signal.notify();
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.on_own_core(|core, key| core.watches.forget(key));
    }
}
