//! The `.hgrm` text of the HdrHistogram tools: a percentile table that plotFiles.html, the gnuplot
//! script and spreadsheets read.
//!
//! Invariant: byte for byte what the Java library's `outputPercentileDistribution` prints with a
//! scaling of one, values in ns, down to its rounding and to the order in which it sums the mean.

use std::fmt::Write as _;

use hdrhistogram::Histogram;

use crate::decimal::fixed;
use crate::distribution::{TICKS_PER_HALF_DISTANCE, curve, greatest};
use crate::layout::steps_per_bucket;

/// The whole file's text.
///
/// ```
/// use taut_latency::{Recorder, hgrm};
///
/// let (recorder, mut snapshots) = Recorder::new();
/// (1_000..2_000).for_each(|latency_ns| recorder.record_ns(latency_ns));
///
/// let text = hgrm::text(&snapshots.snapshot());
/// let first = text.lines().nth(2);
/// assert_eq!(first, Some("    1000.000 0.000000000000          1           1.00"));
/// ```
#[must_use]
pub fn text(histogram: &Histogram<u64>) -> String {
    let digits = usize::from(histogram.sigfig());
    let mut text = format!(
        "{:>12} {:>14} {:>10} {:>14}\n\n",
        "Value", "Percentile", "TotalCount", "1/(1-Percentile)"
    );
    for point in curve(histogram, TICKS_PER_HALF_DISTANCE) {
        let value = fixed(point.value as f64, digits);
        let fraction = fixed(point.percentile / 100.0, 12);
        let count = point.total_count;
        // Writing to a string can't fail, here and below.
        let _ = match point.one_in() {
            Some(one_in) => {
                writeln!(text, "{value:>12} {fraction} {count:>10} {:>14}", fixed(one_in, 2))
            }
            None => writeln!(text, "{value:>12} {fraction} {count:>10}"),
        };
    }
    let figure = |value: f64| fixed(value, digits);
    let (mean, deviation) = mean_and_deviation(histogram);
    let _ = writeln!(
        text,
        "#[Mean    = {:>12}, StdDeviation   = {:>12}]",
        figure(mean),
        figure(deviation)
    );
    let _ = writeln!(
        text,
        "#[Max     = {:>12}, Total count    = {:>12}]",
        figure(greatest(histogram) as f64),
        histogram.len()
    );
    let _ = writeln!(
        text,
        "#[Buckets = {:>12}, SubBuckets     = {:>12}]",
        histogram.buckets(),
        steps_per_bucket(histogram)
    );
    text
}

/// Mean and standard deviation, in ns.
///
/// The histogram's own mean divides each term where the Java library divides their sum, which
/// shows in the last digits.
fn mean_and_deviation(histogram: &Histogram<u64>) -> (f64, f64) {
    if histogram.is_empty() {
        return (0.0, 0.0);
    }
    let samples = histogram.len() as f64;
    let middles = || {
        histogram.iter_recorded().map(|recorded| {
            let middle = histogram.median_equivalent(recorded.value_iterated_to());
            (middle as f64, recorded.count_at_value() as f64)
        })
    };
    let mean = middles().fold(0.0, |sum, (middle, count)| sum + middle * count) / samples;
    let squares = middles().fold(0.0, |sum, (middle, count)| {
        let distance = middle - mean;
        sum + distance * distance * count
    });
    (mean, (squares / samples).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Worked out by hand from the layout: four samples, so each value is a quarter, and steps of
    /// 10, 5 and 2.5 per cent. A mean of 2.5, deviations of 1.5, 0.5, 0.5 and 1.5. Bounds of 1 to
    /// 1 000 000 take ten buckets: 2048 doubled nine times is the first power beyond.
    const FOUR_SAMPLES: &str = "       Value     Percentile TotalCount 1/(1-Percentile)

       1.000 0.000000000000          1           1.00
       1.000 0.100000000000          1           1.11
       1.000 0.200000000000          1           1.25
       2.000 0.300000000000          2           1.43
       2.000 0.400000000000          2           1.67
       2.000 0.500000000000          2           2.00
       3.000 0.550000000000          3           2.22
       3.000 0.600000000000          3           2.50
       3.000 0.650000000000          3           2.86
       3.000 0.700000000000          3           3.33
       3.000 0.750000000000          3           4.00
       4.000 0.775000000000          4           4.44
       4.000 1.000000000000          4
#[Mean    =        2.500, StdDeviation   =        1.118]
#[Max     =        4.000, Total count    =            4]
#[Buckets =           10, SubBuckets     =         2048]
";

    #[test]
    fn four_samples_print_as_the_java_library_prints_them() {
        let mut histogram = Histogram::new_with_bounds(1, 1_000_000, 3).unwrap();
        for value in 1..=4 {
            histogram.record(value).unwrap();
        }
        assert_eq!(text(&histogram), FOUR_SAMPLES);
    }

    #[test]
    fn an_empty_histogram_is_a_header_and_a_footer() {
        let histogram = Histogram::new_with_bounds(1, 1_000_000, 3).unwrap();
        let text = text(&histogram);
        assert_eq!(text.lines().filter(|line| line.starts_with('#')).count(), 3);
        assert_eq!(text.lines().count(), 5);
    }
}
