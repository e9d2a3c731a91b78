//! Bytes come back as they went out, whatever their number and however they are cut.

mod common;

use std::io::{Read, Write};

use common::ways::{assert_same_bytes, read_anyhow, read_one_way, write_anyhow};
use common::{Random, block_on, connected_pair, on_each_driver, on_each_driver_and_wait};
use futures_util::{FutureExt, join};
use taut::net::{TcpListener, TcpStream};
use taut::{Builder, JoinHandle};

const SEED: u64 = 0xEC40;

/// Every size up to 70, powers of two with their neighbours up to 1 MiB, and odd ones between.
fn ladder() -> Vec<usize> {
    let powers = (7..=20).flat_map(|shift| (1 << shift) - 1..=(1 << shift) + 1);
    let primes = [97, 1_009, 8_191, 9_973, 65_537, 99_991, 300_007, 999_983];
    let mut sizes: Vec<usize> = (1..=70).chain(powers).chain(primes).collect();
    sizes.retain(|size| *size <= 1 << 20);
    sizes
}

/// Sends back what comes, in randomly chosen ways, until the end.
fn spawn_echo(stream: TcpStream) -> JoinHandle<()> {
    taut::spawn(async move {
        let mut random = Random::new(SEED + 1);
        let (mut from, mut to) = stream.into_split();
        let mut message = Vec::new();
        while read_one_way(&mut from, &mut random, None, &mut message).await.unwrap() > 0 {
            write_anyhow(&mut to, &mut random, &message).await;
            message.clear();
        }
    })
}

fn sizes_come_back(builder: Builder, sizes: &[usize]) {
    eprintln!("    seed {SEED:#x}");
    block_on(builder, async {
        let (client, server) = connected_pair().await;
        let echo = spawn_echo(server);
        let (mut from, mut to) = client.into_split();
        let mut random = Random::new(SEED);
        let mut sizes_random = Random::new(SEED + 2);
        for &size in sizes {
            let message = sizes_random.bytes(size);
            let mut write_random = Random::new(sizes_random.next());
            let ((), answer) = join!(
                write_anyhow(&mut to, &mut write_random, &message),
                read_anyhow(&mut from, &mut random, size),
            );
            assert_same_bytes(&answer, &message);
        }
        drop(to);
        assert!(from.recv().await.unwrap().is_empty());
        echo.await.unwrap();
    });
}

#[test]
fn small_messages_come_back_in_order() {
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            let (mut client, mut server) = connected_pair().await;
            let echo = taut::spawn(async move {
                loop {
                    let message = server.recv().await.unwrap();
                    if message.is_empty() {
                        break;
                    }
                    server.write_all(&message).await.unwrap();
                }
            });
            let mut random = Random::new(1);
            for _ in 0..500 {
                let length = 1 + random.below(64);
                let message = random.bytes(length);
                client.write_all(&message).await.unwrap();
                let mut answer = vec![0; message.len()];
                client.read_exact(&mut answer).await.unwrap();
                assert_eq!(answer, message);
            }
            drop(client);
            echo.await.unwrap();
        });
    });
}

#[test]
fn every_size_up_to_a_mebibyte_comes_back_byte_for_byte() {
    on_each_driver_and_wait(|builder| sizes_come_back(builder, &ladder()));
}

#[test]
fn every_size_comes_back_through_few_and_small_buffers() {
    on_each_driver(|builder| {
        let builder = builder
            .receive_buffers(4)
            .receive_buffer_bytes(256)
            .receive_window_buffers(2)
            .hot_buffers(1);
        let sizes: Vec<usize> = ladder().into_iter().filter(|size| *size < 70_000).collect();
        sizes_come_back(builder, &sizes);
    });
}

#[test]
fn every_size_comes_back_through_zero_copy_sends() {
    on_each_driver(|builder| {
        sizes_come_back(builder.zero_copy_send_bytes_min(Some(1)), &ladder());
    });
}

#[test]
fn a_whole_stream_comes_back_by_read_to_end() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let mut random = Random::new(SEED);
            for size in [0, 1, 70, 8_192, 100_003, 1 << 20] {
                let (client, mut server) = connected_pair().await;
                let echo = taut::spawn(async move {
                    let mut all = Vec::new();
                    assert_eq!(server.read_to_end(&mut all).await.unwrap(), size);
                    server.write_all(&all).await.unwrap();
                });
                let message = random.bytes(size);
                let (mut from, mut to) = client.into_split();
                write_anyhow(&mut to, &mut random, &message).await;
                drop(to);
                let mut answer = b"kept".to_vec();
                assert_eq!(from.read_to_end(&mut answer).await.unwrap(), size);
                assert_eq!(&answer[..4], b"kept");
                assert_same_bytes(&answer[4..], &message);
                echo.await.unwrap();
            }
        });
    });
}

#[test]
fn a_peer_on_another_thread_gets_each_message_back_at_once() {
    const MESSAGES: usize = 4000;

    on_each_driver_and_wait(|builder| {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let peer = std::thread::spawn(move || {
            let mut stream = std::net::TcpStream::connect(address).unwrap();
            let mut random = Random::new(SEED);
            for number in 0..MESSAGES {
                let length = 1 + random.below(200);
                let message = random.bytes(length);
                stream.write_all(&message).unwrap();
                let mut answer = vec![0; length];
                stream.read_exact(&mut answer).unwrap();
                assert!(answer == message, "message {number}");
            }
        });
        block_on(builder, async {
            let stream = TcpListener::from_std(listener).accept().await.unwrap();
            let (mut from, mut to) = stream.into_split();
            let (mut random, mut message) = (Random::new(SEED), Vec::new());
            loop {
                // Mostly one way, so that the driver sees a pattern; then everything else.
                if random.below(8) > 0 {
                    message.extend_from_slice(&from.recv().await.unwrap());
                } else {
                    if let Some((_, bytes)) = from.recv_into(Vec::with_capacity(32)).now_or_never()
                    {
                        message.extend_from_slice(&bytes);
                    }
                    if message.is_empty() {
                        read_one_way(&mut from, &mut random, None, &mut message).await.unwrap();
                    }
                }
                if message.is_empty() {
                    break;
                }
                write_anyhow(&mut to, &mut random, &message).await;
                message.clear();
            }
        });
        peer.join().unwrap();
    });
}
