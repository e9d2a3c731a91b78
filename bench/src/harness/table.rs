//! The report's text: aligned columns and sentences that wrap at the page's width.

use super::ratios::Ratio;
use super::series::Summary;

/// Columns to which sentences are wrapped.
const PAGE: usize = 100;

/// The figures of all series, one line each.
pub(crate) fn series(summaries: &[Summary]) -> String {
    let head = [
        "series",
        "count",
        "min",
        "p50",
        "p90",
        "p99",
        "p99.9",
        "p99.99",
        "max",
        "ops/s",
        "syscalls/op",
        "allocs/op",
    ];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    rows.extend(summaries.iter().map(|one| {
        vec![
            one.name.clone(),
            one.samples.to_string(),
            integer(one.min),
            integer(one.p50),
            integer(one.p90),
            integer(one.p99),
            integer(one.p99_9),
            integer(one.p99_99),
            integer(one.max),
            decimal(one.ops_per_s, 0),
            decimal(one.syscalls_per_op, 2),
            decimal(one.allocations_per_op, 4),
        ]
    }));
    align(&rows, 1)
}

/// The ratios, p50 and p99 of one pair in one line.
pub(crate) fn ratios(ratios: &[Ratio]) -> String {
    let head = ["series", "to", "p50", "low", "high", "p99", "low", "high"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for ratio in ratios {
        let figures = [ratio.median, ratio.low, ratio.high].map(|figure| decimal(figure, 3));
        match rows.last_mut() {
            Some(row) if row[0] == ratio.series && row[1] == ratio.to => row.extend(figures),
            _ => {
                let mut row = vec![ratio.series.clone(), ratio.to.clone()];
                row.extend(figures);
                rows.push(row);
            }
        }
    }
    align(&rows, 2)
}

/// Names and values, one pair a line; long values wrap under themselves.
pub(crate) fn pairs(pairs: &[(String, String)]) -> String {
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

fn integer(value: Option<u64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

fn decimal(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.digits$}"))
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
        let mut one = Series::new("floor".to_owned());
        one.histogram.saturating_record(12_345);
        let table = series(&[one.summary(), Series::new("a-longer-name".to_owned()).summary()]);
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(lines.len(), 3);
        let end = lines[0].find("count").unwrap() + "count".len();
        assert_eq!(&lines[1][..end], "floor              1");
        assert_eq!(&lines[2][..end], "a-longer-name      0");
        assert!(lines[1].contains(" - "), "p50 of one sample: {}", lines[1]);
    }

    #[test]
    fn both_percentiles_of_a_pair_share_a_line() {
        let ratio = |percentile, median| Ratio {
            series: "taut".to_owned(),
            to: "floor".to_owned(),
            percentile,
            median,
            low: median,
            high: median,
        };
        let table = ratios(&[ratio("p50", Some(1.2)), ratio("p99", None)]);
        let words: Vec<&str> = table.lines().nth(1).unwrap().split_whitespace().collect();
        assert_eq!(words, ["taut", "floor", "1.200", "1.200", "1.200", "-", "-", "-"]);
    }

    #[test]
    fn sentences_wrap_under_themselves() {
        let text = sentence("  note  ", &"word ".repeat(40));
        assert!(text.lines().all(|line| line.len() <= PAGE));
        assert!(text.lines().skip(1).all(|line| line.starts_with("        word")));
    }
}
