//! A stream that brings more at once than single slots carry well: on io_uring it is read by calls
//! while the ring watches for readiness, and by the ring again once it has calmed down. Nothing of
//! that shows in what the reader gets.

mod common;

use std::io::ErrorKind;
use std::time::Duration;

use common::{connected_pair, in_time, on_each_driver, until};
use taut::net::TcpStream;
use taut::{Builder, Driver, counters};

const BULK_BYTES: usize = 512 << 10;

/// A connection whose accepted end has been found in bulk, with `BULK_BYTES` on the way to it.
async fn in_bulk(on_uring: bool) -> (TcpStream, TcpStream) {
    let (mut client, mut server) = connected_pair().await;
    client.write_all(b"x").await.unwrap();
    assert_eq!(&server.recv().await.unwrap()[..], b"x");
    // The receive is armed by a reader that finds nothing.
    let mut reading = Box::pin(server.recv());
    assert!(futures_util::poll!(reading.as_mut()).is_pending());
    drop(reading);
    let bulks = counters().receive_bulks;
    let writing = taut::spawn(async move {
        client.write_all(&[7; BULK_BYTES]).await.unwrap();
        client
    });
    if on_uring {
        until(|| counters().receive_bulks > bulks).await;
    }
    let mut left = BULK_BYTES;
    while left > 0 {
        let bytes = server.recv().await.unwrap();
        assert!(!bytes.is_empty() && bytes.iter().all(|byte| *byte == 7));
        left -= bytes.len();
    }
    (writing.await.unwrap(), server)
}

fn on_both(body: impl AsyncFn(TcpStream, TcpStream)) {
    on_each_driver(|builder: Builder| {
        let runtime = builder.build().unwrap();
        let on_uring = runtime.driver() == Driver::Uring;
        runtime.block_on(in_time(async {
            let (client, server) = in_bulk(on_uring).await;
            body(client, server).await;
        }));
    });
}

#[test]
fn a_stream_that_calms_down_is_received_by_the_ring_again() {
    on_both(async |mut client, mut server| {
        let armed = counters().multishot_armed;
        for round in 0..64_u8 {
            client.write_all(&[round]).await.unwrap();
            assert_eq!(&server.recv().await.unwrap()[..], [round]);
        }
        // On epoll neither count ever changes.
        let again = counters().receive_bulks.min(1);
        assert_eq!(counters().multishot_armed, armed + again);
    });
}

#[test]
fn the_end_that_comes_with_the_last_bytes_of_a_bulk_is_seen() {
    on_both(async |mut client, mut server| {
        client.write_all(&[1; 100]).await.unwrap();
        drop(client);
        assert_eq!(server.recv().await.unwrap().len(), 100);
        assert!(server.recv().await.unwrap().is_empty());
        assert!(server.recv().await.unwrap().is_empty());
    });
}

#[test]
fn the_end_that_comes_while_a_reader_of_a_bulk_waits_is_seen() {
    on_both(async |client, mut server| {
        let reading = taut::spawn(async move { server.recv().await.unwrap().len() });
        common::turns(5).await;
        drop(client);
        assert_eq!(reading.await.unwrap(), 0);
    });
}

#[test]
fn a_bulk_that_is_reset_fails_once_and_then_ends() {
    on_both(async |client, mut server| {
        client.set_linger(Some(Duration::ZERO)).unwrap();
        drop(client);
        let error = server.recv().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        assert!(server.recv().await.unwrap().is_empty());
    });
}

#[test]
fn reads_into_the_callers_memory_need_no_slot_in_bulk() {
    on_both(async |mut client, mut server| {
        let writing = taut::spawn(async move { client.write_all(&[9; BULK_BYTES]).await.unwrap() });
        let (mut left, mut some) = (BULK_BYTES, vec![0; 48 << 10]);
        while left > 0 {
            let count = server.read(&mut some).await.unwrap();
            assert!(count > 0 && some[..count].iter().all(|byte| *byte == 9));
            left -= count;
        }
        writing.await.unwrap();
        assert_eq!(counters().receive_heap_fallbacks, 0);
    });
}

#[test]
fn a_bulk_that_is_made_hot_or_received_into_a_buffer_goes_on() {
    on_both(async |mut client, mut server| {
        for round in 0..6_u8 {
            server.set_hot(round % 3 == 1);
            client.write_all(&[round; 70_000]).await.unwrap();
            let mut left = 70_000;
            while left > 0 {
                let (count, buffer) = server.recv_into(Vec::with_capacity(left)).await;
                assert!(count.unwrap() > 0 && buffer.iter().all(|byte| *byte == round));
                left -= buffer.len();
            }
        }
    });
}

#[test]
fn a_bulk_without_a_reader_takes_no_more_than_its_window() {
    on_both(async |mut client, mut server| {
        let flood = taut::spawn(async move { client.write_all(&[3; 32 << 20]).await });
        common::turns(50).await;
        let in_user_space = counters().received_bytes;
        common::turns(50).await;
        assert_eq!(counters().received_bytes, in_user_space, "nobody reads");
        assert_eq!(server.recv().await.unwrap()[0], 3);
        drop(server);
        assert!(flood.await.unwrap().is_err());
    });
}
