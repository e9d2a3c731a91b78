//! Futures of a stream that are dropped while pending lose no byte and keep the order.

mod common;

use std::time::Duration;

use common::ways::assert_same_bytes;
use common::{Random, block_on, connected_pair, on_each_driver, on_each_driver_and_wait, turns};
use futures_util::{FutureExt, poll};
use taut::Builder;
use taut::net::{OwnedReadHalf, OwnedWriteHalf, TcpStream};
use taut::time::timeout;

const SEED: u64 = 0xD20;

/// Starts a read of this way and gives it up; what it read all the same is appended.
async fn try_read(from: &mut OwnedReadHalf, way: usize, random: &mut Random, got: &mut Vec<u8>) {
    let mut to = vec![0; 1 + random.below(5000)];
    let no_time = Duration::ZERO;
    match way {
        0 => {
            if let Ok(bytes) = timeout(no_time, from.recv()).await {
                got.extend_from_slice(&bytes.unwrap());
            }
        }
        1 => {
            if let Ok(count) = timeout(no_time, from.read(&mut to)).await {
                got.extend_from_slice(&to[..count.unwrap()]);
            }
        }
        2 => {
            to.clear();
            if let Ok((count, to)) = timeout(no_time, from.recv_into(to)).await {
                count.unwrap();
                got.extend_from_slice(&to);
            }
        }
        _ => {
            // One byte, so that a read that was given up has taken nothing.
            let mut byte = [0];
            if let Some(outcome) = from.read_exact(&mut byte).now_or_never() {
                outcome.unwrap();
                got.push(byte[0]);
            }
        }
    }
}

/// Sends in small pieces while the other end gives up reads of the given ways.
fn nothing_is_lost(builder: Builder, ways: &'static [usize], hot: bool) {
    const BYTES: usize = 60_000;
    block_on(builder, async {
        let (client, server) = connected_pair().await;
        let sent = Random::new(SEED).bytes(BYTES);
        let copy = sent.clone();
        let writer = taut::spawn(async move {
            let mut random = Random::new(SEED + 1);
            let mut to = client.into_split().1;
            let mut rest = &copy[..];
            while !rest.is_empty() {
                let (part, left) = rest.split_at((1 + random.below(300)).min(rest.len()));
                to.write_all(part).await.unwrap();
                rest = left;
                turns(random.below(4) as u64).await;
            }
            to
        });
        let mut from = server.into_split().0;
        from.set_hot(hot);
        let (mut random, mut got) = (Random::new(SEED + 2), Vec::new());
        while got.len() < BYTES {
            for _ in 0..random.below(8) {
                let way = ways[random.below(ways.len())];
                try_read(&mut from, way, &mut random, &mut got).await;
                if random.below(3) == 0 {
                    turns(1).await;
                }
            }
            if got.len() < BYTES && random.below(4) == 0 {
                got.extend_from_slice(&from.recv().await.unwrap());
            }
        }
        assert_same_bytes(&got, &sent);
        drop(writer.await.unwrap());
        assert!(from.recv().await.unwrap().is_empty());
    });
}

#[test]
fn reads_given_up_thousands_of_times_lose_no_byte() {
    eprintln!("seed {SEED:#x}");
    on_each_driver_and_wait(|builder| {
        for ways in [&[0][..], &[1], &[2], &[3], &[0, 1, 2, 3]] {
            nothing_is_lost(builder.clone(), ways, false);
        }
    });
}

#[test]
fn reads_given_up_on_a_hot_stream_lose_no_byte() {
    on_each_driver(|builder| {
        for ways in [&[0][..], &[2], &[0, 1, 2, 3]] {
            nothing_is_lost(builder.clone(), ways, true);
        }
    });
}

#[test]
fn reads_given_up_with_a_small_window_lose_no_byte() {
    on_each_driver(|builder| {
        let builder = builder.receive_buffer_bytes(64).receive_window_buffers(2);
        nothing_is_lost(builder, &[0, 1, 2, 3], false);
    });
}

#[test]
fn a_receive_into_after_a_given_up_read_gets_the_bytes() {
    on_each_driver(|builder| {
        for hot in [false, true] {
            eprintln!("  hot: {hot}");
            block_on(builder.clone(), async {
                let (mut client, mut server) = connected_pair().await;
                server.set_hot(hot);
                assert!(poll!(Box::pin(server.recv())).is_pending());
                let reader = taut::spawn(async move {
                    let (count, buffer) = server.recv_into(Vec::with_capacity(16)).await;
                    assert_eq!(count.unwrap(), 5);
                    buffer
                });
                turns(20).await;
                client.write_all(b"bytes").await.unwrap();
                assert_eq!(reader.await.unwrap(), b"bytes");
            });
        }
    });
}

#[test]
fn the_window_still_holds_after_receives_into_own_memory_were_given_up() {
    const WINDOW: u32 = 4;

    on_each_driver(|builder| {
        let builder = builder.receive_window_buffers(WINDOW).receive_buffer_bytes(64);
        block_on(builder.receive_buffers(256), async {
            let (mut client, mut server) = connected_pair().await;
            for _ in 0..4 {
                let receive = Box::pin(server.recv_into(Vec::with_capacity(64)));
                assert!(poll!(receive).is_pending());
            }
            turns(20).await;
            let before = taut::counters();
            assert!(poll!(Box::pin(server.recv())).is_pending());
            // Small pieces, so that the kernel fills many buffers if it may.
            for _ in 0..200 {
                client.write_all(&[1; 64]).await.unwrap();
                turns(1).await;
            }
            let during = taut::counters().since(&before);
            let mut got = vec![0; 200 * 64];
            server.read_exact(&mut got).await.unwrap();
            // Where nothing is received ahead there is nothing to pause.
            if during.multishot_armed > 0 {
                assert!(during.receive_window_pauses > 0, "{during:?}");
            }
        });
    });
}

/// A connection whose writer can't write any more: the peer has not read.
async fn clogged_pair() -> (TcpStream, TcpStream, usize) {
    let (mut client, server) = connected_pair().await;
    let mut sent = 0;
    while let Some(count) = client.write(&[b'-'; 50_000]).now_or_never() {
        sent += count.unwrap();
    }
    (client, server, sent)
}

#[test]
fn writes_given_up_on_a_full_socket_have_sent_nothing() {
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            let (mut client, mut server, clog) = clogged_pair().await;
            for _ in 0..200 {
                assert!(poll!(Box::pin(client.write(b"never"))).is_pending());
                turns(1).await;
            }
            let reader = taut::spawn(async move {
                let mut got = Vec::new();
                server.read_to_end(&mut got).await.unwrap();
                got
            });
            client.write_all(b"end").await.unwrap();
            drop(client);
            let got = reader.await.unwrap();
            assert_eq!(got.len(), clog + 3);
            assert_eq!(&got[clog..], b"end");
            assert!(got[..clog].iter().all(|byte| *byte == b'-'));
        });
    });
}

async fn send_and_give_up(to: &mut OwnedWriteHalf, bytes: &[u8]) {
    let send = Box::pin(to.send(bytes.to_vec()));
    assert!(poll!(send).is_pending());
}

#[test]
fn a_send_that_was_given_up_goes_on_before_the_next_write() {
    on_each_driver_and_wait(|builder| {
        for zero_copy in [None, Some(1)] {
            block_on(builder.clone().zero_copy_send_bytes_min(zero_copy), async {
                let (client, mut server) = connected_pair().await;
                let mut to = client.into_split().1;
                let sent = Random::new(SEED).bytes(16 << 20);
                send_and_give_up(&mut to, &sent).await;
                // Behind one that is still under way: not begun, so nothing of it is sent.
                send_and_give_up(&mut to, b"not begun").await;
                assert!(poll!(Box::pin(to.write(b"not begun"))).is_pending());
                let writer = taut::spawn(async move {
                    to.write_all(b"after").await.unwrap();
                    to.send(b"and then".to_vec()).await.unwrap();
                });
                let mut got = Vec::new();
                server.read_to_end(&mut got).await.unwrap();
                writer.await.unwrap();
                assert_same_bytes(&got[..sent.len()], &sent);
                assert_eq!(&got[sent.len()..], b"afterand then");
            });
        }
    });
}

#[test]
fn flush_and_shutdown_wait_for_a_send_that_was_given_up() {
    on_each_driver(|builder| {
        for zero_copy in [None, Some(1)] {
            block_on(builder.clone().zero_copy_send_bytes_min(zero_copy), async {
                for flush in [false, true] {
                    let (client, mut server) = connected_pair().await;
                    let (_from, mut to) = client.into_split();
                    let sent = Random::new(SEED).bytes(16 << 20);
                    send_and_give_up(&mut to, &sent).await;
                    let ending = taut::spawn(async move {
                        match flush {
                            true => to.flush().await.unwrap(),
                            false => to.shutdown().await.unwrap(),
                        }
                    });
                    let mut got = Vec::new();
                    server.read_to_end(&mut got).await.unwrap();
                    assert_same_bytes(&got, &sent);
                    ending.await.unwrap();
                }
            });
        }
    });
}
