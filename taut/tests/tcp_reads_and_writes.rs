//! Every way to read and to write moves all bytes in order, alone and mixed with the others.

mod common;

use std::io::{ErrorKind, IoSlice, Write};

use bytes::Bytes;
use common::ways::{assert_same_bytes, read_anyhow, write_anyhow};
use common::{Random, block_on, connected_pair, on_each_driver, on_each_driver_and_wait, turns};
use futures_util::{join, poll};
use taut::Builder;
use taut::buffer::{RxBuf, TxBuf};
use taut::net::{OwnedReadHalf, OwnedWriteHalf, TcpStream};

const SEED: u64 = 0x7C9;

/// The default, and one that sends even single bytes by zero copy.
fn with_and_without_zero_copy(body: impl Fn(Builder)) {
    on_each_driver(|builder| {
        body(builder.clone());
        eprintln!("  by zero copy:");
        body(builder.zero_copy_send_bytes_min(Some(1)));
    });
}

/// Writes on one end what is read on the other, both at once, in all ways.
async fn cross(to: &mut OwnedWriteHalf, from: &mut OwnedReadHalf, seed: u64, count: usize) {
    let sent = Random::new(seed).bytes(count);
    let (mut write_random, mut read_random) = (Random::new(seed + 1), Random::new(seed + 2));
    let ((), got) = join!(
        write_anyhow(to, &mut write_random, &sent),
        read_anyhow(from, &mut read_random, count),
    );
    assert_same_bytes(&got, &sent);
}

#[test]
fn all_ways_to_read_and_write_mix_on_one_stream() {
    eprintln!("seed {SEED:#x}");
    on_each_driver_and_wait(|builder| {
        for (slot_bytes, window) in [(8192, 64), (512, 4), (100, 1)] {
            let builder =
                builder.clone().receive_buffer_bytes(slot_bytes).receive_window_buffers(window);
            block_on(builder, async {
                let (client, server) = connected_pair().await;
                let (mut to, mut from) = (client.into_split().1, server.into_split().0);
                cross(&mut to, &mut from, SEED, 3_000_001).await;
            });
        }
    });
}

#[test]
fn both_directions_carry_megabytes_at_once_without_deadlock() {
    const BYTES: usize = 12 << 20;

    fn spawn_end(stream: TcpStream, seed: u64) -> [taut::JoinHandle<()>; 2] {
        let (mut from, mut to) = stream.into_split();
        let writer = taut::spawn(async move {
            let sent = Random::new(seed).bytes(BYTES);
            write_anyhow(&mut to, &mut Random::new(seed), &sent).await;
        });
        let reader = taut::spawn(async move {
            let got = read_anyhow(&mut from, &mut Random::new(seed), BYTES).await;
            assert_same_bytes(&got, &Random::new(seed ^ 1).bytes(BYTES));
            assert!(from.recv().await.unwrap().is_empty());
        });
        [writer, reader]
    }

    with_and_without_zero_copy(|builder| {
        block_on(builder, async {
            let (client, server) = connected_pair().await;
            let ends = [spawn_end(client, SEED), spawn_end(server, SEED ^ 1)];
            for task in ends.into_iter().flatten() {
                task.await.unwrap();
            }
        });
    });
}

#[test]
fn each_kind_of_owned_buffer_arrives_whole_and_the_empty_ones_send_nothing() {
    with_and_without_zero_copy(|builder| {
        block_on(builder, async {
            let (mut client, mut server) = connected_pair().await;
            server.write_all(b"<received>").await.unwrap();
            let received = client.recv().await.unwrap();
            let mut registered = TxBuf::take().unwrap();
            registered.write_all(b"<registered>").unwrap();

            client.send(Vec::new()).await.unwrap();
            client.send(Bytes::new()).await.unwrap();
            client.send(RxBuf::empty()).await.unwrap();
            client.send(TxBuf::take().unwrap()).await.unwrap();
            client.send(&b""[..]).await.unwrap();
            assert_eq!(client.write(&[]).await.unwrap(), 0);
            client.write_all(&[]).await.unwrap();
            assert_eq!(client.write_vectored(&[]).await.unwrap(), 0);

            client.send(b"<vec>".to_vec()).await.unwrap();
            client.send(&b"<static>"[..]).await.unwrap();
            client.send(Bytes::from_static(b"no<bytes>no").slice(2..9)).await.unwrap();
            client.send(received.slice(1..9)).await.unwrap();
            client.send(received).await.unwrap();
            client.send(registered).await.unwrap();
            drop(client);

            let mut all = Vec::new();
            server.read_to_end(&mut all).await.unwrap();
            let expected = "<vec><static><bytes>received<received><registered>";
            assert_eq!(String::from_utf8(all).unwrap(), expected);
        });
    });
}

#[test]
fn sent_registered_buffers_come_back_to_their_pool() {
    with_and_without_zero_copy(|builder| {
        block_on(builder.send_buffers(4), async {
            let (mut client, mut server) = connected_pair().await;
            for round in 0..200_u8 {
                // A zero-copy send keeps its buffer until the peer's kernel has the bytes.
                let mut buffer = loop {
                    match TxBuf::take() {
                        Ok(buffer) => break buffer,
                        Err(error) => assert_eq!(error.kind(), ErrorKind::OutOfMemory),
                    }
                    turns(1).await;
                };
                let size = buffer.capacity();
                buffer.resize(size);
                buffer.fill(round);
                client.send(buffer).await.unwrap();
                let mut got = vec![0; size];
                server.read_exact(&mut got).await.unwrap();
                assert!(got.iter().all(|byte| *byte == round));
            }
        });
    });
}

#[test]
fn a_large_zero_copy_send_arrives_whole() {
    with_and_without_zero_copy(|builder| {
        block_on(builder, async {
            let (client, mut server) = connected_pair().await;
            let (mut from, mut to) = client.into_split();
            let sent = Bytes::from(Random::new(SEED).bytes(9 << 20));
            let copy = sent.clone();
            let writer = taut::spawn(async move {
                to.send(copy.clone()).await.unwrap();
                to.send(copy.to_vec()).await.unwrap();
            });
            let mut got = Vec::new();
            server.read_to_end(&mut got).await.unwrap();
            writer.await.unwrap();
            assert_same_bytes(&got[..sent.len()], &sent);
            assert_same_bytes(&got[sent.len()..], &sent);
            drop(server);
            assert!(from.recv().await.unwrap().is_empty());
        });
    });
}

#[test]
fn vectored_writes_take_any_number_of_slices() {
    on_each_driver(|builder| {
        block_on(builder, async {
            for count in [1, 2, 1023, 1024, 1025, 5000] {
                let (client, mut server) = connected_pair().await;
                let mut to = client.into_split().1;
                let sent = Random::new(SEED).bytes(count * 3);
                let mut slices: Vec<_> = sent.chunks(3).map(IoSlice::new).collect();
                let mut rest = &mut slices[..];
                while !rest.is_empty() {
                    let written = to.write_vectored(rest).await.unwrap();
                    assert_ne!(written, 0);
                    IoSlice::advance_slices(&mut rest, written);
                }
                drop(to);
                let mut got = Vec::new();
                server.read_to_end(&mut got).await.unwrap();
                assert_same_bytes(&got, &sent);
            }
        });
    });
}

#[test]
fn any_number_of_empty_slices_does_not_hide_the_bytes_behind_them() {
    on_each_driver(|builder| {
        block_on(builder, async {
            for empty in [1, 1023, 1024, 3000] {
                let (mut client, mut server) = connected_pair().await;
                let mut slices = vec![IoSlice::new(&[]); empty];
                assert_eq!(client.write_vectored(&slices).await.unwrap(), 0);
                slices.push(IoSlice::new(b"behind"));
                assert_eq!(client.write_vectored(&slices).await.unwrap(), 6, "{empty}");
                assert_eq!(&server.recv().await.unwrap()[..], b"behind");
            }
        });
    });
}

#[test]
fn a_read_without_room_waits_for_nothing() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (mut client, mut server) = connected_pair().await;
            for _ in 0..2 {
                assert_eq!(server.read(&mut []).await.unwrap(), 0);
                server.read_exact(&mut []).await.unwrap();
                let (count, buffer) = server.recv_into(b"full".to_vec()).await;
                assert_eq!(count.unwrap_err().kind(), ErrorKind::InvalidInput);
                assert_eq!(buffer, b"full", "the buffer comes back");
                // The second time a receive is under way.
                assert!(poll!(Box::pin(server.recv())).is_pending());
            }
            client.write_all(b"x").await.unwrap();
            assert_eq!(&server.recv().await.unwrap()[..], b"x");
        });
    });
}

#[test]
fn read_exact_says_how_far_it_came_when_the_stream_ends() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (mut client, mut server) = connected_pair().await;
            client.write_all(b"abc").await.unwrap();
            drop(client);
            let error = server.read_exact(&mut [0; 8]).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
            assert!(error.to_string().contains("3 of 8"), "{error}");
        });
    });
}

#[test]
fn a_stream_that_paused_outlives_a_full_operation_table() {
    on_each_driver(|builder| {
        let builder = builder.receive_buffer_bytes(64).receive_window_buffers(4);
        block_on(builder.operations_max(5), async {
            let mut others = Vec::new();
            for _ in 0..6 {
                others.push(connected_pair().await);
            }
            let (mut client, mut server) = connected_pair().await;
            assert!(poll!(Box::pin(server.recv())).is_pending());
            let sent = Random::new(SEED).bytes(6400);
            for part in sent.chunks(64) {
                client.write_all(part).await.unwrap();
                turns(1).await;
            }
            let counters = taut::counters();
            let paused = counters.receive_window_pauses > 0;
            assert_eq!(paused, counters.multishot_armed > 0, "only io_uring receives ahead");
            // Receives of others take every slot of the table, where a receive takes one at all.
            for (_, end) in others.iter_mut().take_while(|_| paused) {
                if poll!(Box::pin(end.recv())).is_ready() {
                    break;
                }
            }
            let (mut got, mut refused) = (vec![], false);
            while got.len() < sent.len() {
                match server.recv().await {
                    Ok(bytes) if bytes.is_empty() => panic!("ended after {}", got.len()),
                    Ok(bytes) => got.extend_from_slice(&bytes),
                    Err(error) => {
                        assert_eq!(error.kind(), ErrorKind::OutOfMemory, "{error}");
                        refused = true;
                        others.clear();
                        turns(1).await;
                    }
                }
            }
            assert_eq!(refused, paused);
            assert_same_bytes(&got, &sent);
        });
    });
}
