//! A receive pool that runs dry slows streams down, and nothing else: no deadlock, no lost byte, no
//! stream that starves the others, and each event is counted.

mod common;

use common::{
    Random, connected_pair, echo, in_time, listen, on_each_driver, on_each_driver_and_wait, turns,
    until,
};
use taut::net::{TcpListener, TcpStream};
use taut::{Builder, JoinHandle, Runtime, counters, spawn};

const CONNECTIONS: usize = 64;

/// A pool of four small buffers for all receives.
fn tiny(builder: Builder) -> Runtime {
    builder.receive_buffers(4).hot_buffers(0).receive_buffer_bytes(256).build().unwrap()
}

/// Runs a body that must give back every buffer.
fn on(runtime: &Runtime, body: impl Future<Output = ()>) {
    let idle = runtime.receive_buffers_idle();
    runtime.block_on(in_time(body));
    runtime.block_on(until(|| runtime.receive_buffers_idle() == idle));
}

/// Sends and checks random messages; half of them are larger than a buffer.
async fn exchange(mut client: TcpStream, seed: u64) {
    let mut random = Random::new(seed);
    for _ in 0..20 {
        let length = 1 + random.below(512);
        let message = random.bytes(length);
        client.write_all(&message).await.unwrap();
        let mut answer = vec![0; message.len()];
        client.read_exact(&mut answer).await.unwrap();
        assert_eq!(answer, message, "seed {seed}");
    }
}

/// Many clients at once against a service for each connection.
async fn many<F>(serve: impl Fn(TcpStream) -> F + 'static)
where
    F: Future<Output = ()> + 'static,
{
    let (listener, address) = listen();
    let servers: JoinHandle<Vec<JoinHandle<()>>> = spawn(async move {
        let mut servers = Vec::new();
        for _ in 0..CONNECTIONS {
            servers.push(spawn(serve(listener.accept().await.unwrap())));
        }
        servers
    });
    let mut clients = Vec::new();
    for seed in 0..CONNECTIONS {
        let client = TcpStream::connect(address).await.unwrap();
        clients.push(spawn(exchange(client, seed as u64)));
    }
    for client in clients {
        client.await.unwrap();
    }
    for server in servers.await.unwrap() {
        server.await.unwrap();
    }
}

#[test]
fn four_buffers_serve_sixty_four_connections() {
    on_each_driver_and_wait(|builder| {
        let runtime = tiny(builder);
        on(&runtime, many(echo));
        if runtime.driver() == taut::Driver::Uring {
            assert!(runtime.counters().receive_heap_fallbacks > 0);
        }
    });
}

#[test]
fn four_buffers_serve_tasks_that_hold_two_each_before_they_answer() {
    on_each_driver_and_wait(|builder| {
        let runtime = tiny(builder);
        on(
            &runtime,
            many(async |mut stream| {
                let mut held = Vec::new();
                loop {
                    let message = stream.recv().await.unwrap();
                    if message.is_empty() {
                        return;
                    }
                    held.push(message.slice(..));
                    // Other tasks receive while this one holds on to what it has.
                    turns(3).await;
                    stream.write_all(&message).await.unwrap();
                    if held.len() == 2 {
                        held.clear();
                    }
                }
            }),
        );
        assert!(runtime.counters().receive_heap_fallbacks > 0);
    });
}

#[test]
fn all_buffers_held_for_good_slow_the_rest_down_but_do_not_stop_it() {
    on_each_driver(|builder| {
        let runtime = tiny(builder);
        let held = runtime.block_on(in_time(async {
            let mut held = Vec::new();
            let (mut client, mut server) = connected_pair().await;
            while runtime.receive_buffers_idle() > 0 {
                client.write_all(&[1; 256]).await.unwrap();
                held.push(server.recv().await.unwrap());
            }
            let (client, mut server) = connected_pair().await;
            let echo = spawn(async move {
                while let Ok(message @ [_, ..]) = server.recv().await.as_deref() {
                    server.write_all(message).await.unwrap();
                }
            });
            exchange(client, 7).await;
            echo.await.unwrap();
            held
        }));
        assert!(runtime.counters().receive_heap_fallbacks > 0);
        assert!(held.iter().all(|bytes| bytes.iter().all(|byte| *byte == 1)));
        drop(held);
        runtime.block_on(until(|| runtime.receive_buffers_idle() == 4));
    });
}

/// Two connections over one listener: one that floods, one that asks.
async fn two(listener: &TcpListener) -> [(TcpStream, TcpStream); 2] {
    let address = listener.local_addr().unwrap();
    let flood = (TcpStream::connect(address).await.unwrap(), listener.accept().await.unwrap());
    let other = (TcpStream::connect(address).await.unwrap(), listener.accept().await.unwrap());
    [flood, other]
}

#[test]
fn a_consumer_that_never_reads_does_not_starve_the_others() {
    on_each_driver_and_wait(|builder| {
        let runtime =
            builder.receive_buffers(64).receive_window_buffers(8).hot_buffers(0).build().unwrap();
        runtime.block_on(in_time(async {
            let (listener, _) = listen();
            let [(mut flooder, mut lazy), (asker, mut server)] = two(&listener).await;
            // It begins to read, and then leaves everything where it is.
            flooder.write_all(b"first").await.unwrap();
            assert!(!lazy.recv().await.unwrap().is_empty());
            let flood = spawn(async move { flooder.write_all(&vec![1; 64 << 20]).await });
            let echo = spawn(async move {
                while let Ok(message @ [_, ..]) = server.recv().await.as_deref() {
                    server.write_all(message).await.unwrap();
                }
            });
            exchange(asker, 3).await;
            echo.await.unwrap();
            if runtime.driver() == taut::Driver::Uring {
                // It is read by calls from then on, for which nobody asks.
                until(|| counters().receive_bulks > 0).await;
                // What was under way by then, not all of the pool.
                assert!(runtime.receive_buffers_idle() > 0);
                assert_eq!(counters().receive_heap_fallbacks, 0);
            }
            assert!(!flood.is_finished());
            drop(lazy);
            assert!(flood.await.unwrap().is_err());
        }));
    });
}

#[test]
fn a_slow_reader_pauses_its_peer_and_gets_every_byte() {
    on_each_driver_and_wait(|builder| {
        let builder = builder.receive_buffers(16).receive_buffer_bytes(1024);
        let runtime = builder.receive_window_buffers(4).build().unwrap();
        on(&runtime, async {
            let (mut client, mut server) = connected_pair().await;
            let sent = Random::new(11).bytes(4 << 20);
            let expected = sent.clone();
            let writer = spawn(async move { client.write_all(&sent).await.unwrap() });
            let mut received = Vec::new();
            let mut random = Random::new(12);
            loop {
                let bytes = server.recv().await.unwrap();
                if bytes.is_empty() {
                    break;
                }
                received.extend_from_slice(&bytes);
                if random.below(50) == 0 {
                    turns(20).await;
                }
            }
            writer.await.unwrap();
            assert!(received == expected, "bytes differ");
            if counters().multishot_armed > 0 {
                assert!(counters().receive_window_pauses > 0);
            }
        });
    });
}

#[test]
fn a_receive_that_finds_the_pool_dry_is_armed_again() {
    on_each_driver(|builder| {
        let runtime = tiny(builder.receive_window_buffers(1_000));
        on(&runtime, async {
            let (mut client, mut server) = connected_pair().await;
            for seed in 0..50 {
                let sent = Random::new(seed).bytes(20_000);
                client.write_all(&sent).await.unwrap();
                let mut received = vec![0; sent.len()];
                server.read_exact(&mut received).await.unwrap();
                assert!(received == sent, "seed {seed}");
                assert!(futures_util::poll!(Box::pin(server.recv())).is_pending());
            }
            if counters().multishot_armed > 0 {
                assert!(counters().receive_pool_dry > 0);
                assert!(counters().multishot_armed > 2);
            }
        });
    });
}
