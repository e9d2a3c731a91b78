//! A connect to one address allocates no more than the socket does by itself, a known name is found
//! without a wait, and a reconnecting stream that holds its connection allocates nothing.

mod common;

use bytes::Bytes;
use common::allocations::{Counting, allocations, in_steady_state};
use common::{block_on, echo, listen, on_each_driver};
use taut::net::reconnect::Incoming;
use taut::net::{ReconnectingStream, Resolver, TcpSocket, TcpStream};
use taut::{counters, spawn};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The list of addresses, allocated and freed.
const ONE_LIST: u64 = 2;

#[test]
fn a_connect_to_one_address_costs_its_list_of_addresses_and_no_timer() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (_listener, address) = listen();
            let socket = async || {
                let socket = TcpSocket::for_address(address).unwrap();
                drop(socket.connect(address).await.unwrap());
            };
            let stream = async || drop(TcpStream::connect(address).await.unwrap());
            for _ in 0..20 {
                socket().await;
                stream().await;
            }
            let timers = counters().timers_fired;
            let by_socket = in_steady_state(socket).await;
            let by_stream = in_steady_state(stream).await;
            assert!(by_stream <= by_socket + ONE_LIST, "{by_stream}, by the socket {by_socket}");
            assert_eq!(counters().timers_fired, timers);
        });
    });
}

#[test]
fn a_known_name_costs_its_key_and_its_list() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let resolver = Resolver::builder()
                .lookup(|_| async { Ok(vec!["192.0.2.1".parse().unwrap()]) })
                .build();
            let ask = async || drop(resolver.resolve("venue.example", 80).await.unwrap());
            ask().await;
            let tasks = counters().tasks_spawned;
            // The name in lower case, as a string and as a shared one, and the answer.
            assert!(in_steady_state(ask).await <= 3 * ONE_LIST);
            assert_eq!(counters().tasks_spawned, tasks);
        });
    });
}

#[test]
fn a_reconnecting_stream_that_holds_allocates_nothing() {
    const ORDER: Bytes = Bytes::from_static(b"order");

    on_each_driver(|builder| {
        block_on(builder, async {
            let (listener, address) = listen();
            let server = spawn(async move { echo(listener.accept().await.unwrap()).await });
            let mut stream = ReconnectingStream::builder().build(address);
            stream.connected().await.unwrap();
            assert!(matches!(stream.recv().await.unwrap(), Incoming::Connected));
            let mut trade = async |rounds: u32| {
                for _ in 0..rounds {
                    let ticket = stream.send(ORDER).await.unwrap();
                    let mut echoed = 0;
                    while echoed < ORDER.len() {
                        match stream.recv().await.unwrap() {
                            Incoming::Bytes(bytes) => echoed += bytes.len(),
                            other => panic!("{other:?}"),
                        }
                    }
                    assert!(stream.acknowledge(ticket));
                }
            };
            trade(2000).await;
            assert_eq!(allocations(trade(2000)).await, 0);
            drop(stream);
            server.await.unwrap();
        });
    });
}
