//! One workload: its status, and its parts in the order in which they are asked about.

use super::super::cast::Cast;
use super::super::markup::{element, text_element};
use super::super::merge::{Origin, Section};
use super::{curves, environment, figures, ratios, scrolling, spikes, timeline};
use crate::harness::verdict::Status;

/// Where the overview's links lead.
pub(super) fn anchor(place: usize) -> String {
    format!("section-{}", place + 1)
}

pub(super) fn section(
    section: &Section,
    place: usize,
    is_only_one: bool,
) -> Result<String, String> {
    let report = &section.report;
    let cast = Cast::of(report);
    let mut html = format!("<section id=\"{}\">\n", anchor(place));
    html.push_str(&head(section, if is_only_one { "h1" } else { "h2" }));
    html.push_str(&part("Figures", &figures::figures(report, &cast)));
    html.push_str(&curves::curves(report, &cast)?);
    if !report.ratios.is_empty() {
        html.push_str(&part("Paired ratios", &ratios::ratios(report, &cast)));
    }
    html.push_str(&part("Maximum per interval", &timeline::timeline(report, &cast)));
    html.push_str(&part("Intervals that stand out", &spikes::spikes(report, &cast)));
    for table in &report.tables {
        html.push_str(&part(&table.title, &workload_table(&table.columns, &table.rows)));
    }
    if section.origin == Origin::Workload {
        html.push_str(&environment::environment(section));
    }
    html.push_str("</section>\n");
    Ok(html)
}

/// The word for a section's status, as a badge; an interval log was judged by nobody.
pub(super) fn badge(section: &Section) -> String {
    match section.origin {
        Origin::Workload => status_badge(section.report.status),
        Origin::IntervalLog => text_element("span", "class=\"badge\"", "log"),
    }
}

/// The word for a status, as a badge.
pub(super) fn status_badge(status: Status) -> String {
    let (class, word) = match status {
        Status::Ok => ("ok", "ok"),
        Status::Warn => ("warn", "warn"),
        Status::Fail => ("fail", "FAIL"),
    };
    text_element("span", &format!("class=\"badge {class}\""), word)
}

/// A heading and what stands below it.
pub(super) fn part(heading: &str, markup: &str) -> String {
    format!("{}\n{markup}", text_element("h3", "", heading))
}

fn head(section: &Section, heading: &str) -> String {
    let report = &section.report;
    let environment = &report.environment;
    let name = text_element("span", "", &report.workload);
    let mut html = element(heading, "", &format!("{name} {}", badge(section)));
    html.push_str(&text_element("p", "class=\"measures\"", &environment.measures));
    let about = [
        environment.cpu_model.as_deref().unwrap_or("unknown CPU").to_owned(),
        format!("kernel {}", environment.kernel.as_deref().unwrap_or("unknown")),
        format!("taut {} ({})", environment.version, environment.commit),
        environment.started_utc.clone(),
    ];
    if section.origin == Origin::Workload {
        html.push_str(&text_element("p", "class=\"faint\"", &about.join(" · ")));
    }
    if report.status == Status::Fail {
        html.push_str("<p class=\"reasons fail\">This run failed: do not quote its figures.</p>");
    }
    if !report.reasons.is_empty() {
        let class = if report.status == Status::Fail { "fail" } else { "warn" };
        let items: String =
            report.reasons.iter().map(|reason| text_element("li", "", reason)).collect();
        html.push_str(&element("ul", &format!("class=\"reasons {class}\""), &items));
    }
    html + "\n"
}

fn workload_table(columns: &[String], rows: &[Vec<String>]) -> String {
    let cells = |name: &str, cells: &[String]| -> String {
        cells.iter().map(|cell| text_element(name, "", cell)).collect()
    };
    let head = element("thead", "", &element("tr", "", &cells("th", columns)));
    let rows: String = rows.iter().map(|row| element("tr", "", &cells("td", row)) + "\n").collect();
    scrolling("figures", &format!("{head}{}", element("tbody", "", &rows)))
}
