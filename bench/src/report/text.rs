//! The report's text: aligned columns and sentences that wrap at the page's width.

use super::columns::{COLUMNS, decimal};
use super::ratios::Ratio;
use super::summary::Summary;
use super::table::Table;
use super::{Report, Unit};
use crate::harness::verdict::Status;

/// Columns to which sentences are wrapped.
const PAGE: usize = 100;

impl Report {
    /// The printed form.
    pub(crate) fn text(&self) -> String {
        let mut text =
            format!("{} · {} · times in ns\n\n", self.workload, self.environment.measures);
        text.push_str(&series(&self.series, self.unit));
        if !self.ratios.is_empty() {
            text.push_str("\npaired ratios: median over the rounds (low and high quartile)\n\n");
            text.push_str(&ratios(&self.ratios));
        }
        for table in &self.tables {
            text.push_str(&format!("\n{}\n\n{}", table.title, self::table(table)));
        }
        if !self.environment.notes.is_empty() {
            text.push('\n');
        }
        for note in &self.environment.notes {
            text.push_str(&sentence("note  ", note));
        }
        text.push_str("\nenvironment\n");
        text.push_str(&pairs(&self.environment.rows()));
        if !self.environment.features.is_empty() {
            text.push_str("\nfeatures of the runtime\n");
            text.push_str(&pairs(&self.environment.feature_rows()));
        }
        let about = |one: &Summary| Some((one.name.clone(), one.about.clone()?));
        let about: Vec<_> = self.series.iter().filter_map(about).collect();
        if !about.is_empty() {
            text.push_str("\nwhat was measured\n");
            text.push_str(&pairs(&about));
        }
        if !self.sla.is_empty() {
            text.push('\n');
        }
        for judged in &self.sla {
            text.push_str(&sentence("sla  ", &judged.sentence(self.unit)));
        }
        let status = match self.status {
            Status::Ok => "ok",
            Status::Warn => "warn",
            Status::Fail => "FAIL: do not quote these figures",
        };
        text.push_str(&format!("\nstatus  {status}\n"));
        for reason in &self.reasons {
            text.push_str(&sentence("  - ", reason));
        }
        text
    }
}

/// The figures of all series, one line each.
fn series(summaries: &[Summary], unit: Unit) -> String {
    let names = COLUMNS.map(|column| column.name.to_owned());
    let mut rows = vec![std::iter::once("series".to_owned()).chain(names).collect::<Vec<_>>()];
    rows.extend(summaries.iter().map(|one| {
        let cells = COLUMNS.map(|column| column.in_ns(one, unit));
        std::iter::once(one.name.clone()).chain(cells).collect()
    }));
    align(&rows, 1)
}

/// The ratios, all figures of one pair in one line.
fn ratios(ratios: &[Ratio]) -> String {
    let mut figures: Vec<&str> = Vec::new();
    for ratio in ratios {
        if !figures.contains(&ratio.figure.as_str()) {
            figures.push(&ratio.figure);
        }
    }
    let head = ["series", "to"].into_iter().chain(figures);
    let mut rows = vec![head.map(str::to_owned).collect::<Vec<_>>()];
    for ratio in ratios {
        let cell = ratio_cell(ratio);
        match rows.last_mut() {
            Some(row) if row[0] == ratio.series && row[1] == ratio.to => row.push(cell),
            _ => rows.push(vec![ratio.series.clone(), ratio.to.clone(), cell]),
        }
    }
    align(&rows, 2)
}

/// A ratio with its quartiles.
pub(crate) fn ratio_cell(ratio: &Ratio) -> String {
    let [median, low, high] =
        [ratio.median, ratio.low, ratio.high].map(|figure| decimal(figure, 3));
    match ratio.median {
        Some(_) => format!("{median} ({low}-{high})"),
        None => median,
    }
}

fn table(table: &Table) -> String {
    let rows: Vec<Vec<String>> =
        std::iter::once(&table.columns).chain(&table.rows).cloned().collect();
    align(&rows, 1)
}

/// Names and values, one pair a line; long values wrap under themselves.
fn pairs(pairs: &[(String, String)]) -> String {
    let width = pairs.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    pairs.iter().map(|(name, value)| sentence(&format!("  {name:<width$}  "), value)).collect()
}

/// A sentence behind a lead, wrapped at the page's width and indented under the lead.
pub(crate) fn sentence(lead: &str, words: &str) -> String {
    let indent = lead.chars().count();
    let mut text = lead.to_owned();
    let mut column = indent;
    for word in words.split_whitespace() {
        let length = word.chars().count();
        if column > indent && column + 1 + length > PAGE {
            text.push('\n');
            text.push_str(&" ".repeat(indent));
            column = indent;
        } else if column > indent {
            text.push(' ');
            column += 1;
        }
        text.push_str(word);
        column += length;
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

/// Pads each column to its widest cell; only the first `left` columns are flush left.
pub(crate) fn align(rows: &[Vec<String>], left: usize) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max()
    };
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            if column < left {
                line.push_str(&format!("{cell:<width$}  "));
            } else {
                line.push_str(&format!("{cell:>width$}  "));
            }
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::series::Series;

    #[test]
    fn columns_line_up_and_absent_figures_are_dashes() {
        let mut one = Series::new("floor");
        one.histogram.saturating_record(12_345);
        let summaries = [one.summary(), Series::new("a-longer-name").summary()];
        let table = series(&summaries, Unit::Nanoseconds);
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(lines.len(), 3);
        let end = lines[0].find("count").unwrap() + "count".len();
        assert_eq!(&lines[1][..end], "floor              1");
        assert_eq!(&lines[2][..end], "a-longer-name      0");
        assert!(lines[1].contains(" - "), "p50 of one sample: {}", lines[1]);
    }

    #[test]
    fn all_figures_of_a_pair_share_a_line() {
        let ratio = |figure: &str, median| Ratio {
            series: "taut".to_owned(),
            to: "floor".to_owned(),
            figure: figure.to_owned(),
            median,
            low: median,
            high: median,
        };
        let table = ratios(&[ratio("p50", Some(1.2)), ratio("p99", None)]);
        let words: Vec<&str> = table.lines().nth(1).unwrap().split_whitespace().collect();
        assert_eq!(words, ["taut", "floor", "1.200", "(1.200-1.200)", "-"]);
        assert!(table.starts_with("series  to"), "{table}");
    }

    #[test]
    fn the_text_names_status_and_reasons() {
        let text = crate::report::tests::report(&["floor"], 0).text();
        assert!(text.contains("status  warn\n  - a reason\n"));
        assert!(text.contains("server core") && text.contains("a table\n\ncore  value\n"));
        assert!(text.lines().all(|line| !line.ends_with(' ')));
    }

    #[test]
    fn sentences_wrap_under_themselves() {
        let text = sentence("  note  ", &"word ".repeat(40));
        assert!(text.lines().all(|line| line.len() <= PAGE));
        assert!(text.lines().skip(1).all(|line| line.starts_with("        word")));
    }
}
