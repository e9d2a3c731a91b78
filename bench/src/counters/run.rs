//! The command from its line to its table and exit status.

use std::collections::BTreeMap;
use std::process::ExitCode;

use clap::ValueEnum;

use super::baseline::{Comparison, Counts};
use super::callgrind::Callgrind;
use super::options::{CountOptions, Options};
use super::works::Work;
use crate::harness::series::decimals;
use crate::report::text;

/// Counts and compares; the error is one of the command line, of a file or of valgrind.
pub(crate) fn run(options: &Options) -> Result<ExitCode, String> {
    // Before anything is counted, so that a wrong path costs no time.
    let baseline = match (&options.baseline, options.write_baseline) {
        (Some(path), false) => Some(Counts::read(path)?),
        _ => None,
    };
    let works = options.works();
    let callgrind = Callgrind::new()?;
    let mut counted = BTreeMap::new();
    for &work in &works {
        let instructions = callgrind.instructions_per_op(work)?;
        counted.insert(work.name().to_owned(), decimals(instructions, 2));
    }
    let counts = Counts::new(counted);
    println!("instructions for each operation · callgrind, epoll driver · {}\n", counts.build());
    print!("{}", text(&works, &counts, baseline.as_ref()));
    let comparison = match &baseline {
        Some(baseline) => compared(&counts, baseline)?,
        None => Comparison::default(),
    };
    if !comparison.notes.is_empty() || !comparison.failures.is_empty() {
        println!();
    }
    for note in &comparison.notes {
        print!("{}", text::sentence("note  ", note));
    }
    for failure in &comparison.failures {
        print!("{}", text::sentence("FAIL  ", failure));
    }
    if let Some(path) = &options.json {
        counts.write(path)?;
    }
    if let (Some(path), true) = (&options.baseline, options.write_baseline) {
        counts.write(path)?;
        println!("\nbaseline written: {}", path.display());
    }
    Ok(if comparison.failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The other side: does the work that a process under valgrind was started for.
pub(crate) fn count(options: &CountOptions) -> Result<ExitCode, String> {
    options.work.run(options.operations).map(|()| ExitCode::SUCCESS)
}

fn compared(counts: &Counts, baseline: &Counts) -> Result<Comparison, String> {
    let mut comparison = counts.since(baseline)?;
    comparison.notes.extend(baseline.unknown_works(|work| Work::from_str(work, false).is_ok()));
    Ok(comparison)
}

fn text(works: &[Work], counts: &Counts, baseline: Option<&Counts>) -> String {
    let mut head = vec!["work".to_owned(), "instructions/op".to_owned()];
    if baseline.is_some() {
        head.extend(["baseline", "growth"].map(str::to_owned));
    }
    let mut rows = vec![head];
    for work in works.iter().map(|work| work.name()) {
        let one = |count: f64| format!("{count:.2}");
        let mut row = vec![work.to_owned(), one(counts.instructions_per_op[work])];
        if let Some(baseline) = baseline {
            let growth = counts.growth_percent(baseline, work);
            let then = baseline.instructions_per_op.get(work);
            row.push(then.map_or_else(|| "-".to_owned(), |&then| one(then)));
            row.push(growth.map_or_else(|| "-".to_owned(), |growth| format!("{growth:+.2} %")));
        }
        rows.push(row);
    }
    text::align(&rows, 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(works: &[(&str, f64)]) -> Counts {
        Counts::new(works.iter().map(|&(work, count)| (work.to_owned(), count)).collect())
    }

    #[test]
    fn the_table_has_a_line_for_each_work_and_dashes_where_the_baseline_has_none() {
        let now = counts(&[("yield", 122.57), ("channel", 216.0)]);
        let works = [Work::Yield, Work::Channel];
        let table = text(&works, &now, None);
        assert_eq!(table.lines().nth(2), Some("channel           216.00"));
        let table = text(&works, &now, Some(&counts(&[("yield", 100.0)])));
        let words: Vec<Vec<&str>> =
            table.lines().skip(1).map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(words[0], ["yield", "122.57", "100.00", "+22.57", "%"]);
        assert_eq!(words[1], ["channel", "216.00", "-", "-"]);
    }

    #[test]
    fn a_baseline_of_works_that_are_gone_is_said() {
        let baseline = counts(&[("yield", 1.0), ("gone", 1.0)]);
        let comparison = compared(&counts(&[("yield", 1.0)]), &baseline).unwrap();
        assert!(comparison.failures.is_empty());
        assert!(comparison.notes[0].contains("does not: gone;"), "{comparison:?}");
    }
}
