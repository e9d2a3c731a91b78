//! Maximum and p99 of every interval over time, one small drawing for each series.
//!
//! Invariant: all drawings of a report share the axis of time, the axis of latency and the scales
//! of the strips, so that they can be compared by eye. Merged runs follow each other.

use super::super::cast::{Cast, Style};
use super::super::markup::{element, label, rule, text_element};
use super::super::scale::{LEAST_NS, LogScale, short_time};
use super::super::spikes::{COUNTS, FACTOR, FEWEST_ROUNDS, spikes};
use super::super::summary::{Round, Summary};
use super::super::{Report, Unit};
use super::series_name;
use super::strip::{self, Strip};

pub(super) const WIDTH: f64 = 1100.0;
pub(super) const LEFT: f64 = 150.0;
pub(super) const RIGHT: f64 = 1024.0;
const TOP: f64 = 8.0;
const PLOT_BOTTOM: f64 = 74.0;
const AXIS_HEIGHT: f64 = 26.0;
/// Labels of the axis of latency that are told apart.
const MOST_TICKS: usize = 5;

/// When the runs of a report happened, put one behind the other.
#[derive(Debug)]
pub(super) struct Time {
    /// Start of each run and their end, in ms.
    starts_ms: Vec<f64>,
}

impl Time {
    fn of(series: &[Summary]) -> Self {
        let mut ends: Vec<f64> = Vec::new();
        for round in series.iter().flat_map(|one| &one.rounds) {
            let run = round.run as usize;
            ends.resize(ends.len().max(run + 1), 0.0);
            ends[run] = ends[run].max(round.started_ms + round.length_ms);
        }
        let mut starts_ms = vec![0.0];
        for end in ends {
            starts_ms.push(starts_ms.last().unwrap_or(&0.0) + end);
        }
        Self { starts_ms }
    }

    fn all_ms(&self) -> f64 {
        self.starts_ms.last().copied().unwrap_or(0.0).max(1e-3)
    }

    pub(super) fn start_ms(&self, round: &Round) -> f64 {
        self.starts_ms.get(round.run as usize).copied().unwrap_or(0.0) + round.started_ms
    }

    fn pixel(&self, time_ms: f64) -> f64 {
        LEFT + (RIGHT - LEFT) * time_ms / self.all_ms()
    }

    /// Where an interval's marks stand.
    pub(super) fn middle(&self, round: &Round) -> f64 {
        self.pixel(self.start_ms(round) + round.length_ms / 2.0)
    }

    /// The times of the axis, at most a dozen, in ms.
    fn ticks(&self) -> Vec<f64> {
        let rough = self.all_ms() / 10.0;
        let decade = 10_f64.powf(rough.log10().floor());
        let factor = [1.0, 2.0, 5.0, 10.0].into_iter().find(|factor| decade * factor >= rough);
        let step = decade * factor.unwrap_or(10.0);
        (0..=(self.all_ms() / step) as u32).map(|number| f64::from(number) * step).collect()
    }
}

pub(super) fn timeline(report: &Report, cast: &Cast<'_>) -> String {
    let shown = |one: &&Summary| one.rounds.iter().any(|round| round.max.is_some());
    let series: Vec<&Summary> = report.series.iter().filter(shown).collect();
    if series.is_empty() {
        return "<p>No interval has a sample.</p>\n".to_owned();
    }
    let drawing = Drawing::of(report, &series);
    let mut html = drawing.caption();
    let (lit, others): (Vec<&Summary>, Vec<_>) =
        series.into_iter().partition(|one| cast.style(&one.name).lit);
    html.push_str(&drawing.all(&lit, cast));
    if !others.is_empty() {
        let summary = text_element("summary", "", &format!("{} more series", others.len()));
        html.push_str(&element("details", "", &(summary + &drawing.all(&others, cast))));
    }
    html
}

/// What the drawings of a report share.
struct Drawing<'a> {
    unit: Unit,
    time: Time,
    y: LogScale,
    ticks: Vec<f64>,
    strips: Vec<Strip>,
    /// What was counted in no interval at all.
    silent: Vec<&'a str>,
}

impl Drawing<'_> {
    fn of(report: &Report, series: &[&Summary]) -> Self {
        let unit = report.unit;
        let rounds = || series.iter().flat_map(|one| &one.rounds);
        let values = || rounds().flat_map(|round| [round.p99, round.max]).flatten();
        let lowest = values().min().map_or(1e3, |low| unit.nanoseconds(low)).max(LEAST_NS);
        let highest = values().max().map_or(1e6, |high| unit.nanoseconds(high));
        let y = LogScale::new((lowest * 0.8, highest * 1.25), (PLOT_BOTTOM, TOP));
        let mut ticks = y.ticks();
        if ticks.len() > MOST_TICKS {
            // Whole decades, and of many every second or third.
            ticks.retain(|value| (value.log10() - value.log10().round()).abs() < 1e-6);
            let every = ticks.len().div_ceil(MOST_TICKS);
            ticks = ticks.into_iter().step_by(every.max(1)).collect();
        }
        let strips = strip::strips(series);
        let is_silent = |name: &&str| !strips.iter().any(|strip| strip.count.name == *name);
        let silent = COUNTS.iter().map(|count| count.name).filter(is_silent).collect();
        Self { unit, time: Time::of(&report.series), y, ticks, strips, silent }
    }

    fn caption(&self) -> String {
        let silent = match self.silent.as_slice() {
            [] => String::new(),
            names => format!(" Counted in no interval of any series: {}.", names.join(", ")),
        };
        let words = format!(
            "Dots are the maxima of the intervals, ticks below them the p99 where there are \
             samples enough for one. A ringed dot stands out: it is more than {FACTOR} times the \
             lower quartile of its series' maxima (of {FEWEST_ROUNDS} intervals or more). Beneath, \
             for the same intervals: context switches and page faults of server and client \
             together, and the interrupts of their cores, each on one scale for all \
             series.{silent}"
        );
        text_element("p", "class=\"faint\"", &words)
    }

    fn all(&self, series: &[&Summary], cast: &Cast<'_>) -> String {
        let mut html = String::new();
        for one in series {
            let name = series_name(cast.style(&one.name), &one.name);
            html.push_str(&element("h4", "", &name));
            html.push_str(&self.one(one, cast));
        }
        format!("<div class=\"scroll\"><div class=\"timeline\">{html}</div></div>\n")
    }

    fn one(&self, series: &Summary, cast: &Cast<'_>) -> String {
        let mut svg = String::new();
        let bottom = PLOT_BOTTOM + 6.0 + strip::HEIGHT * self.strips.len() as f64;
        self.grid(&mut svg, bottom);
        let standing_out: Vec<usize> =
            spikes(series).into_iter().map(|spike| spike.place).collect();
        // Dashes tell curves apart; marks of this size are too short for them.
        let stroke = Style { dashes: "", ..cast.style(&series.name) }.stroke();
        for (place, round) in series.rounds.iter().enumerate() {
            self.interval(&mut svg, round, standing_out.contains(&place), &stroke);
        }
        for (row, strip) in self.strips.iter().enumerate() {
            strip.draw(
                &mut svg,
                PLOT_BOTTOM + 6.0 + strip::HEIGHT * row as f64,
                series,
                &self.time,
            );
        }
        let height = bottom + AXIS_HEIGHT;
        format!(
            "<svg class=\"intervals\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\">\n{svg}</svg>\n"
        )
    }

    fn grid(&self, svg: &mut String, bottom: f64) {
        let grid = "class=\"grid\" stroke=\"#e2e2e2\"";
        for &value in &self.ticks {
            let pixel = self.y.pixel(value);
            rule(svg, (LEFT, pixel), (RIGHT, pixel), grid);
            let end = "text-anchor=\"end\" font-size=\"11\"";
            label(svg, (LEFT - 8.0, pixel + 4.0), end, &short_time(value));
        }
        let ticks = self.time.ticks();
        for &tick in &ticks {
            let pixel = self.time.pixel(tick);
            rule(svg, (pixel, TOP), (pixel, bottom), grid);
            let middle = "text-anchor=\"middle\" font-size=\"11\" class=\"faint\"";
            let words = if tick == 0.0 { "0".to_owned() } else { short_time(tick * 1e6) };
            label(svg, (pixel, bottom + 15.0), middle, &words);
        }
        let between_runs = self.time.starts_ms.iter().skip(1).rev().skip(1);
        for &start in between_runs {
            let pixel = self.time.pixel(start);
            rule(svg, (pixel, TOP), (pixel, bottom), "class=\"one\" stroke=\"#888888\"");
        }
    }

    fn interval(&self, svg: &mut String, round: &Round, stands_out: bool, stroke: &str) {
        let Some(max) = round.max.map(|max| self.unit.nanoseconds(max)) else { return };
        let (x, top) = (self.time.middle(round), self.y.pixel(max));
        let title = format!(
            "maximum {} at {}",
            short_time(max),
            short_time(self.time.start_ms(round) * 1e6)
        );
        let mut marks = text_element("title", "", &title);
        if let Some(p99) = round.p99.map(|p99| self.y.pixel(self.unit.nanoseconds(p99))) {
            rule(&mut marks, (x, p99), (x, top), "stroke-width=\"1\" stroke-opacity=\"0.45\"");
            rule(&mut marks, (x - 4.0, p99), (x + 4.0, p99), "stroke-width=\"2\"");
        }
        marks.push_str(&format!(
            "<circle cx=\"{x:.1}\" cy=\"{top:.1}\" r=\"1.5\" stroke-width=\"3\"/>"
        ));
        if stands_out {
            marks.push_str(&format!(
                "<circle class=\"ring\" cx=\"{x:.1}\" cy=\"{top:.1}\" r=\"6\" fill=\"none\" \
                 stroke=\"#d55e00\" stroke-width=\"2\"/>"
            ));
        }
        svg.push_str(&element("g", stroke, &marks));
        svg.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::spikes::tests::with_a_spike;
    use crate::report::tests::report;

    #[test]
    fn the_interval_that_stands_out_is_ringed_and_its_switches_are_in_the_strip() {
        let mut report = report(&[], 0);
        report.series = vec![with_a_spike("taut")];
        let html = timeline(&report, &Cast::of(&report));
        assert_eq!(html.matches("class=\"ring\"").count(), 1);
        assert!(html.contains("involuntary: 7"), "{html}");
        assert!(html.contains("Counted in no interval of any series: voluntary, page faults"));
    }

    #[test]
    fn merged_runs_follow_each_other() {
        let mut series = with_a_spike("taut");
        for round in &mut series.rounds[5..] {
            round.run = 1;
        }
        let series = [series];
        let time = Time::of(&series);
        assert_eq!(time.starts_ms, [0.0, 450.0, 1_300.0]);
        assert_eq!(time.start_ms(&series[0].rounds[5]), 950.0);
        assert_eq!(time.ticks().len(), 7);
    }

    #[test]
    fn intervals_without_samples_leave_no_mark() {
        let empty = report(&["taut"], 0);
        assert!(timeline(&empty, &Cast::of(&empty)).contains("No interval has a sample"));
    }
}
