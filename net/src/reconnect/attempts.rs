//! How often, and for how long, a connection is tried for.
//!
//! Invariant: failures are counted from the last connection that held, so a server that accepts and
//! closes, or refuses every log-on, meets the same pauses and limits as one that is gone.

use std::time::Duration;

use taut_runtime::random_u64;
use taut_runtime::time::Instant;

use super::backoff::Backoff;

/// An attempt to connect that is about to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// How many failures there were before it, in a row; a connection that did not hold is one.
    pub failures: u32,
    /// How long it waits first.
    pub pause: Duration,
}

/// What has failed without a connection that held in between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outage {
    /// Attempts, and connections that did not hold, in a row.
    pub attempts: u32,
    /// How long there has been no connection that held.
    pub elapsed: Duration,
}

/// When to try again, and when to give up.
#[derive(Clone, Copy, Debug)]
pub struct AttemptLimits {
    /// How long to wait before each attempt.
    pub backoff: Backoff,
    /// Failures in a row after which it is over; no limit where there is none.
    pub attempts_max: Option<u32>,
    /// How long it goes on without a connection that holds; no limit where there is none.
    pub outage_max: Option<Duration>,
    /// A connection that breaks before this counts as a failure.
    pub stable_after: Duration,
}

/// The count of failures, for who makes a connection anew: what [`ReconnectingStream`] does for
/// TCP, a protocol above does for its own connections.
///
/// [`ReconnectingStream`]: crate::ReconnectingStream
///
/// ```
/// use std::time::Duration;
/// use taut_net::reconnect::{AttemptLimits, Attempts, Backoff};
///
/// taut_runtime::run(async {
///     let mut attempts = Attempts::new(AttemptLimits {
///         backoff: Backoff { first: Duration::from_millis(1), max: Duration::from_secs(1) },
///         attempts_max: Some(2),
///         outage_max: None,
///         stable_after: Duration::from_secs(5),
///     });
///     let attempt = attempts.next(Duration::ZERO).unwrap();
///     assert_eq!((attempt.failures, attempt.pause), (0, Duration::ZERO));
///     attempts.failed();
///     assert!(attempts.next(Duration::ZERO).unwrap().pause <= Duration::from_millis(1));
///     attempts.failed();
///     assert_eq!(attempts.next(Duration::ZERO).unwrap_err().attempts, 2);
/// })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Attempts {
    limits: AttemptLimits,
    failures: u32,
    /// Since when there is no connection that held.
    since: Option<Instant>,
}

impl Attempts {
    /// With no failures so far.
    #[must_use]
    pub fn new(limits: AttemptLimits) -> Self {
        Self { limits, failures: 0, since: None }
    }

    /// The attempt that comes next, with a pause of at least `pause_min`.
    ///
    /// # Errors
    ///
    /// Where the limits are reached, or would be before the pause is over. The count begins anew.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    pub fn next(&mut self, pause_min: Duration) -> Result<Attempt, Outage> {
        let AttemptLimits { backoff, attempts_max, outage_max, .. } = self.limits;
        let elapsed = self.since.get_or_insert_with(Instant::now).elapsed();
        let failures = self.failures;
        let pause = backoff.pause(failures, random_u64()).max(pause_min);
        let enough = attempts_max.is_some_and(|most| failures >= most);
        let late = outage_max.is_some_and(|longest| elapsed.saturating_add(pause) >= longest);
        if enough || late {
            self.begin_anew();
            return Err(Outage { attempts: failures, elapsed });
        }
        Ok(Attempt { failures, pause })
    }

    /// How many failures there were so far, and for how long.
    #[must_use]
    pub fn so_far(&self) -> Outage {
        let elapsed = self.since.map_or(Duration::ZERO, Instant::elapsed);
        Outage { attempts: self.failures, elapsed }
    }

    /// How long the attempts may still take; nothing where there is no limit.
    #[must_use]
    pub fn time_left(&self) -> Option<Duration> {
        self.limits.outage_max.map(|longest| longest.saturating_sub(self.so_far().elapsed))
    }

    /// An attempt failed.
    pub fn failed(&mut self) {
        self.failures = self.failures.saturating_add(1);
    }

    /// A connection was lost that had lived for so long; whether it had held.
    pub fn lost(&mut self, lived: Duration) -> bool {
        let held = lived >= self.limits.stable_after;
        if held {
            self.begin_anew();
        } else {
            self.failed();
        }
        held
    }

    /// As if nothing had failed.
    pub fn begin_anew(&mut self) {
        (self.failures, self.since) = (0, None);
    }
}
