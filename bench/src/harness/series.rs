//! One line of the report: everything that was recorded under one name.
//!
//! Samples arrive slice by slice, are folded into a histogram and leave their exact percentiles of
//! the round behind, from which the paired ratios are made. Cost: about 200 KiB a series; nothing
//! here runs in the timed path.

use hdrhistogram::Histogram;
use serde::Serialize;

use super::counters::Counters;
use super::statistics::{P50, P90, P99, P99_9, P99_99, Percentile};

/// Greatest latency that is told apart; longer ones count as this.
const LONGEST_NS: u64 = 60_000_000_000;
/// Decimal digits that the histogram keeps.
const DIGITS: u8 = 3;

/// The figures of one round, exact, where its samples support them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Round {
    pub(crate) p50: Option<u64>,
    pub(crate) p99: Option<u64>,
}

/// What a slice yields besides its samples.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Slice {
    /// From the first recorded send to the last recorded reply.
    pub(crate) elapsed_ns: u64,
    pub(crate) server: Counters,
    pub(crate) client: Counters,
    /// Whether the warm-up reached both its time and its count.
    pub(crate) warm: bool,
}

/// One series of a run.
#[derive(Debug)]
pub(crate) struct Series {
    pub(crate) name: String,
    /// Why there is nothing to see here, for a series that could not run.
    pub(crate) unavailable: Option<String>,
    /// A series that spins with system calls: most of those it makes find nothing.
    pub(crate) polls_by_syscall: bool,
    pub(crate) histogram: Histogram<u64>,
    pub(crate) rounds: Vec<Round>,
    pub(crate) server: Counters,
    pub(crate) client: Counters,
    pub(crate) cold_slices: u64,
    elapsed_ns: u64,
}

/// A series as it stands in the report; times in ns, `None` where the samples say nothing.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Summary {
    pub(crate) name: String,
    pub(crate) samples: u64,
    pub(crate) min: Option<u64>,
    pub(crate) p50: Option<u64>,
    pub(crate) p90: Option<u64>,
    pub(crate) p99: Option<u64>,
    pub(crate) p99_9: Option<u64>,
    pub(crate) p99_99: Option<u64>,
    pub(crate) max: Option<u64>,
    pub(crate) mean: Option<f64>,
    pub(crate) ops_per_s: Option<f64>,
    pub(crate) syscalls_per_op: Option<f64>,
    pub(crate) allocations_per_op: Option<f64>,
}

impl Series {
    pub(crate) fn new(name: String) -> Self {
        let histogram = Histogram::new_with_bounds(1, LONGEST_NS, DIGITS)
            // Invariant: the bounds and digits above are constants that the crate accepts.
            .expect("1 to 60 s with 3 digits is a valid histogram");
        Self {
            name,
            unavailable: None,
            polls_by_syscall: false,
            histogram,
            rounds: Vec::new(),
            server: Counters::default(),
            client: Counters::default(),
            cold_slices: 0,
            elapsed_ns: 0,
        }
    }

    /// Adds a recorded slice as one round; the samples, in ns, come back reordered.
    pub(crate) fn add(&mut self, slice: &Slice, samples_ns: &mut [u64]) {
        self.rounds.push(Round { p50: P50.of(samples_ns), p99: P99.of(samples_ns) });
        for &sample in &*samples_ns {
            self.histogram.saturating_record(sample.max(1));
        }
        self.elapsed_ns += slice.elapsed_ns;
        self.server = self.server.plus(&slice.server);
        self.client = self.client.plus(&slice.client);
        self.cold_slices += u64::from(!slice.warm);
    }

    pub(crate) fn summary(&self) -> Summary {
        let samples = self.histogram.len();
        let some = |value: u64| (samples > 0).then_some(value);
        let at = |percentile: Percentile| {
            percentile
                .is_supported_by(samples)
                .then(|| self.histogram.value_at_quantile(percentile.quantile()))
        };
        Summary {
            name: self.name.clone(),
            samples,
            min: some(self.histogram.min()),
            p50: at(P50),
            p90: at(P90),
            p99: at(P99),
            p99_9: at(P99_9),
            p99_99: at(P99_99),
            max: some(self.histogram.max()),
            mean: (samples > 0).then(|| decimals(self.histogram.mean(), 1)),
            ops_per_s: (self.elapsed_ns > 0)
                .then(|| decimals(samples as f64 * 1e9 / self.elapsed_ns as f64, 1)),
            syscalls_per_op: self
                .server
                .per_operation(self.server.syscalls)
                .map(|x| decimals(x, 4)),
            allocations_per_op: self
                .server
                .per_operation(self.server.allocations)
                .map(|x| decimals(x, 6)),
        }
    }
}

/// The number with so many decimals: the rest is noise in a report.
pub(crate) fn decimals(value: f64, digits: i32) -> f64 {
    let scale = 10_f64.powi(digits);
    (value * scale).round() / scale
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_leaves_out_what_the_samples_do_not_support() {
        let mut series = Series::new("floor".to_owned());
        let server = Counters { operations: 1_001, syscalls: 2_002, ..Counters::default() };
        let slice = Slice { elapsed_ns: 1_000_000, server, warm: true, ..Slice::default() };
        let mut samples: Vec<u64> = (1..=1_000).collect();
        series.add(&slice, &mut samples);
        let summary = series.summary();
        assert_eq!((summary.samples, summary.min, summary.max), (1_000, Some(1), Some(1_000)));
        assert_eq!((summary.p50, summary.p99), (Some(500), Some(990)));
        assert_eq!((summary.p99_9, summary.p99_99), (None, None));
        assert_eq!(summary.ops_per_s, Some(1e6));
        assert_eq!(summary.syscalls_per_op, Some(2.0));
        assert_eq!(summary.allocations_per_op, Some(0.0));
        assert_eq!(series.rounds, [Round { p50: Some(500), p99: Some(990) }]);
        assert_eq!(series.cold_slices, 0);
    }

    #[test]
    fn a_series_without_samples_has_no_figures() {
        let summary = Series::new("taut".to_owned()).summary();
        assert_eq!(summary.samples, 0);
        assert!(summary.min.is_none() && summary.max.is_none() && summary.mean.is_none());
        assert!(summary.ops_per_s.is_none() && summary.syscalls_per_op.is_none());
    }
}
