//! Paired ratios: the only comparison that a noisy host allows.
//!
//! Each round runs every series once, close together in time. The ratio is taken within the round,
//! and what is reported is the median of the rounds with its quartiles.

use serde::{Deserialize, Serialize};

use super::summary::{Round, Summary};
use crate::harness::series::decimals;
use crate::harness::statistics::Spread;

/// One row of the table of ratios; the figures are absent where no round supports them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Ratio {
    pub(crate) series: String,
    pub(crate) to: String,
    /// Which figure: `p50`, `p99`, `ops_per_s`, `cpu_ns_per_op`.
    pub(crate) figure: String,
    pub(crate) median: Option<f64>,
    pub(crate) low: Option<f64>,
    pub(crate) high: Option<f64>,
}

/// A figure of a round that can be compared.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figure {
    pub(crate) name: &'static str,
    of: fn(&Round) -> Option<f64>,
}

pub(crate) const P50: Figure = Figure { name: "p50", of: |round| Some(round.p50? as f64) };
pub(crate) const P90: Figure = Figure { name: "p90", of: |round| Some(round.p90? as f64) };
pub(crate) const P99: Figure = Figure { name: "p99", of: |round| Some(round.p99? as f64) };
pub(crate) const OPS_PER_S: Figure = Figure { name: "ops_per_s", of: |round| round.ops_per_s };
pub(crate) const CPU_PER_OP: Figure =
    Figure { name: "cpu_ns_per_op", of: |round| round.cpu_ns_per_op };

/// All figures that ratios are made of.
const FIGURES: [Figure; 5] = [P50, P90, P99, OPS_PER_S, CPU_PER_OP];

impl Figure {
    /// The figure of that name in a report.
    pub(crate) fn named(name: &str) -> Option<Self> {
        FIGURES.into_iter().find(|figure| figure.name == name)
    }
}

/// The ratios of each pair of names; pairs of which one did not run are left out.
pub(crate) fn paired(
    series: &[Summary],
    pairs: &[(String, String)],
    figures: &[Figure],
) -> Vec<Ratio> {
    let find = |name: &str| {
        series.iter().find(|series| series.name == name && series.unavailable.is_none())
    };
    let mut ratios = Vec::new();
    for (name, to) in pairs {
        let (Some(numerator), Some(denominator)) = (find(name), find(to)) else {
            continue;
        };
        for figure in figures {
            let spread = spread(numerator, denominator, figure);
            ratios.push(Ratio {
                series: name.clone(),
                to: to.clone(),
                figure: figure.name.to_owned(),
                median: spread.map(|spread| decimals(spread.median, 4)),
                low: spread.map(|spread| decimals(spread.low, 4)),
                high: spread.map(|spread| decimals(spread.high, 4)),
            });
        }
    }
    ratios
}

fn spread(numerator: &Summary, denominator: &Summary, figure: &Figure) -> Option<Spread> {
    let last = numerator.rounds.iter().map(|round| round.run).max().unwrap_or(0);
    // A series may lack rounds of a run: those of the next run are no pairs of theirs.
    let rounds = (0..=last).flat_map(|run| of_run(numerator, run).zip(of_run(denominator, run)));
    let ratio = |(above, below): (&Round, &Round)| {
        let below = (figure.of)(below).filter(|below| *below > 0.0)?;
        Some((figure.of)(above)? / below)
    };
    Spread::of(rounds.filter_map(ratio).collect())
}

fn of_run(series: &Summary, run: u32) -> impl Iterator<Item = &Round> {
    series.rounds.iter().filter(move |round| round.run == run)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(name: &str, p50: &[u64]) -> Summary {
        let rounds = p50.iter().map(|&p50| Round { p50: Some(p50), ..Round::default() }).collect();
        Summary { name: name.to_owned(), rounds, ..Summary::default() }
    }

    #[test]
    fn the_ratio_is_taken_within_each_round() {
        // The host slows down threefold half way; each round's ratio is still 1.2.
        let all = [series("floor", &[10, 10, 30, 30]), series("taut", &[12, 12, 36, 36])];
        let ratios = paired(&all, &[("taut".to_owned(), "floor".to_owned())], &[P50, P99]);
        assert_eq!(ratios.len(), 2);
        assert_eq!(ratios[0].figure, "p50");
        assert_eq!(
            (ratios[0].median, ratios[0].low, ratios[0].high),
            (Some(1.2), Some(1.2), Some(1.2))
        );
        assert_eq!((ratios[1].figure.as_str(), ratios[1].median), ("p99", None));
    }

    #[test]
    fn quartiles_show_the_spread() {
        let all = [series("floor", &[10; 5]), series("taut", &[10, 11, 12, 13, 20])];
        let ratio = &paired(&all, &[("taut".to_owned(), "floor".to_owned())], &[P50])[0];
        assert_eq!((ratio.median, ratio.low, ratio.high), (Some(1.2), Some(1.1), Some(1.3)));
    }

    #[test]
    fn a_series_that_did_not_run_has_no_ratio() {
        let mut absent = series("taut", &[]);
        absent.unavailable = Some("no io_uring here".to_owned());
        let all = [series("floor", &[10]), absent];
        let pair = |name: &str| (name.to_owned(), "floor".to_owned());
        assert!(paired(&all, &[pair("taut"), pair("unheard-of")], &[P50]).is_empty());
    }

    #[test]
    fn nothing_is_divided_by_nothing() {
        let all = [series("floor", &[0]), series("taut", &[12])];
        let ratio = &paired(&all, &[("taut".to_owned(), "floor".to_owned())], &[P50])[0];
        assert_eq!(ratio.median, None);
    }

    #[test]
    fn rounds_of_different_runs_are_no_pair() {
        // The floor lacks the second round of the first run, in which the host was fast.
        let mut all = [series("floor", &[10, 30, 30]), series("taut", &[12, 12, 36, 36])];
        for (round, run) in all[0].rounds.iter_mut().zip([0, 1, 1]) {
            round.run = run;
        }
        for (round, run) in all[1].rounds.iter_mut().zip([0, 0, 1, 1]) {
            round.run = run;
        }
        let ratio = &paired(&all, &[("taut".to_owned(), "floor".to_owned())], &[P50])[0];
        assert_eq!((ratio.median, ratio.low, ratio.high), (Some(1.2), Some(1.2), Some(1.2)));
    }
}
