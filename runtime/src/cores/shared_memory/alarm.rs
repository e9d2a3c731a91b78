//! Waking plain threads of other processes: a futex in the shared memory.
//!
//! The lowest bit says that somebody may sleep, the others count wakes. Invariant (no lost wake):
//! who is about to sleep sets the bit, passes a fence, and looks at the ring once more; who changes
//! the ring passes a fence, and looks at the bit. Each wake changes the count, so who set the bit
//! before it does not fall asleep after it. Cost: a fence and a load while nobody sleeps, then one
//! system call for all; a sleeper that was killed costs one call in vain.

use std::sync::atomic::{AtomicU32, Ordering, fence};
use std::time::Duration;

use rustix::thread::futex;

use super::count_wake;

const SLEEPERS: u32 = 1;

/// See the module's documentation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Alarm<'a>(pub(super) &'a AtomicU32);

impl Alarm<'_> {
    /// Wakes all who sleep. To be called after the ring was changed.
    #[inline]
    pub(super) fn ring(self) {
        fence(Ordering::SeqCst);
        if self.0.load(Ordering::Relaxed) & SLEEPERS != 0 {
            self.wake_all();
        }
    }

    #[cold]
    fn wake_all(self) {
        // Clears the bit and counts. Where two come at once the bit may be left set, which costs
        // one more call.
        self.0.fetch_add(SLEEPERS, Ordering::Relaxed);
        count_wake();
        let _ = futex::wake(self.0, futex::Flags::empty(), i32::MAX as u32);
    }

    /// Announces a sleeper, who then has to look at the ring, and [sleeps](Self::sleep) with what
    /// this gives.
    pub(super) fn announce(self) -> u32 {
        let announced = self.0.fetch_or(SLEEPERS, Ordering::Relaxed) | SLEEPERS;
        fence(Ordering::SeqCst);
        announced
    }

    /// Sleeps until somebody rings, or for so long; now and then for no reason.
    pub(super) fn sleep(self, announced: u32, limit: Duration) {
        let limit = futex::Timespec {
            tv_sec: limit.as_secs().min(i64::MAX as u64) as i64,
            tv_nsec: limit.subsec_nanos().into(),
        };
        // Whatever ended it: the caller looks at the ring.
        let _ = futex::wait(self.0, futex::Flags::empty(), announced, Some(&limit));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_announced_before_a_wake_does_not_sleep_after_it() {
        let word = AtomicU32::new(u32::MAX - 1);
        let alarm = Alarm(&word);
        let announced = alarm.announce();
        alarm.ring();
        assert_eq!(word.load(Ordering::Relaxed), 0, "the count goes round");
        // Another sleeper sets the bit again: the count tells them apart.
        alarm.announce();
        // It would be an hour.
        alarm.sleep(announced, Duration::from_secs(3600));
    }

    #[test]
    fn a_sleeper_wakes_when_it_is_rung_for() {
        let word = AtomicU32::new(0);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let alarm = Alarm(&word);
                let announced = alarm.announce();
                alarm.sleep(announced, Duration::from_secs(3600));
            });
            while word.load(Ordering::Relaxed) & SLEEPERS == 0 {
                std::thread::yield_now();
            }
            Alarm(&word).ring();
        });
    }
}
