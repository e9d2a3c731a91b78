//! How fast a client has to be, in either direction.
//!
//! What has moved earns its time, and the time that was waited for it is spent: a wait may last for
//! what is left, and for a grace. So it is the rate of a whole body that counts, not that of a
//! moment, and nobody gets by with a byte now and then. The server's own pauses are no waits.

use std::time::Duration;

use taut_runtime::time::Instant;

/// The waits for one thing that moves.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pace {
    waited: Duration,
    waiting_since: Option<Instant>,
}

/// What is asked of a client.
#[derive(Clone, Copy, Debug)]
pub(super) struct Demand {
    pub(super) grace: Duration,
    /// None at all where it is 0.
    pub(super) bytes_per_second_min: u64,
}

impl Pace {
    /// A wait begins, or goes on, when so many bytes have moved: since when, and how long it may
    /// last.
    pub(super) fn wait(&mut self, bytes: u64, demand: Demand) -> (Instant, Duration) {
        let since = *self.waiting_since.get_or_insert_with(Instant::now);
        let seconds = bytes as f64 / demand.bytes_per_second_min as f64;
        let earned = Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX);
        (since, demand.grace.saturating_add(earned).saturating_sub(self.waited))
    }

    /// The wait is over; whether there was one.
    #[inline]
    pub(super) fn stop(&mut self) -> bool {
        let since = self.waiting_since.take();
        if let Some(since) = since {
            self.waited += since.elapsed();
        }
        since.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn demand(bytes_per_second_min: u64) -> Demand {
        Demand { grace: 5 * SECOND, bytes_per_second_min }
    }

    /// Runs with a clock, which is a runtime's.
    fn with_clock(body: impl FnOnce()) {
        taut_runtime::Runtime::new().unwrap().block_on(async { body() });
    }

    #[test]
    fn what_has_moved_earns_time_and_what_was_waited_is_spent() {
        with_clock(|| {
            let mut pace = Pace::default();
            assert_eq!(pace.wait(0, demand(10)).1, 5 * SECOND);
            assert_eq!(pace.wait(30, demand(10)).1, 8 * SECOND);
            pace.waited = 7 * SECOND;
            assert_eq!(pace.wait(30, demand(10)).1, SECOND);
            pace.waited = 9 * SECOND;
            assert_eq!(pace.wait(30, demand(10)).1, Duration::ZERO);
        });
    }

    #[test]
    fn a_wait_is_counted_from_its_beginning_to_its_end_and_no_further() {
        with_clock(|| {
            let mut pace = Pace::default();
            assert!(!pace.stop());
            let (since, _) = pace.wait(0, demand(1));
            while since.elapsed() < Duration::from_millis(2) {}
            assert_eq!(pace.wait(9, demand(1)).0, since, "it is the same wait");
            assert!(pace.stop());
            assert!(pace.waited >= Duration::from_millis(2));
            let waited = pace.waited;
            assert!(!pace.stop());
            assert_eq!(pace.waited, waited);
        });
    }

    #[test]
    fn without_a_rate_there_is_no_end() {
        with_clock(|| {
            for bytes in [0, 1, u64::MAX] {
                assert_eq!(Pace::default().wait(bytes, demand(0)).1, Duration::MAX);
            }
            let longest = Pace::default().wait(u64::MAX, demand(1)).1;
            assert!(longest > Duration::from_secs(u64::MAX / 2));
        });
    }
}
