//! A comparison as one object: what the JSON file holds and what is printed.
//!
//! Invariant: no difference stands alone; beside it are its interval, the spread within each side,
//! and the word.

use serde::Serialize;

use super::figures::{Basis, Lane, floor_of, line_up};
use super::judge::{CHANCE_MAX, Finding, Word, judge};
use super::random::Random;
use super::runs::Side;
use super::{check, figures};
use crate::harness::series::decimals;
use crate::harness::statistics::Spread;
use crate::report::text::{align, sentence};

/// The form of the JSON file.
const SCHEMA: u32 = 1;
/// Times below this are printed with a decimal.
const SHORT_NS: f64 = 1_000.0;

/// Everything that is found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Comparison {
    schema: u32,
    workload: String,
    measures: String,
    seed: u64,
    a: About,
    b: About,
    pub(crate) rows: Vec<Row>,
    pub(crate) notes: Vec<String>,
}

/// One side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct About {
    path: String,
    runs: usize,
}

/// One percentile of one series; differences in percent of A's median.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Row {
    pub(crate) series: String,
    figure: &'static str,
    basis: Basis,
    a: Middle,
    b: Middle,
    difference_percent: f64,
    low_percent: f64,
    high_percent: f64,
    p_value: f64,
    pub(crate) word: Word,
}

/// Median and quartiles of one side's runs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
struct Middle {
    median: f64,
    low: f64,
    high: f64,
}

impl Middle {
    fn of(values: &[f64]) -> Option<Self> {
        let Spread { median, low, high } = Spread::of(values.to_vec())?;
        Some(Self { median, low, high })
    }

    /// How far apart the quartiles are, in percent of the median.
    fn spread_percent(&self) -> f64 {
        (self.high - self.low) * 100.0 / self.median
    }
}

impl Comparison {
    /// Compares two sides; the error says why they can't be compared.
    pub(crate) fn of(a: &Side, b: &Side, seed: u64) -> Result<Self, String> {
        check::check(a, b)?;
        let mut notes = check::notes(a, b);
        let (lanes, left_out) = line_up(a, b);
        notes.extend(left_out);
        if lanes.is_empty() {
            return Err(format!(
                "A and B have no series in common that all of their runs measured: {}",
                notes.join("; ")
            ));
        }
        let mut random = Random::new(seed);
        let rows: Vec<Row> = lanes.iter().flat_map(|lane| rows(lane, &mut random)).collect();
        let is_time = |row: &Row| row.basis == Basis::Nanoseconds;
        if rows.iter().any(|row| is_time(row) && floor_of(&row.series).is_some()) {
            notes.push(
                "times that are no ratios to a floor hold what the host did between the runs, \
                 too: where the workload has a floor, let it run beside the others"
                    .to_owned(),
            );
        }
        if lanes.len() > 1 {
            notes.push(format!(
                "each series is judged by itself: of {} that do not differ, up to one in twenty \
                 may be called faster or slower by chance",
                lanes.len()
            ));
        }
        let about =
            |side: &Side| About { path: side.path.display().to_string(), runs: side.runs.len() };
        let report = &a.runs[0].report;
        Ok(Self {
            schema: SCHEMA,
            workload: report.workload.clone(),
            measures: report.environment.measures.clone(),
            seed,
            a: about(a),
            b: about(b),
            rows,
            notes,
        })
    }

    /// Whether anything but the floor is slower.
    pub(crate) fn shows_slower(&self) -> bool {
        let is_slower = |row: &Row| row.word == Word::Slower;
        self.rows.iter().any(|row| is_slower(row) && floor_of(&row.series).is_some())
    }

    pub(crate) fn json(&self) -> Result<String, String> {
        serde_json::to_string_pretty(self)
            .map(|text| text + "\n")
            .map_err(|error| format!("the comparison can't be written as JSON: {error}"))
    }

    /// The printed form.
    pub(crate) fn text(&self) -> String {
        let mut text = format!("compare · {} · {}\n\n", self.workload, self.measures);
        for (name, side) in [("A", &self.a), ("B", &self.b)] {
            text.push_str(&format!("{name}  {}: {} runs\n", side.path, side.runs));
        }
        let head = [
            "series",
            "figure",
            "as",
            "A",
            "spread",
            "B",
            "spread",
            "B to A",
            "95 % interval",
            "verdict",
        ];
        let mut table = vec![head.map(str::to_owned).to_vec()];
        table.extend(self.rows.iter().map(Row::cells));
        text.push('\n');
        text.push_str(&align(&table, 3));
        text.push('\n');
        text.push_str(&sentence("", &legend()));
        if !self.notes.is_empty() {
            text.push('\n');
        }
        for note in &self.notes {
            text.push_str(&sentence("note  ", note));
        }
        text
    }
}

fn legend() -> String {
    format!(
        "A and B are the medians of their runs, spread is the distance of the quartiles in percent \
         of the median. floor: the run's paired ratio to its floor, in which a drifting host \
         cancels out. faster and slower need a 95 % bootstrap interval of the difference without \
         zero, and an exact rank test, corrected for the figures of a series (Holm), that finds at \
         most {:.1} % of chance.",
        CHANCE_MAX * 100.0
    )
}

fn rows(lane: &Lane, random: &mut Random) -> Vec<Row> {
    let samples: Vec<(&[f64], &[f64])> =
        lane.figures.iter().map(|figure| (&figure.a[..], &figure.b[..])).collect();
    let findings = judge(&samples, random);
    let row = |(figure, finding): (&figures::Figure, Finding)| {
        let percent = |part: f64| decimals(part * 100.0, 3);
        Some(Row {
            series: lane.series.clone(),
            figure: figure.name,
            basis: figure.basis,
            a: Middle::of(&figure.a)?,
            b: Middle::of(&figure.b)?,
            difference_percent: percent(finding.difference.estimate),
            low_percent: percent(finding.difference.low),
            high_percent: percent(finding.difference.high),
            p_value: finding.p_value,
            word: finding.word,
        })
    };
    lane.figures.iter().zip(findings).filter_map(row).collect()
}

impl Row {
    fn cells(&self) -> Vec<String> {
        let (basis, digits) = match self.basis {
            Basis::RatioToFloor => ("floor", 3),
            Basis::Nanoseconds if self.a.median < SHORT_NS => ("ns", 1),
            Basis::Nanoseconds => ("ns", 0),
        };
        let middle = |side: &Middle| {
            [format!("{:.digits$}", side.median), format!("{:.1} %", side.spread_percent())]
        };
        let [[a, a_spread], [b, b_spread]] = [&self.a, &self.b].map(middle);
        vec![
            self.series.clone(),
            self.figure.to_owned(),
            basis.to_owned(),
            a,
            a_spread,
            b,
            b_spread,
            format!("{:+.1} %", self.difference_percent),
            format!("{:+.1} to {:+.1} %", self.low_percent, self.high_percent),
            self.word.words().to_owned(),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::runs::tests::{run, side};
    use crate::report::summary::{Round, Summary};

    fn series(name: &str, p50: u64) -> Summary {
        let rounds = vec![Round { p50: Some(p50), ..Round::default() }; 3];
        Summary { name: name.to_owned(), samples: 9, p50: Some(p50), rounds, ..Summary::default() }
    }

    /// Six runs whose floor and other series take these times more each run.
    fn six(name: &'static str, floor: u64, taut: u64) -> Side {
        side(
            name,
            (0..6).map(|number| {
                let (floor, taut) = (floor + number * floor / 10, taut + number * taut / 10);
                run(
                    &format!("2026-{number}-{name}"),
                    vec![series("floor", floor), series("taut", taut + number)],
                )
            }),
        )
    }

    #[test]
    fn what_is_slower_than_its_floor_was_is_slower_though_the_host_drifts() {
        let comparison =
            Comparison::of(&six("A", 10_000, 12_000), &six("B", 10_000, 13_200), 1).unwrap();
        assert_eq!(comparison.rows[0].word, Word::NoDifferenceShown, "the floor");
        let taut = &comparison.rows[1];
        assert_eq!((taut.series.as_str(), taut.basis), ("taut", Basis::RatioToFloor));
        assert_eq!(taut.word, Word::Slower);
        assert!((9.9..10.1).contains(&taut.difference_percent), "{taut:?}");
        assert!(taut.low_percent > 9.0 && taut.high_percent < 11.0, "{taut:?}");
        assert!(comparison.shows_slower());
        let text = comparison.text();
        let line = text.lines().find(|line| line.starts_with("taut")).unwrap();
        let words: Vec<&str> = line.split_whitespace().collect();
        assert_eq!(words[..4], ["taut", "p50", "floor", "1.200"]);
        assert!(line.contains("+10.0 %") && line.ends_with("slower"), "{line}");
        assert!(text.contains("A  A: 6 runs\n"), "{text}");
    }

    #[test]
    fn a_slower_floor_alone_is_the_host() {
        let comparison =
            Comparison::of(&six("A", 10_000, 12_000), &six("B", 20_000, 24_000), 1).unwrap();
        assert_eq!(comparison.rows[0].word, Word::Slower);
        assert_eq!(comparison.rows[1].word, Word::NoDifferenceShown);
        assert!(!comparison.shows_slower());
    }

    #[test]
    fn the_order_of_the_sides_is_the_sign() {
        let (a, b) = (six("A", 10_000, 13_200), six("B", 10_000, 12_000));
        let comparison = Comparison::of(&a, &b, 1).unwrap();
        assert_eq!(comparison.rows[1].word, Word::Faster);
        assert!(comparison.rows[1].difference_percent < -9.0);
    }

    #[test]
    fn the_json_says_the_same_with_the_same_seed() {
        let (a, b) = (six("A", 10_000, 12_000), six("B", 10_000, 12_100));
        let json = |seed| Comparison::of(&a, &b, seed).unwrap().json().unwrap();
        assert_eq!(json(5), json(5));
        let value: serde_json::Value = serde_json::from_str(&json(5)).unwrap();
        assert_eq!(
            (&value["schema"], &value["seed"], &value["a"]["runs"]),
            (&1.into(), &5.into(), &6.into())
        );
        let row = &value["rows"][1];
        assert_eq!((&row["figure"], &row["basis"]), (&"p50".into(), &"ratio_to_floor".into()));
        assert!(row["word"].is_string() && row["a"]["median"].is_f64());
    }

    #[test]
    fn times_without_a_floor_come_with_a_warning() {
        let only = |name: &'static str| {
            side(
                name,
                (0..5).map(|number| {
                    run(&format!("{number}-{name}"), vec![series("taut", 1_000 + number)])
                }),
            )
        };
        let notes = Comparison::of(&only("A"), &only("B"), 1).unwrap().notes;
        assert!(notes[0].contains("no ratios to a floor"), "{notes:?}");
    }

    #[test]
    fn sides_without_a_common_series_are_refused() {
        let of = |name: &'static str, series_name: &str| {
            let runs = (0..5)
                .map(|number| run(&format!("{number}-{name}"), vec![series(series_name, 1_000)]));
            side(name, runs)
        };
        let error = Comparison::of(&of("A", "taut"), &of("B", "other"), 1).unwrap_err();
        assert!(error.contains("no series in common"), "{error}");
        assert!(error.contains("other is left out"), "{error}");
    }
}
