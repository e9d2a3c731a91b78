//! The workloads of WebSocket run, in short, and their reports hold what was asked for.
//!
//! No time decides anything here.

mod common;

use common::{errors, report, run, series};

#[test]
fn ws_echoes_every_case_on_every_server() {
    for options in ["", "--binary"] {
        let line = format!(
            "ws {options} --cases 1,65536,125x3,64x64,126@20 --series floor,raw-epoll-park,taut-epoll"
        );
        let report = report("ws", &line);
        for case in ["1", "65536", "125x3", "64x64", "126@20"] {
            for server in ["floor", "raw-epoll-park", "taut-epoll"] {
                let one = series(&report, &format!("{server}:{case}"));
                assert!(one["samples"].as_u64() > Some(0), "{one:#}");
                assert_eq!(one["allocations_per_op"], 0.0, "{server}:{case}");
            }
        }
    }
}

#[test]
fn ws_speaks_tls_with_the_servers_that_do() {
    let report = report("ws", "ws --tls --cases 64,64x8@3 --series floor,taut-epoll");
    for name in ["floor:64", "taut-epoll:64", "taut-epoll:64x8@3"] {
        let one = series(&report, name);
        assert!(one["samples"].as_u64() > Some(0), "{one:#}");
        assert_eq!(one["allocations_per_op"], 0.0, "{name}");
    }
}

#[test]
fn a_case_that_fits_into_no_socket_is_refused() {
    let output = run("ws --cases 65536x64");
    assert_eq!(output.status.code(), Some(2));
    assert!(errors(&output).contains("262144 B"), "{}", errors(&output));
}

#[test]
fn ws_codec_has_each_work_beside_its_copies() {
    let report = report("ws-codec", "ws-codec");
    for work in ["server_ascii_16", "client_mixed_65536", "encode_256"] {
        for name in [format!("floor:{work}"), format!("taut:{work}")] {
            assert!(series(&report, &name)["ops_per_s"].as_f64() > Some(0.0), "{name}");
        }
    }
}

#[test]
fn ws_feed_comes_at_its_own_speed_and_as_a_burst() {
    let report = report("ws-feed", "ws-feed --messages 2000 --series floor,taut-epoll");
    for name in ["floor", "taut-epoll"] {
        assert!(series(&report, name)["samples"].as_u64() > Some(0), "{name}");
        let burst = series(&report, &format!("{name}:burst"));
        let rounds = burst["rounds"].as_array().expect("it has rounds").len() as u64;
        assert_eq!(burst["samples"].as_u64(), Some(rounds * 2_000), "each message has its lag");
    }
}
