//! A histogram as a curve: the values at the percentile steps that the HdrHistogram tools print.
//!
//! Invariant: the steps, and the order of the floating-point operations that make them, are those
//! of the Java library's percentile iterator, so that a file of ours and one of its own compare
//! line by line. The Rust crate's own quantile iterator takes other steps.

use hdrhistogram::Histogram;

/// Steps in each halving of the distance to 100 %: the usual choice of the tools.
pub(crate) const TICKS_PER_HALF_DISTANCE: u32 = 5;

/// One point of the curve.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Point {
    /// Greatest value that the histogram can't tell from the one recorded.
    pub(crate) value: u64,
    /// The percentile reached, 0 to 100.
    pub(crate) percentile: f64,
    /// Samples up to and with this value.
    pub(crate) total_count: u64,
}

impl Point {
    /// `1 / (1 - p)`; `None` at 100 %.
    pub(crate) fn one_in(&self) -> Option<f64> {
        (self.percentile < 100.0).then(|| 1.0 / (1.0 - self.percentile / 100.0))
    }
}

/// The curve of a histogram; empty for an empty one.
pub(crate) fn curve(histogram: &Histogram<u64>, ticks_per_half_distance: u32) -> Vec<Point> {
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
    fn an_empty_histogram_has_no_curve() {
        assert!(curve(&histogram(&[]), 5).is_empty());
    }
}
