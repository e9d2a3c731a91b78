//! Queues of a few entries, tables that are full, indices that wrap: operations wait their turn or
//! fail with the name of the limit, and nothing is lost.

mod common;

use std::io::{Read, Write};
use std::time::Duration;

use common::{
    Random, connected_pair, in_time, listen, on_each_driver, on_each_driver_and_wait,
    poll_then_drop, turns, until,
};
use taut::io::{Interest, readiness};
use taut::net::{TcpListener, TcpStream};
use taut::{Driver, WaitStrategy, counters, spawn};

#[test]
fn more_operations_than_entries_in_one_turn_all_reach_the_kernel() {
    on_each_driver_and_wait(|builder| {
        let runtime = builder.submission_entries(2).completion_entries(4).build().unwrap();
        runtime.block_on(in_time(async {
            let (listener, address) = listen();
            let tasks: Vec<_> = (0..200)
                .map(|_| {
                    let own = std::net::TcpStream::connect(address).unwrap();
                    spawn(async move {
                        let own = TcpStream::from_std(own).unwrap();
                        let (mut read, mut write) = own.into_split();
                        let answer = spawn(async move { read.recv().await.unwrap().to_vec() });
                        write.write_all(b"ping").await.unwrap();
                        assert_eq!(answer.await.unwrap(), b"ping");
                    })
                })
                .collect();
            let mut servers = Vec::new();
            for _ in 0..200 {
                servers.push(listener.accept().await.unwrap());
            }
            // Waits by themselves, which nothing will end before the last answer.
            for server in &mut servers {
                let bytes = server.recv().await.unwrap();
                server.write_all(&bytes).await.unwrap();
            }
            for task in tasks {
                task.await.unwrap();
            }
        }));
        if runtime.driver() == Driver::Uring {
            assert!(runtime.counters().submission_queue_full > 0);
        }
    });
}

#[test]
fn a_spinning_core_submits_what_did_not_fit_without_being_pushed() {
    on_each_driver(|builder| {
        for wait in [WaitStrategy::Spin, WaitStrategy::Park] {
            let builder = builder.clone().wait(wait).submission_entries(2).completion_entries(512);
            builder.build().unwrap().block_on(in_time(async {
                // All start in one turn, and each ends by itself as soon as the kernel knows it.
                let (ours, _theirs) = std::os::unix::net::UnixStream::pair().unwrap();
                let descriptor = taut::io::Descriptor::from(std::os::fd::OwnedFd::from(ours));
                let waits: Vec<_> = (0..300)
                    .map(|_| {
                        let descriptor = descriptor.clone();
                        spawn(async move { readiness(&descriptor, Interest::Writable).await })
                    })
                    .collect();
                for wait in waits {
                    wait.await.unwrap().unwrap();
                }
            }));
        }
    });
}

#[test]
fn completions_beyond_the_queue_are_not_lost() {
    on_each_driver_and_wait(|builder| {
        let builder = builder.submission_entries(2).completion_entries(2);
        let runtime = builder.receive_buffer_bytes(64).build().unwrap();
        runtime.block_on(in_time(async {
            let (listener, address) = listen();
            let mut tasks = Vec::new();
            for seed in 0..20 {
                let mut client = TcpStream::connect(address).await.unwrap();
                let mut server = listener.accept().await.unwrap();
                let sent = Random::new(seed).bytes(20_000);
                let expected = sent.clone();
                tasks.push(spawn(async move {
                    client.write_all(&sent).await.unwrap();
                    drop(client);
                    let mut received = Vec::new();
                    server.read_to_end(&mut received).await.unwrap();
                    assert!(received == expected, "seed {seed}");
                }));
            }
            for task in tasks {
                task.await.unwrap();
            }
        }));
        if runtime.driver() == Driver::Uring {
            assert!(runtime.counters().completion_overflows > 0);
        }
    });
}

#[test]
fn one_operation_more_than_the_table_holds_fails_with_its_name() {
    on_each_driver(|builder| {
        let runtime = builder.operations_max(2).build().unwrap();
        runtime.block_on(in_time(async {
            let (ours, _theirs) = std::os::unix::net::UnixStream::pair().unwrap();
            let descriptor = taut::io::Descriptor::from(std::os::fd::OwnedFd::from(ours));
            let wait = || readiness(&descriptor, Interest::Readable);
            {
                let (mut one, mut two) = (std::pin::pin!(wait()), std::pin::pin!(wait()));
                assert!(futures_util::poll!(one.as_mut()).is_pending());
                assert!(futures_util::poll!(two.as_mut()).is_pending());
                let error = wait().await.unwrap_err();
                assert_eq!(error.kind(), std::io::ErrorKind::OutOfMemory);
                assert!(error.to_string().contains("operations_max"), "{error}");
                assert!(error.to_string().contains("all 2 "), "{error}");
            }
            until(|| counters().operations_in_flight == 0).await;
            poll_then_drop(wait(), 1).await;
        }));
    });
}

/// Fills the table, all but a few operations, and gives what must be dropped to empty it.
async fn fill_table(operations: usize) -> Vec<taut::JoinHandle<()>> {
    let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
    let descriptor = taut::io::Descriptor::from(std::os::fd::OwnedFd::from(ours));
    let theirs = std::rc::Rc::new(theirs);
    let waits = (0..operations)
        .map(|_| {
            let (descriptor, theirs) = (descriptor.clone(), theirs.clone());
            spawn(async move {
                let _ = readiness(&descriptor, Interest::Readable).await;
                drop(theirs);
            })
        })
        .collect();
    turns(3).await;
    waits
}

#[test]
fn a_full_table_takes_no_bytes_and_no_buffer_away() {
    on_each_driver(|builder| {
        let builder = builder.operations_max(8).receive_window_buffers(4).receive_buffer_bytes(64);
        builder.build().unwrap().block_on(in_time(async {
            let (mut client, mut server) = connected_pair().await;
            let sent = Random::new(5).bytes(64 * 200);
            client.write_all(&sent).await.unwrap();
            let mut received = server.recv().await.unwrap().to_vec();
            // Its receive pauses, and there is no room to begin it again.
            turns(20).await;
            let waits = fill_table(8).await;
            let buffer = Vec::with_capacity(7_777);
            while received.len() < sent.len() {
                match server.recv().await {
                    Ok(bytes) if bytes.is_empty() => panic!("the end, after {}", received.len()),
                    Ok(bytes) => received.extend_from_slice(&bytes),
                    Err(error) => {
                        assert!(error.to_string().contains("operations_max"), "{error}");
                        break;
                    }
                }
            }
            if counters().multishot_armed > 0 {
                let (refused, buffer) = server.recv_into(buffer).await;
                assert!(refused.unwrap_err().to_string().contains("operations_max"));
                assert!(buffer.capacity() >= 7_777, "the buffer comes back");
            }
            waits.iter().for_each(taut::JoinHandle::abort);
            drop(waits);
            let mut rest = vec![0; sent.len() - received.len()];
            until(|| counters().operations_in_flight <= 1).await;
            server.read_exact(&mut rest).await.unwrap();
            received.append(&mut rest);
            assert!(received == sent, "bytes differ");
        }));
    });
}

#[test]
fn the_index_of_the_buffer_ring_wraps_and_every_byte_is_right() {
    on_each_driver(|builder| {
        let runtime = builder.receive_buffers(8).receive_buffer_bytes(32).build().unwrap();
        runtime.block_on(in_time(async {
            let (mut client, mut server) = connected_pair().await;
            let rounds = 8_000_u32;
            let writer = spawn(async move {
                let mut number = 0_u32;
                for _ in 0..rounds {
                    // Ten buffers full, and each word another one.
                    let words = (0..80).flat_map(|_| {
                        number += 1;
                        number.to_le_bytes()
                    });
                    let bytes: Vec<u8> = words.collect();
                    client.write_all(&bytes).await.unwrap();
                }
            });
            let (mut word, mut expected) = ([0; 4], 0_u32);
            for _ in 0..rounds * 80 {
                server.read_exact(&mut word).await.unwrap();
                expected += 1;
                assert_eq!(u32::from_le_bytes(word), expected);
            }
            writer.await.unwrap();
        }));
    });
}

/// Asks and waits for the answer so many times, then resets the connection.
fn ask_then_reset(address: std::net::SocketAddr, rounds: u32) {
    let mut client = std::net::TcpStream::connect(address).unwrap();
    for _ in 0..rounds {
        client.write_all(b"tick").unwrap();
        client.read_exact(&mut [0; 4]).unwrap();
    }
    rustix::net::sockopt::set_socket_linger(&client, Some(Duration::ZERO)).unwrap();
}

#[test]
fn a_reset_that_comes_between_steady_messages_is_told() {
    on_each_driver(|builder| {
        builder.wait(WaitStrategy::Spin).build().unwrap().block_on(in_time(async {
            let (listener, address) = listen();
            for rounds in 0..40 {
                let client = std::thread::spawn(move || ask_then_reset(address, rounds));
                let mut server = listener.accept().await.unwrap();
                let error = loop {
                    match server.recv().await {
                        Ok(message) => server.write_all(&message).await.unwrap(),
                        Err(error) => break error,
                    }
                };
                assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
                client.join().unwrap();
            }
            if counters().multishot_armed > 0 {
                assert!(counters().receives_predicted > 0);
            }
        }));
    });
}

#[test]
fn a_listener_that_was_set_non_blocking_accepts_like_any_other() {
    on_each_driver(|builder| {
        builder.build().unwrap().block_on(in_time(async {
            let inherited = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            inherited.set_nonblocking(true).unwrap();
            let address = inherited.local_addr().unwrap();
            let listener = TcpListener::from_std(inherited);
            for turns in [0, 1, 5] {
                poll_then_drop(listener.accept(), turns).await;
                let _client = std::net::TcpStream::connect(address).unwrap();
                listener.accept().await.unwrap();
            }
        }));
    });
}

#[test]
fn a_core_with_a_timer_in_the_far_future_sleeps() {
    on_each_driver(|builder| {
        let runtime = builder.wait(WaitStrategy::Park).build().unwrap();
        runtime.block_on(in_time(async {
            for years in [1, 300, 500, 10_000_000] {
                let far = Duration::from_secs(years * 365 * 86_400);
                let sleeper = spawn(taut::time::sleep(far));
                let (sender, receiver) = std::sync::mpsc::channel::<std::task::Waker>();
                std::thread::spawn(move || {
                    let waker = receiver.recv().unwrap();
                    std::thread::park_timeout(Duration::from_millis(100));
                    waker.wake();
                });
                let mut polls = 0;
                let before = counters().turns;
                std::future::poll_fn(|context| {
                    polls += 1;
                    if polls > 1 {
                        return std::task::Poll::Ready(());
                    }
                    sender.send(context.waker().clone()).unwrap();
                    std::task::Poll::Pending
                })
                .await;
                // A sleep that ends at once would make thousands.
                assert!(counters().turns - before < 100, "{years} years");
                sleeper.abort();
            }
        }));
    });
}
