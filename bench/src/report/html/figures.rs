//! The figures of all series; those that did not run keep their row, with the reason.

use super::super::Report;
use super::super::cast::{Cast, TAUT, split};
use super::super::columns::{ABSENT, COLUMNS, Column};
use super::super::markup::{element, escape, text_element};
use super::super::summary::Summary;
use super::{scrolling, series_name};

pub(super) fn figures(report: &Report, cast: &Cast<'_>) -> String {
    if report.series.is_empty() {
        return "<p>There are no series.</p>\n".to_owned();
    }
    // A column without any figure says nothing; those of times are asked for in any report.
    let shows_something = |column: &Column| {
        column.is_time()
            || report.series.iter().any(|one| column.readable(one, report.unit) != ABSENT)
    };
    let columns: Vec<Column> = COLUMNS.into_iter().filter(shows_something).collect();
    let names: String = columns.iter().map(|column| text_element("th", "", column.name)).collect();
    let head = format!("<thead><tr><th>series</th>{names}</tr></thead>\n");
    let rows: String = report.series.iter().map(|one| row(one, &columns, report, cast)).collect();
    scrolling("figures", &format!("{head}{}", element("tbody", "", &rows)))
        + "<p class=\"faint\">- stands where fewer than ten samples lie beyond the percentile, or \
           where nothing was counted. Point at a time to see it in ns.</p>\n"
}

fn row(one: &Summary, columns: &[Column], report: &Report, cast: &Cast<'_>) -> String {
    let name = element("td", "", &series_name(cast.style(&one.name), &one.name));
    if let Some(reason) = &one.unavailable {
        let attributes = format!("colspan=\"{}\" class=\"unavailable\"", columns.len());
        let reason = text_element("td", &attributes, &format!("unavailable: {reason}"));
        return element("tr", "", &format!("{name}{reason}")) + "\n";
    }
    let cells: String = columns
        .iter()
        .map(|column| {
            let shown = column.readable(one, report.unit);
            let exact = column.in_ns(one, report.unit);
            let title = match column.is_time() && exact != ABSENT {
                true => format!("title=\"{} ns\"", escape(&exact)),
                false => String::new(),
            };
            text_element("td", &title, &shown)
        })
        .collect();
    let is_taut = split(&one.name).0 == TAUT;
    let attributes = if is_taut { "class=\"taut\"" } else { "" };
    element("tr", attributes, &format!("{name}{cells}")) + "\n"
}
