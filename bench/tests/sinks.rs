//! Peers that swallow what comes are asked for what they have received.
//!
//! The peers in here are a server of ours behind a shell that answers in its place, so that what it
//! says can be told from what was sent.

mod common;

use std::fs;
use std::path::Path;

use common::{errors, folder, json, run, series};
use serde_json::{Value, json};

/// More than any connection carries while a test runs.
const BYTES_AN_ANSWER: u64 = 1 << 50;

/// A command that serves connections and has `answer` for each line of its standard input.
fn answering(folder: &Path, name: &str, answer: &str) -> Value {
    // The server's own standard input ends with the shell, as the shell holds the other end.
    let script = format!(
        "mkfifo {pipe}; {program} serve raw-blocking --duty swallow --core $2 <{pipe} & exec 3>{pipe}; \
         count=0; while read line; do {answer}; done",
        pipe = folder.join(name).display(),
        program = env!("CARGO_BIN_EXE_taut-bench"),
    );
    json!(["/bin/sh", "-c", script, "sh"])
}

#[test]
fn what_a_sink_says_that_it_received_is_what_counts() {
    let out = folder("sinks");
    let grows = format!("count=$((count + {BYTES_AN_ANSWER})); echo $count");
    let entry = |name: &str, role: &str, command: Value| {
        let spins = false;
        json!({"name": name, "role": role, "command": command, "spins": spins, "unavailable": null})
    };
    let manifest = json!({"peers": [
        entry("boasting", "sink", answering(&out, "boasting", &grows)),
        entry("confused", "sink", answering(&out, "confused", "echo a lot")),
        entry("mute", "sink", answering(&out, "mute", "exit 3")),
        entry("datagrams", "udp-sink", json!(["/bin/false"])),
        entry("echoing", "echo", json!([env!("CARGO_BIN_EXE_taut-bench"), "serve", "floor"])),
    ]});
    let peers = out.join("peers.json");
    fs::write(&peers, manifest.to_string()).unwrap();
    let output = run(&format!(
        "throughput --size 65536 --rounds 2 --duration 500ms --peers {} --out {} \
         --series floor,boasting,confused,mute,datagrams,echoing",
        peers.display(),
        out.display()
    ));
    assert!(output.status.success(), "{}", errors(&output));
    let report = json(&out.join("throughput.json"));
    let boasting = series(&report, "boasting:65536-one-way");
    assert!(boasting["bytes_per_s"].as_f64() > Some(1e13), "{boasting}");
    let floor = series(&report, "floor:65536-one-way");
    assert!(floor["bytes_per_s"].as_f64() < Some(1e13), "{floor}");
    for (name, reason) in [("confused", "\"a lot\""), ("mute", "it failed in round 0")] {
        let one = series(&report, &format!("{name}:65536-one-way"));
        let told = one["unavailable"].as_str().unwrap_or_default();
        assert!(told.contains(reason), "{one}");
    }
    let names: Vec<_> =
        report["series"].as_array().unwrap().iter().map(|one| &one["name"]).collect();
    for name in ["boasting:65536", "echoing:65536-one-way", "datagrams:65536"] {
        assert!(!names.iter().any(|known| *known == name), "{name} is no series of that role");
    }
    assert!(series(&report, "echoing:65536")["samples"].as_u64() > Some(0));
}
