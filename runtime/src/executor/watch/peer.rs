//! Words that another process changes, which can't wake this core.
//!
//! While one is awaited the core sleeps for moments only, and who waits for it is run now and then,
//! to see whether that process still lives: every [`PEER_CHECK_EVERY_NS`].

use std::task::Context;

use super::{WatchKey, Watches};
use crate::threads::AtomicU64;
use crate::time::NEVER_NS;

/// How often who waits for another process is run, to see whether that still lives, in nanoseconds.
pub(crate) const PEER_CHECK_EVERY_NS: u64 = 10_000_000;

impl Watches {
    /// As [`wait`](Self::wait), for a word that another process changes, which can't wake this
    /// core.
    ///
    /// # Safety
    ///
    /// The word lies in memory that the watch's owner keeps.
    #[inline]
    pub(crate) unsafe fn wait_for_peer(
        &self,
        key: WatchKey,
        word: &AtomicU64,
        seen: u64,
        now_ns: impl FnOnce() -> u64,
        context: &Context<'_>,
    ) {
        self.begin(key, word, seen, None, context);
        if self.peer_check_ns.get() == NEVER_NS {
            self.peer_check_ns.set(now_ns() + PEER_CHECK_EVERY_NS);
        }
    }

    /// When [`check_peers`](Self::check_peers) is due, or `NEVER_NS`.
    #[inline]
    pub(crate) fn peer_check_ns(&self) -> u64 {
        self.peer_check_ns.get()
    }

    /// Runs all who wait for another process.
    #[cold]
    pub(crate) fn check_peers(&self, now_ns: u64) {
        let mut waits = false;
        let table = self.table.borrow();
        for (look, watch) in table.looks.iter().zip(&table.watches) {
            if look.word.get().is_some() && watch.signal.get().is_none() {
                self.stop_looking(look);
                watch.wake.fire();
                waits = true;
            }
        }
        self.peer_check_ns.set(if waits { now_ns + PEER_CHECK_EVERY_NS } else { NEVER_NS });
    }

    /// Whether a word of another process is awaited, whose change would not end the core's sleep.
    pub(crate) fn waits_for_peer(&self) -> bool {
        if self.awaited.get() == 0 || self.peer_check_ns.get() == NEVER_NS {
            return false;
        }
        let table = self.table.borrow();
        let mut both = table.looks.iter().zip(&table.watches);
        both.any(|(look, watch)| look.word.get().is_some() && watch.signal.get().is_none())
    }
}
