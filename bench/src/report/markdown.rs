//! The report as Markdown, for issues, pull requests and chats: pipe tables as GitHub reads them.
//!
//! Invariant: every table says over what it was measured where that is loopback, since a table is
//! what gets copied out of its report.

use super::Report;
use super::columns::{ABSENT, COLUMNS};
use super::headline::{Headline, Versus};
use super::merge::{Origin, Section};
use super::ratios::Ratio;
use super::text::ratio_cell;
use crate::harness::verdict::Status;

/// All sections, behind a table with a line for each where there are several.
pub(crate) fn text(sections: &[Section]) -> String {
    let mut text = String::new();
    if sections.len() > 1 {
        text.push_str("# Taut: measurements\n\n");
        text.push_str(&overview(sections));
        text.push_str(&format!("\n{}\n\n", Headline::explanation()));
    }
    let texts: Vec<String> = sections.iter().map(section).collect();
    text + &texts.join("\n")
}

fn overview(sections: &[Section]) -> String {
    let lines = |section: &Section| {
        let report = &section.report;
        let headlines = Headline::of(report).into_iter();
        let rows = headlines.map(|headline| {
            let mut cells = vec![
                report.workload.clone(),
                report.environment.measures.clone(),
                word(section).to_owned(),
                headline.series.clone(),
            ];
            cells.extend(headline.times(report.unit));
            let words =
                |versus: Option<&Versus>| versus.map_or_else(|| ABSENT.to_owned(), Versus::words);
            cells.extend(headline.versus().map(words));
            cells
        });
        rows.collect::<Vec<_>>()
    };
    table(&Headline::COLUMNS.map(str::to_owned), 4, sections.iter().flat_map(lines))
}

fn section(section: &Section) -> String {
    let report = &section.report;
    let label = label(report);
    let mut text = format!("## {}: {}\n\n", escape(&report.workload), word(section));
    text.push_str(&format!("{}\n\n", escape(&report.environment.measures)));
    for reason in &report.reasons {
        text.push_str(&format!("- {}\n", escape(reason)));
    }
    if !report.reasons.is_empty() {
        text.push('\n');
    }
    text.push_str(&format!("**Figures{label}**\n\n{}", figures(report)));
    if !report.ratios.is_empty() {
        text.push_str(&format!(
            "\n**Paired ratios{label}**: median over the rounds (low and high quartile)\n\n{}",
            ratios(&report.ratios)
        ));
    }
    if !report.sla.is_empty() {
        text.push_str(&format!("\n**Promises{label}**\n\n"));
    }
    for judged in &report.sla {
        text.push_str(&format!("- {}\n", escape(&judged.sentence(report.unit))));
    }
    for one in &report.tables {
        let rows = one.rows.iter().cloned();
        let title = escape(&one.title);
        text.push_str(&format!("\n**{title}{label}**\n\n{}", table(&one.columns, 1, rows)));
    }
    if section.origin == Origin::IntervalLog {
        return text;
    }
    let rows = environment(section).into_iter().map(|(name, value)| vec![name, value]);
    let head = ["environment".to_owned(), "value".to_owned()];
    text + &format!("\n**Environment{label}**\n\n{}", table(&head, 2, rows))
}

/// Behind each table's title.
fn label(report: &Report) -> &'static str {
    if report.environment.measures.contains("loopback") { " (loopback)" } else { "" }
}

fn word(section: &Section) -> &'static str {
    match (section.origin, section.report.status) {
        (Origin::IntervalLog, _) => "log",
        (_, Status::Ok) => "ok",
        (_, Status::Warn) => "warn",
        (_, Status::Fail) => "FAIL, do not quote",
    }
}

fn figures(report: &Report) -> String {
    let names = COLUMNS.map(|column| column.name.to_owned());
    let head: Vec<String> = std::iter::once("series".to_owned()).chain(names).collect();
    let rows = report.series.iter().map(|one| {
        let name = match &one.unavailable {
            Some(reason) => format!("{} (unavailable: {reason})", one.name),
            None => one.name.clone(),
        };
        let cells = COLUMNS.map(|column| column.readable(one, report.unit));
        std::iter::once(name).chain(cells).collect()
    });
    table(&head, 1, rows)
}

fn ratios(ratios: &[Ratio]) -> String {
    let mut figures: Vec<&str> = Vec::new();
    let mut pairs: Vec<(&str, &str)> = Vec::new();
    for ratio in ratios {
        if !figures.contains(&ratio.figure.as_str()) {
            figures.push(&ratio.figure);
        }
        if !pairs.contains(&(&ratio.series, &ratio.to)) {
            pairs.push((&ratio.series, &ratio.to));
        }
    }
    let cell = |pair: (&str, &str), figure: &str| {
        let is_it =
            |one: &&Ratio| (one.series.as_str(), one.to.as_str()) == pair && one.figure == figure;
        ratios.iter().find(is_it).map_or_else(|| ABSENT.to_owned(), ratio_cell)
    };
    let rows = pairs.into_iter().map(|pair| {
        let figures = figures.iter().map(|figure| cell(pair, figure));
        [pair.0.to_owned(), pair.1.to_owned()].into_iter().chain(figures).collect()
    });
    let head: Vec<String> =
        ["series", "to"].into_iter().chain(figures.iter().copied()).map(str::to_owned).collect();
    table(&head, 2, rows)
}

/// In short: what a figure is worthless without.
fn environment(section: &Section) -> Vec<(String, String)> {
    const SHOWN: [&str; 10] = [
        "started",
        "command",
        "rounds",
        "taut",
        "kernel",
        "CPU",
        "server core",
        "client core",
        "isolation",
        "clock",
    ];
    let rows = section.report.environment.rows();
    rows.into_iter().filter(|(name, _)| SHOWN.contains(&name.as_str())).collect()
}

/// A pipe table; the first `left` columns are flush left, the others right.
fn table(head: &[String], left: usize, rows: impl Iterator<Item = Vec<String>>) -> String {
    let line = |cells: &[String]| {
        let cells: Vec<String> = cells.iter().map(|cell| escape(cell)).collect();
        format!("| {} |\n", cells.join(" | "))
    };
    let rules: Vec<&str> =
        (0..head.len()).map(|column| if column < left { ":--" } else { "--:" }).collect();
    let mut text = line(head) + &format!("| {} |\n", rules.join(" | "));
    rows.for_each(|row| text.push_str(&line(&row)));
    text
}

/// A cell is one line without markup.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '|' | '*' | '_' | '`' | '\\' | '[' | ']' => escaped.extend(['\\', letter]),
            '<' => escaped.push_str("&lt;"),
            '&' => escaped.push_str("&amp;"),
            letter if letter.is_control() => escaped.push(' '),
            letter => escaped.push(letter),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::merge::Input;
    use crate::report::tests::report;

    fn of(report: Report) -> String {
        text(&[Section::of(Input::of_workload("a.json", report))])
    }

    /// Every row of a table has the cells of its head.
    fn assert_columns(text: &str) {
        let mut columns = None;
        for line in text.lines() {
            let cells = line.replace("\\|", "").matches('|').count();
            match (line.starts_with('|'), columns) {
                (false, _) => columns = None,
                (true, None) => columns = Some(cells),
                (true, Some(columns)) => assert_eq!(cells, columns, "{line}"),
            }
        }
    }

    #[test]
    fn every_row_has_the_columns_of_its_head() {
        let mut report = report(&["floor", "taut|x"], 2_000);
        report.environment.measures = "RTT, loopback TCP".to_owned();
        report.series[1].unavailable = Some("no ring\nhere".to_owned());
        report.tables[0].row(["0".to_owned(), "a|b".to_owned()]);
        let text = of(report);
        assert_columns(&text);
        assert!(text.contains("taut\\|x (unavailable: no ring here)"), "{text}");
        assert_eq!(text.matches("(loopback)**").count(), 4, "figures, ratios, table, environment");
        assert!(text.contains("- a reason\n") && text.contains("## echo: warn"));
        assert!(text.contains("| taut | floor | - |") || text.contains("| taut | floor | 1.200"));
    }

    #[test]
    fn several_workloads_have_a_line_each_on_top() {
        let (one, mut other) = (report(&["floor", "taut"], 2_000), report(&["taut"], 2_000));
        other.workload = "stream".to_owned();
        let inputs = [one, other].map(|report| Input::of_workload("a.json", report));
        let sections = inputs.map(Section::of);
        let text = text(&sections);
        assert_columns(&text);
        assert!(text.starts_with("# Taut: measurements\n\n| workload |"));
        assert!(text.contains("| stream | RTT | warn |"), "{text}");
    }

    #[test]
    fn an_empty_report_is_still_a_text() {
        assert_columns(&of(report(&[], 0)));
    }
}
