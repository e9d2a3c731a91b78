//! The columns of a series' figures, the same in every form of the report.

use super::Unit;
use super::scale::precise_time;
use super::summary::Summary;

/// Where a column finds its figure.
#[derive(Clone, Copy, Debug)]
enum Figure {
    Count(fn(&Summary) -> u64),
    Time(fn(&Summary) -> Option<u64>),
    /// With so many decimals.
    Number(fn(&Summary) -> Option<f64>, usize),
}

/// One column.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    pub(crate) name: &'static str,
    figure: Figure,
}

/// All of them, in their order.
pub(crate) const COLUMNS: [Column; 14] = [
    Column { name: "count", figure: Figure::Count(|one| one.samples) },
    Column { name: "min", figure: Figure::Time(|one| one.min) },
    Column { name: "p50", figure: Figure::Time(|one| one.p50) },
    Column { name: "p90", figure: Figure::Time(|one| one.p90) },
    Column { name: "p99", figure: Figure::Time(|one| one.p99) },
    Column { name: "p99.9", figure: Figure::Time(|one| one.p99_9) },
    Column { name: "p99.99", figure: Figure::Time(|one| one.p99_99) },
    Column { name: "max", figure: Figure::Time(|one| one.max) },
    Column { name: "ops/s", figure: Figure::Number(|one| one.ops_per_s, 0) },
    Column {
        name: "MiB/s",
        figure: Figure::Number(|one| one.bytes_per_s.map(|bytes| bytes / f64::from(1 << 20)), 1),
    },
    Column { name: "cpu ns/op", figure: Figure::Number(|one| one.cpu_ns_per_op, 0) },
    Column { name: "sleeps/op", figure: Figure::Number(|one| one.voluntary_switches_per_op, 2) },
    Column { name: "syscalls/op", figure: Figure::Number(|one| one.syscalls_per_op, 2) },
    Column { name: "allocs/op", figure: Figure::Number(|one| one.allocations_per_op, 4) },
];

/// What stands for a figure that is not there.
pub(crate) const ABSENT: &str = "-";

impl Column {
    /// The figure, times in ns without their unit.
    pub(crate) fn in_ns(&self, series: &Summary, unit: Unit) -> String {
        self.shown(series, |value| match unit {
            Unit::Nanoseconds => value.to_string(),
            Unit::Picoseconds => format!("{:.1}", unit.nanoseconds(value)),
        })
    }

    /// The figure, times in the unit that reads best.
    pub(crate) fn readable(&self, series: &Summary, unit: Unit) -> String {
        self.shown(series, |value| precise_time(unit.nanoseconds(value)))
    }

    /// Whether the figure is a time.
    pub(crate) fn is_time(&self) -> bool {
        matches!(self.figure, Figure::Time(_))
    }

    fn shown(&self, series: &Summary, time: impl Fn(u64) -> String) -> String {
        match self.figure {
            Figure::Count(count) => count(series).to_string(),
            Figure::Time(of) => of(series).map_or_else(|| ABSENT.to_owned(), time),
            Figure::Number(of, digits) => decimal(of(series), digits),
        }
    }
}

/// A number with so many decimals.
pub(crate) fn decimal(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| ABSENT.to_owned(), |value| format!("{value:.digits$}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_shown_in_ns_whatever_the_unit() {
        let p50 = COLUMNS.iter().find(|column| column.name == "p50").unwrap();
        let one = Summary { p50: Some(20_700), ..Summary::default() };
        assert_eq!(p50.in_ns(&one, Unit::Picoseconds), "20.7");
        assert_eq!(p50.in_ns(&one, Unit::Nanoseconds), "20700");
        assert_eq!(p50.readable(&one, Unit::Nanoseconds), "20.70 us");
        assert_eq!(p50.readable(&Summary::default(), Unit::Nanoseconds), ABSENT);
    }
}
