//! One JSON object a line: a process at one look. `bench/COUNTERS.md` has the schema.

use serde::Serialize;
use taut::counter_file::{Reading, Snapshot, SnapshotValue};

use crate::health;
use crate::sample::Sample;

/// The form of the objects.
const SCHEMA: u32 = 1;

#[derive(Serialize)]
struct Line<'a> {
    schema: u32,
    path: &'a str,
    name: &'a str,
    pid: u64,
    format_version: String,
    alive: bool,
    problem: Option<&'a str>,
    started_ns: u64,
    at_ns: Option<u64>,
    interval_s: Option<f64>,
    damaged_records: u64,
    owners: Vec<Owner<'a>>,
    unhealthy: Vec<Unhealthy>,
}

#[derive(Serialize)]
struct Owner<'a> {
    owner: u32,
    name: Option<&'a str>,
    values: Vec<Value<'a>>,
    distributions: Vec<Counts<'a>>,
}

#[derive(Serialize)]
struct Value<'a> {
    label: &'a str,
    kind: &'static str,
    unit: &'a str,
    value: u64,
    per_second: Option<f64>,
}

#[derive(Serialize)]
struct Counts<'a> {
    label: &'a str,
    unit: &'a str,
    count: u64,
    above: u64,
    p50: u64,
    p90: u64,
    p99: u64,
    p999: u64,
    max: u64,
    interval_count: u64,
    interval_p50: u64,
    interval_p99: u64,
    interval_max: u64,
}

#[derive(Serialize)]
struct Unhealthy {
    owner: u32,
    label: String,
    reason: String,
}

/// Appends the line of one process.
pub(crate) fn write(text: &mut String, sample: &Sample) {
    let findings = health::findings(sample).into_iter();
    let line = Line {
        schema: SCHEMA,
        path: &sample.path,
        name: &sample.name,
        pid: sample.pid,
        format_version: format!("{}.{}", sample.version.0, sample.version.1),
        alive: sample.alive,
        problem: sample.problem.as_deref(),
        started_ns: sample.started_ns,
        at_ns: sample.now.as_ref().map(Snapshot::at_ns),
        interval_s: sample.interval_s(),
        damaged_records: sample.now.as_ref().map_or(0, Snapshot::damaged_records),
        owners: sample.now.as_ref().map(|now| owners(sample, now)).unwrap_or_default(),
        unhealthy: findings
            .map(|found| Unhealthy { owner: found.owner, label: found.label, reason: found.reason })
            .collect(),
    };
    text.push_str(&serde_json::to_string(&line).expect("numbers and texts are JSON"));
    text.push('\n');
}

fn owners<'a>(sample: &Sample, now: &'a Snapshot) -> Vec<Owner<'a>> {
    let one = |owner: u32| Owner {
        owner,
        name: now.name(owner),
        values: now.of_owner(owner).filter_map(|value| number(sample, value)).collect(),
        distributions: now.of_owner(owner).filter_map(|value| counts(sample, value)).collect(),
    };
    now.owners().into_iter().map(one).collect()
}

fn number<'a>(sample: &Sample, value: &'a SnapshotValue) -> Option<Value<'a>> {
    Some(Value {
        label: value.label(),
        kind: value.kind().name(),
        unit: value.unit(),
        value: value.number()?,
        per_second: sample.per_second(value),
    })
}

fn counts<'a>(sample: &Sample, value: &'a SnapshotValue) -> Option<Counts<'a>> {
    let Reading::Distribution(all) = value.reading() else { return None };
    let interval = sample.interval_of(value)?;
    Some(Counts {
        label: value.label(),
        unit: value.unit(),
        count: all.len(),
        above: all.above(),
        p50: all.value_at_quantile(0.5),
        p90: all.value_at_quantile(0.9),
        p99: all.value_at_quantile(0.99),
        p999: all.value_at_quantile(0.999),
        max: all.max(),
        interval_count: interval.len(),
        interval_p50: interval.value_at_quantile(0.5),
        interval_p99: interval.value_at_quantile(0.99),
        interval_max: interval.max(),
    })
}
