//! The time source of the timed path: the time-stamp counter where it can be trusted, else the
//! system's monotonic clock.
//!
//! Invariant: one source for a whole run, so that every series pays the same for it. Cost: about
//! 10 ns a reading with the counter, 30 ns or more without.

use std::time::{Duration, Instant};

use crate::sys;

/// How long the counter is compared with the system's clock before the run.
const CALIBRATION: Duration = Duration::from_millis(50);

/// A clock whose readings are ticks; differences become nanoseconds after the timed path.
#[derive(Clone, Debug)]
pub(crate) struct Clock {
    source: Source,
    nanoseconds_per_tick: f64,
    origin: Anchor,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    TimeStampCounter,
    System,
}

/// One moment on both clocks.
#[derive(Clone, Copy, Debug)]
struct Anchor {
    ticks: u64,
    instant: Instant,
}

impl Clock {
    /// Chooses the source; `invariant` says that the counter runs at one rate and never stops.
    pub(crate) fn calibrate(invariant: bool) -> Self {
        let origin = Anchor::take();
        if !(sys::HAS_TIME_STAMP && invariant) {
            return Self { source: Source::System, nanoseconds_per_tick: 1.0, origin };
        }
        while origin.instant.elapsed() < CALIBRATION {
            std::hint::spin_loop();
        }
        let nanoseconds_per_tick = origin.nanoseconds_per_tick(&Anchor::take());
        Self { source: Source::TimeStampCounter, nanoseconds_per_tick, origin }
    }

    /// Whether the readings are the time-stamp counter's.
    pub(crate) fn is_time_stamp_counter(&self) -> bool {
        self.source == Source::TimeStampCounter
    }

    /// The present moment, in ticks.
    #[inline(always)]
    pub(crate) fn now(&self) -> u64 {
        match self.source {
            Source::TimeStampCounter => sys::time_stamp(),
            // 64 bits of nanoseconds are 584 years.
            Source::System => self.origin.instant.elapsed().as_nanos() as u64,
        }
    }

    /// A difference of two readings in nanoseconds.
    pub(crate) fn nanoseconds(&self, ticks: u64) -> u64 {
        (ticks as f64 * self.nanoseconds_per_tick).round() as u64
    }

    /// A duration in ticks.
    pub(crate) fn ticks(&self, duration: Duration) -> u64 {
        (duration.as_nanos() as f64 / self.nanoseconds_per_tick).round() as u64
    }

    /// How far the rate over the whole run is from the calibrated one, in parts per million.
    pub(crate) fn drift_ppm(&self) -> f64 {
        match self.source {
            Source::System => 0.0,
            Source::TimeStampCounter => {
                let whole_run = self.origin.nanoseconds_per_tick(&Anchor::take());
                (whole_run / self.nanoseconds_per_tick - 1.0) * 1e6
            }
        }
    }

    /// The source, for people.
    pub(crate) fn describe(&self) -> String {
        match self.source {
            Source::System => "clock_gettime(CLOCK_MONOTONIC)".to_owned(),
            Source::TimeStampCounter => {
                format!("time-stamp counter, {:.1} MHz", 1e3 / self.nanoseconds_per_tick)
            }
        }
    }
}

impl Anchor {
    /// The closest of several pairs of readings: an interrupt between the two spoils one of them.
    fn take() -> Self {
        let mut closest = Self::pair();
        for _ in 0..16 {
            let next = Self::pair();
            if next.0 < closest.0 {
                closest = next;
            }
        }
        closest.1
    }

    fn pair() -> (u64, Self) {
        let before = sys::time_stamp();
        let instant = Instant::now();
        let width = sys::time_stamp().wrapping_sub(before);
        (width, Self { ticks: before + width / 2, instant })
    }

    fn nanoseconds_per_tick(&self, later: &Self) -> f64 {
        let nanoseconds = later.instant.duration_since(self.instant).as_nanos() as f64;
        nanoseconds / later.ticks.saturating_sub(self.ticks).max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sources_agree_with_the_system_on_a_wait() {
        for invariant in [true, false] {
            let clock = Clock::calibrate(invariant);
            let (start, instant) = (clock.now(), Instant::now());
            while instant.elapsed() < Duration::from_millis(20) {
                std::hint::spin_loop();
            }
            let measured = clock.nanoseconds(clock.now() - start);
            let real = instant.elapsed().as_nanos() as u64;
            assert!(measured.abs_diff(real) < real / 20, "{measured} against {real}");
        }
    }

    #[test]
    fn ticks_and_nanoseconds_are_inverse() {
        let clock = Clock::calibrate(true);
        let nanoseconds = clock.nanoseconds(clock.ticks(Duration::from_millis(3)));
        assert!(nanoseconds.abs_diff(3_000_000) <= 1, "{nanoseconds}");
    }
}
