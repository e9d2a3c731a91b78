//! A series as it stands in a report, and one of its rounds.
//!
//! Invariant: a figure that its samples don't support is `None`. The histogram travels along as
//! the HdrHistogram tools encode it, so that a report can be merged and drawn again.

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};
use taut::latency::hlog;

use crate::harness::series::decimals;
use crate::harness::statistics::{P50, P90, P99, P99_9, P99_99, P99_999, Percentile};

/// One series; times in the report's unit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Summary {
    pub(crate) name: String,
    /// Version and settings of what was measured, where they don't go without saying.
    pub(crate) about: Option<String>,
    /// Why there are no figures.
    pub(crate) unavailable: Option<String>,
    pub(crate) samples: u64,
    pub(crate) min: Option<u64>,
    pub(crate) p50: Option<u64>,
    pub(crate) p90: Option<u64>,
    pub(crate) p99: Option<u64>,
    pub(crate) p99_9: Option<u64>,
    pub(crate) p99_99: Option<u64>,
    pub(crate) p99_999: Option<u64>,
    pub(crate) max: Option<u64>,
    pub(crate) mean: Option<f64>,
    pub(crate) stddev: Option<f64>,
    pub(crate) ops_per_s: Option<f64>,
    /// Payload in one direction.
    pub(crate) bytes_per_s: Option<f64>,
    pub(crate) syscalls_per_op: Option<f64>,
    pub(crate) allocations_per_op: Option<f64>,
    /// Time on a core that the subject took for an operation, spinning included.
    pub(crate) cpu_ns_per_op: Option<f64>,
    pub(crate) client_cpu_ns_per_op: Option<f64>,
    /// How often the subject went to sleep for an operation.
    pub(crate) voluntary_switches_per_op: Option<f64>,
    /// How often the subject lost its core while it was recorded.
    pub(crate) involuntary_switches: u64,
    pub(crate) page_faults: u64,
    pub(crate) rounds: Vec<Round>,
    /// Base64 of the HdrHistogram's V2 deflated form.
    pub(crate) histogram: Option<String>,
}

/// One slice of a series: an interval of the run, with what disturbed it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Round {
    /// Which of the runs of a merged report, from 0.
    #[serde(default)]
    pub(crate) run: u32,
    /// Since its run began.
    pub(crate) started_ms: f64,
    pub(crate) length_ms: f64,
    pub(crate) samples: u64,
    pub(crate) p50: Option<u64>,
    pub(crate) p90: Option<u64>,
    pub(crate) p99: Option<u64>,
    pub(crate) p99_9: Option<u64>,
    pub(crate) max: Option<u64>,
    pub(crate) ops_per_s: Option<f64>,
    pub(crate) cpu_ns_per_op: Option<f64>,
    /// Of subject and client together, as are the next two.
    pub(crate) voluntary_switches: u64,
    pub(crate) involuntary_switches: u64,
    pub(crate) page_faults: u64,
    /// All that `/proc/interrupts` counts for the core, the timer's among them.
    pub(crate) server_core_interrupts: u64,
    pub(crate) client_core_interrupts: u64,
    /// The samples as text; in the run's `.hlog` only, which is made for them.
    #[serde(skip)]
    pub(crate) histogram: Option<String>,
}

impl Summary {
    /// The figures that follow from samples alone.
    pub(crate) fn of(histogram: &Histogram<u64>) -> Self {
        let samples = histogram.len();
        let some = |value: u64| (samples > 0).then_some(value);
        let at = |percentile: Percentile| {
            let supported = percentile.is_supported_by(samples);
            supported.then(|| histogram.value_at_quantile(percentile.quantile()))
        };
        Self {
            samples,
            min: some(histogram.min()),
            p50: at(P50),
            p90: at(P90),
            p99: at(P99),
            p99_9: at(P99_9),
            p99_99: at(P99_99),
            p99_999: at(P99_999),
            max: some(histogram.max()),
            mean: (samples > 0).then(|| decimals(histogram.mean(), 1)),
            stddev: (samples > 0).then(|| decimals(histogram.stdev(), 1)),
            histogram: text(histogram),
            ..Self::default()
        }
    }

    /// The value of that percentile, if the samples support it.
    pub(crate) fn percentile(&self, percentile: Percentile) -> Option<u64> {
        match percentile.one_in() {
            2 => self.p50,
            10 => self.p90,
            100 => self.p99,
            1_000 => self.p99_9,
            10_000 => self.p99_99,
            _ => self.p99_999,
        }
    }

    /// The samples; `None` for a series without any, an error for text that is none.
    pub(crate) fn histogram(&self) -> Option<Result<Histogram<u64>, String>> {
        let text = self.histogram.as_deref()?;
        Some(hlog::decode(text).map_err(|error| format!("the histogram of {} {error}", self.name)))
    }
}

/// The samples as text; `None` where there are none.
pub(crate) fn text(histogram: &Histogram<u64>) -> Option<String> {
    // Every histogram whose counts are u64 has a text.
    (!histogram.is_empty()).then(|| hlog::encode(histogram).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_histogram_is_an_error_that_names_its_series() {
        for text in ["", "AAAA", "not base64!", "HISTFAAA"] {
            let histogram = Some(text.to_owned());
            let summary = Summary { name: "taut".to_owned(), histogram, ..Summary::default() };
            let error = summary.histogram().unwrap().unwrap_err();
            assert!(error.contains("the histogram of taut"), "{error}");
        }
    }
}
