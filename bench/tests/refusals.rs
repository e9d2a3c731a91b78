//! What is wrong with a command line, a folder or a run is said, and by which exit status.

mod common;

use std::fs;
use std::time::{Duration, Instant};

use common::{children, errors, folder, json, run, series, start};
use rustix::process::{Pid, Signal, kill_process};
use rustix::thread::{CpuSet, sched_getaffinity};

/// Two short rounds of the floor.
const SHORT: &str = "--rounds 2 --duration 200ms";

#[test]
fn a_wrong_command_line_or_folder_ends_with_status_2_and_a_sentence() {
    let out = folder("refusals");
    let peers = out.join("peers.json");
    fs::write(&peers, "{}").unwrap();
    let (out, peers) = (out.display(), peers.display());
    let set = sched_getaffinity(None).unwrap();
    let own = (0..CpuSet::MAX_CPU).find(|core| set.is_set(*core)).unwrap();
    for (line, word) in [
        ("no-such-workload".to_owned(), "no-such-workload"),
        ("echo --size 0".to_owned(), "--size"),
        ("echo --think 5".to_owned(), "no duration"),
        (format!("echo {SHORT} --out {out} --series nobody"), "nobody"),
        (format!("echo {SHORT} --out {out} --server-core 99999"), "--server-core 99999"),
        (format!("echo {SHORT} --out {out} --client-core 99999"), "--client-core 99999"),
        (format!("jitter {SHORT} --out {out} --cores 99999"), "99999"),
        (format!("cores {SHORT} --out {out} --cores {own},99999"), "99999"),
        (format!("cores {SHORT} --out {out} --cores {own}"), "needs 2 different ones"),
        (format!("cores {SHORT} --out {out} --cores {own},x"), "--cores"),
        (format!("pipeline-of-cores {SHORT} --out {out} --cores {own}"), "needs 2 different"),
        (format!("mesh {SHORT} --out {out} --cores {own}"), "needs 2 different"),
        ("cross floor --cores 99998,99999".to_owned(), "99998"),
        (format!("cross floor --cores {own}"), "two different cores"),
        (format!("echo {SHORT} --out /proc/taut-bench"), "/proc/taut-bench"),
        (
            format!("echo {SHORT} --out {out} --json /proc/taut-bench/report.json"),
            "/proc/taut-bench",
        ),
        (format!("echo {SHORT} --out {out} --peers /nowhere.json"), "/nowhere.json"),
        (format!("echo {SHORT} --out {out} --peers {peers}"), "no list of peers"),
        (format!("echo {SHORT} --out {out} --sla p98=1us"), "no promise"),
        (format!("stream {SHORT} --out {out} --sweep p99"), "no promise"),
        ("serve floor --core 99999".to_owned(), "99999"),
        ("work floor --core 99999".to_owned(), "99999"),
    ] {
        let output = run(&line);
        assert_eq!(output.status.code(), Some(2), "{line}");
        assert!(errors(&output).contains(word), "{line}: {}", errors(&output));
    }
}

#[test]
fn a_promise_that_is_broken_ends_with_status_1_and_a_kept_one_with_0() {
    let out = folder("promises");
    let line = format!("echo --series floor --think 0 {SHORT} --out {}", out.display());
    let output = run(&format!("{line} --sla floor:p50=1ns"));
    assert_eq!(output.status.code(), Some(1), "{}", errors(&output));
    let report = json(&out.join("echo.json"));
    assert_eq!((&report["sla"][0]["kept"], &report["status"]), (&false.into(), &"warn".into()));
    let output = run(&format!("{line} --sla floor:p50=60s"));
    assert!(output.status.success(), "{}", errors(&output));
    let output = run(&format!("{line} --sla nobody:p50=60s"));
    assert_eq!(output.status.code(), Some(2), "before anything is measured");
    assert!(errors(&output).contains("nobody"));
}

#[test]
fn a_peer_that_can_not_run_or_does_not_answer_is_listed_with_its_reason() {
    let out = folder("peers");
    let peers = out.join("peers.json");
    let program = env!("CARGO_BIN_EXE_taut-bench");
    let manifest = serde_json::json!({"peers": [
        {"name": "unbuilt", "role": "echo", "command": [], "spins": false,
         "unavailable": "its header was not found"},
        {"name": "silent", "role": "echo", "command": ["/bin/false"], "spins": false,
         "unavailable": null},
        {"name": "mute", "role": "echo", "command": [program, "serve", "raw-epoll-park", "--duty", "swallow"],
         "spins": false, "unavailable": null},
        {"name": "sound", "role": "echo", "command": [program, "serve", "raw-epoll-park"],
         "spins": false, "unavailable": null},
    ]});
    fs::write(&peers, manifest.to_string()).unwrap();
    let line = format!(
        "echo --think 0 {SHORT} --series floor,unbuilt,silent,mute,sound --peers {} --out {}",
        peers.display(),
        out.display()
    );
    let output = run(&line);
    assert!(output.status.success(), "{}", errors(&output));
    let report = json(&out.join("echo.json"));
    assert_eq!(series(&report, "unbuilt")["unavailable"], "its header was not found");
    assert!(!series(&report, "silent")["unavailable"].is_null());
    let mute = series(&report, "mute")["unavailable"].as_str().unwrap();
    assert!(mute.contains("it failed in round 0") && mute.contains("did not come"), "{mute}");
    let sound = series(&report, "sound");
    assert!(sound["samples"].as_u64() > Some(0));
    assert!(sound["allocations_per_op"].is_null(), "what a peer allocates is not known");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("unavailable: unbuilt: its header was not found"), "{text}");
}

#[test]
fn a_server_that_dies_fails_the_run_and_is_named() {
    let out = folder("dies");
    let line =
        format!("echo --series floor --think 0 --rounds 50 --duration 20s --out {}", out.display());
    let run = start(&line);
    let deadline = Instant::now() + Duration::from_secs(20);
    let server = loop {
        assert!(Instant::now() < deadline, "no server was started");
        // It has answered once its run has begun; before, the run ends by another way.
        if let [server] = children(run.id(), "serve")[..]
            && fs::metadata(format!("/proc/{server}/fd/0")).is_ok()
        {
            break server;
        }
        std::thread::park_timeout(Duration::from_millis(5));
    };
    std::thread::park_timeout(Duration::from_secs(1));
    kill_process(Pid::from_raw(server.cast_signed()).unwrap(), Signal::KILL).unwrap();
    let output = run.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(1), "{text}");
    let report = json(&out.join("echo.json"));
    assert_eq!(report["status"], "fail");
    assert!(report["reasons"].to_string().contains("floor"), "{text}");
    assert!(text.contains("FAIL: do not quote these figures"));
}

#[test]
fn a_program_that_is_killed_leaves_no_server_behind() {
    let out = folder("killed");
    let line = format!("echo --think 0 --rounds 50 --duration 20s --out {}", out.display());
    let mut run = start(&line);
    let deadline = Instant::now() + Duration::from_secs(20);
    let mut servers = Vec::new();
    // All but one of them are stopped, and can do nothing about it themselves.
    while servers.len() < 5 {
        assert!(Instant::now() < deadline, "{servers:?}");
        servers = children(run.id(), "serve");
        std::thread::park_timeout(Duration::from_millis(5));
    }
    run.kill().unwrap();
    run.wait().unwrap();
    let is_there = |id: &u32| {
        let line = fs::read_to_string(format!("/proc/{id}/cmdline")).unwrap_or_default();
        line.contains("serve")
    };
    while servers.iter().any(is_there) {
        assert!(Instant::now() < deadline, "{servers:?} are left behind");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

/// The whole program against a server that is stopped for 10 ms ten times a second: one per cent of
/// the messages that are due in each second wait for 9 ms and more.
#[test]
fn a_stall_of_the_server_shows_in_the_open_loop() {
    let out = folder("stall");
    let line = format!(
        "stream --rate 5000 --series raw-epoll-park --rounds 2 --duration 6s --out {}",
        out.display()
    );
    let mut run = start(&line);
    let stall = Duration::from_millis(10);
    while run.try_wait().unwrap().is_none() {
        for server in children(run.id(), "serve") {
            let server = Pid::from_raw(server.cast_signed()).unwrap();
            // It may have ended, or rest between two slices, which ends it all the same.
            let stopped = kill_process(server, Signal::STOP);
            std::thread::park_timeout(stall);
            if stopped.is_ok() {
                let _ = kill_process(server, Signal::CONT);
            }
        }
        std::thread::park_timeout(stall * 9);
    }
    let report = json(&out.join("stream.json"));
    let p99 = |name: &str| series(&report, name)["p99"].as_u64().unwrap();
    assert!(p99("raw-epoll-park") >= 5_000_000, "{}", p99("raw-epoll-park"));
}
