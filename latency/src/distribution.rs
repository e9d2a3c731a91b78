//! A histogram as a curve: the values at the percentile steps that the HdrHistogram tools print.
//!
//! Invariant: the steps, and the order of the floating-point operations that make them, are those
//! of the Java library's percentile iterator, so that a file of ours and one of its own compare
//! line by line. The Rust crate's own quantile iterator takes other steps.

use hdrhistogram::Histogram;

/// Steps in each halving of the distance to 100 %: the usual choice of the tools.
pub const TICKS_PER_HALF_DISTANCE: u32 = 5;

/// One point of a histogram's curve.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Greatest value that the histogram can't tell from the one recorded.
    pub value: u64,
    /// The percentile reached, 0 to 100.
    pub percentile: f64,
    /// Samples up to and with this value.
    pub total_count: u64,
}

impl Point {
    /// `1 / (1 - p)`, the scale on which the tools draw: of so many samples, one is greater. `None`
    /// at 100 %.
    #[must_use]
    pub fn one_in(&self) -> Option<f64> {
        (self.percentile < 100.0).then(|| 1.0 / (1.0 - self.percentile / 100.0))
    }
}

/// The curve of a histogram; empty for an empty one.
///
/// # Panics
///
/// When `ticks_per_half_distance` is zero.
///
/// ```
/// use taut_latency::Recorder;
/// use taut_latency::distribution::{TICKS_PER_HALF_DISTANCE, curve};
///
/// let (recorder, mut snapshots) = Recorder::new();
/// (1..=1_000).for_each(|latency_ns| recorder.record_ns(latency_ns));
///
/// let points = curve(&snapshots.snapshot(), TICKS_PER_HALF_DISTANCE);
/// let median = points.iter().find(|point| point.percentile == 50.0);
/// assert_eq!(median.map(|point| point.value), Some(500));
/// ```
#[must_use]
pub fn curve(histogram: &Histogram<u64>, ticks_per_half_distance: u32) -> Vec<Point> {
    assert!(ticks_per_half_distance > 0, "a curve needs at least one step in each halving");
    let all = histogram.len();
    let mut points = Vec::new();
    let mut level = 0.0;
    let mut total_count = 0;
    for recorded in histogram.iter_recorded() {
        total_count += recorded.count_at_value();
        let value = recorded.value_iterated_to();
        let reached = 100.0 * total_count as f64 / all as f64;
        while reached >= level {
            points.push(Point { value, percentile: level, total_count });
            level += step(level, ticks_per_half_distance);
            if total_count >= all {
                points.push(Point { value, percentile: 100.0, total_count });
                return points;
            }
        }
    }
    points
}

/// The greatest value; zero for an empty histogram.
///
/// One that was emptied says by itself, as its maximum, all that it can't tell from zero.
pub(crate) fn greatest(histogram: &Histogram<u64>) -> u64 {
    if histogram.is_empty() { 0 } else { histogram.max() }
}

/// The distance from this level to the next: the same number of steps fits into each halving of
/// what is left to 100 %.
fn step(level: f64, ticks_per_half_distance: u32) -> f64 {
    let halvings = ((100.0 / (100.0 - level)).ln() / 2.0_f64.ln()) as i32 + 1;
    100.0 / (f64::from(ticks_per_half_distance) * 2.0_f64.powi(halvings))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn histogram(values: &[u64]) -> Histogram<u64> {
        let mut histogram = Histogram::new_with_bounds(1, 1_000_000, 3).unwrap();
        for &value in values {
            histogram.record(value).unwrap();
        }
        histogram
    }

    #[test]
    fn steps_halve_with_the_distance_that_is_left() {
        assert_eq!(step(0.0, 5), 10.0);
        assert_eq!(step(40.0, 5), 10.0);
        assert_eq!(step(50.0, 5), 5.0);
        assert_eq!(step(75.0, 5), 2.5);
    }

    #[test]
    fn the_curve_ends_at_all_samples_and_never_falls() {
        let values: Vec<u64> = (0..10_000).map(|i| 10_000 + i * 7 % 5_000).collect();
        let points = curve(&histogram(&values), 5);
        assert!(points.windows(2).all(|pair| pair[0].value <= pair[1].value));
        assert!(points.windows(2).all(|pair| pair[0].percentile < pair[1].percentile));
        let last = points.last().unwrap();
        assert_eq!((last.percentile, last.total_count, last.one_in()), (100.0, 10_000, None));
    }

    #[test]
    fn a_histogram_that_was_emptied_has_no_greatest_value() {
        let mut histogram = Histogram::new_with_bounds(1_000, 1_000_000, 3).unwrap();
        histogram.record(5_000).unwrap();
        assert_eq!(greatest(&histogram), histogram.highest_equivalent(5_000));
        histogram.reset();
        assert_eq!(greatest(&histogram), 0);
    }

    #[test]
    fn an_empty_histogram_has_no_curve() {
        assert!(curve(&histogram(&[]), 5).is_empty());
    }
}
