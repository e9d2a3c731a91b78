//! What the report says about the run besides its figures: label, settings, notes.

use super::options::{Options, format_duration};
use super::server::ServerKind;
use super::slots::Slot;
use crate::harness::environment::Environment;
use crate::harness::plan::Plan;
use crate::harness::series::Series;

/// Fills in what the environment says of the workload.
pub(super) fn describe(
    environment: &mut Environment,
    options: &Options,
    plan: &Plan,
    slots: &[Slot],
    series: &[Series],
) {
    let connections = match options.connections {
        1 => "1 connection".to_owned(),
        several => format!("{several} connections used in turn"),
    };
    environment.measures = format!(
        "RTT, loopback TCP, {} B, {connections}, closed loop, one message in flight",
        options.size
    );
    let slice = &plan.slice;
    let pauses: Vec<String> =
        options.pauses().iter().map(|(think, _)| format_duration(*think)).collect();
    environment.settings = vec![
        ("think_time".to_owned(), pauses.join(", ")),
        (
            "rounds".to_owned(),
            format!(
                "{} of {} slices each, after one that is not recorded; a slice warms up for {} ms \
                 and {} messages at least, then records for {} ms and {} messages (at \
                 most twice that time)",
                plan.rounds,
                series.len(),
                slice.warm_up.as_millis(),
                slice.warm_up_count,
                slice.record.as_millis(),
                slice.record_count
            ),
        ),
    ];
    let first = slots.iter().find(|slot| !slot.features.is_empty());
    environment.features = first.map(|slot| slot.features.clone()).unwrap_or_default();
    environment.notes = notes(options, slots, series);
}

fn notes(options: &Options, slots: &[Slot], series: &[Series]) -> Vec<String> {
    let mut notes = Vec::new();
    let polling: Vec<&str> = series
        .iter()
        .filter(|one| one.polls_by_syscall && one.unavailable.is_none())
        .map(|one| one.name.as_str())
        .collect();
    if !polling.is_empty() {
        notes.push(format!(
            "syscalls/op counts every call of the server while it was recorded. {} ask the kernel \
             whenever they are idle: most of their calls are empty polls.",
            polling.join(", ")
        ));
    }
    notes.push(
        "a figure is - where fewer than ten samples lie beyond its percentile; a ratio is - where \
         no round has enough of them."
            .to_owned(),
    );
    if !slots.iter().any(|slot| slot.kind == ServerKind::Floor) {
        notes.push(
            "without the series floor there are no ratios to it, and absolute times of two runs \
             can't be compared."
                .to_owned(),
        );
    }
    if options.connections > 1 {
        notes.push(
            "the client goes round the connections with one message in flight in total: this \
             shows what many open connections cost, not throughput. The series floor asks every \
             socket in turn, so with many of them raw-epoll-spin is the faster raw server."
                .to_owned(),
        );
    }
    notes
}
