//! The run itself: round after round, one slice of every series in each.
//!
//! Invariant: between two slices nothing but folding and printing happens, and neither while a
//! message is in flight. Cost: one vector of samples, allocated and touched before the first slice.

use std::time::{Duration, Instant};

use super::clock::Clock;
use super::plan::{Plan, SliceBudget};
use super::series::{Series, Slice};

/// How a run ended.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) rounds_done: usize,
    /// Why it ended early, where nothing that was recorded can be trusted.
    pub(crate) failure: Option<String>,
    pub(crate) elapsed: Duration,
}

/// How far a run has come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Position {
    pub(crate) rounds_done: usize,
    pub(crate) rounds: usize,
    pub(crate) slices_done: usize,
    pub(crate) slices: usize,
    pub(crate) elapsed: Duration,
}

/// Runs all rounds; `slice` runs one slice of the series with that index and leaves the round
/// trips, in ticks, in the vector.
pub(crate) fn run(
    plan: &Plan,
    clock: &Clock,
    series: &mut [Series],
    mut progress: impl FnMut(&Position, &[Series]),
    mut slice: impl FnMut(usize, &SliceBudget, &mut Vec<u64>) -> Result<Slice, String>,
) -> Outcome {
    let started = Instant::now();
    // Not zeroes: those would be pages that are mapped at the first sample.
    let mut samples = vec![u64::MAX; plan.slice.record_capacity];
    let available: Vec<usize> =
        (0..series.len()).filter(|&index| series[index].unavailable.is_none()).collect();
    let mut outcome = Outcome::default();
    // Round 0 is run like any other and thrown away: caches, the allocator and the kernel's socket
    // buffers then have their final shape.
    for round in 0..=plan.rounds {
        if started.elapsed() > plan.give_up_after {
            break;
        }
        let order = Plan::order(round, available.len());
        for (place, &index) in order.iter().enumerate() {
            let index = available[index];
            samples.clear();
            match slice(index, &plan.slice, &mut samples) {
                Ok(_) if round == 0 => {}
                Ok(figures) => {
                    for sample in &mut samples {
                        *sample = clock.nanoseconds(*sample);
                    }
                    series[index].add(&figures, &mut samples);
                }
                Err(reason) => {
                    outcome.failure = Some(format!("{}: {reason}", series[index].name));
                    outcome.elapsed = started.elapsed();
                    return outcome;
                }
            }
            let position = Position {
                rounds_done: outcome.rounds_done,
                rounds: plan.rounds,
                slices_done: round * available.len() + place + 1,
                slices: (plan.rounds + 1) * available.len(),
                elapsed: started.elapsed(),
            };
            progress(&position, series);
        }
        outcome.rounds_done = round;
    }
    outcome.elapsed = started.elapsed();
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two_series() -> Vec<Series> {
        ["floor", "taut"].map(|name| Series::new(name.to_owned())).into()
    }

    #[test]
    fn every_series_gets_one_slice_a_round_and_the_first_round_is_dropped() {
        let clock = Clock::calibrate(false);
        let plan = Plan::new(Duration::from_secs(1), 9, 2);
        let mut series = two_series();
        let mut calls = 0;
        let outcome = run(
            &plan,
            &clock,
            &mut series,
            |_, _| {},
            |index, _, samples| {
                calls += 1;
                samples.extend(std::iter::repeat_n(100 + index as u64, 20));
                Ok(Slice { warm: true, elapsed_ns: 1, ..Slice::default() })
            },
        );
        assert_eq!((calls, outcome.rounds_done), (20, 9));
        assert!(outcome.failure.is_none());
        assert_eq!(series[1].rounds.len(), 9);
        assert_eq!(series[1].rounds[0].p50, Some(101));
    }

    #[test]
    fn a_lost_reply_ends_the_run_and_names_the_series() {
        let clock = Clock::calibrate(false);
        let plan = Plan::new(Duration::from_secs(1), 9, 2);
        let mut series = two_series();
        let outcome = run(
            &plan,
            &clock,
            &mut series,
            |_, _| {},
            |index, _, _| match index {
                0 => Ok(Slice::default()),
                _ => Err("the reply was lost".to_owned()),
            },
        );
        assert_eq!(outcome.failure.as_deref(), Some("taut: the reply was lost"));
        assert_eq!(outcome.rounds_done, 0);
    }

    #[test]
    fn a_series_that_is_unavailable_is_not_run() {
        let clock = Clock::calibrate(false);
        let plan = Plan::new(Duration::from_secs(1), 2, 2);
        let mut series = two_series();
        series[0].unavailable = Some("no io_uring".to_owned());
        let outcome = run(
            &plan,
            &clock,
            &mut series,
            |_, _| {},
            |index, _, _| {
                assert_eq!(index, 1);
                Ok(Slice::default())
            },
        );
        assert_eq!(outcome.rounds_done, 2);
    }
}
