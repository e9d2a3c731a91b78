//! Many datagrams by one call: batches, segments that the kernel cuts, and those that it joins.

mod common;

use std::io::ErrorKind;

use common::ways::assert_same_bytes;
use common::{Random, block_on, bound, in_time, loopback, on_each_driver_and_wait};
use taut::net::{Outgoing, UdpSocket};

const SEED: u64 = 0xba7c4;

#[test]
fn a_batch_goes_to_many_addresses_in_order() {
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            let sender = bound();
            assert_eq!(sender.send_many(&[]).await.unwrap(), 0);
            let mut receivers: Vec<UdpSocket> = (0..3).map(|_| bound()).collect();
            let addresses: Vec<_> = receivers.iter().map(|one| one.local_addr().unwrap()).collect();
            let numbers: Vec<[u8; 4]> = (0..300_u32).map(u32::to_be_bytes).collect();
            let all: Vec<Outgoing<'_>> = numbers
                .iter()
                .enumerate()
                .map(|(index, bytes)| Outgoing { bytes, to: Some(addresses[index % 3]) })
                .collect();
            let mut sent = 0;
            let mut calls = 0;
            while sent < all.len() {
                sent += in_time(sender.send_many(&all[sent..])).await.unwrap();
                calls += 1;
            }
            assert!(calls <= 300_usize.div_ceil(64) + 20, "{calls} calls");
            for (index, receiver) in receivers.iter_mut().enumerate() {
                for number in (index as u32..300).step_by(3) {
                    let datagram = in_time(receiver.recv()).await.unwrap();
                    assert_eq!(&datagram[..], number.to_be_bytes());
                }
            }
        });
    });
}

#[test]
fn a_batch_ends_before_the_one_that_can_not_be_sent() {
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            let mut receiver = bound();
            let sender = bound();
            sender.connect(receiver.local_addr().unwrap()).await.unwrap();
            let large = vec![0; 70_000];
            let all =
                [&b"one"[..], b"two", &large, b"three"].map(|bytes| Outgoing { bytes, to: None });
            assert_eq!(sender.send_many(&all).await.unwrap(), 2);
            let error = sender.send_many(&all[2..]).await.unwrap_err();
            assert_eq!(error.raw_os_error(), Some(libc::EMSGSIZE));
            assert_eq!(sender.send_many(&all[3..]).await.unwrap(), 1);
            for bytes in [b"one".as_slice(), b"two", b"three"] {
                assert_eq!(&in_time(receiver.recv()).await.unwrap()[..], bytes);
            }
        });
    });
}

#[test]
fn segments_arrive_as_datagrams_of_their_own() {
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            let mut receiver = bound();
            let to = receiver.local_addr().unwrap();
            let sender = bound();
            let bytes = Random::new(SEED).bytes(30 * 1_000 + 1);
            sender.send_segments(&bytes, 1_000, Some(to)).await.unwrap();
            for part in bytes.chunks(1_000) {
                assert_same_bytes(&in_time(receiver.recv()).await.unwrap(), part);
            }
            for (length, segment) in [(1_000, 0), (0, 10), (65, 1), (6_401, 100)] {
                let refused = sender.send_segments(&bytes[..length], segment, Some(to)).await;
                assert_eq!(refused.unwrap_err().kind(), ErrorKind::InvalidInput);
            }
            sender.connect(to).await.unwrap();
            sender.send_segments(&bytes[..64], 1, None).await.unwrap();
            for part in bytes[..64].chunks(1) {
                assert_same_bytes(&in_time(receiver.recv()).await.unwrap(), part);
            }
        });
    });
}

#[test]
fn joined_segments_are_handed_out_as_they_were_sent() {
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            for hot in [false, true] {
                let joining = UdpSocket::builder().join_segments(true);
                let mut receiver = joining.bind(loopback()).unwrap();
                receiver.set_hot(hot);
                let to = receiver.local_addr().unwrap();
                let sender = bound();
                let mut random = Random::new(SEED);
                let mut joined = 0;
                for (length, segment) in [(60_000, 1_000), (65_000, 1_400), (999, 1_000), (63, 1)] {
                    let bytes = random.bytes(length);
                    sender.send_segments(&bytes, segment, Some(to)).await.unwrap();
                    let mut parts = bytes.chunks(usize::from(segment));
                    while parts.len() > 0 {
                        let datagram = in_time(receiver.recv()).await.unwrap();
                        assert!(!datagram.is_truncated());
                        joined += usize::from(datagram.segment_bytes().is_some());
                        for one in datagram.segments() {
                            assert_same_bytes(&one, parts.next().unwrap());
                        }
                    }
                }
                assert!(joined > 0, "the kernel joins what was cut on the same host");
                sender.send_to(b"", to).await.unwrap();
                let empty = in_time(receiver.recv()).await.unwrap();
                assert_eq!(empty.segments().count(), 1);
            }
        });
    });
}

#[test]
fn parts_of_a_joined_datagram_hold_its_slot_and_give_it_back() {
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            let joining = UdpSocket::builder().join_segments(true).own_slots(1);
            let mut receiver = joining.bind(loopback()).unwrap();
            let to = receiver.local_addr().unwrap();
            let sender = bound();
            let bytes = Random::new(SEED).bytes(5_000);
            let before = taut::counters().receive_heap_fallbacks;
            for _ in 0..50 {
                sender.send_segments(&bytes, 1_000, Some(to)).await.unwrap();
                let mut rest = &bytes[..];
                while !rest.is_empty() {
                    let datagram = in_time(receiver.recv()).await.unwrap();
                    let last = datagram.segments().last().unwrap();
                    let (here, behind) = rest.split_at(datagram.len());
                    drop(datagram);
                    assert_same_bytes(&last, &here[here.len() - last.len()..]);
                    rest = behind;
                }
            }
            assert_eq!(taut::counters().receive_heap_fallbacks, before, "its one slot is enough");
        });
    });
}
