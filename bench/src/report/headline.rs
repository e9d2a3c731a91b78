//! A workload in a few lines: the runtime's median and p99, and what they are beside the others'.

use super::cast::{FLOOR, Role, SLEEPS_PER_OP, TAUT, first_figure, peers, role, split, variants};
use super::columns::{ABSENT, decimal};
use super::ratios::Ratio;
use super::scale::precise_time;
use super::{Report, Unit};

/// One line; what the report does not have is absent.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Headline {
    /// The series that it is about; empty where there is none of ours.
    pub(crate) series: String,
    p50: Option<u64>,
    p99: Option<u64>,
    floor: Option<Versus>,
    /// The best of the peers that sleep while they wait ...
    sleeping: Option<Versus>,
    /// ... and of the others.
    other: Option<Versus>,
}

/// The runtime's first figure beside another's.
#[derive(Debug, PartialEq)]
pub(crate) struct Versus {
    name: String,
    figure: String,
    ratio: Option<Ratio>,
}

impl Headline {
    pub(crate) const COLUMNS: [&'static str; 9] = [
        "workload",
        "measures",
        "status",
        "series",
        "p50",
        "p99",
        "to the floor",
        "to the best blocking peer",
        "to the best spinning peer",
    ];

    /// A line for each variant in which the runtime is compared with something, at least one.
    pub(crate) fn of(report: &Report) -> Vec<Self> {
        let compared = |variant: &str| {
            let ours = |name: &str| role(name) == Role::Ours && split(name).1 == variant;
            report.ratios.iter().any(|ratio| ours(&ratio.series))
        };
        let variants = variants(&report.series).into_iter().filter(|variant| compared(variant));
        let mut lines: Vec<Self> =
            variants.filter_map(|variant| Self::of_variant(report, variant)).collect();
        if lines.is_empty() {
            lines.push(Self::of_variant(report, "").unwrap_or_default());
        }
        lines
    }

    fn of_variant(report: &Report, variant: &str) -> Option<Self> {
        let name = |family: &str| format!("{family}{variant}");
        let is_ours = |name: &str| role(name) == Role::Ours && split(name).1 == variant;
        let ours = report
            .series(&name(TAUT))
            .or_else(|| report.series.iter().find(|one| is_ours(&one.name)))?;
        let figure = first_figure(report);
        let versus = |name: &str| {
            let is_it = |ratio: &&Ratio| {
                (ratio.series.as_str(), ratio.to.as_str(), ratio.figure.as_str())
                    == (ours.name.as_str(), name, figure)
            };
            let ratio = report.ratios.iter().find(is_it).cloned();
            Versus { name: name.to_owned(), figure: figure.to_owned(), ratio }
        };
        let best =
            |sleeping: bool| peers(report, variant, sleeping).first().map(|one| versus(&one.name));
        Some(Self {
            series: ours.name.clone(),
            p50: ours.p50,
            p99: ours.p99,
            floor: report.series(&name(FLOOR)).map(|floor| versus(&floor.name)),
            sleeping: best(true),
            other: best(false),
        })
    }

    /// The last three columns.
    pub(crate) fn versus(&self) -> [Option<&Versus>; 3] {
        [self.floor.as_ref(), self.sleeping.as_ref(), self.other.as_ref()]
    }

    /// p50 and p99.
    pub(crate) fn times(&self, unit: Unit) -> [String; 2] {
        [self.p50, self.p99].map(|time| {
            time.map_or_else(|| ABSENT.to_owned(), |time| precise_time(unit.nanoseconds(time)))
        })
    }

    /// What the columns mean.
    pub(crate) fn explanation() -> String {
        format!(
            "Ratios are medians of paired rounds of the figure that stands before them, which is \
             the first of the workload: below 1 ours is less. The best peer is the best by that \
             figure; it counts as blocking where it slept {SLEEPS_PER_OP} times an operation or \
             more, as the kernel counted, else as spinning."
        )
    }
}

impl Versus {
    /// `p50 1.057 (floor)`.
    pub(crate) fn words(&self) -> String {
        let median = self.ratio.as_ref().and_then(|ratio| ratio.median);
        format!("{} {} ({})", self.figure, decimal(median, 3), split(&self.name).0)
    }

    /// The quartiles.
    pub(crate) fn spread(&self) -> Option<String> {
        let ratio = self.ratio.as_ref()?;
        let (low, high) = ratio.low.zip(ratio.high)?;
        Some(format!("quartiles {low:.3} to {high:.3}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::report;

    #[test]
    fn the_best_peers_are_told_by_their_median_and_their_sleeps() {
        let mut report = report(&["floor", "taut", "asio", "tokio", "smol"], 2_000);
        for (one, sleeps) in report.series.iter_mut().zip([0.0, 0.0, 0.0, 1.0, 1.0]) {
            one.voluntary_switches_per_op = Some(sleeps);
        }
        let headlines = Headline::of(&report);
        assert_eq!(headlines.len(), 1);
        let words = headlines[0].versus().map(|versus| versus.unwrap().words());
        assert_eq!(words, ["p50 1.200 (floor)", "p50 - (tokio)", "p50 - (asio)"]);
    }

    #[test]
    fn a_workload_that_counts_operations_is_summed_up_by_them() {
        let mut report = report(&["floor", "taut", "asio", "tokio"], 2_000);
        report.ratios[0].figure = "ops_per_s".to_owned();
        report.series[2].ops_per_s = Some(1e5);
        report.series[3].ops_per_s = Some(2e5);
        let best = Headline::of(&report).remove(0).other.unwrap();
        assert_eq!(best.words(), "ops_per_s - (tokio)");
    }

    #[test]
    fn each_variant_that_is_compared_has_a_line() {
        let mut report = report(&["floor", "taut", "taut:service", "taut+think"], 2_000);
        report.ratios.push(Ratio { series: "taut+think".to_owned(), ..report.ratios[0].clone() });
        let names: Vec<String> =
            Headline::of(&report).into_iter().map(|headline| headline.series).collect();
        assert_eq!(names, ["taut", "taut+think"]);
    }

    #[test]
    fn a_report_without_the_runtime_has_an_empty_line() {
        assert_eq!(Headline::of(&report(&["core0"], 10)), [Headline::default()]);
        assert_eq!(Headline::of(&report(&[], 0)), [Headline::default()]);
    }
}
