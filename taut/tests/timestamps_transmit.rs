//! When it left: stamps of sends, each matched to its send, and what they do to everything else on
//! the socket.

mod common;

use std::io::ErrorKind;
use std::time::Duration;

use common::netns::Pair;
use common::paths::paths;
use common::raw_option::set_raw_option;
use common::wall_clock::{CLOCK_STEPS_MAX, now_ns};
use common::{block_on, in_time, on_each_driver, on_each_driver_and_wait, turns, until};
use taut::WaitStrategy;
use taut::net::{Outgoing, StampedBy, TRANSMIT_TIMESTAMPS_MAX, UdpBuilder, UdpSocket};

/// Of `SO_TIMESTAMPING`: made and told by the kernel, of each send, without its bytes.
const FLAGS: i32 = 1 << 1 | 1 << 4 | 1 << 7 | 1 << 11;

#[test]
fn each_datagram_has_a_stamp_between_its_send_and_its_receive() {
    let pair = Pair::new();
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            for path in paths(pair.as_ref()) {
                let (near, mut far) = path.udp().await;
                let mut stamps = near.transmit_timestamps(StampedBy::Kernel).unwrap();
                let mut outside = 0;
                for key in 0..50 {
                    let before = now_ns();
                    near.send(b"order").await.unwrap();
                    in_time(far.recv()).await.unwrap();
                    let after = now_ns();
                    let stamp = in_time(stamps.recv()).await.unwrap();
                    assert_eq!((stamp.key, stamp.hardware_ns), (key, None));
                    let left = stamp.software_ns.unwrap();
                    outside += usize::from(!(before <= left && left <= after));
                }
                assert!(outside <= CLOCK_STEPS_MAX, "{outside} on {path:?}");
            }
        });
    });
}

#[test]
fn stamps_of_a_burst_match_its_datagrams_one_by_one() {
    let pair = Pair::new();
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            for path in paths(pair.as_ref()) {
                let (near, _far) = path.udp().await;
                let mut stamps = near.transmit_timestamps(StampedBy::Both).unwrap();
                let to = near.peer_addr().unwrap();
                for _ in 0..10 {
                    let batch = [Outgoing { bytes: b"a quote", to: Some(to) }; 30];
                    assert_eq!(near.send_many(&batch).await.unwrap(), batch.len());
                    for _ in 0..10 {
                        near.send(b"an order").await.unwrap();
                    }
                }
                let (mut last, mut back) = (0, 0);
                for key in 0..400 {
                    let stamp = in_time(stamps.recv()).await.unwrap();
                    assert_eq!(stamp.key, key);
                    let left = stamp.software_ns.unwrap();
                    back += usize::from(left < last);
                    last = left;
                }
                assert!(back <= CLOCK_STEPS_MAX);
                assert_eq!((stamps.next_here(), stamps.dropped()), (None, 0));
            }
        });
    });
}

#[test]
fn writes_to_a_stream_are_stamped_by_the_place_of_their_last_byte() {
    let pair = Pair::new();
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            for path in paths(pair.as_ref()) {
                let (mut near, mut far) = path.tcp().await;
                near.write_all(b"before any stamp").await.unwrap();
                in_time(far.recv()).await.unwrap();
                let mut stamps = near.transmit_timestamps(StampedBy::Kernel).unwrap();
                let (mut written, mut outside) = (0, 0);
                for size in [1, 100, 7, 1400] {
                    let before = now_ns();
                    near.write_all(&vec![1; size]).await.unwrap();
                    written += size;
                    let stamp = in_time(stamps.recv()).await.unwrap();
                    assert_eq!(stamp.key as usize, written - 1);
                    let mut taken = 0;
                    while taken < size {
                        taken += in_time(far.recv()).await.unwrap().len();
                    }
                    let left = stamp.software_ns.unwrap();
                    outside += usize::from(!(before <= left && left <= now_ns()));
                }
                assert!(outside <= CLOCK_STEPS_MAX);
            }
        });
    });
}

#[test]
fn a_socket_with_stamps_that_nobody_reads_goes_on_as_without() {
    let pair = Pair::new();
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            for path in paths(pair.as_ref()) {
                for kind in kinds() {
                    let (mut near, mut far) = path.udp_with(&kind).await;
                    let mut stamps = near.transmit_timestamps(StampedBy::Kernel).unwrap();
                    let rounds = TRANSMIT_TIMESTAMPS_MAX + 100;
                    let errors = taut::counters().errors;
                    for number in 0..rounds {
                        near.send(&number.to_ne_bytes()).await.unwrap();
                        let question = in_time(far.recv()).await.unwrap();
                        assert_eq!(question[..], number.to_ne_bytes());
                        far.send(&question).await.unwrap();
                        let answer = in_time(near.recv()).await.unwrap();
                        assert_eq!(answer[..], number.to_ne_bytes());
                    }
                    assert_eq!(taut::counters().errors, errors, "a stamp is no error");
                    assert_eq!(near.kernel_drops().unwrap(), 0);
                    until(|| stamps.dropped() >= 100).await;
                    assert_eq!(stamps.dropped(), 100, "the oldest");
                    assert_eq!(in_time(stamps.recv()).await.unwrap().key, 100);
                }
            }
        });
    });
}

/// The turns of a parked core in a sleep, while another task waits for the socket.
async fn turns_of_a_sleep(mut socket: UdpSocket) -> u64 {
    let reader = taut::spawn(async move { socket.recv().await.map(|datagram| datagram.len()) });
    turns(3).await;
    let before = taut::counters().turns;
    taut::time::sleep(Duration::from_millis(20)).await.unwrap();
    let turned = taut::counters().turns - before;
    reader.abort();
    turned
}

/// The kinds of sockets that receive differently: with slots of the core, and with their own.
fn kinds() -> [UdpBuilder; 2] {
    [1000, 60_000].map(|bytes| UdpSocket::builder().payload_bytes_max(bytes))
}

#[test]
fn a_core_sleeps_while_stamps_stand_in_a_queue_that_nobody_empties() {
    on_each_driver(|builder| {
        block_on(builder.wait(WaitStrategy::Park), async {
            for (path, kind) in paths(None).into_iter().zip(kinds()) {
                let (near, mut far) = path.udp_with(&kind).await;
                set_raw_option(&near, libc::SOL_SOCKET, libc::SO_TIMESTAMPING, FLAGS);
                for _ in 0..10 {
                    near.send(b"stamped").await.unwrap();
                    in_time(far.recv()).await.unwrap();
                }
                let errors = taut::counters().errors;
                let turned = turns_of_a_sleep(near).await;
                assert!(turned < 50, "{turned} turns in a sleep");
                assert_eq!(taut::counters().errors, errors);
            }
        });
    });
}

#[test]
fn data_comes_through_while_stamps_stand_in_a_queue_that_nobody_empties() {
    on_each_driver_and_wait(|builder| {
        // So few buffers that they run dry.
        block_on(builder.receive_buffers(8).hot_buffers(4), async {
            for (path, kind) in paths(None).into_iter().zip(kinds()) {
                let (mut near, mut far) = path.udp_with(&kind).await;
                set_raw_option(&near, libc::SOL_SOCKET, libc::SO_TIMESTAMPING, FLAGS);
                let mut held = Vec::new();
                for number in 0..100_u32 {
                    near.send(&number.to_ne_bytes()).await.unwrap();
                    let question = in_time(far.recv()).await.unwrap();
                    far.send(&question).await.unwrap();
                    let answer = in_time(near.recv()).await.unwrap();
                    assert_eq!(answer[..], number.to_ne_bytes());
                    held.push(answer);
                    // Held until the pool is dry, and given back.
                    if held.len() == 20 {
                        held.clear();
                    }
                }
            }
        });
    });
}

#[test]
fn an_error_that_waits_for_its_reader_keeps_no_core_awake() {
    on_each_driver(|builder| {
        block_on(builder.wait(WaitStrategy::Park), async {
            for (path, kind) in paths(None).into_iter().zip(kinds()) {
                let (mut near, far) = path.udp_with(&kind).await;
                let stamps = near.transmit_timestamps(StampedBy::Kernel).unwrap();
                drop(far);
                near.send(b"to nobody").await.unwrap();
                let before = taut::counters().turns;
                taut::time::sleep(Duration::from_millis(20)).await.unwrap();
                let turned = taut::counters().turns - before;
                assert!(turned < 50, "{turned} turns in a sleep");
                let refused = in_time(near.recv()).await.unwrap_err();
                assert_eq!(refused.kind(), ErrorKind::ConnectionRefused, "{refused}");
                drop(stamps);
            }
        });
    });
}

#[test]
fn stamps_end_with_their_receiver_and_begin_again_at_zero() {
    on_each_driver(|builder| {
        block_on(builder, async {
            for path in paths(None) {
                let (near, mut far) = path.udp().await;
                for _ in 0..3 {
                    let mut stamps = near.transmit_timestamps(StampedBy::Kernel).unwrap();
                    let second = near.transmit_timestamps(StampedBy::Kernel).unwrap_err();
                    assert_eq!(second.kind(), ErrorKind::AlreadyExists, "{second}");
                    near.send(b"stamped").await.unwrap();
                    assert_eq!(in_time(stamps.recv()).await.unwrap().key, 0);
                    near.send(b"never read").await.unwrap();
                    common::poll_then_drop(stamps.recv(), 1).await;
                    drop(stamps);
                    near.send(b"not stamped").await.unwrap();
                    for _ in 0..3 {
                        in_time(far.recv()).await.unwrap();
                    }
                }
                // The address is free at once when the last of both is gone.
                let stamps = near.transmit_timestamps(StampedBy::Kernel).unwrap();
                let address = near.local_addr().unwrap();
                drop(near);
                drop(stamps);
                UdpSocket::bind(address).unwrap();
            }
        });
    });
}

#[test]
fn receive_and_transmit_stamps_do_not_disturb_each_other() {
    on_each_driver(|builder| {
        block_on(builder, async {
            for path in paths(None) {
                let (mut near, far) = path.udp().await;
                near.set_receive_timestamps(Some(StampedBy::Kernel)).unwrap();
                let mut stamps = near.transmit_timestamps(StampedBy::Kernel).unwrap();
                near.set_receive_timestamps(None).unwrap();
                near.send(b"stamped").await.unwrap();
                assert_eq!(in_time(stamps.recv()).await.unwrap().key, 0);
                near.set_receive_timestamps(Some(StampedBy::Kernel)).unwrap();
                drop(stamps);
                in_time(async {
                    loop {
                        far.send(b"tick").await.unwrap();
                        if near.recv().await.unwrap().timestamps().software_ns.is_some() {
                            break;
                        }
                    }
                })
                .await;
            }
        });
    });
}
