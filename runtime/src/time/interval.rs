//! Ticks at a fixed period.

use std::time::Duration;

use super::{Instant, Sleep, sleep_until};
use crate::cancelled::Cancelled;

/// Ticks every `period`, the first time at once.
///
/// # Panics
///
/// Where the period is zero, and outside of a runtime.
///
/// ```
/// use std::time::Duration;
/// use taut_runtime::time::interval;
///
/// taut_runtime::run(async {
///     let mut heartbeat = interval(Duration::from_micros(100));
///     let first = heartbeat.tick().await?;
///     let second = heartbeat.tick().await?;
///     assert_eq!(second - first, Duration::from_micros(100));
///     Ok::<(), taut_runtime::Cancelled>(())
/// })??;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn interval(period: Duration) -> Interval {
    interval_at(Instant::now(), period)
}

/// Ticks every `period`, the first time at `start`.
///
/// # Panics
///
/// Where the period is zero.
pub fn interval_at(start: Instant, period: Duration) -> Interval {
    assert!(period > Duration::ZERO, "an interval's period is more than zero");
    Interval { next: start, period, missed: MissedTicks::Burst }
}

/// What an [`Interval`] does about ticks that were due while nobody waited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum MissedTicks {
    /// Ticks at once for each of them: no tick is lost, and intended times stay on the grid.
    #[default]
    Burst,
    /// Leaves them out, and stays on the grid.
    Skip,
    /// Starts a new grid at the late tick.
    Delay,
}

/// The ticks of [`interval`].
#[derive(Debug)]
pub struct Interval {
    next: Instant,
    period: Duration,
    missed: MissedTicks,
}

impl Interval {
    /// Says what to do about missed ticks.
    #[must_use]
    pub fn missed_ticks(mut self, missed: MissedTicks) -> Self {
        self.missed = missed;
        self
    }

    /// The time between two ticks.
    pub fn period(&self) -> Duration {
        self.period
    }

    /// Waits for the next tick and gives the time for which it was *intended*: what a measurement
    /// at a fixed rate must count from.
    ///
    /// Cancel-safe: a dropped future has not used up a tick.
    ///
    /// # Errors
    ///
    /// [`Cancelled`] where the task was asked to stop before.
    #[track_caller]
    pub fn tick(&mut self) -> impl Future<Output = Result<Instant, Cancelled>> {
        let nap = sleep_until(self.next);
        self.tick_after(nap)
    }

    async fn tick_after(&mut self, nap: Sleep) -> Result<Instant, Cancelled> {
        let intended = nap.deadline();
        nap.await?;
        self.next = intended + self.period;
        let now = Instant::now();
        if self.next < now {
            match self.missed {
                MissedTicks::Burst => {}
                MissedTicks::Delay => self.next = now + self.period,
                MissedTicks::Skip => {
                    let period_ns = self.period.as_nanos();
                    let behind_ns = (now - intended).as_nanos();
                    let periods = behind_ns.div_ceil(period_ns);
                    // It fits: it is at most one period beyond `now`, unless the period does not.
                    let ahead_ns = u64::try_from(periods * period_ns).unwrap_or(u64::MAX);
                    self.next = intended + Duration::from_nanos(ahead_ns);
                }
            }
        }
        Ok(intended)
    }
}
