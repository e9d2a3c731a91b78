//! A point in time on the runtime's clock.

use std::ops::{Add, AddAssign, Sub};
use std::time::Duration;

use crate::executor::current;

/// A point in time on the runtime's clock, in nanoseconds of `CLOCK_MONOTONIC`.
///
/// Adding saturates, so a deadline can be as far away as one likes.
///
/// ```
/// use std::time::Duration;
/// use taut_runtime::time::{Instant, sleep};
///
/// taut_runtime::run(async {
///     let start = Instant::now();
///     sleep(Duration::from_micros(10)).await?;
///     assert!(start.elapsed() >= Duration::from_micros(10));
///     Ok::<(), taut_runtime::Cancelled>(())
/// })??;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(u64);

impl Instant {
    /// Now, on the clock of the runtime that runs on this thread: one read of the TSC where it can
    /// be trusted, else one `clock_gettime`.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[must_use]
    #[inline]
    pub fn now() -> Self {
        Self(current().clock.now_ns())
    }

    /// Now, as this runtime's clock was last read: while a timer is set, at the start of this turn
    /// or later. Costs a load, for times that need not be exact.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[must_use]
    #[inline]
    pub fn of_turn() -> Self {
        Self(current().clock.last_ns())
    }

    /// The point `nanoseconds` after the start of `CLOCK_MONOTONIC`.
    #[must_use]
    pub const fn from_nanos(nanoseconds: u64) -> Self {
        Self(nanoseconds)
    }

    /// Nanoseconds since the start of `CLOCK_MONOTONIC`.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// The time since this point; zero when it lies ahead.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[must_use]
    pub fn elapsed(self) -> Duration {
        Self::now() - self
    }

    /// The time since an earlier point; zero when that lies ahead.
    #[must_use]
    pub fn saturating_duration_since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(nanoseconds))
    }
}

impl AddAssign<Duration> for Instant {
    fn add_assign(&mut self, duration: Duration) {
        *self = *self + duration;
    }
}

impl Sub for Instant {
    type Output = Duration;

    /// The time between the two; zero when `earlier` lies ahead.
    fn sub(self, earlier: Self) -> Duration {
        self.saturating_duration_since(earlier)
    }
}
