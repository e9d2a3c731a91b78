//! Accepting on several cores: by the kernel's choice among sharded listeners, and by a dealer.

mod common;

use std::collections::HashSet;
use std::io::{self, Read};
use std::net::{SocketAddr, TcpStream as Plain};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use common::cores::{allowed, small};
use common::other_cores::on_thread;
use common::{block_on, listen, on_each_driver, turns, until};
use futures_util::future::join as both;
use rustix::thread::{CpuSet, sched_setaffinity};
use taut::net::{Deal, Dealer, Detached, Load, Shard, Sharding, TcpListener, TcpStream, Worker};
use taut::time::timeout;
use taut::{Builder, is_cancelled, spawn};

const LOOPBACK: &str = "127.0.0.1:0";

/// The ends of a connection know each other by the client's port.
fn port(stream: &Plain) -> u16 {
    stream.local_addr().unwrap().port()
}

/// Accepts on each shard on a core of its own until so many connections came in all; the ports that
/// each has served.
fn serve(builder: &Builder, shards: Vec<Shard>, all: usize) -> Vec<Vec<u16>> {
    let served = Arc::new(AtomicUsize::new(0));
    let cores: Vec<_> = shards
        .into_iter()
        .map(|shard| {
            let served = Arc::clone(&served);
            on_thread(builder, move || async move {
                let listener = shard.listen();
                let mut ports = Vec::new();
                while served.load(Ordering::SeqCst) < all {
                    let patience = Duration::from_millis(1);
                    if let Ok(stream) = timeout(patience, listener.accept()).await {
                        let mut stream = stream.unwrap();
                        stream.write_all(b"!").await.unwrap();
                        ports.push(stream.peer_addr().unwrap().port());
                        served.fetch_add(1, Ordering::SeqCst);
                    }
                }
                ports
            })
        })
        .collect();
    cores.into_iter().map(|core| core.join().unwrap()).collect()
}

#[test]
fn what_goes_to_other_cores_can_be_sent() {
    fn sendable<T: Send>() {}
    sendable::<Shard>();
    sendable::<(Dealer, Worker, Load)>();
    sendable::<Detached>();
}

#[test]
fn each_connection_is_served_once_and_several_shards_get_some() {
    on_each_driver(|builder| {
        let shards = Sharding::new(3).bind(LOOPBACK.parse().unwrap()).unwrap();
        let address = shards[0].local_addr().unwrap();
        assert!(shards.iter().all(|shard| shard.local_addr().unwrap() == address));
        assert!(shards.iter().map(Shard::index).eq(0..3));
        // Before anybody accepts: all of them listen, so the kernel chooses among all.
        let clients: Vec<_> = (0..90).map(|_| Plain::connect(address).unwrap()).collect();
        let ports = serve(&builder, shards, clients.len());
        // That one of three gets none of 90 has a chance of 4 in 10^16.
        assert!(ports.iter().all(|ports| !ports.is_empty()), "{ports:?}");
        let served: Vec<_> = ports.concat();
        let distinct: HashSet<_> = served.iter().copied().collect();
        assert_eq!((served.len(), distinct.len()), (90, 90));
        assert_eq!(distinct, clients.iter().map(port).collect());
        for mut client in clients {
            client.read_exact(&mut [0]).unwrap();
        }
    });
}

#[test]
fn a_shard_that_is_dropped_leaves_later_connections_to_the_others() {
    on_each_driver(|builder| {
        let mut shards = Sharding::new(3).bind(LOOPBACK.parse().unwrap()).unwrap();
        let address = shards[0].local_addr().unwrap();
        drop(shards.remove(1));
        let clients: Vec<_> = (0..40).map(|_| Plain::connect(address).unwrap()).collect();
        let ports = serve(&builder, shards, clients.len());
        assert!(ports.iter().all(|ports| !ports.is_empty()), "{ports:?}");
        assert_eq!(ports.concat().len(), 40);
    });
}

#[test]
fn connections_that_wait_at_a_dropped_shard_are_reset_unless_the_kernel_moves_them() {
    let moves = std::fs::read_to_string("/proc/sys/net/ipv4/tcp_migrate_req").unwrap();
    let shards = Sharding::new(1).backlog(8).bind(LOOPBACK.parse().unwrap()).unwrap();
    let mut client = Plain::connect(shards[0].local_addr().unwrap()).unwrap();
    // Alone, there is nobody to move it to, whatever the sysctl says.
    drop(shards);
    let error = client.read(&mut [0]).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset, "tcp_migrate_req: {moves}");
}

#[test]
fn an_address_in_use_is_refused_and_nothing_listens() {
    let alone = std::net::TcpListener::bind(LOOPBACK).unwrap();
    let address = alone.local_addr().unwrap();
    let error = Sharding::new(2).bind(address).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    drop(alone);
    assert!(Plain::connect(address).is_err());
}

#[test]
fn the_core_of_the_first_packet_decides_where_that_was_asked_for() {
    if !kernel_steers() {
        return eprintln!("SKIPPED: the kernel is older than 6.2, and goes on by the hash");
    }
    // On loopback a packet is handled on the core that sends it.
    let cores: Vec<_> = allowed().into_iter().take(2).collect();
    on_each_driver(|builder| {
        let shards = Sharding::by_incoming_core(cores.clone()).bind(LOOPBACK.parse().unwrap());
        let shards = shards.unwrap();
        let address = shards[0].local_addr().unwrap();
        let clients: Vec<_> = cores.iter().map(|core| connect_from(*core, address, 20)).collect();
        let ports = serve(&builder, shards, clients.iter().map(Vec::len).sum());
        for (shard, clients) in ports.iter().zip(&clients) {
            let mine: HashSet<_> = clients.iter().map(port).collect();
            let got = shard.iter().filter(|port| mine.contains(port)).count();
            assert_eq!(got, mine.len(), "a shard missed connections of its own core");
        }
    });
}

/// From Linux 6.2 on.
fn kernel_steers() -> bool {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let mut numbers = release.split('.').map_while(|part| part.parse::<u32>().ok());
    (numbers.next(), numbers.next()) >= (Some(6), Some(2))
}

fn connect_from(core: usize, address: SocketAddr, count: usize) -> Vec<Plain> {
    let connect = move || {
        let mut set = CpuSet::new();
        set.set(core);
        sched_setaffinity(None, &set).unwrap();
        (0..count).map(|_| Plain::connect(address).unwrap()).collect()
    };
    thread::spawn(connect).join().unwrap()
}

/// A worker's core: greets each connection with the worker's number, and keeps it as long as the
/// peer does.
async fn greet(mut worker: Worker) -> usize {
    let mut served = 0;
    while let Ok((mut stream, load)) = worker.accept().await {
        served += 1;
        let index = worker.index() as u8;
        spawn(async move {
            let _load = load;
            stream.write_all(&[index]).await.unwrap();
            let _end = stream.recv().await;
        });
    }
    served
}

/// Who serves a connection, which stays open.
async fn ask(address: SocketAddr) -> (u8, TcpStream) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let mut index = [0];
    stream.read_exact(&mut index).await.unwrap();
    (index[0], stream)
}

/// Runs a body beside a dealer and so many workers on cores of their own; who served how many.
fn with_workers<F: Future<Output = ()>>(
    builder: &Builder,
    (deal, count): (Deal, usize),
    body: impl FnOnce(SocketAddr) -> F,
) -> Vec<usize> {
    let (mut dealer, workers) = Dealer::new(deal, count, 4);
    let cores: Vec<_> =
        workers.into_iter().map(|worker| on_thread(builder, move || greet(worker))).collect();
    block_on(small(builder.clone()), async move {
        let (listener, address) = listen();
        let dealing = spawn(async move { dealer.run(&listener).await });
        body(address).await;
        dealing.cancel();
        assert!(is_cancelled(&dealing.await.unwrap().unwrap_err()));
    });
    cores.into_iter().map(|core| core.join().unwrap()).collect()
}

#[test]
fn a_dealer_deals_in_turn() {
    on_each_driver(|builder| {
        let served = with_workers(&builder, (Deal::RoundRobin, 3), async |address| {
            let mut open = Vec::new();
            for number in 0..30 {
                let (index, stream) = ask(address).await;
                assert_eq!(index, number % 3);
                open.push(stream);
            }
        });
        assert_eq!(served, [10, 10, 10]);
    });
}

#[test]
fn a_dealer_deals_to_whom_has_the_fewest_connections() {
    on_each_driver(|builder| {
        let (mut dealer, workers) = Dealer::new(Deal::LeastConnections, 2, 4);
        let cores: Vec<_> =
            workers.into_iter().map(|worker| on_thread(&builder, move || greet(worker))).collect();
        block_on(small(builder), async {
            let (listener, address) = listen();
            let mut open = Vec::new();
            for number in 0..6 {
                let deal = deal_until(&mut dealer, &listener, number + 1);
                let ((), asked) = both(deal, ask(address)).await;
                open.push(asked);
            }
            assert!(dealer.loads().eq([3, 3]));
            // The first one loses all of its connections, and gets the next three.
            open.retain(|(index, _)| *index != 0);
            until(|| dealer.loads().eq([0, 3])).await;
            for number in 0..3 {
                let deal = deal_until(&mut dealer, &listener, number + 4);
                let ((), (index, stream)) = both(deal, ask(address)).await;
                assert_eq!(index, 0);
                open.push((index, stream));
            }
        });
        drop(dealer);
        let served: Vec<_> = cores.into_iter().map(|core| core.join().unwrap()).collect();
        assert_eq!(served, [6, 3]);
    });
}

/// Runs a dealer until the workers have so many connections.
async fn deal_until(dealer: &mut Dealer, listener: &TcpListener, count: usize) {
    while dealer.loads().sum::<usize>() < count {
        let _ = timeout(Duration::from_micros(200), dealer.run(listener)).await;
    }
}

#[test]
fn a_dealer_deals_as_a_closure_says() {
    on_each_driver(|builder| {
        let by_port = Deal::By(Box::new(|connection, loads| {
            assert_eq!(loads.len(), 2);
            usize::from(connection.peer_addr().unwrap().port())
        }));
        with_workers(&builder, (by_port, 2), async |address| {
            for _ in 0..20 {
                let (index, stream) = ask(address).await;
                let port = stream.local_addr().unwrap().port();
                assert_eq!(u16::from(index), port % 2);
            }
        });
    });
}

#[test]
fn a_full_worker_is_passed_by_and_while_all_are_full_nothing_is_lost() {
    on_each_driver(|builder| {
        let (mut dealer, mut workers) = Dealer::new(Deal::RoundRobin, 2, 2);
        block_on(small(builder), async {
            let (listener, address) = listen();
            let clients: Vec<_> = (0..9).map(|_| Plain::connect(address).unwrap()).collect();
            deal_until(&mut dealer, &listener, 4).await;
            assert!(dealer.loads().eq([2, 2]), "both are full");
            // One more is accepted, and stays with the dealer.
            let waits = timeout(Duration::from_millis(1), dealer.run(&listener)).await;
            assert!(waits.is_err());
            let dealing = spawn(async move {
                let ended = dealer.run(&listener).await;
                (ended, dealer)
            });
            // Only the second one has room again, and gets all.
            let mut second = workers.pop().unwrap();
            let mut ports = Vec::new();
            for _ in 0..7 {
                let (stream, _load) = second.accept().await.unwrap();
                ports.push(stream.peer_addr().unwrap().port());
            }
            dealing.cancel();
            let (ended, dealer) = dealing.await.unwrap();
            assert!(is_cancelled(&ended.unwrap_err()));
            drop(dealer);
            let mut first = workers.pop().unwrap();
            while let Ok((stream, _load)) = first.accept().await {
                ports.push(stream.peer_addr().unwrap().port());
            }
            let distinct: HashSet<_> = ports.iter().copied().collect();
            assert_eq!((ports.len(), distinct), (9, clients.iter().map(port).collect()));
        });
    });
}

#[test]
fn a_worker_that_is_gone_is_taken_out_and_the_last_one_ends_the_dealing() {
    on_each_driver(|builder| {
        let (mut dealer, mut workers) = Dealer::new(Deal::RoundRobin, 3, 4);
        block_on(small(builder), async {
            let (listener, address) = listen();
            drop(workers.remove(1));
            let clients: Vec<_> = (0..4).map(|_| Plain::connect(address).unwrap()).collect();
            let dealing = spawn(async move {
                let ended = dealer.run(&listener).await;
                (ended, dealer)
            });
            for number in 0..4 {
                let worker = &mut workers[number % 2];
                let (stream, _load) = worker.accept().await.unwrap();
                let peer = stream.peer_addr().unwrap().port();
                assert!(clients.iter().any(|client| port(client) == peer));
            }
            // One that closes takes what it was dealt before, and no more.
            workers[0].close();
            let error = workers[0].accept().await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
            drop(workers);
            let mut unlucky = TcpStream::connect(address).await.unwrap();
            let (ended, dealer) = dealing.await.unwrap();
            ended.unwrap();
            assert!(dealer.loads().all(|load| load == usize::MAX));
            assert_eq!(unlucky.recv().await.unwrap().len(), 0);
        });
    });
}

#[test]
fn workers_are_told_that_the_dealer_is_gone() {
    on_each_driver(|builder| {
        let (dealer, mut workers) = Dealer::new(Deal::LeastConnections, 1, 1);
        block_on(small(builder), async {
            let mut worker = workers.pop().unwrap();
            let waiting = spawn(async move { worker.accept().await.map(drop) });
            turns(2).await;
            drop(dealer);
            let error = waiting.await.unwrap().unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
        });
    });
}
