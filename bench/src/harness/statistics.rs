//! Percentiles that the samples support, and the spread of a figure over rounds.
//!
//! Invariant: the p-th percentile of n samples exists only where n * (1 - p) >= 10: fewer than ten
//! samples beyond it say nothing. Everything here runs outside the timed path.

/// A percentile, kept as the integer N of "one sample in N lies beyond it": no rounding decides
/// whether it is supported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Percentile {
    pub(crate) name: &'static str,
    one_in: u64,
}

pub(crate) const P50: Percentile = Percentile { name: "p50", one_in: 2 };
pub(crate) const P90: Percentile = Percentile { name: "p90", one_in: 10 };
pub(crate) const P99: Percentile = Percentile { name: "p99", one_in: 100 };
pub(crate) const P99_9: Percentile = Percentile { name: "p99.9", one_in: 1_000 };
pub(crate) const P99_99: Percentile = Percentile { name: "p99.99", one_in: 10_000 };
pub(crate) const P99_999: Percentile = Percentile { name: "p99.999", one_in: 100_000 };

/// How many samples must lie beyond a percentile.
pub(crate) const SAMPLES_BEYOND: u64 = 10;

impl Percentile {
    /// All that a report shows.
    pub(crate) const ALL: [Self; 6] = [P50, P90, P99, P99_9, P99_99, P99_999];

    /// One sample in so many lies beyond it.
    pub(crate) fn one_in(self) -> u64 {
        self.one_in
    }

    /// Whether `samples` samples say anything about this percentile.
    pub(crate) fn is_supported_by(self, samples: u64) -> bool {
        samples / SAMPLES_BEYOND >= self.one_in
    }

    /// How many samples it takes.
    pub(crate) fn samples_needed(self) -> u64 {
        self.one_in * SAMPLES_BEYOND
    }

    pub(crate) fn quantile(self) -> f64 {
        1.0 - 1.0 / self.one_in as f64
    }

    /// The exact value by nearest rank; reorders the samples, and is linear in their number.
    pub(crate) fn of(self, samples: &mut [u64]) -> Option<u64> {
        let count = samples.len() as u64;
        if !self.is_supported_by(count) {
            return None;
        }
        let index = count - count / self.one_in - 1;
        let (_, value, _) = samples.select_nth_unstable(usize::try_from(index).ok()?);
        Some(*value)
    }
}

/// The middle of a figure over rounds: median and quartiles.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

impl Spread {
    /// `None` without values. Between two ranks it interpolates linearly.
    pub(crate) fn of(mut values: Vec<f64>) -> Option<Self> {
        values.sort_by(f64::total_cmp);
        Some(Self {
            median: rank(&values, 0.5)?,
            low: rank(&values, 0.25)?,
            high: rank(&values, 0.75)?,
        })
    }
}

fn rank(sorted: &[f64], quantile: f64) -> Option<f64> {
    let position = quantile * sorted.len().checked_sub(1)? as f64;
    let below = sorted.get(position.floor() as usize)?;
    let above = sorted.get(position.ceil() as usize)?;
    Some(below + (above - below) * position.fract())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_needs_ten_samples_beyond_it() {
        for (percentile, samples) in
            [(P50, 20), (P90, 100), (P99, 1_000), (P99_9, 10_000), (P99_999, 1_000_000)]
        {
            assert!(percentile.is_supported_by(samples), "{}", percentile.name);
            assert!(!percentile.is_supported_by(samples - 1), "{}", percentile.name);
            assert_eq!(percentile.samples_needed(), samples);
        }
    }

    #[test]
    fn nearest_rank_of_one_to_a_thousand_is_the_number_itself() {
        let mut samples: Vec<u64> = (1..=1_000).rev().collect();
        assert_eq!(P50.of(&mut samples), Some(500));
        assert_eq!(P90.of(&mut samples), Some(900));
        assert_eq!(P99.of(&mut samples), Some(990));
        assert_eq!(P99_9.of(&mut samples), None);
    }

    #[test]
    fn spread_is_median_and_quartiles() {
        let spread = Spread::of(vec![5.0, 1.0, 3.0, 2.0, 4.0]);
        assert_eq!(spread, Some(Spread { median: 3.0, low: 2.0, high: 4.0 }));
        let spread = Spread::of(vec![1.0, 2.0]);
        assert_eq!(spread, Some(Spread { median: 1.5, low: 1.25, high: 1.75 }));
        assert_eq!(Spread::of(vec![]), None);
        assert_eq!(Spread::of(vec![7.0]), Some(Spread { median: 7.0, low: 7.0, high: 7.0 }));
    }
}
