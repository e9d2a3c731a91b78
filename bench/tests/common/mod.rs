//! Runs the program as its user does, and reads what it wrote.

#![allow(dead_code, reason = "each test file uses a part of this")]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

/// The program, to be given arguments.
pub(crate) fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_taut-bench"))
}

/// Runs it to the end with these words as arguments.
pub(crate) fn run(line: &str) -> Output {
    let output = program().args(line.split_whitespace()).output();
    output.expect("the program of this package starts")
}

/// Starts it in the background.
pub(crate) fn start(line: &str) -> Child {
    program()
        .args(line.split_whitespace())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program of this package starts")
}

/// A folder of that name for the files of one test, empty.
pub(crate) fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).expect("cargo's folder for tests can be written");
    folder
}

/// The JSON of a run.
pub(crate) fn json(file: &Path) -> Value {
    let text = std::fs::read_to_string(file)
        .unwrap_or_else(|error| panic!("{} is not there: {error}", file.display()));
    serde_json::from_str(&text).expect("the report is JSON")
}

/// The series of that name.
pub(crate) fn series<'a>(report: &'a Value, name: &str) -> &'a Value {
    let all = report["series"].as_array().expect("a report has series");
    let mut named = all.iter().filter(|one| one["name"] == name);
    named.next().unwrap_or_else(|| panic!("there is no series {name} in {report:#}"))
}

/// Standard error as text.
pub(crate) fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The processes that a process has started and that run that program with that first argument.
pub(crate) fn children(parent: u32, argument: &str) -> Vec<u32> {
    let Ok(processes) = std::fs::read_dir("/proc") else { return Vec::new() };
    processes
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|id: &u32| {
            let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
            let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
            let of_parent = after_name.split_whitespace().nth(1) == Some(&parent.to_string());
            let line = std::fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
            let words = String::from_utf8_lossy(&line).into_owned();
            of_parent && words.split('\0').nth(1) == Some(argument)
        })
        .collect()
}

/// Runs a workload with two short rounds; the report, which is no failure.
pub(crate) fn report(name: &str, line: &str) -> Value {
    report_of(name, line, 1)
}

/// The same of a workload that has to hold a rate: a host that is busy with something else may miss
/// it, and rightly fails the run, but not again and again.
pub(crate) fn report_at_rate(name: &str, line: &str) -> Value {
    report_of(name, line, 5)
}

fn report_of(name: &str, line: &str, tries: u32) -> Value {
    // One at a time: each takes two cores, and among others that spin a round may last for seconds.
    static CORES: Mutex<()> = Mutex::new(());
    let _turn = CORES.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = folder(&format!("workload-{name}"));
    let out = folder.display();
    let line = format!("{line} --rounds 2 --duration 1s --out {out}");
    let mut output = run(&line);
    for _ in 1..tries {
        if output.status.success() {
            break;
        }
        output = run(&line);
    }
    assert!(
        output.status.success(),
        "{line}: {}{}",
        String::from_utf8_lossy(&output.stdout),
        errors(&output)
    );
    let report = json(&folder.join(format!("{name}.json")));
    assert_eq!(report["schema"], 2);
    assert_eq!(report["workload"], name);
    report
}

/// Names of the series that ran, and of those that could not.
pub(crate) fn names(report: &Value) -> (Vec<String>, Vec<String>) {
    let all = report["series"].as_array().expect("a report has series");
    let name = |one: &Value| one["name"].as_str().expect("a series has a name").to_owned();
    let (ran, absent): (Vec<&Value>, Vec<&Value>) =
        all.iter().partition(|one| one["unavailable"].is_null());
    (ran.into_iter().map(name).collect(), absent.into_iter().map(name).collect())
}
