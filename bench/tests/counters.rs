//! `taut-bench counters` as a user starts it: what it prints, writes and ends with.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

/// Runs it in a folder of the test's own.
fn counters(arguments: &[&str]) -> Output {
    command(arguments).output().unwrap()
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_taut-bench"));
    command.arg("counters").args(arguments);
    command
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn valgrind_is_here() -> bool {
    let here = Command::new("valgrind").arg("--version").output().is_ok();
    if !here {
        eprintln!("skipped: valgrind is not on this host");
    }
    here
}

fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("taut-counters-{name}-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    folder
}

#[test]
fn a_host_without_valgrind_ends_it_with_status_2_and_the_package_to_install() {
    let output = command(&["--works", "yield"]).env("PATH", "/nowhere").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(errors(&output).contains("install the package valgrind"), "{}", errors(&output));
}

#[test]
fn a_wrong_line_or_baseline_ends_it_with_status_2_before_anything_is_counted() {
    for (arguments, expected) in [
        (&["--works", "nonsense"][..], "nonsense"),
        (&["--write-baseline"], "--baseline"),
        (&["--write-baseline", "--baseline", "b", "--works", "yield"], "--works"),
        (&["--baseline", "/none/baseline.json"], "/none/baseline.json can't be read"),
    ] {
        let output = command(arguments).env("PATH", "/nowhere").output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(errors(&output).contains(expected), "{}", errors(&output));
    }
}

#[test]
fn what_does_not_wait_for_a_clock_counts_the_same_twice_and_growth_makes_the_status_1() {
    if !valgrind_is_here() {
        return;
    }
    let folder = folder("twice");
    let [first, second] = ["first.json", "second.json"].map(|name| folder.join(name));
    let works = "echo_epoll,spawn_join,yield,channel,channel_ping_pong";
    let (first_path, second_path) = (first.to_str().unwrap(), second.to_str().unwrap());
    let output = counters(&["--works", works, "--json", first_path]);
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    // Another environment shifts the stack; it must not shift the count.
    let again = ["--works", works, "--json", second_path, "--baseline", first_path];
    let output = command(&again).env("SHIFT", "x".repeat(3001)).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    let [file, again] = [&first, &second].map(|path| {
        let text = fs::read_to_string(path).unwrap();
        serde_json::from_str::<serde_json::Value>(&text).unwrap()
    });
    // Not to the last digit: the heartbeat reads the clock each 1024 turns, and a reading that
    // comes after 100 ms compares it with the kernel's, too.
    for (work, counted) in file["instructions_per_op"].as_object().unwrap() {
        let counted = counted.as_f64().unwrap();
        let again = again["instructions_per_op"][work].as_f64().unwrap();
        assert!((counted - again).abs() <= counted / 1000.0, "{work}: {counted}, then {again}");
    }

    let yields = file["instructions_per_op"]["yield"].as_f64().unwrap();
    let mut smaller = file;
    smaller["instructions_per_op"]["yield"] = (yields / 1.06).into();
    fs::write(&first, smaller.to_string()).unwrap();
    let output = counters(&["--works", "yield", "--baseline", first_path]);
    assert_eq!(output.status.code(), Some(1));
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(printed.contains("FAIL  yield grew by 6.00 %"), "{printed}");
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_renewed_baseline_holds_every_work() {
    if !valgrind_is_here() {
        return;
    }
    let folder = folder("renewed");
    let path = folder.join("deeper/baseline.json");
    let output = counters(&["--baseline", path.to_str().unwrap(), "--write-baseline"]);
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    let baseline: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    let works = baseline["instructions_per_op"].as_object().unwrap();
    assert_eq!(works.len(), 7);
    assert!(works.values().all(|count| count.as_f64().is_some_and(|count| count > 10.0)));
    fs::remove_dir_all(folder).unwrap();
}
