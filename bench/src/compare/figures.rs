//! A run's figures, and how those of two sides are lined up.
//!
//! A percentile is compared as its ratio to the floor of the same run, where every run of both
//! sides has one: up to p99 the median of the rounds' paired ratios, beyond that, where a round has
//! too few samples, the quotient of the run's percentiles. Else it is compared as a time.
//! Invariant: all values of a figure are of the same kind, and there is one for each run.

use serde::Serialize;

use super::runs::{Run, Side};
use crate::harness::statistics::{P50, P90, P99, P99_9, Percentile};
use crate::report::Report;
use crate::report::ratios::{self, paired};

/// The percentiles that are compared, with what of a round makes their paired ratio.
const PERCENTILES: [(Percentile, Option<ratios::Figure>); 4] =
    [(P50, Some(ratios::P50)), (P90, Some(ratios::P90)), (P99, Some(ratios::P99)), (P99_9, None)];
/// The series that others are measured by. What stands behind one of these marks in a series' name
/// is what it did and how, and its floor is the one that did the same.
const FLOOR: &str = "floor";
const MARKS: [char; 2] = [':', '+'];

/// What the values of a figure are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Basis {
    RatioToFloor,
    Nanoseconds,
}

/// One percentile of one series.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Figure {
    pub(crate) name: &'static str,
    pub(crate) basis: Basis,
    pub(crate) a: Vec<f64>,
    pub(crate) b: Vec<f64>,
}

/// A series that both sides have, with every percentile that all runs support.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Lane {
    pub(crate) series: String,
    pub(crate) figures: Vec<Figure>,
}

/// The floor of a series; the floor has none.
pub(crate) fn floor_of(series: &str) -> Option<String> {
    let (name, suffix) = series.split_at(series.find(MARKS).unwrap_or(series.len()));
    (name != FLOOR).then(|| format!("{FLOOR}{suffix}"))
}

/// The series in the order of A's first run, and sentences about what is left out.
pub(crate) fn line_up(a: &Side, b: &Side) -> (Vec<Lane>, Vec<String>) {
    let (mut lanes, mut notes) = (Vec::new(), Vec::new());
    for series in names(a, b) {
        if let Some(reason) = absence(&series, a).or_else(|| absence(&series, b)) {
            notes.push(reason);
            continue;
        }
        let mut figures = Vec::new();
        for (percentile, paired) in &PERCENTILES {
            match figure(&series, *percentile, paired.as_ref(), a, b) {
                Ok(figure) => figures.push(figure),
                Err(0) => {}
                Err(runs) => notes.push(format!(
                    "{series} {} is left out: only {runs} of {} runs have samples enough for it",
                    percentile.name,
                    a.runs.len() + b.runs.len()
                )),
            }
        }
        if !figures.is_empty() {
            lanes.push(Lane { series, figures });
        }
    }
    (lanes, notes)
}

/// Every series of any run, once.
fn names(a: &Side, b: &Side) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for one in a.runs.iter().chain(&b.runs).flat_map(|run| &run.report.series) {
        if !names.contains(&one.name) {
            names.push(one.name.clone());
        }
    }
    names
}

/// Why a series can't be compared: a run of that side did not measure it.
fn absence(series: &str, side: &Side) -> Option<String> {
    let missing: Vec<&Run> = side
        .runs
        .iter()
        .filter(|run| run.report.series(series).is_none_or(|one| one.samples == 0))
        .collect();
    let unavailable = |run: &&Run| run.report.series(series)?.unavailable.clone();
    missing.first().map(|first| {
        format!(
            "{series} is left out: {} of {} runs of {} did not measure it ({})",
            missing.len(),
            side.runs.len(),
            side.name,
            unavailable(first).unwrap_or_else(|| "it was not asked for".to_owned())
        )
    })
}

/// The values of all runs; the error is how many runs have the percentile, where not all do.
fn figure(
    series: &str,
    percentile: Percentile,
    paired: Option<&ratios::Figure>,
    a: &Side,
    b: &Side,
) -> Result<Figure, usize> {
    let all = |value: &dyn Fn(&Report) -> Option<f64>| {
        let of = |side: &Side| side.runs.iter().map(|run| value(&run.report)).collect();
        Some((of(a), of(b))).and_then(|(a, b): (Option<Vec<f64>>, Option<Vec<f64>>)| a.zip(b))
    };
    let time = |report: &Report| nanoseconds(report, series, percentile);
    let floor = floor_of(series);
    let ratio = |report: &Report| {
        let floor = floor.as_deref()?;
        match paired {
            Some(figure) => paired_ratio(report, series, floor, *figure),
            None => Some(time(report)? / nanoseconds(report, floor, percentile)?),
        }
    };
    let (basis, (a_values, b_values)) = all(&ratio)
        .map(|values| (Basis::RatioToFloor, values))
        .or_else(|| all(&time).map(|values| (Basis::Nanoseconds, values)))
        .ok_or_else(|| {
            a.runs.iter().chain(&b.runs).filter(|run| time(&run.report).is_some()).count()
        })?;
    Ok(Figure { name: percentile.name, basis, a: a_values, b: b_values })
}

/// A time of zero, which nothing can be divided by, is none.
fn nanoseconds(report: &Report, series: &str, percentile: Percentile) -> Option<f64> {
    let value = report.series(series)?.percentile(percentile).filter(|value| *value > 0)?;
    Some(value as f64 / report.unit.in_one_nanosecond())
}

fn paired_ratio(report: &Report, series: &str, floor: &str, figure: ratios::Figure) -> Option<f64> {
    let pair = [(series.to_owned(), floor.to_owned())];
    paired(&report.series, &pair, &[figure]).first()?.median.filter(|median| *median > 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::runs::tests::{run, side};
    use crate::report::summary::{Round, Summary};

    /// A series whose percentile is the same in the run and in each round.
    fn series(name: &str, p50: u64, p99_9: Option<u64>) -> Summary {
        let round = Round { p50: Some(p50), ..Round::default() };
        Summary {
            name: name.to_owned(),
            samples: 9,
            p50: Some(p50),
            p99_9,
            rounds: vec![round; 3],
            ..Summary::default()
        }
    }

    fn sides(of_one: impl Fn(u64) -> Vec<Summary>) -> [Side; 2] {
        ["A", "B"].map(|name| {
            side(name, (0..5).map(|number| run(&format!("{name}{number}"), of_one(number))))
        })
    }

    #[test]
    fn every_series_has_the_floor_that_did_the_same() {
        assert_eq!(floor_of("taut").as_deref(), Some("floor"));
        assert_eq!(floor_of("taut-epoll+think20us").as_deref(), Some("floor+think20us"));
        assert_eq!(floor_of("tokio:64x100").as_deref(), Some("floor:64x100"));
        assert_eq!(floor_of("taut:yield+think").as_deref(), Some("floor:yield+think"));
        assert_eq!(floor_of("floor"), None);
        assert_eq!(floor_of("floor:yield"), None);
        assert_eq!(floor_of("floor+think"), None);
        assert_eq!(floor_of("floors").as_deref(), Some("floor"));
    }

    #[test]
    fn with_a_floor_the_figures_are_ratios_and_a_drifting_host_is_gone() {
        let [a, b] = sides(|number| {
            let host = 1 << number;
            vec![series("floor", 100 * host, Some(1_000)), series("taut", 120 * host, Some(3_000))]
        });
        let (lanes, notes) = line_up(&a, &b);
        assert!(notes.is_empty(), "{notes:?}");
        assert_eq!(lanes.len(), 2);
        let floor = &lanes[0].figures[0];
        assert_eq!((floor.name, floor.basis), ("p50", Basis::Nanoseconds));
        assert_eq!(floor.a, [100.0, 200.0, 400.0, 800.0, 1_600.0]);
        let taut = &lanes[1].figures;
        assert_eq!((taut[0].basis, &taut[0].b), (Basis::RatioToFloor, &vec![1.2; 5]));
        assert_eq!((taut[1].name, taut[1].basis), ("p99.9", Basis::RatioToFloor));
        assert_eq!(taut[1].a, [3.0; 5]);
    }

    #[test]
    fn without_a_floor_in_every_run_the_figures_are_times() {
        let [a, b] = sides(|number| match number {
            3 => vec![series("taut", 120, None)],
            _ => vec![series("floor", 100, None), series("taut", 120, None)],
        });
        let (lanes, notes) = line_up(&a, &b);
        assert_eq!(lanes.len(), 1);
        assert_eq!(lanes[0].figures[0].basis, Basis::Nanoseconds);
        assert!(notes[0].starts_with("floor is left out: 1 of 5 runs of A"), "{notes:?}");
    }

    #[test]
    fn a_percentile_that_some_runs_do_not_support_is_left_out_and_said() {
        let [a, b] = sides(|number| vec![series("taut", 120, (number > 0).then_some(500))]);
        let (lanes, notes) = line_up(&a, &b);
        assert_eq!(lanes[0].figures.len(), 1);
        assert!(notes[0].contains("taut p99.9 is left out: only 8 of 10 runs"), "{notes:?}");
    }

    #[test]
    fn a_series_of_one_side_only_is_said() {
        let [a, _] = sides(|_| vec![series("taut", 120, None)]);
        let unavailable = Summary {
            name: "taut".to_owned(),
            unavailable: Some("no io_uring".to_owned()),
            ..Summary::default()
        };
        let [_, b] = sides(|_| vec![unavailable.clone()]);
        let (lanes, notes) = line_up(&a, &b);
        assert!(lanes.is_empty());
        assert!(notes[0].contains("5 of 5 runs of B did not measure it (no io_uring)"));
    }
}
