//! Paired ratios: the only comparison that a noisy host allows.
//!
//! Each round runs every series once, close together in time. The ratio is taken within the round,
//! and what is reported is the median of the rounds with its quartiles.

use serde::Serialize;

use super::series::{Round, Series, decimals};
use super::statistics::Spread;

/// One row of the table of ratios; the figures are absent where no round supports them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Ratio {
    pub(crate) series: String,
    pub(crate) to: String,
    pub(crate) percentile: &'static str,
    pub(crate) median: Option<f64>,
    pub(crate) low: Option<f64>,
    pub(crate) high: Option<f64>,
}

/// Which of a round's figures is compared.
type Figure = fn(&Round) -> Option<u64>;

/// The p50 and p99 ratios of each pair of names; pairs of which one did not run are left out.
pub(crate) fn paired(series: &[Series], pairs: &[(String, String)]) -> Vec<Ratio> {
    let find = |name: &str| {
        series.iter().find(|series| series.name == name && series.unavailable.is_none())
    };
    let mut ratios = Vec::new();
    for (name, to) in pairs {
        let (Some(numerator), Some(denominator)) = (find(name), find(to)) else {
            continue;
        };
        let figures: [(&'static str, Figure); 2] =
            [("p50", |round| round.p50), ("p99", |round| round.p99)];
        for (percentile, figure) in figures {
            let spread = spread(numerator, denominator, figure);
            ratios.push(Ratio {
                series: name.clone(),
                to: to.clone(),
                percentile,
                median: spread.map(|spread| decimals(spread.median, 4)),
                low: spread.map(|spread| decimals(spread.low, 4)),
                high: spread.map(|spread| decimals(spread.high, 4)),
            });
        }
    }
    ratios
}

fn spread(numerator: &Series, denominator: &Series, figure: Figure) -> Option<Spread> {
    let rounds = numerator.rounds.iter().zip(&denominator.rounds);
    Spread::of(
        rounds
            .filter_map(|(above, below)| Some(figure(above)? as f64 / figure(below)?.max(1) as f64))
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(name: &str, p50: &[u64]) -> Series {
        let mut series = Series::new(name.to_owned());
        series.rounds = p50.iter().map(|&p50| Round { p50: Some(p50), p99: None }).collect();
        series
    }

    #[test]
    fn the_ratio_is_taken_within_each_round() {
        // The host slows down threefold half way; each round's ratio is still 1.2.
        let all = [series("floor", &[10, 10, 30, 30]), series("taut", &[12, 12, 36, 36])];
        let ratios = paired(&all, &[("taut".to_owned(), "floor".to_owned())]);
        assert_eq!(ratios.len(), 2);
        assert_eq!(ratios[0].percentile, "p50");
        assert_eq!(
            (ratios[0].median, ratios[0].low, ratios[0].high),
            (Some(1.2), Some(1.2), Some(1.2))
        );
        assert_eq!((ratios[1].percentile, ratios[1].median), ("p99", None));
    }

    #[test]
    fn quartiles_show_the_spread() {
        let all = [series("floor", &[10; 5]), series("taut", &[10, 11, 12, 13, 20])];
        let ratio = &paired(&all, &[("taut".to_owned(), "floor".to_owned())])[0];
        assert_eq!((ratio.median, ratio.low, ratio.high), (Some(1.2), Some(1.1), Some(1.3)));
    }

    #[test]
    fn a_series_that_did_not_run_has_no_ratio() {
        let mut absent = series("taut", &[]);
        absent.unavailable = Some("no io_uring here".to_owned());
        let all = [series("floor", &[10]), absent];
        let pair = |name: &str| (name.to_owned(), "floor".to_owned());
        assert!(paired(&all, &[pair("taut"), pair("unheard-of")]).is_empty());
    }
}
