//! The series of several runs, added up name by name.

use super::super::Report;
use super::super::summary::{Round, Summary};
use crate::harness::series::decimals;

/// The series of all runs, in the order in which they first appear.
pub(super) fn merge(reports: &[&Report]) -> Result<Vec<Summary>, String> {
    let mut names: Vec<&str> = Vec::new();
    for one in reports.iter().flat_map(|report| &report.series) {
        if !names.contains(&one.name.as_str()) {
            names.push(&one.name);
        }
    }
    names.into_iter().map(|name| merge_one(name, reports)).collect()
}

fn merge_one(name: &str, reports: &[&Report]) -> Result<Summary, String> {
    let (mut runs_before, mut parts, mut rounds) = (0, Vec::new(), Vec::new());
    for report in reports {
        if let Some(part) = report.series(name) {
            let in_order = |round: &Round| Round { run: round.run + runs_before, ..round.clone() };
            rounds.extend(part.rounds.iter().map(in_order));
            parts.push(part);
        }
        runs_before += runs(report);
    }
    let mut merged = distribution(name, &parts)?;
    let ran: Vec<&Summary> =
        parts.iter().copied().filter(|one| one.unavailable.is_none()).collect();
    merged.name = name.to_owned();
    merged.about = parts.iter().find_map(|one| one.about.clone());
    merged.unavailable = match ran.as_slice() {
        [] => parts.iter().find_map(|one| one.unavailable.clone()),
        _ => None,
    };
    let rate = |of: fn(&Summary) -> Option<f64>| weighted(&ran, of, elapsed_s, 1);
    merged.ops_per_s = rate(|one| one.ops_per_s);
    merged.bytes_per_s = rate(|one| one.bytes_per_s);
    let per_op = |of: fn(&Summary) -> Option<f64>, digits| weighted(&ran, of, operations, digits);
    merged.syscalls_per_op = per_op(|one| one.syscalls_per_op, 4);
    merged.allocations_per_op = per_op(|one| one.allocations_per_op, 6);
    merged.cpu_ns_per_op = per_op(|one| one.cpu_ns_per_op, 1);
    merged.client_cpu_ns_per_op = per_op(|one| one.client_cpu_ns_per_op, 1);
    merged.voluntary_switches_per_op = per_op(|one| one.voluntary_switches_per_op, 4);
    merged.involuntary_switches = parts.iter().map(|one| one.involuntary_switches).sum();
    merged.page_faults = parts.iter().map(|one| one.page_faults).sum();
    merged.rounds = rounds;
    Ok(merged)
}

/// What follows from the samples of all of them.
fn distribution(name: &str, parts: &[&Summary]) -> Result<Summary, String> {
    let mut all = None;
    for histogram in parts.iter().filter_map(|one| one.histogram()) {
        let histogram = histogram.map_err(|error| format!("{name}: {error}"))?;
        match &mut all {
            None => all = Some(histogram),
            Some(all) => all.add(&histogram).map_err(|error| {
                format!("{name}: the histograms of two runs don't fit together: {error}")
            })?,
        }
    }
    Ok(all.map_or_else(Summary::default, |all| Summary::of(&all)))
}

/// How many runs were merged into it already, at least one.
fn runs(report: &Report) -> u32 {
    let rounds = report.series.iter().flat_map(|one| &one.rounds);
    rounds.map(|round| round.run).max().unwrap_or(0) + 1
}

/// The mean of a figure over those that have it, weighted.
fn weighted(
    parts: &[&Summary],
    of: fn(&Summary) -> Option<f64>,
    weight: fn(&Summary) -> f64,
    digits: i32,
) -> Option<f64> {
    let known: Vec<(f64, f64)> =
        parts.iter().filter_map(|one| Some((of(one)?, weight(one)))).collect();
    let total: f64 = known.iter().map(|(_, weight)| weight).sum();
    let sum: f64 = known.iter().map(|(figure, weight)| figure * weight).sum();
    (total > 0.0).then(|| decimals(sum / total, digits))
}

fn elapsed_s(one: &Summary) -> f64 {
    one.rounds.iter().map(|round| round.length_ms / 1e3).sum()
}

/// Operations, which a series may have more of than samples.
fn operations(one: &Summary) -> f64 {
    match one.ops_per_s {
        Some(ops_per_s) => ops_per_s * elapsed_s(one),
        None => one.samples as f64,
    }
}
