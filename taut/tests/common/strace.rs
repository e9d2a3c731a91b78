//! The system calls of one thread, counted from outside: a test runs itself anew under strace.

use std::process::{Command, ExitStatus, Stdio};

/// Around what is counted, on the thread that is counted.
pub(crate) fn mark() {
    let _ = rustix::process::getppid();
}

/// Whether strace can be run here; says so where it can't.
pub(crate) fn is_here() -> bool {
    let works = Command::new("strace").args(["-c", "true"]).stderr(Stdio::null()).status();
    let is_here = works.as_ref().is_ok_and(ExitStatus::success);
    if !is_here {
        eprintln!("SKIPPED: strace can't be run here: {works:?}");
    }
    is_here
}

/// Runs a test of this process again, with a variable set that tells it what to do, and gives the
/// calls that one of its threads makes between its two marks.
pub(crate) fn calls_of(test: &str, variable: &str, value: &str) -> Vec<String> {
    let path = std::env::temp_dir().join(format!("taut-strace-{}-{value}", std::process::id()));
    let child = Command::new("strace")
        .args(["-f", "-o"])
        .arg(&path)
        .arg(std::env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture"])
        .env(variable, value)
        .output()
        .unwrap();
    let trace = std::fs::read_to_string(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stderr));
    between_marks(&trace)
}

/// The trace is of `strace -f`: each line begins with its thread.
fn between_marks(trace: &str) -> Vec<String> {
    let is_mark = |line: &&str| line.contains("getppid(");
    let thread_of = |line: &str| line.split_whitespace().next().map(str::to_owned);
    let thread = thread_of(trace.lines().find(is_mark).expect("a mark"));
    let own = trace.lines().filter(|line| thread_of(line) == thread);
    let calls: Vec<_> = own.skip_while(|line| !is_mark(line)).skip(1).collect();
    let second = calls.iter().position(is_mark).expect("the second mark");
    calls[..second].iter().map(|line| (*line).to_owned()).collect()
}
