//! Runs the program as its user does, and reads what it wrote.

#![allow(dead_code, reason = "each test file uses a part of this")]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

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
