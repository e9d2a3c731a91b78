//! Every workload runs, in short, and its report holds what was asked for.
//!
//! No time decides anything here; a run is judged by its status, its names and its exact counts.

mod common;

use common::{names, report, report_at_rate, series};
use serde_json::Value;

#[test]
fn echo_runs_every_server_with_and_without_a_pause() {
    let report = report("echo", "echo --think 20us");
    let (ran, absent) = names(&report);
    for kind in
        ["floor", "raw-epoll-spin", "raw-epoll-park", "taut", "taut-hot", "taut-epoll", "taut-park"]
    {
        for name in [kind.to_owned(), format!("{kind}+think")] {
            assert!(ran.contains(&name) || absent.contains(&name), "{name}");
        }
    }
    for kind in ["floor", "raw-epoll-spin", "taut-epoll"] {
        let one = series(&report, kind);
        assert!(one["samples"].as_u64() > Some(0), "every host has epoll: {one:#}");
        assert!(one["syscalls_per_op"].as_f64() >= Some(2.0));
        assert_eq!(one["rounds"].as_array().map(Vec::len), Some(2));
        assert!(one["cpu_ns_per_op"].as_f64() > Some(0.0));
    }
    assert_eq!(series(&report, "floor")["allocations_per_op"], 0.0);
    let ratios = report["ratios"].as_array().expect("a report has ratios");
    assert!(ratios.iter().any(|one| one["series"] == "taut-epoll" && one["to"] == "floor"));
}

#[test]
fn unix_runs_the_servers_of_echo_over_unix_sockets() {
    let report = report("unix", "unix --think 20us");
    let (ran, absent) = names(&report);
    for kind in
        ["floor", "raw-epoll-spin", "raw-epoll-park", "taut", "taut-hot", "taut-epoll", "taut-park"]
    {
        for name in [kind.to_owned(), format!("{kind}+think")] {
            assert!(ran.contains(&name) || absent.contains(&name), "{name}");
        }
    }
    assert_eq!(ran.len() + absent.len(), 14, "these and no others: {ran:?} {absent:?}");
    for kind in ["floor", "raw-epoll-spin", "taut-epoll"] {
        let one = series(&report, kind);
        assert!(one["samples"].as_u64() > Some(0), "every host has epoll: {one:#}");
        assert!(one["syscalls_per_op"].as_f64() >= Some(2.0));
    }
    for kind in ["floor", "taut-epoll"] {
        assert_eq!(series(&report, kind)["allocations_per_op"], 0.0, "{kind}");
    }
    let (ran, _) = names(&self::report("unix", "unix --think 0 --size 1048576 --connections 3"));
    assert!(ran.contains(&"floor".to_owned()) && ran.contains(&"taut-epoll".to_owned()));
}

#[test]
fn messages_of_every_size_come_back_on_every_connection() {
    for (size, connections) in [(1, 1), (64, 3), (1 << 20, 2)] {
        let line = format!("echo --think 0 --size {size} --connections {connections}");
        let (ran, _) = names(&report("echo", &line));
        assert!(ran.contains(&"floor".to_owned()) && ran.contains(&"taut-epoll".to_owned()));
    }
}

#[test]
fn stream_keeps_response_service_and_lateness_apart() {
    // A rate that every host holds: the run must not fail for it.
    let report = report_at_rate("stream", "stream --rate 500 --series raw-epoll-park,taut-epoll");
    for name in ["taut-epoll", "taut-epoll:service", "taut-epoll:lateness"] {
        assert!(series(&report, name)["samples"].as_u64() > Some(0), "{name}");
    }
    let count = |name: &str| series(&report, name)["samples"].as_u64();
    assert_eq!(count("taut-epoll"), count("taut-epoll:service"));
}

#[test]
fn a_sweep_shows_a_rate_for_each_server() {
    let line = "stream --sweep p50=100ms --rate 100000 --series raw-epoll-spin,taut-epoll";
    let report = report("sweep", line);
    let table = &report["tables"][0];
    assert_eq!(table["rows"].as_array().map(Vec::len), Some(2));
    assert_eq!(table["rows"][1][0], "taut-epoll");
}

#[test]
fn throughput_goes_there_and_back_and_one_way() {
    let report = report("throughput", "throughput --size 64,65536 --series floor,taut-epoll");
    for name in ["floor:64", "taut-epoll:64", "taut-epoll:65536", "taut-epoll:65536-one-way"] {
        assert!(series(&report, name)["bytes_per_s"].as_f64() > Some(0.0), "{name}");
    }
}

#[test]
fn connections_ask_all_at_once_and_come_and_go() {
    let report = report("connections", "connections --connections 1,50 --series floor,taut-epoll");
    for name in ["floor:1", "taut-epoll:50", "taut-epoll:churn"] {
        assert!(series(&report, name)["ops_per_s"].as_f64() > Some(0.0), "{name}");
    }
}

#[test]
fn http_is_asked_alone_and_in_pipelines() {
    let line = "http --connections 1,20 --pipeline 1,16 --series floor,raw-epoll-park,taut-epoll";
    let report = report("http", line);
    for name in ["floor:1", "raw-epoll-park:20x16", "taut-epoll:1x16", "taut-epoll:20"] {
        assert!(series(&report, name)["ops_per_s"].as_f64() > Some(0.0), "{name}");
    }
    let count = |name: &str| series(&report, name)["samples"].as_u64().unwrap_or(0);
    assert!(count("taut-epoll:1x16") > 0, "a sample is a whole pipeline");
}

#[test]
fn http_is_asked_over_tls() {
    let line = "http --tls --connections 1,20 --pipeline 1,16 --series floor,taut,taut-epoll";
    let report = report("http", line);
    for name in ["floor:1", "taut-epoll:1", "taut-epoll:20", "taut-epoll:20x16"] {
        let one = series(&report, name);
        assert!(one["ops_per_s"].as_f64() > Some(0.0), "{name}");
        assert_eq!(one["allocations_per_op"], 0.0, "{name}");
    }
    let measures = report["environment"]["measures"].as_str().expect("what was measured");
    assert!(measures.contains("TLS 1.3"), "{measures}");
}

#[test]
fn orders_are_sent_plain_and_over_tls_and_allocate_nothing() {
    let report = report("http-order", "http-order");
    let (ran, absent) = names(&report);
    for kind in ["taut", "taut-tls"] {
        assert!(ran.iter().chain(&absent).any(|one| one == kind), "{kind}");
    }
    for kind in ["floor", "floor-aead", "aead", "taut-epoll", "taut-epoll-tls"] {
        assert!(series(&report, kind)["samples"].as_u64() > Some(0), "every host has {kind}");
    }
    for name in &ran {
        assert_eq!(series(&report, name)["allocations_per_op"], 0.0, "{name}");
    }
    assert_eq!(series(&report, "aead")["syscalls_per_op"], 0.0);
    let ratios = report["ratios"].as_array().expect("a report has ratios");
    for (one, to) in [("taut-epoll", "floor"), ("taut-epoll-tls", "floor-aead")] {
        assert!(ratios.iter().any(|row| row["series"] == one && row["to"] == to), "{one} to {to}");
    }
}

#[test]
fn records_of_tls_pass_in_each_design() {
    for version in ["1.3", "1.2"] {
        let report = report("tls-records", &format!("tls-records --size 64,16384 --tls {version}"));
        assert_eq!(report["unit"], "ps");
        let (ran, absent) = names(&report);
        assert!(absent.is_empty(), "{absent:?}");
        for design in ["aead", "buffered", "unbuffered", "own"] {
            for size in [64, 16_384] {
                let name = format!("{design}:{size}");
                assert!(series(&report, &name)["samples"].as_u64() > Some(0), "{name}");
                assert!(ran.contains(&name));
            }
        }
        let allocations = |name: &str| series(&report, name)["allocations_per_op"].as_f64();
        for name in ["aead:64", "own:64", "own:16384"] {
            assert_eq!(allocations(name), Some(0.0), "{name}");
        }
        assert!(allocations("unbuffered:64") >= Some(1.0), "rustls allocates for each record");
        let ratios = report["ratios"].as_array().expect("a report has ratios");
        let pair = |row: &Value| row["series"] == "own:64" && row["to"] == "unbuffered:64";
        assert!(ratios.iter().any(pair));
    }
}

#[test]
fn pipeline_and_the_workloads_of_the_other_framework_run() {
    let pipeline = report("pipeline", "pipeline --depth 1,64 --series floor,taut-epoll");
    assert!(series(&pipeline, "taut-epoll:64")["samples"].as_u64() > Some(0));
    let asyncio = report("asyncio", "asyncio --series floor,taut-epoll");
    for name in ["taut-epoll:64x1000", "floor:65536x100", "floor:refused", "taut-epoll:refused"] {
        assert!(series(&asyncio, name)["samples"].as_u64() > Some(0), "{name}");
    }
}

#[test]
fn works_inside_one_thread_run_on_every_kind_of_subject() {
    let tasks = report("tasks", "tasks");
    assert_eq!(tasks["unit"], "ps");
    for name in ["floor:spawn_join", "taut-epoll:spawn_join", "taut-epoll:spawn_cancel"] {
        assert!(series(&tasks, name)["samples"].as_u64() > Some(0), "{name}");
    }
    let channels = report("channels", "channels");
    assert!(series(&channels, "taut-epoll:channel_ping_pong")["samples"].as_u64() > Some(0));
    let timers = report("timers", "timers");
    for name in ["floor", "nanosleep", "taut-epoll", "taut-epoll-park"] {
        assert!(series(&timers, name)["samples"].as_u64() > Some(0), "{name}");
    }
}

/// Whether this process may use two cores, as the workloads between cores must.
fn has_two_cores() -> bool {
    let several = std::thread::available_parallelism().is_ok_and(|count| count.get() > 1);
    if !several {
        println!("skipped: this process may use one core");
    }
    several
}

#[test]
fn cores_measures_rings_awake_and_asleep_and_counts_what_they_cost() {
    if !has_two_cores() {
        return;
    }
    let report = report("cores", "cores");
    assert_eq!(report["unit"], "ps");
    let (ran, absent) = names(&report);
    for name in ["spsc-spin", "mpsc-spin", "broadcast", "shm-spsc", "spsc-park"] {
        assert!(ran.iter().chain(&absent).any(|one| one == name), "{name}");
    }
    for name in ["floor", "floor+think", "spsc-try", "spsc-spin-epoll", "futex-wake"] {
        assert!(series(&report, name)["samples"].as_u64() > Some(0), "{name}");
    }
    let figure = |name: &str, figure: &str| series(&report, name)[figure].as_f64();
    let spins =
        |name: &&String| ["-spin", "broadcast", "shm-"].iter().any(|part| name.contains(part));
    for name in ran.iter().filter(spins) {
        assert!(figure(name, "allocations_per_op") < Some(0.001), "{name}");
    }
    for name in ran.iter().filter(|name| {
        ["spsc-spin", "mpsc-spin", "broadcast", "shm-spsc", "floor"].contains(&&***name)
    }) {
        assert!(figure(name, "syscalls_per_op") < Some(0.01), "{name} spins without the kernel");
    }
    // A core that sleeps, woken once for 32 messages: it waits once, and is woken once.
    assert!(figure("spsc-park-epoll", "voluntary_switches_per_op") <= Some(1.1));
    assert!(figure("spsc-park-epoll+burst", "voluntary_switches_per_op") <= Some(0.1));
    let ratios = report["ratios"].as_array().expect("a report has ratios");
    let pair =
        |one: &str, to: &str| ratios.iter().any(|row| row["series"] == one && row["to"] == to);
    assert!(pair("spsc-spin-epoll", "floor") && pair("spsc-park-epoll", "futex-wake"));
}

#[test]
fn cores_streams_one_at_a_time_and_in_batches() {
    if !has_two_cores() {
        return;
    }
    let report = report("cores", "cores --stream --series floor,spsc-try,spsc-spin-epoll");
    for name in ["floor:1", "floor:32", "spsc-try:1", "spsc-spin-epoll:1", "spsc-spin-epoll:32"] {
        assert!(series(&report, name)["ops_per_s"].as_f64() > Some(0.0), "{name}");
    }
}

#[test]
fn pipeline_of_cores_records_each_stage() {
    if !has_two_cores() {
        return;
    }
    // A rate that every host holds: the run must not fail for it.
    let line = "pipeline-of-cores --rate 2000 --series floor,taut-epoll";
    let report = report_at_rate("pipeline-of-cores", line);
    for name in ["floor", "taut-epoll"] {
        let samples = series(&report, name)["samples"].as_u64();
        assert!(samples > Some(0));
        for part in [":feed-strategy", ":strategy-gateway", ":lateness"] {
            assert_eq!(series(&report, &format!("{name}{part}"))["samples"].as_u64(), samples);
        }
    }
}

#[test]
fn mesh_goes_in_rounds_and_in_a_stream() {
    if !has_two_cores() {
        return;
    }
    let report = report("mesh", "mesh --series floor,taut-epoll");
    for name in ["floor", "taut-epoll", "floor:stream", "taut-epoll:stream"] {
        assert!(series(&report, name)["ops_per_s"].as_f64() > Some(0.0), "{name}");
        assert!(series(&report, name)["allocations_per_op"].as_f64() < Some(0.01), "{name}");
    }
}

#[test]
fn jitter_and_clock_show_their_tables() {
    let jitter = report("jitter", "jitter");
    let rows = jitter["tables"][0]["rows"].as_array().expect("jitter has a table");
    assert!(rows.iter().any(|row| row[0] == "int_total(%)"));
    let clock = report("clock", "clock");
    assert_eq!(clock["tables"].as_array().map(Vec::len), Some(2));
    assert!(series(&clock, "taut::time::Instant")["samples"].as_u64() > Some(0));
}

#[test]
fn udp_and_tick_to_trade_run_the_servers_of_echo() {
    for name in ["udp", "tick-to-trade"] {
        let report = report(name, &format!("{name} --think 20us"));
        for kind in ["floor", "raw-epoll-spin", "raw-epoll-park", "taut-epoll", "taut-epoll+think"]
        {
            assert!(series(&report, kind)["samples"].as_u64() > Some(0), "{name}: {kind}");
        }
        let (ran, absent) = names(&report);
        for kind in ["taut", "taut-hot", "taut-park"] {
            assert!(ran.iter().chain(&absent).any(|one| one == kind), "{name}: {kind}");
        }
        let allocations = series(&report, "taut-epoll")["allocations_per_op"].as_f64();
        assert!(allocations < Some(0.01), "{name}: {allocations:?}");
    }
}

#[test]
fn a_flood_is_counted_where_it_arrives() {
    let report = report("flood", "flood --series floor,taut-epoll");
    for name in ["floor", "taut-epoll"] {
        assert!(series(&report, name)["ops_per_s"].as_f64() > Some(0.0), "{name}");
        assert!(series(&report, name)["allocations_per_op"].as_f64() < Some(0.01), "{name}");
    }
    let rows = report["tables"][0]["rows"].as_array().expect("a table of what arrived");
    for row in rows {
        let count = |place: usize| row[place].as_str().and_then(|text| text.parse::<u64>().ok());
        assert!(count(2) > Some(0) && count(2) <= count(1), "{row}");
    }
}
