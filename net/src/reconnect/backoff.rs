//! How long to wait before the next attempt: exponential, with full jitter.
//!
//! The pause is drawn from all times between nothing and a ceiling that doubles with each failure.
//! So clients that lost their connections at one moment, when the venue restarted, do not come back
//! at one moment.

use std::time::Duration;

/// Pauses drawn from all times between nothing and a ceiling that doubles with each failure.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    /// The ceiling after the first failure.
    pub first: Duration,
    /// What the ceiling never exceeds.
    pub max: Duration,
}

impl Backoff {
    /// The pause after so many failures in a row; `random` is a number of which all bits count.
    #[must_use]
    pub fn pause(&self, failures: u32, random: u64) -> Duration {
        let Some(doublings) = failures.checked_sub(1) else { return Duration::ZERO };
        let ceiling = self.first.saturating_mul(1 << doublings.min(31)).min(self.max);
        let ceiling_ns = u64::try_from(ceiling.as_nanos()).unwrap_or(u64::MAX);
        // The high half of the product: a fraction of the ceiling, without a division.
        Duration::from_nanos(((u128::from(ceiling_ns) * u128::from(random)) >> 64) as u64)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BACKOFF: Backoff =
        Backoff { first: Duration::from_millis(100), max: Duration::from_secs(30) };

    #[test]
    fn the_ceiling_doubles_up_to_its_limit_and_the_first_attempt_is_made_at_once() {
        let longest = |failures| BACKOFF.pause(failures, u64::MAX).as_secs_f64();
        assert_eq!(longest(0), 0.0);
        for (failures, seconds) in [(1, 0.1), (2, 0.2), (3, 0.4), (9, 25.6), (10, 30.0)] {
            assert!((longest(failures) - seconds).abs() < 1e-6, "{failures}");
        }
        assert!((longest(u32::MAX) - 30.0).abs() < 1e-6);
        let endless = Backoff { first: Duration::MAX, max: Duration::MAX };
        assert!(endless.pause(7, u64::MAX) > Duration::from_secs(1 << 30));
    }

    proptest! {
        #[test]
        fn the_jitter_is_full(failures in 1_u32..200, random: u64) {
            let ceiling = BACKOFF.pause(failures, u64::MAX);
            let pause = BACKOFF.pause(failures, random);
            prop_assert!(pause <= ceiling);
            let share = pause.as_secs_f64() / ceiling.as_secs_f64();
            prop_assert!((share - random as f64 / u64::MAX as f64).abs() < 1e-6);
        }
    }
}
