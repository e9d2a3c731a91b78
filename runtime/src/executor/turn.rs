//! The loop: run what is ready, look at the world, wait as the strategy says.
//!
//! One turn runs at most `poll_budget` polls of the hot lane and `background_budget` of the other,
//! reads the inbox, polls the hot sockets, calls the custom pollers, submits what waits, takes
//! about `completion_budget` completions, and fires about `timer_budget` timers. A spinning idle
//! turn costs a few loads and, while a timer runs or the strategy may park, one read of the clock.

use std::panic::resume_unwind;
use std::ptr::NonNull;
use std::time::Duration;

use super::Lane;
use super::core::{Core, Entered};
use super::header::Header;
use crate::config::WaitStrategy;
use crate::counters::{STATE_OUTSIDE, STATE_TURNING};
use crate::driver::{Backend, Deadline, Wait};
use crate::time::NEVER_NS;

impl Core {
    /// Runs a future to its end, and every task meanwhile.
    #[track_caller]
    pub(crate) fn block_on<F: Future>(&self, future: F) -> F::Output {
        let _entered = Entered::new(self);
        // SAFETY: this frame stays until the task has ended; if the loop itself unwinds, the guard
        // drops the future before what it borrows goes.
        let root = unsafe { self.spawn_unchecked(future, Lane::Hot) };
        let guard = EndOnUnwind(self);
        self.beat(STATE_TURNING);
        loop {
            self.run_ready();
            if root.is_finished() {
                break;
            }
            self.turn();
        }
        // Whoever waits outside of this runtime can't wait for its next call: neither a peer for
        // the end of a stream that was just dropped, nor another executor for its wake.
        self.driver.borrow_mut().turn(Wait::No);
        self.watches.settle();
        self.call_deferred();
        self.beat(STATE_OUTSIDE);
        std::mem::forget(guard);
        match root.into_outcome().map_err(super::JoinError::try_into_panic) {
            Ok(output) => output,
            Err(Ok(panic)) => resume_unwind(panic),
            Err(Err(_)) => unreachable!("nobody holds a handle to abort the root task with"),
        }
    }

    #[inline]
    fn run_ready(&self) {
        match &self.turn_lengths {
            None => self.run_lanes(|task| self.run(task)),
            Some(lengths) => self.run_ready_timed(lengths),
        }
    }

    #[inline(always)]
    pub(super) fn run_lanes(&self, mut run: impl FnMut(NonNull<Header>)) {
        let mut left = self.config.poll_budget;
        while left > 0 {
            let Some(task) = self.hot.pop() else { break };
            run(task);
            left -= 1;
        }
        if self.background.is_empty() {
            return;
        }
        let mut left = self.config.background_budget;
        while left > 0 {
            let Some(task) = self.background.pop() else {
                break;
            };
            run(task);
            left -= 1;
        }
    }

    #[inline]
    pub(super) fn has_ready(&self) -> bool {
        !self.hot.is_empty() || !self.background.is_empty()
    }

    /// Looks at the world once; sleeps if nothing is to be done and the strategy allows it.
    #[inline]
    fn turn(&self) {
        self.counters.turns.increment();
        self.beat_now_and_then();
        if self.remote.has_mail() {
            self.read_mail();
        }
        self.hot_sources.poll(self);
        self.watches.settle();
        self.watches.look();
        self.call_deferred();
        let polled = self.call_pollers();
        let wait = if polled || self.has_ready() { Wait::No } else { self.how_to_wait() };
        let taken = self.driver.borrow_mut().turn(wait);
        if wait != Wait::No {
            self.unpark();
            self.wakes_up();
        }
        // Last, so that nothing but its task comes between a timer and what waits for it.
        self.fire_timers();
        self.call_deferred();
        if taken > 0 || polled || self.has_ready() {
            self.idle_since_ns.set(0);
            return;
        }
        self.counters.turns_idle.increment();
        if wait == Wait::No && self.watches.look_idly() {
            self.idle_since_ns.set(0);
        }
    }

    #[inline]
    fn fire_timers(&self) {
        let next_ns = self.next_deadline_ns();
        if next_ns == NEVER_NS {
            return;
        }
        let now_ns = self.clock.now_ns();
        if now_ns >= next_ns {
            let budget = self.config.timer_budget as usize;
            self.timers.borrow_mut().fire(now_ns, budget, &self.counters);
            if now_ns >= self.dying_check_ns.get() {
                self.check_dying();
            }
            if now_ns >= self.watches.peer_check_ns() {
                self.watches.check_peers(now_ns);
            }
        }
    }

    /// When there is something to do by the clock, or `NEVER_NS`.
    #[inline]
    fn next_deadline_ns(&self) -> u64 {
        let checks_ns = self.dying_check_ns.get().min(self.watches.peer_check_ns());
        self.timers.borrow().next_ns().min(checks_ns)
    }

    /// Decides between spinning and sleeping, for a turn with nothing to run.
    #[inline]
    fn how_to_wait(&self) -> Wait {
        match self.config.wait {
            WaitStrategy::Spin => Wait::No,
            WaitStrategy::Park => self.sleep_at_most(None),
            WaitStrategy::NapiPoll { timeout } => self.sleep_at_most(Some(timeout)),
            WaitStrategy::SpinThenPark { spin_for } => {
                let now_ns = self.clock.now_ns();
                let since_ns = self.idle_since_ns.get();
                if since_ns == 0 {
                    self.idle_since_ns.set(now_ns.max(1));
                } else if u128::from(now_ns.saturating_sub(since_ns)) >= spin_for.as_nanos() {
                    return self.sleep_at_most(None);
                }
                Wait::No
            }
        }
    }

    /// Sleeping until the next timer, with the doorbell armed. Not at all while a hot socket is
    /// awaited, since the kernel would not wake the core for it, or when mail has just come; and no
    /// longer than pollers and other processes can be left alone.
    fn sleep_at_most(&self, limit: Option<Duration>) -> Wait {
        if self.hot_sources.any_awaited() {
            return Wait::No;
        }
        let by_peers = self.watches.waits_for_peer().then_some(self.config.shared_memory_poll);
        let limits = [limit, by_peers, self.pollers_sleep_max()];
        let limit = limits.into_iter().flatten().min();
        let limit_ns = limit.map(|limit| u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX));
        let next_ns = self.next_deadline_ns();
        let until = (next_ns != NEVER_NS || limit_ns.is_some()).then(|| {
            let now_ns = self.clock.now_ns();
            let at_ns = next_ns.min(now_ns.saturating_add(limit_ns.unwrap_or(u64::MAX)));
            Deadline { at_ns, timeout: Duration::from_nanos(at_ns.saturating_sub(now_ns)) }
        });
        if until.is_some_and(|until| until.timeout.is_zero()) || !self.park() {
            return Wait::No;
        }
        self.falls_asleep();
        Wait::Sleep { until }
    }

    /// Announces sleep to all who may have something for the core; `false` where one has already.
    fn park(&self) -> bool {
        self.watches.settle();
        if self.remote.park() {
            if self.watches.announce(&self.remote) {
                return true;
            }
            self.unpark();
        }
        false
    }

    fn unpark(&self) {
        self.remote.unpark();
        self.watches.retire(&self.remote);
        self.watches.look();
    }
}

/// Ends the core when the loop unwinds: the root future may borrow from the caller of `block_on`,
/// and a core whose loop broke off is in no state to go on.
struct EndOnUnwind<'a>(&'a Core);

impl Drop for EndOnUnwind<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}
