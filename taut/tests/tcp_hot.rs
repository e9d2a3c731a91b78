//! Hot streams: the spin loop reads them itself, and to and fro nothing is lost or reordered.

mod common;

use std::io::ErrorKind;
use std::net::Shutdown;
use std::pin::pin;
use std::time::Duration;

use common::ways::{assert_same_bytes, read_one_way, write_anyhow};
use common::{Random, block_on, connected_pair, on_each_driver, on_each_driver_and_wait, turns};
use futures_util::stream::FuturesUnordered;
use futures_util::{StreamExt, poll};
use taut::WaitStrategy;

const SEED: u64 = 0x407;

#[test]
fn a_stream_that_is_hot_from_the_start_echoes() {
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            let (mut client, mut server) = connected_pair().await;
            client.set_hot(true);
            server.set_hot(true);
            let echo = taut::spawn(async move {
                loop {
                    let message = server.recv().await.unwrap();
                    if message.is_empty() {
                        break;
                    }
                    server.send(message).await.unwrap();
                }
            });
            let mut random = Random::new(SEED);
            for _ in 0..300 {
                let length = 1 + random.below(3000);
                let message = random.bytes(length);
                client.write_all(&message).await.unwrap();
                let mut answer = vec![0; length];
                client.read_exact(&mut answer).await.unwrap();
                assert_same_bytes(&answer, &message);
            }
            client.shutdown(Shutdown::Write).await.unwrap();
            for _ in 0..3 {
                assert!(client.recv().await.unwrap().is_empty(), "the end stays");
            }
            echo.await.unwrap();
        });
    });
}

#[test]
fn more_hot_streams_than_slots_take_turns_and_need_no_heap() {
    on_each_driver_and_wait(|builder| {
        block_on(builder.hot_buffers(2), async {
            let mut clients = Vec::new();
            let mut servers = Vec::new();
            for _ in 0..20 {
                let (client, mut server) = connected_pair().await;
                server.set_hot(true);
                servers.push(taut::spawn(async move {
                    for round in 0..50_u32 {
                        let message = server.recv().await.unwrap();
                        assert_eq!(message[..], round.to_le_bytes());
                        server.write_all(&message).await.unwrap();
                    }
                }));
                clients.push(client);
            }
            turns(2).await;
            let before = taut::counters();
            for round in 0..50_u32 {
                for client in &mut clients {
                    client.write_all(&round.to_le_bytes()).await.unwrap();
                }
                for client in &mut clients {
                    let mut answer = [0; 4];
                    client.read_exact(&mut answer).await.unwrap();
                    assert_eq!(answer, round.to_le_bytes());
                }
            }
            let fallbacks = taut::counters().since(&before).receive_heap_fallbacks;
            assert_eq!(fallbacks, 0, "nobody keeps a slot, so each turn finds some");
            for server in servers {
                server.await.unwrap();
            }
        });
    });
}

#[test]
fn switching_while_data_is_in_flight_keeps_every_byte_in_order() {
    const BYTES: usize = 1_500_000;

    eprintln!("seed {SEED:#x}");
    on_each_driver_and_wait(|builder| {
        let builder = builder.receive_buffer_bytes(700).receive_window_buffers(8);
        block_on(builder.hot_buffers(2), async {
            let (client, server) = connected_pair().await;
            let sent = Random::new(SEED).bytes(BYTES);
            let copy = sent.clone();
            let writer = taut::spawn(async move {
                let mut to = client.into_split().1;
                write_anyhow(&mut to, &mut Random::new(SEED + 1), &copy).await;
            });
            let mut from = server.into_split().0;
            let (mut random, mut got) = (Random::new(SEED + 2), Vec::new());
            let mut switches = [0, 0];
            loop {
                if random.below(4) == 0 {
                    let hot = random.below(2);
                    from.set_hot(hot == 1);
                    switches[hot] += 1;
                }
                let coming = (got.len() < BYTES).then(|| BYTES - got.len());
                if read_one_way(&mut from, &mut random, coming, &mut got).await.unwrap() == 0 {
                    break;
                }
            }
            assert!(switches[0] > 3 && switches[1] > 3, "{switches:?}");
            assert_same_bytes(&got, &sent);
            writer.await.unwrap();
        });
    });
}

#[test]
fn switching_with_a_receive_under_way_takes_what_it_brings_first() {
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            let (mut client, mut server) = connected_pair().await;
            for round in 0..100_u8 {
                server.set_hot(false);
                assert!(poll!(Box::pin(server.recv())).is_pending());
                if round % 3 == 0 {
                    // The kernel has the receive by now.
                    turns(2).await;
                }
                client.write_all(&[round; 3]).await.unwrap();
                server.set_hot(true);
                client.write_all(&[!round; 3]).await.unwrap();
                let mut got = [0; 6];
                server.read_exact(&mut got).await.unwrap();
                assert_eq!(got, [round, round, round, !round, !round, !round]);
            }
        });
    });
}

#[test]
fn switching_to_and_fro_at_once_leaves_a_stream_that_works() {
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            let (mut client, server) = connected_pair().await;
            let mut from = server.into_split().0;
            for hot_last in [false, true, false, true] {
                assert!(poll!(Box::pin(from.recv())).is_pending());
                from.set_hot(!hot_last);
                from.set_hot(hot_last);
                from.set_hot(hot_last);
                let reader = taut::spawn(async move {
                    let bytes = from.recv().await.unwrap();
                    (bytes, from)
                });
                turns(10).await;
                client.write_all(b"here").await.unwrap();
                let (bytes, back) = reader.await.unwrap();
                assert_eq!(&bytes[..], b"here");
                from = back;
            }
        });
    });
}

#[test]
fn a_hot_reader_is_told_of_the_end_and_of_a_reset() {
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            // Hot before, or switched with a receive under way; alone, or behind data.
            for (armed, reset, data) in (0..8).map(|n| (n & 1 > 0, n & 2 > 0, n & 4 > 0)) {
                let (mut client, mut server) = connected_pair().await;
                if armed {
                    assert!(poll!(Box::pin(server.recv())).is_pending());
                    turns(2).await;
                }
                server.set_hot(true);
                if data {
                    client.write_all(b"last words").await.unwrap();
                    let mut got = [0; 10];
                    server.read_exact(&mut got).await.unwrap();
                    assert_eq!(&got, b"last words");
                }
                if reset {
                    client.close_reset().unwrap();
                    let error = server.recv().await.unwrap_err();
                    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
                } else {
                    drop(client);
                }
                assert!(server.recv().await.unwrap().is_empty());
                server.set_hot(false);
                assert!(server.recv().await.unwrap().is_empty());
            }
        });
    });
}

#[test]
fn hot_and_ordinary_streams_live_side_by_side() {
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            let mut tasks = Vec::new();
            for number in 0..6_u64 {
                let (mut client, mut server) = connected_pair().await;
                server.set_hot(number % 2 == 0);
                client.set_hot(number % 3 == 0);
                let sent = Random::new(number).bytes(100_000);
                let copy = sent.clone();
                tasks.push(taut::spawn(async move {
                    let mut got = Vec::new();
                    server.read_to_end(&mut got).await.unwrap();
                    assert_same_bytes(&got, &copy);
                    server.write_all(b"done").await.unwrap();
                }));
                tasks.push(taut::spawn(async move {
                    client.write_all(&sent).await.unwrap();
                    client.shutdown(Shutdown::Write).await.unwrap();
                    assert_eq!(&client.recv().await.unwrap()[..], b"done");
                }));
            }
            for task in tasks {
                task.await.unwrap();
            }
        });
    });
}

#[test]
fn readers_that_share_one_task_through_a_combinator_are_all_woken() {
    const ROUNDS: u8 = 50;

    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            let (mut clients, readers) = (Vec::new(), FuturesUnordered::new());
            for number in 0..12 {
                let (client, mut server) = connected_pair().await;
                server.set_hot(number % 3 == 0);
                clients.push(client);
                readers.push(async move {
                    for round in 0..ROUNDS {
                        let mut got = [0; 2];
                        server.read_exact(&mut got).await.unwrap();
                        assert_eq!(got, [number, round]);
                    }
                    assert!(server.recv().await.unwrap().is_empty());
                    number
                });
            }
            let writer = taut::spawn(async move {
                let mut random = Random::new(SEED);
                for round in 0..ROUNDS {
                    for (number, client) in (0..).zip(&mut clients) {
                        client.write_all(&[number, round]).await.unwrap();
                        turns(random.below(3) as u64 / 2).await;
                    }
                }
            });
            let mut ended: Vec<_> = readers.collect().await;
            ended.sort_unstable();
            assert!(ended.into_iter().eq(0..12));
            writer.await.unwrap();
        });
    });
}

#[test]
fn a_hot_read_that_was_given_up_lets_the_core_sleep() {
    on_each_driver(|builder| {
        let builder = builder.wait(WaitStrategy::Park);
        block_on(builder, async {
            let (mut client, mut server) = connected_pair().await;
            server.set_hot(true);
            let mut byte = [0];
            assert!(poll!(pin!(server.read(&mut byte))).is_pending());
            assert!(poll!(pin!(server.recv())).is_pending());
            let before = taut::counters().enters_blocking;
            taut::time::sleep(Duration::from_millis(5)).await.unwrap();
            assert!(taut::counters().enters_blocking > before, "the core spun for nobody");
            client.write_all(b"late").await.unwrap();
            assert_eq!(&server.recv().await.unwrap()[..], b"late");
        });
    });
}
