//! Everything that was recorded under one name.
//!
//! Samples arrive slice by slice, are folded into a histogram and leave their exact percentiles of
//! the round behind, from which the paired ratios are made, and the round's histogram as text, for
//! the `.hlog`. Cost: about 400 KiB a series and a few KiB a round; nothing here runs in the timed
//! path.

use hdrhistogram::Histogram;

use super::counters::Counters;
use super::statistics::{P50, P90, P99, P99_9};
use crate::report::summary::{Round, Summary, text};

/// Greatest value that is told apart, in the report's unit; greater ones count as this.
const LONGEST: u64 = 60_000_000_000;
/// Decimal digits that the histogram keeps.
const DIGITS: u8 = 3;

/// What a slice yields besides its samples.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Slice {
    /// From the first recorded operation to the last.
    pub(crate) elapsed_ns: u64,
    /// Operations done in that time; 0 where each has a sample.
    pub(crate) operations: u64,
    /// Payload in one direction.
    pub(crate) bytes: u64,
    pub(crate) server: Counters,
    pub(crate) client: Counters,
    /// Whether the warm-up missed its time or its count.
    pub(crate) cold: bool,
}

/// When a slice ran, and what the host did meanwhile.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Interval {
    /// Since the run began.
    pub(crate) started_ms: f64,
    pub(crate) server_core_interrupts: u64,
    pub(crate) client_core_interrupts: u64,
}

/// One series of a run.
#[derive(Debug)]
pub(crate) struct Series {
    pub(crate) name: String,
    /// Version and settings of what is measured.
    pub(crate) about: Option<String>,
    /// Why there is nothing to see here, for a series that could not run.
    pub(crate) unavailable: Option<String>,
    /// Whether this is a peer's, whose failure is a result of the run and not its end.
    pub(crate) of_peer: bool,
    /// A series that spins with system calls: most of those it makes find nothing.
    pub(crate) polls_by_syscall: bool,
    pub(crate) histogram: Histogram<u64>,
    /// Of the latest round; kept so that a slice allocates no other.
    of_round: Histogram<u64>,
    pub(crate) rounds: Vec<Round>,
    pub(crate) server: Counters,
    pub(crate) client: Counters,
    pub(crate) cold_slices: u64,
    elapsed_ns: u64,
    operations: u64,
    bytes: u64,
}

impl Series {
    pub(crate) fn new(name: impl Into<String>) -> Self {
        let histogram = Histogram::new_with_bounds(1, LONGEST, DIGITS)
            // Invariant: the bounds and digits above are constants that the crate accepts.
            .expect("1 to 60 s with 3 digits is a valid histogram");
        Self {
            name: name.into(),
            about: None,
            unavailable: None,
            of_peer: false,
            polls_by_syscall: false,
            of_round: histogram.clone(),
            histogram,
            rounds: Vec::new(),
            server: Counters::default(),
            client: Counters::default(),
            cold_slices: 0,
            elapsed_ns: 0,
            operations: 0,
            bytes: 0,
        }
    }

    /// Adds a recorded slice as one round; the samples come back reordered.
    pub(crate) fn add(&mut self, slice: &Slice, interval: &Interval, samples: &mut [u64]) {
        let operations = match slice.operations {
            0 => samples.len() as u64,
            counted => counted,
        };
        self.of_round.reset();
        for &sample in &*samples {
            self.of_round.saturating_record(sample.max(1));
        }
        let both = |figure: fn(&Counters) -> u64| figure(&slice.server) + figure(&slice.client);
        self.rounds.push(Round {
            started_ms: decimals(interval.started_ms, 3),
            length_ms: decimals(slice.elapsed_ns as f64 / 1e6, 3),
            samples: samples.len() as u64,
            p50: P50.of(samples),
            p90: P90.of(samples),
            p99: P99.of(samples),
            p99_9: P99_9.of(samples),
            max: samples.iter().copied().max(),
            ops_per_s: rate(operations, slice.elapsed_ns),
            cpu_ns_per_op: figure(slice.server.per_operation(slice.server.cpu_ns), 1),
            voluntary_switches: both(|one| one.voluntary_switches),
            involuntary_switches: both(|one| one.involuntary_switches),
            page_faults: both(|one| one.page_faults),
            server_core_interrupts: interval.server_core_interrupts,
            client_core_interrupts: interval.client_core_interrupts,
            run: 0,
            histogram: text(&self.of_round),
        });
        // Invariant: both have the same bounds.
        self.histogram.add(&self.of_round).expect("a round's histogram fits the series'");
        self.elapsed_ns += slice.elapsed_ns;
        self.operations += operations;
        self.bytes += slice.bytes;
        self.server = self.server.plus(&slice.server);
        self.client = self.client.plus(&slice.client);
        self.cold_slices += u64::from(slice.cold);
    }

    /// Takes it out of the run, with all that was recorded of it.
    pub(crate) fn give_up(&mut self, reason: String) {
        let (name, about) = (std::mem::take(&mut self.name), self.about.take());
        let of_peer = self.of_peer;
        *self = Self { about, of_peer, unavailable: Some(reason), ..Self::new(name) };
    }

    pub(crate) fn summary(&self) -> Summary {
        let server = &self.server;
        Summary {
            name: self.name.clone(),
            about: self.about.clone(),
            unavailable: self.unavailable.clone(),
            ops_per_s: rate(self.operations, self.elapsed_ns),
            bytes_per_s: (self.bytes > 0).then(|| rate(self.bytes, self.elapsed_ns)).flatten(),
            syscalls_per_op: figure(server.syscalls_per_operation(), 4),
            allocations_per_op: figure(server.allocations_per_operation(), 6),
            cpu_ns_per_op: figure(server.per_operation(server.cpu_ns), 1),
            client_cpu_ns_per_op: figure(self.client.per_operation(self.client.cpu_ns), 1),
            voluntary_switches_per_op: figure(server.per_operation(server.voluntary_switches), 4),
            involuntary_switches: server.involuntary_switches,
            page_faults: server.page_faults,
            rounds: self.rounds.clone(),
            ..Summary::of(&self.histogram)
        }
    }
}

fn rate(count: u64, elapsed_ns: u64) -> Option<f64> {
    (elapsed_ns > 0).then(|| decimals(count as f64 * 1e9 / elapsed_ns as f64, 1))
}

fn figure(value: Option<f64>, digits: i32) -> Option<f64> {
    value.map(|value| decimals(value, digits))
}

/// The number with so many decimals: the rest is noise in a report.
pub(crate) fn decimals(value: f64, digits: i32) -> f64 {
    let scale = 10_f64.powi(digits);
    (value * scale).round() / scale
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::counters::Inside;

    #[test]
    fn a_summary_leaves_out_what_the_samples_do_not_support() {
        let mut series = Series::new("floor");
        let inside = Inside { operations: 1_001, syscalls: Some(2_002), allocations: 0 };
        let server = Counters {
            operations: 1_000,
            cpu_ns: 900_000,
            inside: Some(inside),
            ..Counters::default()
        };
        let slice = Slice { elapsed_ns: 1_000_000, bytes: 64_000, server, ..Slice::default() };
        let mut samples: Vec<u64> = (1..=1_000).collect();
        series.add(&slice, &Interval::default(), &mut samples);
        let summary = series.summary();
        assert_eq!((summary.samples, summary.min, summary.max), (1_000, Some(1), Some(1_000)));
        assert_eq!((summary.p50, summary.p99), (Some(500), Some(990)));
        assert_eq!((summary.p99_9, summary.p99_99), (None, None));
        assert_eq!((summary.ops_per_s, summary.bytes_per_s), (Some(1e6), Some(64e6)));
        assert_eq!(summary.syscalls_per_op, Some(2.0));
        assert_eq!(summary.allocations_per_op, Some(0.0));
        assert_eq!(summary.cpu_ns_per_op, Some(900.0));
        let round = &series.rounds[0];
        assert_eq!((round.p50, round.p99, round.max), (Some(500), Some(990), Some(1_000)));
        assert_eq!(round.p99_9, None);
        assert_eq!(series.cold_slices, 0);
    }

    #[test]
    fn each_round_keeps_a_histogram_of_its_own_samples() {
        let mut series = Series::new("floor");
        for samples in [&mut [1_000_u64, 2_000][..], &mut [3_000], &mut []] {
            series.add(&Slice::default(), &Interval::default(), samples);
        }
        let rounds: Vec<Option<(u64, u64)>> = series
            .rounds
            .iter()
            .map(|round| {
                round.histogram.as_deref().map(|text| taut::latency::hlog::decode(text).unwrap())
            })
            .map(|histogram| histogram.map(|histogram| (histogram.len(), histogram.min())))
            .collect();
        assert_eq!(rounds, [Some((2, 1_000)), Some((1, 3_000)), None]);
        assert_eq!(series.histogram.len(), 3);
    }

    #[test]
    fn operations_without_samples_of_their_own_count_for_the_rate() {
        let mut series = Series::new("tasks");
        let slice = Slice { elapsed_ns: 1_000_000, operations: 5_000, ..Slice::default() };
        series.add(&slice, &Interval::default(), &mut [20, 21]);
        assert_eq!(series.summary().ops_per_s, Some(5e6));
        assert_eq!(series.summary().samples, 2);
    }

    #[test]
    fn a_series_without_samples_has_no_figures() {
        let summary = Series::new("taut").summary();
        assert_eq!(summary.samples, 0);
        assert!(summary.min.is_none() && summary.max.is_none() && summary.mean.is_none());
        assert!(summary.ops_per_s.is_none() && summary.syscalls_per_op.is_none());
        assert!(summary.histogram.is_none());
    }
}
