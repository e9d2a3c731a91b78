use super::*;
use crate::harness::series::{Interval, Series, Slice};
use crate::report::summary::Summary;
use crate::report::tests::{promised, report};

/// A run whose series have rounds of these samples: one list of rounds for each name.
fn run(file: &str, series: &[(&str, &[&[u64]])]) -> Input {
    let mut report = report(&[], 0);
    report.environment.started_utc = file.to_owned();
    report.series = series.iter().map(|(name, rounds)| summary(name, rounds)).collect();
    report.ratios =
        paired(&report.series, &[("taut".to_owned(), "floor".to_owned())], &[ratios::P50]);
    Input::of_workload(format!("runs/{file}.json"), report)
}

use super::super::ratios;

fn summary(name: &str, rounds: &[&[u64]]) -> Summary {
    let mut series = Series::new(name);
    for samples in rounds {
        let slice = Slice { elapsed_ns: 1_000_000, ..Slice::default() };
        series.add(&slice, &Interval::default(), &mut samples.to_vec());
    }
    series.summary()
}

fn merged(inputs: Vec<Input>) -> Report {
    let mut sections = Section::all(inputs).unwrap();
    assert_eq!(sections.len(), 1);
    sections.remove(0).report
}

#[test]
fn histograms_are_added_and_rounds_keep_the_number_of_their_run() {
    let (slow, fast) = ([1_000; 30], [2_000; 20]);
    let report =
        merged(vec![run("a", &[("floor", &[&slow, &slow])]), run("b", &[("floor", &[&fast])])]);
    let floor = report.series("floor").unwrap();
    assert_eq!((floor.samples, floor.min, floor.p50), (80, Some(1_000), Some(1_000)));
    assert_eq!(floor.histogram().unwrap().unwrap().len(), 80);
    let runs: Vec<u32> = floor.rounds.iter().map(|round| round.run).collect();
    assert_eq!(runs, [0, 0, 1]);
    // 60 samples in 2 ms and 20 in 1 ms.
    assert_eq!(floor.ops_per_s, Some(26_666.7));
    assert!(report.environment.notes.last().unwrap().contains("merged of 2 runs: a.json (a)"));
}

#[test]
fn what_was_merged_can_be_merged_again() {
    let part = |file: &str| run(file, &[("floor", &[&[1_000; 20]])]);
    let first = merged(vec![part("a"), part("b")]);
    let again = Input::of_workload("ab.json", first);
    let report = merged(vec![again, part("c")]);
    let runs: Vec<u32> = report.series[0].rounds.iter().map(|round| round.run).collect();
    assert_eq!(runs, [0, 1, 2]);
}

#[test]
fn ratios_are_made_of_all_paired_rounds() {
    // Within each run taut takes 1.2 and 1.4 times the floor; across runs it would look faster.
    let a = run("a", &[("floor", &[&[1_000; 20]]), ("taut", &[&[1_200; 20]])]);
    let b = run("b", &[("floor", &[&[3_000; 20]]), ("taut", &[&[4_200; 20]])]);
    // Its taut did not come to its second round.
    let c = run("c", &[("floor", &[&[1_000; 20], &[9_000; 20]]), ("taut", &[&[1_300; 20]])]);
    let report = merged(vec![a, b, c]);
    let ratio = &report.ratios[0];
    assert_eq!((ratio.median, ratio.low, ratio.high), (Some(1.3), Some(1.25), Some(1.35)));
}

#[test]
fn counts_for_an_operation_are_weighted_by_operations() {
    let [mut a, mut b] =
        [run("a", &[("taut", &[&[10; 300]])]), run("b", &[("taut", &[&[10; 100]])])];
    a.report.series[0].syscalls_per_op = Some(2.0);
    b.report.series[0].syscalls_per_op = Some(4.0);
    a.report.series[0].cpu_ns_per_op = Some(500.0);
    b.report.series[0].page_faults = 3;
    let report = merged(vec![a, b]);
    let taut = report.series("taut").unwrap();
    assert_eq!(taut.syscalls_per_op, Some(2.5));
    assert_eq!(taut.cpu_ns_per_op, Some(500.0), "of the run that has one");
    assert_eq!((taut.page_faults, taut.allocations_per_op), (3, None));
}

#[test]
fn the_worst_status_wins_and_each_reason_is_there_once_with_its_runs() {
    let [mut a, mut b] = [run("a", &[("taut", &[])]), run("b", &[("taut", &[])])];
    b.report.status = Status::Fail;
    b.report.reasons.push("lost a reply".to_owned());
    a.report.environment.server_core_steal_percent = 1.5;
    let report = merged(vec![a, b]);
    assert_eq!(report.status, Status::Fail);
    assert_eq!(report.reasons, ["a.json, b.json: a reason", "b.json: lost a reply"]);
    assert_eq!(report.environment.server_core_steal_percent, 1.5);
}

#[test]
fn a_series_that_ran_in_one_of_the_runs_is_available() {
    let a = run("a", &[("taut", &[&[10; 20]])]);
    let mut b = run("b", &[("taut", &[]), ("asio", &[])]);
    for one in &mut b.report.series {
        one.unavailable = Some("not built".to_owned());
    }
    let report = merged(vec![a, b]);
    assert_eq!(report.series("taut").unwrap().unavailable, None);
    assert_eq!(report.series("taut").unwrap().samples, 20);
    assert_eq!(report.series("asio").unwrap().unavailable.as_deref(), Some("not built"));
}

#[test]
fn promises_are_judged_again_on_all_samples() {
    let [mut a, mut b] =
        [run("a", &[("taut", &[&[10; 20]])]), run("b", &[("taut", &[&[90; 200]])])];
    for input in [&mut a, &mut b] {
        input.report.sla = vec![promised("taut", "p50", 2, 50, Some(10))];
    }
    let report = merged(vec![a, b]);
    assert_eq!(report.sla.len(), 1);
    assert_eq!((report.sla[0].measured, report.sla[0].kept), (Some(90), false));
}

#[test]
fn other_settings_hosts_and_versions_stay_apart() {
    type Change = fn(&mut Report);
    let changes: [Change; 5] = [
        |report| report.workload = "stream".to_owned(),
        |report| report.environment.measures = "another size".to_owned(),
        |report| report.environment.settings[0].1 = "2".to_owned(),
        |report| report.environment.commit = "0000".to_owned(),
        |report| report.environment.cpu_model = Some("another".to_owned()),
    ];
    for (number, change) in changes.iter().enumerate() {
        let [a, mut b] = [run("a", &[]), run("b", &[])];
        change(&mut b.report);
        assert_eq!(Section::all(vec![a, b]).unwrap().len(), 2, "change {number}");
    }
    let [a, mut b] = [run("a", &[]), run("b", &[])];
    b.report.environment.settings.push((ROUNDS.to_owned(), "21".to_owned()));
    assert_eq!(Section::all(vec![a, b]).unwrap().len(), 1, "longer runs of the same");
}

#[test]
fn the_same_run_twice_is_an_error_that_names_both_files() {
    let [a, mut b] = [run("a", &[]), run("a", &[])];
    b.file = "copy.json".to_owned();
    let error = Section::all(vec![a, b]).unwrap_err();
    assert!(error.contains("copy.json") && error.contains("runs/a.json"), "{error}");
}
