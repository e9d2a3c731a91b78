//! The table for people: one column a core, value and rate; the process's own values and the
//! distributions below; then what is unhealthy, and why.

use std::fmt::Write as _;

use taut::counter_file::{Kind, Snapshot, SnapshotValue};

use crate::health;
use crate::numbers::{age, grouped, rate};
use crate::sample::Sample;
use crate::screen::{ALARM, PLAIN};

/// What the value of `state` means.
const STATES: [&str; 4] = ["outside", "turns", "sleeps", "ended"];
/// Columns between two others.
const GAP: &str = "  ";

/// A cell, and whether it is alarming.
#[derive(Clone, Debug, Default)]
struct Cell {
    text: String,
    alarming: bool,
}

/// Appends the tables of one process.
pub(crate) fn write(text: &mut String, sample: &Sample, all: bool, colors: bool) {
    let version = format!("{}.{}", sample.version.0, sample.version.1);
    let since = age(sample.age_s(sample.started_ns));
    let state = if sample.alive { format!("for {since}") } else { "has ended".to_owned() };
    // Writing to a string can't fail, here and below.
    let _ = writeln!(
        text,
        "{} · pid {} · {state} · {} (version {version})",
        sample.name, sample.pid, sample.path
    );
    if let Some(problem) = &sample.problem {
        let _ = writeln!(text, "{problem}");
    }
    if let Some(now) = &sample.now {
        for rows in [cores(sample, now, all), own(sample, now), distributions(sample, now)] {
            if rows.len() > 1 {
                draw(text, &rows, colors);
            }
        }
        if now.damaged_records() > 0 {
            let _ = writeln!(text, "{} damaged records left out", now.damaged_records());
        }
    }
    for finding in health::findings(sample) {
        let (on, off) = if colors { (ALARM, PLAIN) } else { ("", "") };
        let who = sample.now.as_ref().and_then(|now| now.name(finding.owner)).unwrap_or("?");
        let _ = writeln!(text, "{on}! {who}: {}: {}{off}", finding.label, finding.reason);
    }
    text.push('\n');
}

/// Rows are labels, columns are cores.
fn cores(sample: &Sample, now: &Snapshot, all: bool) -> Vec<Vec<Cell>> {
    let cores = sample.cores();
    let mut labels: Vec<&str> = Vec::new();
    let is_row = |value: &&SnapshotValue| value.owner() > 0 && value.number().is_some();
    for value in now.values().iter().filter(is_row) {
        if !labels.contains(&value.label()) {
            labels.push(value.label());
        }
    }
    let name = |owner: &u32| plain(now.name(*owner).unwrap_or("?"));
    let mut rows = vec![std::iter::once(plain("")).chain(cores.iter().map(name)).collect()];
    for label in labels {
        let values = cores.iter().map(|owner| now.value(*owner, label));
        if all || values.clone().flatten().any(|value| value.number() > Some(0)) {
            let cells = values.map(|value| value.map(|value| cell(sample, value)));
            let cells = cells.map(Option::unwrap_or_default);
            rows.push(std::iter::once(plain(label)).chain(cells).collect());
        }
    }
    rows
}

fn cell(sample: &Sample, value: &SnapshotValue) -> Cell {
    let number = value.number().unwrap_or(0);
    let text = match value.kind() {
        Kind::Timestamp if number == 0 => "never".to_owned(),
        Kind::Timestamp => format!("{} ago", age(sample.age_s(number))),
        Kind::Flag => usize::try_from(number)
            .ok()
            .and_then(|state| STATES.get(state))
            .map_or_else(|| number.to_string(), |state| (*state).to_owned()),
        _ => grouped(number),
    };
    let text = match sample.per_second(value) {
        Some(per_second) => format!("{text} {:>10}", format!("(+{}/s)", rate(per_second))),
        None => text,
    };
    Cell { text, alarming: health::judge(sample, value).is_some() }
}

/// The values of the process itself.
fn own(sample: &Sample, now: &Snapshot) -> Vec<Vec<Cell>> {
    let mut rows = vec![vec![plain("of the process"), plain("value"), plain("unit")]];
    for value in now.of_owner(0).filter(|value| value.number().is_some()) {
        rows.push(vec![plain(value.label()), cell(sample, value), plain(value.unit())]);
    }
    rows
}

/// Distributions since the last look, and their maximum since the start.
fn distributions(sample: &Sample, now: &Snapshot) -> Vec<Vec<Cell>> {
    let header = ["since the last look", "count", "p50", "p99", "max", "max ever", "unit"];
    let mut rows: Vec<Vec<Cell>> = vec![header.into_iter().map(plain).collect()];
    for value in now.values() {
        let (Some(ever), Some(counts)) = (value.distribution(), sample.interval_of(value)) else {
            continue;
        };
        let label = match now.name(value.owner()) {
            Some(name) => format!("{name} {}", value.label()),
            None => value.label().to_owned(),
        };
        let figures = [
            counts.len(),
            counts.value_at_quantile(0.5),
            counts.value_at_quantile(0.99),
            counts.max(),
            ever.max(),
        ];
        let figures = figures.into_iter().map(|figure| plain(&grouped(figure)));
        let ends = std::iter::once(plain(value.unit()));
        rows.push(std::iter::once(plain(&label)).chain(figures).chain(ends).collect());
    }
    rows
}

fn plain(text: &str) -> Cell {
    Cell { text: text.to_owned(), alarming: false }
}

/// The first column to the left, the others to the right.
fn draw(text: &mut String, rows: &[Vec<Cell>], colors: bool) {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.text.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    for row in rows {
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let padded = match column {
                0 => format!("{:<width$}", cell.text),
                _ => format!("{GAP}{:>width$}", cell.text),
            };
            match cell.alarming && colors {
                true => {
                    let _ = write!(text, "{ALARM}{padded}{PLAIN}");
                }
                false => text.push_str(&padded),
            }
        }
        text.truncate(text.trim_end_matches(' ').len());
        text.push('\n');
    }
    text.push('\n');
}
