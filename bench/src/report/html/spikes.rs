//! The intervals that stand out, the worst first, with what was counted in them.

use super::super::Report;
use super::super::cast::Cast;
use super::super::markup::{element, text_element};
use super::super::scale::{precise_time, short_time};
use super::super::spikes::{COUNTS, FACTOR, FEWEST_ROUNDS, Spike, spikes as spikes_of};
use super::{scrolling, series_name};

/// Rows of the table.
const MOST_ROWS: usize = 40;

pub(super) fn spikes(report: &Report, cast: &Cast<'_>) -> String {
    let mut spikes: Vec<Spike<'_>> = report.series.iter().flat_map(spikes_of).collect();
    if spikes.is_empty() {
        let words = format!(
            "None: no maximum is more than {FACTOR} times the lower quartile of its series' \
             maxima, or there are fewer than {FEWEST_ROUNDS} intervals."
        );
        return text_element("p", "", &words);
    }
    spikes.sort_by(|one, other| other.times_usual.total_cmp(&one.times_usual));
    let left_out = spikes.len().saturating_sub(MOST_ROWS);
    spikes.truncate(MOST_ROWS);
    let counts: String = COUNTS.map(|count| text_element("th", "", count.name)).concat();
    let head = format!(
        "<thead><tr><th>series</th><th>interval</th><th>began at</th><th>maximum</th>\
         <th>times the usual</th><th>p99</th>{counts}<th class=\"words\">unusual in it</th></tr>\
         </thead>\n"
    );
    let rows: String = spikes.iter().map(|spike| row(spike, report, cast)).collect();
    let mut html = scrolling("figures", &format!("{head}{}", element("tbody", "", &rows)));
    html.push_str(
        "<p class=\"faint\">Counts are those of the whole interval. Bold ones are beyond the upper \
         quartile of the series' intervals that don't stand out, whose median is in brackets. They \
         are hints, not proofs.",
    );
    if left_out > 0 {
        html.push_str(&format!(" {left_out} more intervals stand out less."));
    }
    html + "</p>\n"
}

fn row(spike: &Spike<'_>, report: &Report, cast: &Cast<'_>) -> String {
    let time = |value: Option<u64>| {
        value.map_or_else(|| "-".to_owned(), |value| precise_time(report.unit.nanoseconds(value)))
    };
    let name = &spike.series.name;
    let mut cells = element("td", "", &series_name(cast.style(name), name));
    let interval = match spike.round.run {
        0 => format!("{}", spike.place + 1),
        run => format!("{} (run {})", spike.place + 1, run + 1),
    };
    for cell in [
        interval,
        short_time(spike.round.started_ms * 1e6),
        time(spike.round.max),
        format!("{:.1}", spike.times_usual),
        time(spike.round.p99),
    ] {
        cells.push_str(&text_element("td", "", &cell));
    }
    for counted in &spike.counts {
        let here = counted.here.to_string();
        let here = if counted.unusual { text_element("b", "", &here) } else { here };
        let usual = text_element("span", "class=\"spread\"", &format!(" ({})", counted.usual));
        cells.push_str(&element("td", "", &(here + &usual)));
    }
    cells.push_str(&text_element("td", "class=\"words\"", &spike.cause()));
    element("tr", "", &cells) + "\n"
}
