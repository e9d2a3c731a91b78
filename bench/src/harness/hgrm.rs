//! The `.hgrm` text of the HdrHistogram tools: a percentile table that plotFiles.html, the gnuplot
//! script and spreadsheets read.
//!
//! Invariant: byte for byte what the Java library's `outputPercentileDistribution` prints with a
//! scaling of one, values in ns. That includes its rounding, which is half up on the shortest
//! decimal form of a number where Rust's own formatting is exact.

use std::fmt::Write as _;

use hdrhistogram::Histogram;

use super::distribution::{TICKS_PER_HALF_DISTANCE, curve};

/// The whole file's text.
pub(crate) fn text(histogram: &Histogram<u64>) -> String {
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
    let _ = writeln!(
        text,
        "#[Mean    = {:>12}, StdDeviation   = {:>12}]",
        figure(histogram.mean()),
        figure(histogram.stdev())
    );
    let _ = writeln!(
        text,
        "#[Max     = {:>12}, Total count    = {:>12}]",
        figure(histogram.max() as f64),
        histogram.len()
    );
    let _ = writeln!(
        text,
        "#[Buckets = {:>12}, SubBuckets     = {:>12}]",
        histogram.buckets(),
        sub_buckets(histogram.sigfig())
    );
    text
}

/// Equal steps in each bucket: the power of two that keeps twice the asked resolution.
fn sub_buckets(digits: u8) -> u64 {
    (2 * 10_u64.pow(u32::from(digits))).next_power_of_two()
}

/// A finite number of at least zero with so many decimals, rounded half up.
fn fixed(value: f64, decimals: usize) -> String {
    // Rust prints the shortest digits that mean this number, never with an exponent.
    let shortest = value.to_string();
    let (whole, fraction) = shortest.split_once('.').unwrap_or((&shortest, ""));
    let kept = fraction.get(..decimals).unwrap_or(fraction);
    let mut digits: Vec<u8> = whole.bytes().chain(kept.bytes()).collect();
    digits.resize(whole.len() + decimals, b'0');
    if fraction.as_bytes().get(decimals).is_some_and(|&digit| digit >= b'5') {
        round_up(&mut digits);
    }
    let mut text: String = digits.iter().map(|&digit| char::from(digit)).collect();
    if decimals > 0 {
        text.insert(text.len() - decimals, '.');
    }
    text
}

/// Adds one to the last of these decimal digits.
fn round_up(digits: &mut Vec<u8>) {
    for digit in digits.iter_mut().rev() {
        if *digit < b'9' {
            *digit += 1;
            return;
        }
        *digit = b'0';
    }
    digits.insert(0, b'1');
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
    fn rounding_is_half_up_on_the_shortest_digits() {
        assert_eq!(fixed(0.999_877_929_687_5, 12), "0.999877929688");
        assert_eq!(fixed(2.5, 0), "3");
        assert_eq!(fixed(0.125, 2), "0.13");
        assert_eq!(fixed(1.005, 2), "1.01");
        assert_eq!(fixed(9.999, 2), "10.00");
        assert_eq!(fixed(10_551.0, 3), "10551.000");
        assert_eq!(fixed(0.0, 12), "0.000000000000");
    }

    #[test]
    fn an_empty_histogram_is_a_header_and_a_footer() {
        let histogram = Histogram::new_with_bounds(1, 1_000_000, 3).unwrap();
        let text = text(&histogram);
        assert_eq!(text.lines().filter(|line| line.starts_with('#')).count(), 3);
        assert_eq!(text.lines().count(), 5);
    }
}
