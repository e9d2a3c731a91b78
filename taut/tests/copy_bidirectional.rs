//! Copying both ways between two streams: a proxy between a client and a server.

mod common;

use std::io::ErrorKind;
use std::net::Shutdown;

use common::{Random, connected_pair, in_time, on_each_driver_and_wait, turns};
use futures_util::future::join;
use taut::io::copy_bidirectional;
use taut::net::TcpStream;
use taut::{is_cancelled, spawn, yield_now};

/// A client, a server, and a task that copies between them.
async fn proxied() -> (TcpStream, TcpStream, taut::JoinHandle<std::io::Result<(u64, u64)>>) {
    let (client, mut front) = connected_pair().await;
    let (mut back, server) = connected_pair().await;
    let proxy = spawn(async move { copy_bidirectional(&mut front, &mut back).await });
    (client, server, proxy)
}

fn with_each(body: impl AsyncFn()) {
    on_each_driver_and_wait(|builder| builder.build().unwrap().block_on(in_time(body())));
}

#[test]
fn bytes_go_both_ways_and_are_counted() {
    with_each(async || {
        let (mut client, mut server, proxy) = proxied().await;
        for _ in 0..10 {
            client.write_all(b"ping").await.unwrap();
            let mut bytes = [0; 4];
            server.read_exact(&mut bytes).await.unwrap();
            assert_eq!(&bytes, b"ping");
            server.write_all(b"a longer answer").await.unwrap();
            let mut bytes = [0; 15];
            client.read_exact(&mut bytes).await.unwrap();
            assert_eq!(&bytes, b"a longer answer");
        }
        drop((client, server));
        assert_eq!(proxy.await.unwrap().unwrap(), (40, 150));
    });
}

#[test]
fn megabytes_go_both_ways_at_once_and_arrive_whole() {
    with_each(async || {
        let (client, server, proxy) = proxied().await;
        let side = async |stream: TcpStream, sent: Vec<u8>, expected: Vec<u8>| {
            let (mut read, mut write) = stream.into_split();
            let writing = async {
                write.write_all(&sent).await.unwrap();
                write.shutdown().await.unwrap();
            };
            let mut got = Vec::new();
            join(writing, async { read.read_to_end(&mut got).await.unwrap() }).await;
            assert!(got == expected);
        };
        let (one, other) = (Random::new(1).bytes(4 << 20), Random::new(2).bytes(3 << 20));
        join(side(client, one.clone(), other.clone()), side(server, other, one)).await;
        assert_eq!(proxy.await.unwrap().unwrap(), (4 << 20, 3 << 20));
    });
}

#[test]
fn the_end_of_one_side_is_passed_on_while_the_other_goes_on() {
    with_each(async || {
        let (mut client, mut server, proxy) = proxied().await;
        client.write_all(b"request").await.unwrap();
        client.shutdown(Shutdown::Write).await.unwrap();
        let mut request = Vec::new();
        server.read_to_end(&mut request).await.unwrap();
        assert_eq!(request, b"request");
        turns(5).await;
        assert!(!proxy.is_finished());
        // Only now, long after the client has ended its side.
        for _ in 0..3 {
            server.write_all(b"part;").await.unwrap();
            yield_now().await;
        }
        server.shutdown(Shutdown::Write).await.unwrap();
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).await.unwrap();
        assert_eq!(answer, b"part;part;part;");
        assert_eq!(proxy.await.unwrap().unwrap(), (7, 15));
    });
}

#[test]
fn the_failure_of_a_side_ends_the_copy() {
    with_each(async || {
        let (mut client, server, proxy) = proxied().await;
        client.write_all(b"never read").await.unwrap();
        turns(5).await;
        // A reset: the end of a connection with bytes that nobody read.
        rustix::net::sockopt::set_socket_linger(&server, Some(std::time::Duration::ZERO)).unwrap();
        drop(server);
        let error = proxy.await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    });
}

#[test]
fn a_cancelled_copy_ends_and_a_dropped_one_lets_go_of_both_sides() {
    with_each(async || {
        let (mut client, mut server, proxy) = proxied().await;
        client.write_all(b"ping").await.unwrap();
        server.read_exact(&mut [0; 4]).await.unwrap();
        proxy.cancel();
        let error = proxy.await.unwrap().unwrap_err();
        assert!(is_cancelled(&error));
        // The task owned the streams in between.
        assert!(client.recv().await.unwrap().is_empty());
        assert!(server.recv().await.unwrap().is_empty());

        let (mut client, mut front) = connected_pair().await;
        let (mut back, mut server) = connected_pair().await;
        common::poll_then_drop(copy_bidirectional(&mut front, &mut back), 3).await;
        client.write_all(b"to the front").await.unwrap();
        assert_eq!(&front.recv().await.unwrap()[..], b"to the front");
        back.write_all(b"to the server").await.unwrap();
        assert_eq!(&server.recv().await.unwrap()[..], b"to the server");
    });
}
