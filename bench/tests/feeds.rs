//! Datagrams to groups: bursts and a replayed feed run, in short, and every packet is accounted
//! for.
//!
//! No time decides anything here. A busy host may miss a replay's rate, and rightly fails the run:
//! what it counted must be right all the same.

mod common;

use std::sync::{Mutex, PoisonError};

use common::{errors, folder, json, run, series};
use serde_json::Value;

/// Runs a workload with two short rounds; the report.
fn report(name: &str, test: &str, line: &str) -> Value {
    // One at a time: each takes two cores.
    static CORES: Mutex<()> = Mutex::new(());
    let _turn = CORES.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = folder(&format!("feeds-{test}"));
    let out = folder.display();
    let output = run(&format!("{name} {line} --rounds 2 --duration 1s --out {out}"));
    assert_ne!(output.status.code(), Some(2), "{line}: {}", errors(&output));
    let report = json(&folder.join(format!("{name}.json")));
    assert_eq!(report["workload"], name);
    for reason in report["reasons"].as_array().expect("a report has reasons") {
        let reason = reason.as_str().expect("a reason is text");
        assert!(!reason.contains("the run ended"), "{line}: {reason}");
        let is_failure = report["status"] == "fail";
        assert!(!is_failure || !output.status.success(), "a failure ends with its status");
    }
    report
}

/// The cell of a table, by the names of its row and its column.
fn cell<'a>(table: &'a Value, row: &[&str], column: &str) -> &'a str {
    let columns = table["columns"].as_array().expect("a table has columns");
    let place = columns.iter().position(|one| one == column).expect("the column is there");
    let rows = table["rows"].as_array().expect("a table has rows");
    let of_row = |cells: &&Value| row.iter().enumerate().all(|(at, name)| cells[at] == *name);
    let cells = rows.iter().find(of_row).unwrap_or_else(|| panic!("no {row:?} in {table:#}"));
    cells[place].as_str().expect("a cell is text")
}

fn count(table: &Value, row: &[&str], column: &str) -> u64 {
    cell(table, row, column).parse().expect("a count")
}

#[test]
fn bursts_to_one_group_and_to_several_are_received_and_accounted_for() {
    let line = "--groups 1,3 --burst 1,100 --pause 0 --series floor,taut-epoll";
    let report = report("multicast", "bursts", line);
    for listener in ["floor", "taut-epoll"] {
        for case in ["1x1", "1x100", "3x1", "3x100"] {
            let name = format!("{listener}:{case}");
            let one = series(&report, &name);
            assert!(one["samples"].as_u64() > Some(0), "{name}");
            assert!(one["syscalls_per_op"].as_f64() > Some(0.0), "{name}");
            let table = &report["tables"][0];
            let received = count(table, &[&name], "received");
            assert!(received >= one["samples"].as_u64().expect("a count"), "{name}");
            assert_eq!(count(table, &[&name], "lost elsewhere"), 0, "{name}");
            assert_eq!(count(table, &[&name], "duplicates"), 0, "{name}");
            assert_eq!(count(table, &[&name], "reordered"), 0, "{name}");
            let dropped = count(table, &[&name], "dropped at socket");
            assert_eq!(count(table, &[&name], "sent"), received + dropped, "{name}");
        }
    }
    let ratios = report["ratios"].as_array().expect("a report has ratios");
    let pair = |one: &Value| one["series"] == "taut-epoll:3x100" && one["to"] == "floor:3x100";
    assert!(ratios.iter().any(pair));
}

#[test]
fn what_no_buffer_holds_is_in_the_kernels_own_count_of_drops() {
    // Each burst has 60 MB.
    let line = "--groups 2 --burst 1000 --size 60000 --series floor,taut-epoll,taut-park";
    let report = report("multicast", "drops", line);
    let table = &report["tables"][0];
    let rows = table["rows"].as_array().expect("a table has rows").len();
    assert!(rows >= 2, "floor and epoll are everywhere");
    for name in ["floor:2x1000", "taut-epoll:2x1000"] {
        let [sent, received, dropped] =
            ["sent", "received", "dropped at socket"].map(|column| count(table, &[name], column));
        assert_eq!(sent, received + dropped, "{name}: nothing is lost but at the socket");
    }
}

#[test]
fn a_replay_is_arbitrated_and_its_lines_have_the_faults_that_were_asked_for() {
    let line = "--speed 1 --loss 100000,0 --reorder 0,100000 --series floor,taut-epoll";
    let report = report("market-data", "replay", line);
    let [lines, feeds] = [0, 1].map(|table| &report["tables"][table]);
    for name in ["floor:1x", "taut-epoll:1x"] {
        let samples = series(&report, name)["samples"].as_u64();
        assert!(samples > Some(0), "{name}");
        let lateness = series(&report, &format!("{name}:lateness"));
        assert!(lateness["samples"].as_u64() >= samples, "{name}: each packet was sent");
        assert!(count(feeds, &[name], "messages") >= samples.unwrap_or_default());
        assert_eq!(count(feeds, &[name], "restarts"), 0, "{name}");
        let of = |line: &str, column: &str| count(lines, &[name, line], column);
        assert!(of("A", "withheld") > 0 && of("B", "withheld") == 0, "{name}");
        assert!(of("B", "swapped") > 0 && of("A", "swapped") == 0, "{name}");
        assert!(of("A", "missed") > 0, "{name}: A has not brought what was withheld");
        assert!(of("B", "reordered") > 0 && of("A", "reordered") == 0, "{name}");
        for line in ["A", "B"] {
            assert_eq!(of(line, "lost elsewhere"), 0, "{name} {line}");
            assert!(of(line, "won") > 0, "{name} {line}");
            // The same part of the capture and the same faults for everybody.
            for column in ["withheld", "swapped"] {
                assert_eq!(of(line, column), count(lines, &["floor:1x", line], column), "{line}");
            }
        }
    }
    let settings = report["environment"]["settings"].to_string();
    assert!(settings.contains("CLOCK_REALTIME"), "the clock is told: {settings}");
}

#[test]
fn a_capture_of_one_line_is_replayed_on_both() {
    let folder = folder("feeds-capture");
    let file = folder.join("one.pcap");
    let made = run(&format!("capture generate {} --packets 30000 --loss 0", file.display()));
    assert!(made.status.success(), "{}", errors(&made));
    let line = format!(
        "--capture {} --lines 239.1.1.2:30002 --speed 2 --series taut-epoll",
        file.display()
    );
    let report = report("market-data", "one-line", &line);
    let table = &report["tables"][0];
    let of = |line: &str, column: &str| count(table, &["taut-epoll:2x", line], column);
    assert_eq!(of("A", "sent"), of("B", "sent"));
    assert!(of("B", "duplicates") > 0);
    let settings = report["environment"]["settings"].to_string();
    assert!(settings.contains("239.1.1.2:30002 on both lines; left out: 30000"), "{settings}");
}

#[test]
fn what_makes_no_sense_is_refused_before_anything_is_measured() {
    let refused = [
        ("multicast --interface no-such", "no-such"),
        ("multicast --groups 0", "--groups"),
        ("multicast --size 23", "--size"),
        ("multicast --series nobody", "nobody"),
        ("multicast --receiver-namespace there", "--receiver-interface"),
        ("market-data --capture /nowhere.pcap", "/nowhere.pcap"),
        ("market-data --lines 239.1.1.1:1", "--capture"),
        ("market-data --loss 1,2,3", "--loss"),
        ("market-data --loss 1000001", "--loss"),
        ("market-data --capture /x --lines 1.1.1.1:1,1.1.1.1:2,1.1.1.1:3", "--lines"),
        ("market-data --speed 0", "--speed"),
    ];
    for (line, word) in refused {
        let output = run(&format!("{line} --out {}", folder("feeds-refused").display()));
        assert_eq!(output.status.code(), Some(2), "{line}");
        assert!(errors(&output).contains(word), "{line}: {}", errors(&output));
    }
}
