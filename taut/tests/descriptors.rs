//! No descriptor is left over: of connects and accepts that were cancelled at any stage, of
//! listeners with connections that nobody took, of runtimes dropped with all of it in flight.

mod common;

use std::net::TcpStream as StdStream;

use common::whole_process::{self, alone};
use common::{
    listen, on_each_driver_and_wait, open_descriptors, poll_then_drop, silent_listener, turns,
    until,
};
use taut::net::TcpStream;
use taut::{Builder, Runtime, spawn};

/// How many turns pass between the poll and the drop: from at once to long after the end.
const TURNS: [u64; 6] = [0, 1, 2, 3, 8, 100];

/// Runs a body that must leave as many descriptors open as it found.
fn leaves_none(body: impl AsyncFn()) {
    let _alone = alone();
    on_each_driver_and_wait(|builder| whole_process::leaves_none(builder, &body));
}

#[test]
fn a_connect_that_is_dropped_closes_its_socket() {
    leaves_none(async || {
        let (_listener, address) = listen();
        drop(TcpStream::connect(address));
        for count in TURNS {
            poll_then_drop(TcpStream::connect(address), count).await;
        }
    });
}

#[test]
fn a_connect_that_gets_no_answer_closes_its_socket_when_dropped() {
    let _alone = alone();
    common::on_each_driver(|builder| {
        let runtime = builder.build().unwrap();
        runtime.block_on(async {
            let (_listener, address, _fill) = silent_listener().await;
            let before = open_descriptors();
            for count in TURNS {
                poll_then_drop(TcpStream::connect(address), count).await;
            }
            until(|| open_descriptors() == before).await;
        });
    });
}

#[test]
fn a_refused_connect_closes_its_socket_read_or_not() {
    leaves_none(async || {
        let (listener, address) = listen();
        drop(listener);
        // The port is free once the listener is; then nobody answers.
        until(|| StdStream::connect(address).is_err()).await;
        for count in TURNS {
            poll_then_drop(TcpStream::connect(address), count).await;
        }
        assert!(TcpStream::connect(address).await.is_err());
    });
}

#[test]
fn an_accept_that_is_dropped_leaves_nothing_and_loses_no_connection() {
    leaves_none(async || {
        let (listener, address) = listen();
        drop(listener.accept());
        for count in TURNS {
            poll_then_drop(listener.accept(), count).await;
            let early = StdStream::connect(address).unwrap();
            let accepted = listener.accept().await.unwrap();
            assert_eq!(accepted.peer_addr().unwrap(), early.local_addr().unwrap());
        }
    });
}

#[test]
fn an_accept_that_is_dropped_as_a_connection_comes_keeps_or_closes_it() {
    leaves_none(async || {
        for count in TURNS {
            let (listener, address) = listen();
            let pending = listener.accept();
            let come = async {
                poll_then_drop(pending, 1).await;
                StdStream::connect(address).unwrap()
            };
            let _client = come.await;
            turns(count).await;
        }
    });
}

#[test]
fn a_dropped_listener_closes_its_backlog_and_its_queue() {
    leaves_none(async || {
        for count in TURNS {
            let (listener, address) = listen();
            let clients: Vec<_> = (0..20).map(|_| StdStream::connect(address).unwrap()).collect();
            // With io_uring the others now wait in the queue, or soon will.
            let first = listener.accept().await.unwrap();
            turns(count).await;
            drop(listener);
            drop(first);
            until(|| StdStream::connect(address).is_err()).await;
            drop(clients);
        }
    });
}

#[test]
fn the_address_of_a_dropped_listener_is_free_at_once() {
    leaves_none(async || {
        for count in TURNS {
            let (listener, address) = listen();
            poll_then_drop(listener.accept(), count).await;
            drop(listener);
            drop(taut::net::TcpListener::bind(address).unwrap());
        }
    });
}

/// Starts one of everything and leaves it in flight.
async fn start_everything() {
    let (listener, address) = listen();
    for _ in 0..10 {
        let mut client = TcpStream::connect(address).await.unwrap();
        let mut server = listener.accept().await.unwrap();
        spawn(async move { client.recv().await.map(drop) });
        spawn(async move { server.recv_into(Vec::with_capacity(64)).await.0.map(drop) });
        let (mut writer, full) =
            (TcpStream::connect(address).await.unwrap(), listener.accept().await.unwrap());
        spawn(async move {
            let outcome = writer.send(vec![7; 16 << 20]).await;
            drop(full);
            outcome
        });
        spawn(async move { TcpStream::connect(address).await.map(drop) });
        let _in_backlog = StdStream::connect(address).unwrap();
    }
    spawn(async move { while listener.accept().await.is_ok() {} });
}

#[test]
fn a_runtime_dropped_with_everything_in_flight_closes_everything() {
    let _alone = alone();
    on_each_driver_and_wait(|builder: Builder| {
        for count in TURNS {
            let before = open_descriptors();
            let runtime = builder.clone().build().unwrap();
            runtime.block_on(async {
                start_everything().await;
                turns(count).await;
            });
            drop(runtime);
            assert_eq!(open_descriptors(), before, "after {count} turns");
        }
    });
}

#[test]
fn runtimes_come_and_go_on_one_thread_without_using_it_up() {
    let _alone = alone();
    let before = open_descriptors();
    let refused = |runtime: Runtime| {
        runtime.features().refused().map(|feature| feature.name).collect::<Vec<_>>()
    };
    common::on_each_driver(|builder| {
        let small = builder.receive_buffers(4).send_buffers(4);
        // The kernel lets a thread register 16 rings: those of ended runtimes must not count.
        let first = refused(small.clone().build().unwrap());
        for _ in 0..40 {
            assert_eq!(refused(small.clone().build().unwrap()), first);
        }
    });
    assert_eq!(open_descriptors(), before);
}

#[test]
fn a_listener_takes_no_more_than_its_queue_holds() {
    let _alone = alone();
    common::on_each_driver(|builder| {
        builder.accept_queue(4).build().unwrap().block_on(common::in_time(async {
            let (listener, address) = listen();
            let mut clients = Vec::new();
            let connect = || std::net::TcpStream::connect(address).unwrap();
            clients.push(connect());
            let mut accepted = vec![listener.accept().await.unwrap()];
            let before = open_descriptors();
            for count in 1..=20 {
                clients.push(connect());
                turns(5).await;
                // Ours, and those in the queue; one may come in while it is being stopped.
                assert!(open_descriptors() <= before + count + 5);
            }
            while accepted.len() < clients.len() {
                accepted.push(listener.accept().await.unwrap());
            }
            let ports = |address: std::io::Result<std::net::SocketAddr>| address.unwrap().port();
            let theirs: Vec<_> = clients.iter().map(|client| ports(client.local_addr())).collect();
            let ours: Vec<_> = accepted.iter().map(|stream| ports(stream.peer_addr())).collect();
            assert_eq!(ours, theirs);
        }));
    });
}
