//! The run itself: round after round, one slice of every lane in each.
//!
//! Invariant: between two slices nothing but folding and printing happens, and neither while an
//! operation is under way. Cost: vectors of samples, allocated and touched before the first slice.

use std::time::{Duration, Instant};

use super::cores::Cores;
use super::host::interrupts;
use super::plan::{Plan, SliceBudget};
use super::series::{Interval, Series, Slice};

/// What one slice runs, and the series that its samples go to: most lanes have one.
#[derive(Debug)]
pub(crate) struct Lane {
    pub(crate) series: Vec<Series>,
}

impl Lane {
    pub(crate) fn of(series: Series) -> Self {
        Self { series: vec![series] }
    }

    fn is_available(&self) -> bool {
        self.series.iter().all(|one| one.unavailable.is_none())
    }
}

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

/// What a slice is given.
#[derive(Debug)]
pub(crate) struct Turn<'a> {
    /// The lane that runs.
    pub(crate) lane: usize,
    pub(crate) budget: &'a SliceBudget,
    /// A round whose times are not kept: what disturbs them may be done here.
    pub(crate) rehearsal: bool,
    /// Where the samples go, in the report's unit: one vector for each series of the lane, empty,
    /// its memory touched.
    pub(crate) samples: &'a mut [Vec<u64>],
}

/// Runs all rounds; `slice` runs one slice of one lane.
pub(crate) fn run(
    plan: &Plan,
    cores: &Cores,
    lanes: &mut [Lane],
    mut progress: impl FnMut(&Position, &[Lane]),
    mut slice: impl FnMut(Turn<'_>) -> Result<Slice, String>,
) -> Outcome {
    let started = Instant::now();
    let widest = lanes.iter().map(|lane| lane.series.len()).max().unwrap_or(0);
    // Not zeroes: those would be pages that are mapped at the first sample.
    let mut samples = vec![vec![u64::MAX; plan.slice.record_capacity]; widest];
    let mut available: Vec<usize> =
        (0..lanes.len()).filter(|&index| lanes[index].is_available()).collect();
    let mut outcome = Outcome::default();
    // What peers took that hung is not held against the others.
    let mut lost = Duration::ZERO;
    // Round 0 is run like any other and thrown away: caches, the allocator and the kernel's socket
    // buffers then have their final shape.
    for round in 0..=plan.rounds {
        // The first round that counts always runs: a report without a sample says nothing.
        if round > 1 && started.elapsed() - lost > plan.give_up_after {
            break;
        }
        let order = Plan::order(round, available.len());
        for (place, &index) in order.iter().enumerate() {
            let lane = available[index];
            samples.iter_mut().for_each(Vec::clear);
            let samples = &mut samples[..lanes[lane].series.len()];
            let interrupts_before = interrupts(&[cores.server, cores.client]);
            let slice_started = started.elapsed();
            let started_ms = slice_started.as_secs_f64() * 1e3;
            let rehearsal = round == 0;
            match slice(Turn { lane, budget: &plan.slice, rehearsal, samples }) {
                Ok(figures) if rehearsal => lanes[lane].rehearse(&figures),
                Ok(figures) => {
                    let after = interrupts(&[cores.server, cores.client]);
                    let since =
                        |place: usize| after[place].saturating_sub(interrupts_before[place]);
                    let interval = Interval {
                        started_ms,
                        server_core_interrupts: since(0),
                        client_core_interrupts: since(1),
                    };
                    lanes[lane].add(&figures, &interval, samples);
                }
                Err(reason) if lanes[lane].series[0].of_peer => {
                    lost += started.elapsed() - slice_started;
                    for series in &mut lanes[lane].series {
                        series.give_up(format!("it failed in round {round}: {reason}"));
                    }
                }
                Err(reason) => {
                    outcome.failure = Some(format!("{}: {reason}", lanes[lane].series[0].name));
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
            progress(&position, lanes);
        }
        available.retain(|&lane| lanes[lane].is_available());
        outcome.rounds_done = round;
    }
    outcome.elapsed = started.elapsed();
    outcome
}

impl Lane {
    fn add(&mut self, slice: &Slice, interval: &Interval, samples: &mut [Vec<u64>]) {
        for (series, samples) in self.series.iter_mut().zip(samples) {
            series.add(slice, interval, samples);
        }
    }

    /// Keeps the one figure of the first round that its disturbances don't change.
    fn rehearse(&mut self, slice: &Slice) {
        for series in &mut self.series {
            series.server.traced_syscalls = slice.server.traced_syscalls;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two_lanes() -> Vec<Lane> {
        ["floor", "taut"].map(|name| Lane::of(Series::new(name))).into()
    }

    fn run_on(
        lanes: &mut [Lane],
        rounds: usize,
        slice: impl FnMut(Turn<'_>) -> Result<Slice, String>,
    ) -> Outcome {
        run_plan(&Plan::new(Duration::from_secs(1), rounds, lanes.len()), lanes, slice)
    }

    fn run_plan(
        plan: &Plan,
        lanes: &mut [Lane],
        slice: impl FnMut(Turn<'_>) -> Result<Slice, String>,
    ) -> Outcome {
        let cores = Cores { server: 0, client: 0, allowed: vec![0] };
        run(plan, &cores, lanes, |_, _| {}, slice)
    }

    #[test]
    fn a_run_that_is_late_has_one_round_and_no_more() {
        let mut lanes = two_lanes();
        let plan = Plan { give_up_after: Duration::ZERO, ..Plan::new(Duration::ZERO, 9, 2) };
        let outcome = run_plan(&plan, &mut lanes, |turn| {
            turn.samples[0].extend([10; 20]);
            Ok(Slice::default())
        });
        assert_eq!((outcome.rounds_done, lanes[0].series[0].rounds.len()), (1, 1));
    }

    #[test]
    fn every_lane_gets_one_slice_a_round_and_the_first_round_is_dropped() {
        let mut lanes = two_lanes();
        let mut calls = 0;
        let outcome = run_on(&mut lanes, 9, |turn| {
            calls += 1;
            assert_eq!(turn.rehearsal, calls <= 2);
            turn.samples[0].extend(std::iter::repeat_n(100 + turn.lane as u64, 20));
            Ok(Slice { elapsed_ns: 1, ..Slice::default() })
        });
        assert_eq!((calls, outcome.rounds_done), (20, 9));
        assert!(outcome.failure.is_none());
        assert_eq!(lanes[1].series[0].rounds.len(), 9);
        assert_eq!(lanes[1].series[0].rounds[0].p50, Some(101));
    }

    #[test]
    fn a_lane_may_fill_several_series() {
        let mut lanes = vec![Lane { series: vec![Series::new("a"), Series::new("a:service")] }];
        run_on(&mut lanes, 1, |turn| {
            turn.samples[0].extend([10; 20]);
            turn.samples[1].extend([7; 20]);
            Ok(Slice::default())
        });
        let p50 = |index: usize| lanes[0].series[index].rounds[0].p50;
        assert_eq!((p50(0), p50(1)), (Some(10), Some(7)));
    }

    #[test]
    fn system_calls_are_kept_from_the_round_whose_times_are_not() {
        let mut lanes = two_lanes();
        run_on(&mut lanes, 1, |turn| {
            let mut slice = Slice::default();
            slice.server.traced_syscalls = turn.rehearsal.then_some((40, 10));
            Ok(slice)
        });
        assert_eq!(lanes[0].series[0].summary().syscalls_per_op, Some(4.0));
    }

    #[test]
    fn a_lost_reply_ends_the_run_and_names_the_series() {
        let outcome = run_on(&mut two_lanes(), 9, |turn| match turn.lane {
            0 => Ok(Slice::default()),
            _ => Err("the reply was lost".to_owned()),
        });
        assert_eq!(outcome.failure.as_deref(), Some("taut: the reply was lost"));
        assert_eq!(outcome.rounds_done, 0);
    }

    #[test]
    fn a_peer_that_fails_is_taken_out_and_the_others_go_on() {
        let mut lanes = two_lanes();
        lanes[1].series[0].of_peer = true;
        let mut calls = 0;
        let outcome = run_on(&mut lanes, 5, |turn| {
            turn.samples[0].extend([10; 20]);
            calls += turn.lane;
            match (turn.lane, calls) {
                (1, 3) => Err("it hangs".to_owned()),
                _ => Ok(Slice::default()),
            }
        });
        assert_eq!((outcome.rounds_done, outcome.failure), (5, None));
        assert_eq!(calls, 3, "never again after its failure");
        assert_eq!(lanes[0].series[0].rounds.len(), 5);
        let failed = lanes[1].series[0].summary();
        assert_eq!(failed.unavailable.as_deref(), Some("it failed in round 2: it hangs"));
        assert_eq!((failed.samples, failed.rounds.len()), (0, 0));
    }

    #[test]
    fn a_series_that_is_unavailable_is_not_run() {
        let mut lanes = two_lanes();
        lanes[0].series[0].unavailable = Some("no io_uring".to_owned());
        let outcome = run_on(&mut lanes, 2, |turn| {
            assert_eq!(turn.lane, 1);
            Ok(Slice::default())
        });
        assert_eq!(outcome.rounds_done, 2);
    }
}
