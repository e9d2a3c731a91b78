//! `taut-bench report` as a user starts it, on the files that a run of his left.

mod common;

use std::fs;

use common::{errors, folder, json, run, series};

#[test]
fn two_runs_and_a_log_are_drawn_as_one_page() {
    let folder = folder("report");
    let [one, other, merged] = ["one", "other", "merged"].map(|name| folder.join(name));
    for out in [&one, &other] {
        let line = "echo --series floor,raw-epoll-spin --think 0 --rounds 3 --duration 200ms --out";
        run(&format!("{line} {}", out.display()));
    }
    let [a, b] = [&one, &other].map(|out| out.join("echo.json"));
    let log = one.join("echo.hlog");
    let files = [&a, &b, &log].map(|file| file.display().to_string()).join(" ");
    let output = run(&format!("report {files} --out {}", merged.display()));
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));

    let [a, b, all] = [a, b, merged.join("echo.json")].map(|file| json(&file));
    let samples = |report| series(report, "floor")["samples"].as_u64().unwrap();
    assert_eq!(samples(&all), samples(&a) + samples(&b));
    let page = fs::read_to_string(merged.join("report.html")).unwrap();
    assert_eq!(page.matches("<section").count(), 2, "the runs and the log");
    let text = fs::read_to_string(merged.join("report.md")).unwrap();
    assert!(text.contains("**Figures (loopback)**"));
    let rows = fs::read_to_string(log).unwrap();
    assert_eq!(rows.matches("Tag=floor,").count(), rows.matches("Tag=raw-epoll-spin,").count());
}

#[test]
fn files_that_are_no_reports_end_with_status_2_and_their_name() {
    let folder = folder("no-report");
    let wrong = folder.join("wrong.json");
    fs::write(&wrong, "{\"schema\": 1}").unwrap();
    let out = folder.join("out");
    for file in [wrong, folder.join("absent.hlog")] {
        let output = run(&format!("report {} --out {}", file.display(), out.display()));
        assert_eq!(output.status.code(), Some(2));
        assert!(errors(&output).contains(&file.display().to_string()), "{}", errors(&output));
        assert!(!out.exists(), "nothing is written");
    }
    assert_eq!(run("report").status.code(), Some(2), "a file is needed");
}
