//! The loop says that it turns, or sleeps, so that whoever looks from outside can tell a core that
//! is stuck in a task from one that has nothing to do.
//!
//! Cost: a turn counts down, and each 1024th reads the clock. A turn that sleeps takes the reading
//! that was made last, and counts for 64, so that a core beats also where it reads no clock before
//! its sleeps.

use std::cell::Cell;

use super::core::Core;
use crate::counters::{STATE_ASLEEP, STATE_TURNING};

/// Turns from one heartbeat to the next.
const TURNS_PER_BEAT: i32 = 1024;
/// For how many turns one counts that sleeps, beyond itself.
const TURNS_PER_SLEEP: i32 = 63;

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct Heartbeat {
    /// Turns until the next one.
    left: Cell<i32>,
    /// Idle turns until the end of the last sleep.
    idle_before: Cell<u64>,
}

impl Default for Heartbeat {
    fn default() -> Self {
        Self { left: Cell::new(TURNS_PER_BEAT), idle_before: Cell::new(0) }
    }
}

impl Core {
    /// For each turn.
    #[inline]
    pub(super) fn beat_now_and_then(&self) {
        let left = self.heartbeat.left.get() - 1;
        self.heartbeat.left.set(left);
        if left <= 0 {
            self.beat(STATE_TURNING);
        }
    }

    /// Says what the loop does from now on.
    #[cold]
    pub(super) fn beat(&self, state: u64) {
        self.heartbeat.left.set(TURNS_PER_BEAT);
        self.counters.heartbeat_ns.set(self.clock.now_ns());
        self.counters.state.set(state);
    }

    #[inline]
    pub(super) fn falls_asleep(&self) {
        let spins = self.counters.turns_idle.get() - self.heartbeat.idle_before.get();
        self.counters.spins_before_block.set(spins);
        self.counters.heartbeat_ns.set(self.clock.last_ns());
        self.counters.state.set(STATE_ASLEEP);
    }

    #[inline]
    pub(super) fn wakes_up(&self) {
        self.heartbeat.idle_before.set(self.counters.turns_idle.get());
        self.counters.state.set(STATE_TURNING);
        self.heartbeat.left.set(self.heartbeat.left.get() - TURNS_PER_SLEEP);
    }
}
