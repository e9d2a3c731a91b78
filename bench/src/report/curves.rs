//! The percentile curves of one variant's series: latency over `1 / (1 - p)`, both logarithmic.
//!
//! Invariants: a curve ends where fewer than ten samples lie beyond it, and the file of a run and
//! the page show the same drawing: colours and sizes are attributes, which the page's style sheet
//! may override.

use std::fmt::Write as _;

use taut::latency::distribution::{TICKS_PER_HALF_DISTANCE, curve};

use super::cast::{Cast, Style, split, variants};
use super::markup::{escape, label, rule};
use super::scale::{LEAST_NS, LogScale, PERCENTILE_TICKS, short_time};
use super::summary::Summary;
use super::{Report, Unit};
use crate::harness::sla::Judged;
use crate::harness::statistics::SAMPLES_BEYOND;

pub(crate) const WIDTH: f64 = 860.0;
pub(crate) const HEIGHT: f64 = 480.0;
const LEFT: f64 = 66.0;
const RIGHT: f64 = 844.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = 426.0;

/// One line of the chart.
#[derive(Debug)]
pub(crate) struct Line<'a> {
    pub(crate) series: &'a Summary,
    pub(crate) style: Style,
    /// `1 / (1 - p)` and ns.
    points: Vec<(f64, f64)>,
}

/// What was promised of one series, the mildest percentile first.
#[derive(Debug)]
struct Promised<'a> {
    series: &'a str,
    steps: Vec<&'a Judged>,
}

/// The chart of one variant.
#[derive(Debug)]
pub(crate) struct Curves<'a> {
    /// With its `+`; empty for series without.
    pub(crate) variant: &'a str,
    pub(crate) lines: Vec<Line<'a>>,
    promised: Vec<Promised<'a>>,
    unit: Unit,
    farthest: f64,
    x: LogScale,
    y: LogScale,
}

impl<'a> Curves<'a> {
    /// A chart for each variant of the report's series, at least one.
    pub(crate) fn of(report: &'a Report, cast: &Cast<'_>) -> Result<Vec<Self>, String> {
        let mut variants = variants(&report.series);
        if variants.is_empty() {
            variants.push("");
        }
        variants.into_iter().map(|variant| Self::of_variant(report, cast, variant)).collect()
    }

    fn of_variant(report: &'a Report, cast: &Cast<'_>, variant: &'a str) -> Result<Self, String> {
        let mut lines = Vec::new();
        for series in report.series.iter().filter(|one| split(&one.name).1 == variant) {
            let points = points(series, report.unit)?;
            if !points.is_empty() {
                lines.push(Line { series, style: cast.style(&series.name), points });
            }
        }
        // Those that are lit are drawn last: above the others.
        lines.sort_by_key(|line| line.style.lit);
        let promised = promised(&report.sla, variant);
        let limits = promised.iter().flat_map(|one| &one.steps);
        let limits: Vec<(f64, f64)> =
            limits.map(|step| (step.one_in as f64, drawn(step.limit, report.unit))).collect();
        let points = || lines.iter().flat_map(|line| &line.points).chain(&limits);
        let farthest = points().map(|point| point.0).fold(10.0, f64::max);
        let lowest = points().map(|point| point.1).fold(f64::INFINITY, f64::min);
        let highest = points().map(|point| point.1).fold(0.0, f64::max);
        let range = if lowest.is_finite() { (lowest * 0.9, highest * 1.1) } else { (1e3, 1e6) };
        let (x, y) =
            (LogScale::new((1.0, farthest), (LEFT, RIGHT)), LogScale::new(range, (BOTTOM, TOP)));
        Ok(Self { variant, lines, promised, unit: report.unit, farthest, x, y })
    }

    /// What the chart is of, as a heading.
    pub(crate) fn heading(&self) -> String {
        match self.variant {
            "" => "percentile curves".to_owned(),
            variant => format!("percentile curves of the series {variant}"),
        }
    }

    /// The lines in the order of a legend: those that are lit first.
    pub(crate) fn legend(&self) -> impl Iterator<Item = &Line<'a>> {
        let of = |lit: bool| self.lines.iter().filter(move |line| line.style.lit == lit);
        of(true).chain(of(false))
    }

    /// The drawing, [`WIDTH`] by [`HEIGHT`], without an `svg` element of its own.
    pub(crate) fn draw(&self) -> String {
        let mut svg = String::new();
        self.grid(&mut svg);
        for line in &self.lines {
            self.line(&mut svg, line);
        }
        for promised in &self.promised {
            self.promise(&mut svg, promised);
        }
        svg
    }

    fn grid(&self, svg: &mut String) {
        let grid = "class=\"grid\" stroke=\"#e2e2e2\"";
        for value in self.y.ticks() {
            let pixel = self.y.pixel(value);
            rule(svg, (LEFT, pixel), (RIGHT, pixel), grid);
            label(svg, (LEFT - 8.0, pixel + 4.0), "text-anchor=\"end\"", &short_time(value));
        }
        for (percentile, one_in) in PERCENTILE_TICKS {
            if one_in <= self.farthest * 1.001 {
                let pixel = self.x.pixel(one_in);
                rule(svg, (pixel, TOP), (pixel, BOTTOM), grid);
                label(svg, (pixel, BOTTOM + 20.0), "text-anchor=\"middle\"", percentile);
            }
        }
        // Writing to a string can't fail, here and below.
        let _ = writeln!(
            svg,
            "<path d=\"M{LEFT} {TOP}V{BOTTOM}H{RIGHT}\" class=\"axis\" fill=\"none\" \
             stroke=\"#888888\"/>"
        );
        let middle = f64::midpoint(LEFT, RIGHT);
        let words = "percentile, on the axis 1 / (1 - p)";
        label(svg, (middle, BOTTOM + 44.0), "text-anchor=\"middle\" class=\"faint\"", words);
    }

    fn line(&self, svg: &mut String, line: &Line<'_>) {
        let mut path = String::new();
        for &(one_in, nanoseconds) in &line.points {
            let _ = write!(path, "{:.1},{:.1} ", self.x.pixel(one_in), self.y.pixel(nanoseconds));
        }
        // A file can't be switched: there the others stay in the background.
        let (state, width, opacity) =
            if line.style.lit { ("on", 2.0, 1.0) } else { ("off", 1.2, 0.25) };
        let name = escape(&line.series.name);
        let _ = writeln!(
            svg,
            "<g class=\"curve {state}\" data-series=\"{name}\" stroke-width=\"{width}\" \
             stroke-opacity=\"{opacity}\"><title>{name}</title><polyline points=\"{}\" \
             fill=\"none\" stroke-linejoin=\"round\" {}/></g>",
            path.trim_end(),
            line.style.stroke(),
        );
    }

    /// The limits as steps: each holds from the percentile before it up to its own.
    fn promise(&self, svg: &mut String, promised: &Promised<'_>) {
        let height = |value: u64| self.y.pixel(drawn(value, self.unit));
        let (mut path, mut from) = (String::new(), self.x.pixel(1.0));
        for step in &promised.steps {
            let (to, at) = (self.x.pixel(step.one_in as f64), height(step.limit));
            let command = if path.is_empty() { 'M' } else { 'L' };
            let _ = write!(path, "{command}{from:.1} {at:.1}H{to:.1}");
            from = to;
        }
        let series = escape(promised.series);
        let _ = writeln!(
            svg,
            "<path class=\"promise\" data-promise=\"{series}\" d=\"{path}\" fill=\"none\" \
             stroke=\"#222222\" stroke-width=\"1.6\" stroke-dasharray=\"6 3\"/>"
        );
        for step in &promised.steps {
            let x = self.x.pixel(step.one_in as f64);
            let (verdict, fill) =
                if step.kept { ("kept", "#00694e") } else { ("broken", "#a83f00") };
            let words = format!("{} {}: {verdict}", promised.series, step.percentile);
            let at = (x - 4.0, height(step.limit) - 5.0);
            let attributes = format!(
                "text-anchor=\"end\" font-size=\"11\" class=\"{verdict}\" fill=\"{fill}\" paint-order=\"stroke\" \
                 stroke-width=\"3\" stroke=\"#ffffff\""
            );
            label(svg, at, &attributes, &words);
        }
    }
}

/// A time in ns as it is drawn.
fn drawn(time: u64, unit: Unit) -> f64 {
    unit.nanoseconds(time).max(LEAST_NS)
}

fn points(series: &Summary, unit: Unit) -> Result<Vec<(f64, f64)>, String> {
    let Some(histogram) = series.histogram() else { return Ok(Vec::new()) };
    let supported = (series.samples / SAMPLES_BEYOND) as f64;
    let histogram = histogram.map_err(|error| format!("{}: {error}", series.name))?;
    Ok(curve(&histogram, TICKS_PER_HALF_DISTANCE)
        .iter()
        .filter_map(|point| Some((point.one_in()?, drawn(point.value, unit))))
        .take_while(|&(one_in, _)| one_in <= supported)
        .collect())
}

fn promised<'a>(sla: &'a [Judged], variant: &str) -> Vec<Promised<'a>> {
    let mut promised: Vec<Promised<'a>> = Vec::new();
    for judged in sla.iter().filter(|judged| split(&judged.series).1 == variant) {
        match promised.iter_mut().find(|one| one.series == judged.series) {
            Some(one) => one.steps.push(judged),
            None => promised.push(Promised { series: &judged.series, steps: vec![judged] }),
        }
    }
    for one in &mut promised {
        one.steps.sort_by_key(|step| step.one_in);
    }
    promised
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::{promised as judged, report};

    #[test]
    fn a_curve_ends_where_ten_samples_lie_beyond_it() {
        let report = report(&["floor"], 1_000);
        let curves = Curves::of(&report, &Cast::of(&report)).unwrap();
        let farthest = curves[0].lines[0].points.last().unwrap().0;
        assert!((50.0..=100.0).contains(&farthest), "{farthest}");
    }

    #[test]
    fn each_variant_has_a_chart_of_its_own() {
        let report = report(&["floor", "taut", "floor+think", "taut+think"], 1_000);
        let curves = Curves::of(&report, &Cast::of(&report)).unwrap();
        let names = |curves: &Curves<'_>| -> Vec<String> {
            curves.lines.iter().map(|line| line.series.name.clone()).collect()
        };
        assert_eq!(curves.len(), 2);
        assert_eq!(names(&curves[1]), ["floor+think", "taut+think"]);
        assert!(curves[1].heading().contains("+think"));
    }

    #[test]
    fn promises_are_steps_in_the_order_of_their_percentiles() {
        let mut report = report(&["taut", "taut+think"], 20_000);
        report.sla = vec![
            judged("taut", "p99.9", 1_000, 90_000, Some(80_000)),
            judged("taut", "p99", 100, 20_000, Some(30_000)),
        ];
        let curves = Curves::of(&report, &Cast::of(&report)).unwrap();
        let drawn = curves[0].draw();
        assert_eq!(drawn.matches("data-promise=\"taut\"").count(), 1);
        let path =
            drawn.split(" d=\"").find(|part| part.contains("promise") || part.starts_with('M'));
        assert!(path.is_some());
        let (p99, p99_9) = (drawn.find("taut p99: broken"), drawn.find("taut p99.9: kept"));
        assert!(p99.unwrap() < p99_9.unwrap());
        assert!(!curves[1].draw().contains("data-promise"));
    }
}
