//! Polling a network card's queue while the core waits: what has one, what has none, and that
//! nothing else changes.

mod common;

use std::io::ErrorKind;
use std::time::Duration;

use common::netns::{DEVICE, Pair, Side};
use common::paths::paths;
use common::raw_option::{SET_GRO, SET_SEGMENTATION, set_offload};
use common::{block_on, in_time, on_each_driver};
use taut::io::poll_napi;
use taut::{Builder, WaitStrategy};

fn polling(builder: Builder) -> Builder {
    builder.wait(WaitStrategy::NapiPoll { timeout: Duration::from_micros(100) })
}

/// Whether this runtime polls queues by their ids.
fn polls_by_id() -> bool {
    let features = taut::features();
    features.granted("NAPI busy poll") && features.granted("NAPI queue by id")
}

#[test]
fn a_core_that_does_not_poll_says_how_it_would() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let error = poll_napi(Some(259)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unsupported);
            let text = error.to_string();
            assert!(text.contains("NapiPoll") || text.contains("io_uring"), "{text}");
        });
    });
}

#[test]
fn loopback_has_no_queue_and_is_named() {
    on_each_driver(|builder| {
        block_on(polling(builder), async {
            for path in paths(None) {
                let (near, mut far) = path.udp().await;
                near.send(b"by loopback").await.unwrap();
                in_time(far.recv()).await.unwrap();
                let (mut client, mut server) = path.tcp().await;
                client.write_all(b"by loopback").await.unwrap();
                in_time(server.recv()).await.unwrap();
                for error in [far.use_napi().unwrap_err(), server.use_napi().unwrap_err()] {
                    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
                    assert!(error.to_string().starts_with("lo has no queue"), "{error}");
                }
            }
        });
    });
}

#[test]
fn a_number_that_is_no_queue_is_refused_and_the_core_goes_on() {
    on_each_driver(|builder| {
        block_on(polling(builder), async {
            if !polls_by_id() {
                return eprintln!("SKIPPED: this runtime does not poll queues by their ids");
            }
            let error = poll_napi(Some(1)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
            for path in paths(None) {
                let (near, mut far) = path.udp().await;
                near.send(b"still here").await.unwrap();
                assert_eq!(&in_time(far.recv()).await.unwrap()[..], b"still here");
            }
        });
    });
}

#[test]
fn a_core_polls_the_queue_of_a_socket_and_no_second_one() {
    let Some(pair) = Pair::new() else { return };
    // A veth device has queues with both; each side sends and receives.
    for side in [Side::A, Side::B] {
        for (command, on) in [(SET_GRO, true), (SET_SEGMENTATION, false)] {
            if let Err(error) = pair.inside(side, || set_offload(DEVICE, command, on)) {
                return eprintln!("SKIPPED: {DEVICE} has no such offload: {error}");
            }
        }
    }
    on_each_driver(|builder| {
        block_on(polling(builder), async {
            if !polls_by_id() {
                return eprintln!("SKIPPED: this runtime does not poll queues by their ids");
            }
            for path in paths(Some(&pair)).into_iter().filter(|path| !path.is_loopback()) {
                let (near, mut far) = path.udp().await;
                let early = far.use_napi().unwrap_err();
                assert_eq!(early.kind(), ErrorKind::Unsupported, "nothing came in yet: {early}");
                near.send(b"by a queue").await.unwrap();
                in_time(far.recv()).await.unwrap();
                let Some(known) = far.incoming_napi_id().unwrap() else {
                    return eprintln!("SKIPPED: this kernel's veth has no NAPI ids");
                };
                assert_eq!(far.use_napi().unwrap(), known);
                assert_eq!(far.use_napi().unwrap(), known, "once more");
                let second = poll_napi(Some(known + 1)).unwrap_err();
                assert_eq!(second.kind(), ErrorKind::AlreadyExists, "{second}");
                for number in 0..1000_u32 {
                    near.send(&number.to_ne_bytes()).await.unwrap();
                    let datagram = in_time(far.recv()).await.unwrap();
                    assert_eq!(datagram[..], number.to_ne_bytes());
                }
                // A core that polls and has nothing to do enters the kernel to wait: a turn without
                // would not poll.
                let before = taut::counters();
                taut::time::sleep(Duration::from_millis(5)).await.unwrap();
                let after = taut::counters();
                assert!(after.enters_blocking > before.enters_blocking);
                poll_napi(None).unwrap();
                near.send(b"by those that are found").await.unwrap();
                in_time(far.recv()).await.unwrap();
            }
        });
    });
}
