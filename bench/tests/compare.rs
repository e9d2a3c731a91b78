//! `taut-bench compare` and `scripts/bench-ab.sh` as a user starts them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn compare(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_taut-bench")).arg("compare").args(arguments).output().unwrap()
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_line_that_can_not_be_compared_ends_with_status_2_and_a_sentence() {
    let folder = folder("empty");
    let empty = folder.to_str().unwrap();
    for (arguments, expected) in [
        (&["only-a"][..], "<B>"),
        (&[empty, empty, "--nonsense"], "--nonsense"),
        (&[empty, empty, "--seed", "x"], "--seed"),
        (&[empty, "/none/b"], "B, /none/b, can't be read"),
        (&[empty, empty], "A has 0 of the 5 runs"),
    ] {
        let output = compare(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(errors(&output).contains(expected), "{}", errors(&output));
    }
    fs::remove_dir_all(folder).unwrap();
}

fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("taut-compare-{name}-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// A program that writes down what it was started with, and ends with this status.
fn stand_in(folder: &Path, name: &str, status: i32) -> String {
    let path = folder.join(name);
    let text = format!("#!/bin/sh\necho {name} \"$@\" >>{}/log\nexit {status}\n", folder.display());
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path.to_str().unwrap().to_owned()
}

fn bench_ab(arguments: &[&str]) -> Output {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/bench-ab.sh");
    Command::new("bash").arg(script).args(arguments).output().unwrap()
}

/// Which of the two ran when, as a string of letters.
fn order(log: &str) -> String {
    log.lines()
        .filter(|line| line.contains("echo"))
        .filter_map(|line| line.chars().next())
        .collect()
}

#[test]
fn the_script_runs_both_builds_in_pairs_of_random_order_and_compares() {
    let folder = folder("pairs");
    let (a, b) = (stand_in(&folder, "A", 0), stand_in(&folder, "B", 0));
    let mut orders = Vec::new();
    for (number, seed) in [(0, "1"), (1, "1"), (2, "2")] {
        let out = folder.join(number.to_string());
        let out = out.to_str().unwrap();
        let output =
            bench_ab(&[&a, &b, "--runs", "12", "--seed", seed, "--out", out, "--", "echo", "--x"]);
        assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
        let log = fs::read_to_string(folder.join("log")).unwrap();
        fs::remove_file(folder.join("log")).unwrap();
        let last = log.lines().last().unwrap();
        assert_eq!(last, format!("B compare {out}/a {out}/b --json {out}/compare.json"));
        assert!(log.contains(&format!("A echo --x --out {out}/a/12\n")), "{log}");
        orders.push(order(&log));
    }
    for order in &orders {
        assert_eq!(order.len(), 24);
        let pairs: Vec<&str> = (0..12).map(|pair| &order[2 * pair..2 * pair + 2]).collect();
        assert!(pairs.iter().all(|pair| ["AB", "BA"].contains(pair)), "{order}");
        assert!(pairs.contains(&"AB") && pairs.contains(&"BA"), "{order}");
    }
    assert_eq!(orders[0], orders[1], "the same seed");
    assert_ne!(orders[0], orders[2], "another seed");
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn the_script_ends_with_status_1_at_a_run_that_fails_and_2_at_a_wrong_line() {
    let folder = folder("wrong");
    let (a, failing) = (stand_in(&folder, "A", 0), stand_in(&folder, "F", 1));
    let out = folder.join("out");
    let out = out.to_str().unwrap();
    let output = bench_ab(&[&a, &failing, "--out", out, "--", "echo"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(errors(&output).contains("run 1 of B failed"), "{}", errors(&output));

    let log = fs::read_to_string(folder.join("log")).unwrap();
    for (arguments, expected) in [
        (&[&a[..], &a, "--out", out, "--", "echo"][..], "holds older runs"),
        (&[&a, "--", "echo"], "two binaries"),
        (&[&a, &a], "no workload"),
        (&[&a, &a, "--"], "no workload"),
        (&[&a, &a, "--runs", "4", "--", "echo"], "--runs takes 5 to 50"),
        (&[&a, &a, "--runs", "--", "echo"], "--runs needs a value"),
        (&[&a, &a, "--seed", "x", "--", "echo"], "--seed takes a number"),
        (&[&a, &a, "--nonsense", "--", "echo"], "unknown option"),
        (&[&a, "/none", "--", "echo"], "/none is no program"),
        (&[&a, &a, "--out", "/proc/none", "--", "echo"], "can't be made"),
    ] {
        let output = bench_ab(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", errors(&output));
        assert!(errors(&output).contains(expected), "{}", errors(&output));
    }
    assert_eq!(fs::read_to_string(folder.join("log")).unwrap(), log, "nothing more was run");
    fs::remove_dir_all(folder).unwrap();
}
