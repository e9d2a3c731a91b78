//! `doctor` on the host of the tests, whatever that is: its exit status, and its two forms.

mod common;

use std::fs;

use common::{errors, folder, json, run};
use serde_json::Value;

/// 1 exactly where something is severe.
fn status_of(diagnosis: &Value) -> i32 {
    i32::from(diagnosis["counts"]["severe"].as_u64() > Some(0))
}

#[test]
fn the_table_and_the_json_agree_with_the_status() {
    let file = folder("doctor").join("doctor.json");
    let output = run(&format!("doctor --json {}", file.display()));
    let diagnosis = json(&file);
    assert_eq!(output.status.code(), Some(status_of(&diagnosis)), "{}", errors(&output));
    assert_eq!(diagnosis["schema"], 1);
    assert_eq!(diagnosis["cores_asked"], false);
    let text = String::from_utf8(output.stdout).unwrap();
    let findings = diagnosis["findings"].as_array().unwrap();
    let mut counts = 0;
    for severity in ["severe", "warn", "unknown", "info", "ok"] {
        let count = findings.iter().filter(|one| one["severity"] == severity).count();
        assert_eq!(diagnosis["counts"][severity], count, "{severity}");
        assert!(text.lines().last().unwrap().contains(&format!("{count} {severity}")), "{text}");
        counts += count;
    }
    assert_eq!(counts, findings.len());
    for finding in findings {
        let name = finding["name"].as_str().unwrap();
        assert!(text.contains(name), "{name}");
        assert!(!finding["current"].is_null() || finding["note"].is_string(), "{finding}");
    }
    for area in ["host", "cores", "isolation", "clock", "network", "io-uring", "limits"] {
        assert!(findings.iter().any(|one| one["area"] == area), "{area}");
    }
}

#[test]
fn a_dash_takes_the_json_to_standard_output_alone() {
    let output = run("doctor --json -");
    let diagnosis: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(status_of(&diagnosis)));
    let core = &diagnosis["cores"][0];
    let output = run(&format!("doctor --cores {core} --json -"));
    let diagnosis: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(diagnosis["cores"], Value::from(vec![core.clone()]));
    assert_eq!(diagnosis["cores_asked"], true);
    let wanted = diagnosis["boot_line"]["wanted"].as_array().unwrap();
    let warned = !diagnosis["boot_line"]["warnings"].as_array().unwrap().is_empty();
    assert!(warned || wanted.contains(&Value::from(format!("nohz_full={core}"))));
}

#[test]
fn a_wrong_line_or_file_ends_with_status_2_and_a_sentence() {
    for (line, words) in [
        ("doctor --cores 99999", "no core and no range"),
        ("doctor --cores 9999", "this host has no core 9999"),
        ("doctor --cores two", "write 2,3 or 2-5"),
        ("doctor --cores ,", "names no core"),
        ("doctor --cores 0-99999999999999", "no core and no range"),
        ("doctor --core", "--core"),
        ("doctor --json /proc/nothing/doctor.json", "/proc/nothing/doctor.json can't be written"),
    ] {
        let output = run(line);
        assert_eq!(output.status.code(), Some(2), "{line}");
        assert!(errors(&output).contains(words), "{line}: {}", errors(&output));
    }
}

#[test]
fn a_file_that_can_be_written_holds_one_object() {
    let file = folder("doctor-again").join("doctor.json");
    fs::write(&file, "an older one that is longer than nothing").unwrap();
    run(&format!("doctor --json {}", file.display()));
    assert!(json(&file).is_object());
}
