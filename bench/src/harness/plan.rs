//! How a run's time is divided: many short slices, interleaved.
//!
//! Invariant: in every round each series has exactly one slice, and over the rounds no series
//! keeps its place or its neighbours' order, so that a drifting host can't favour one of them.

use std::time::Duration;

use super::statistics::P99;

/// How long one slice warms up and records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SliceBudget {
    /// Warm-up ends when both its time and its count have passed.
    pub(crate) warm_up: Duration,
    pub(crate) warm_up_count: u64,
    /// A warm-up that takes longer than this is given up, and counted.
    pub(crate) warm_up_longest: Duration,
    /// Recording ends when this has passed and there are `record_count` samples ...
    pub(crate) record: Duration,
    pub(crate) record_count: usize,
    /// ... or, for a slow series, after this.
    pub(crate) record_longest: Duration,
    /// Samples that one slice can hold; it ends when they are full.
    pub(crate) record_capacity: usize,
}

/// The whole run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) rounds: usize,
    pub(crate) slice: SliceBudget,
    /// No round but the first is begun after this.
    pub(crate) give_up_after: Duration,
}

impl Plan {
    /// Divides `duration` among `rounds` rounds of `series` slices, and one unrecorded round.
    pub(crate) fn new(duration: Duration, rounds: usize, series: usize) -> Self {
        let slices = u32::try_from((rounds + 1) * series.max(1)).unwrap_or(u32::MAX);
        let slice = duration / slices;
        let warm_up = (slice / 8).clamp(Duration::from_millis(2), Duration::from_millis(20));
        let record = slice.saturating_sub(warm_up).max(Duration::from_millis(5));
        Self {
            rounds,
            slice: SliceBudget {
                warm_up,
                warm_up_count: 200,
                warm_up_longest: warm_up * 20,
                record,
                record_count: usize::try_from(P99.samples_needed()).unwrap_or(usize::MAX),
                record_longest: record * 2,
                record_capacity: 1 << 19,
            },
            give_up_after: duration * 2 + Duration::from_secs(5),
        }
    }

    /// The plan in a phrase.
    pub(crate) fn describe(&self, lanes: usize) -> String {
        let slice = &self.slice;
        format!(
            "{} of {lanes} slices each, after one that is not recorded; a slice warms up for {} ms \
             and {} operations at least, then records for {} ms and {} samples (at most twice that \
             time)",
            self.rounds,
            slice.warm_up.as_millis(),
            slice.warm_up_count,
            slice.record.as_millis(),
            slice.record_count
        )
    }

    /// The series in the order of that round: the first moves on by one each round, and every
    /// other round runs backwards from it.
    pub(crate) fn order(round: usize, series: usize) -> Vec<usize> {
        (0..series)
            .map(|place| if round.is_multiple_of(2) { place } else { series - place })
            .map(|place| (round + place) % series)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_round_has_each_series_once_and_no_series_keeps_its_place() {
        let mut first_places = [0; 6];
        for round in 0..12 {
            let mut order = Plan::order(round, 6);
            first_places[order[0]] += 1;
            order.sort_unstable();
            assert_eq!(order, [0, 1, 2, 3, 4, 5]);
        }
        assert_eq!(first_places, [2; 6]);
        assert_eq!(Plan::order(2, 4), [2, 3, 0, 1]);
        assert_eq!(Plan::order(3, 4), [3, 2, 1, 0]);
        assert!(Plan::order(1, 0).is_empty());
    }

    #[test]
    fn slices_fill_the_duration() {
        let plan = Plan::new(Duration::from_secs(60), 29, 10);
        let slice = plan.slice;
        assert_eq!(slice.warm_up + slice.record, Duration::from_millis(200));
        assert_eq!(slice.record_count, 1_000);
    }

    #[test]
    fn a_duration_that_is_too_short_still_records() {
        let slice = Plan::new(Duration::from_millis(1), 9, 12).slice;
        assert!(slice.record >= Duration::from_millis(5));
        assert!(slice.warm_up >= Duration::from_millis(2));
    }
}
