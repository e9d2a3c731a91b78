//! A strip beneath the intervals: a bar for what was counted in each of them.

use super::super::markup::{label, rule, text_element};
use super::super::spikes::{COUNTS, Count};
use super::super::summary::Summary;
use super::timeline::{LEFT, RIGHT, Time};

/// Of one strip with its distance to the next.
pub(super) const HEIGHT: f64 = 17.0;
const BAR_HEIGHT: f64 = 13.0;
/// A count that is not zero is seen.
const LEAST_BAR: f64 = 1.5;
const BAR_WIDTH: f64 = 5.0;

/// One count, on a scale that all series share.
#[derive(Debug)]
pub(super) struct Strip {
    pub(super) count: Count,
    greatest: u64,
}

/// The strips of counts that are not zero in every interval.
pub(super) fn strips(series: &[&Summary]) -> Vec<Strip> {
    let greatest = |count: Count| {
        let rounds = series.iter().flat_map(|one| &one.rounds);
        rounds.map(count.of).max().unwrap_or(0)
    };
    let strips = COUNTS.into_iter().map(|count| Strip { count, greatest: greatest(count) });
    strips.filter(|strip| strip.greatest > 0).collect()
}

impl Strip {
    pub(super) fn draw(&self, svg: &mut String, top: f64, series: &Summary, time: &Time) {
        let bottom = top + BAR_HEIGHT;
        rule(svg, (LEFT, bottom), (RIGHT, bottom), "class=\"grid\" stroke=\"#e2e2e2\"");
        let end = "text-anchor=\"end\" font-size=\"11\" class=\"faint\"";
        label(svg, (LEFT - 8.0, bottom - 1.0), end, self.count.name);
        let mut greatest = 0;
        for round in &series.rounds {
            let here = (self.count.of)(round);
            greatest = greatest.max(here);
            if here == 0 {
                continue;
            }
            let height = (BAR_HEIGHT * here as f64 / self.greatest as f64).max(LEAST_BAR);
            let title = text_element("title", "", &format!("{}: {here}", self.count.name));
            svg.push_str(&format!(
                "<rect class=\"bar\" x=\"{:.1}\" y=\"{:.1}\" width=\"{BAR_WIDTH}\" \
                 height=\"{height:.1}\" fill=\"#777777\">{title}</rect>\n",
                time.middle(round) - BAR_WIDTH / 2.0,
                bottom - height,
            ));
        }
        let words = format!("max {greatest}");
        label(svg, (RIGHT + 6.0, bottom - 1.0), "font-size=\"11\" class=\"faint\"", &words);
    }
}
