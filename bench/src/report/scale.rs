//! The chart's two axes: both logarithmic, `1 / (1 - p)` to the right, latency upwards.

/// The shortest time that is drawn, in ns: a logarithmic axis has no zero.
pub(crate) const LEAST_NS: f64 = 0.1;

/// A logarithmic axis from a range of values onto a range of pixels.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LogScale {
    low: f64,
    high: f64,
    low_pixel: f64,
    high_pixel: f64,
}

impl LogScale {
    /// Values must be positive; a range without extent gets one.
    pub(crate) fn new((low, high): (f64, f64), (low_pixel, high_pixel): (f64, f64)) -> Self {
        let low = low.max(f64::MIN_POSITIVE);
        Self { low, high: high.max(low * 1.01), low_pixel, high_pixel }
    }

    /// Where a value stands; one below the range, at its low end.
    pub(crate) fn pixel(&self, value: f64) -> f64 {
        let share = (value.max(self.low) / self.low).log10() / (self.high / self.low).log10();
        self.low_pixel + share * (self.high_pixel - self.low_pixel)
    }

    /// The values 1, 2 and 5 of each decade that lie in the range.
    pub(crate) fn ticks(&self) -> Vec<f64> {
        let (first, last) = (self.low.log10().floor() as i32, self.high.log10().ceil() as i32);
        (first..=last)
            .flat_map(|decade| [1.0, 2.0, 5.0].map(|digit| digit * 10_f64.powi(decade)))
            .filter(|value| (self.low * 0.999..=self.high * 1.001).contains(value))
            .collect()
    }
}

/// The percentiles that get a grid line, with their labels and `1 / (1 - p)`.
pub(crate) const PERCENTILE_TICKS: [(&str, f64); 8] = [
    ("0 %", 1.0),
    ("50 %", 2.0),
    ("90 %", 10.0),
    ("99 %", 100.0),
    ("99.9 %", 1e3),
    ("99.99 %", 1e4),
    ("99.999 %", 1e5),
    ("99.9999 %", 1e6),
];

/// Nanoseconds in the unit that reads best: `500 ns`, `20 us`, `1.5 ms`, `2 s`.
pub(crate) fn short_time(nanoseconds: f64) -> String {
    let (value, unit) = scaled(nanoseconds);
    // One decimal where it carries something.
    let text = format!("{value:.1}");
    format!("{} {unit}", text.strip_suffix(".0").unwrap_or(&text))
}

/// The same with four digits, for tables: `500 ns`, `20.55 us`, `1.503 ms`.
pub(crate) fn precise_time(nanoseconds: f64) -> String {
    let (value, unit) = scaled(nanoseconds);
    let decimals = match value {
        _ if unit == "ns" && value.fract() == 0.0 => 0,
        value if value < 10.0 => 3,
        value if value < 100.0 => 2,
        _ => 1,
    };
    format!("{value:.decimals$} {unit}")
}

fn scaled(nanoseconds: f64) -> (f64, &'static str) {
    match nanoseconds {
        n if n < 1e3 => (n, "ns"),
        n if n < 1e6 => (n / 1e3, "us"),
        n if n < 1e9 => (n / 1e6, "ms"),
        n => (n / 1e9, "s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decades_are_equally_wide() {
        let scale = LogScale::new((1.0, 1_000.0), (0.0, 300.0));
        for (value, pixel) in [(1.0, 0.0), (10.0, 100.0), (100.0, 200.0), (1_000.0, 300.0)] {
            assert!((scale.pixel(value) - pixel).abs() < 1e-9);
        }
    }

    #[test]
    fn what_lies_below_the_axis_is_drawn_at_its_end() {
        let scale = LogScale::new((1.0, 1_000.0), (0.0, 300.0));
        assert_eq!((scale.pixel(0.0), scale.pixel(-1.0)), (0.0, 0.0));
    }

    #[test]
    fn ticks_stay_in_the_range() {
        let scale = LogScale::new((8_000.0, 120_000.0), (0.0, 1.0));
        assert_eq!(scale.ticks(), [1e4, 2e4, 5e4, 1e5]);
    }

    #[test]
    fn times_are_short() {
        for (nanoseconds, text) in
            [(500.0, "500 ns"), (20_000.0, "20 us"), (1_500_000.0, "1.5 ms"), (2e9, "2 s")]
        {
            assert_eq!(short_time(nanoseconds), text);
        }
    }

    #[test]
    fn times_of_tables_keep_four_digits() {
        for (nanoseconds, text) in [
            (500.0, "500 ns"),
            (20.7, "20.70 ns"),
            (1_024.0, "1.024 us"),
            (20_550.0, "20.55 us"),
            (121_500_000.0, "121.5 ms"),
        ] {
            assert_eq!(precise_time(nanoseconds), text);
        }
    }
}
