//! Bytes that come faster than they are read: complete and in order, however they are read, while
//! the driver changes between the kernel's receives and its own.

mod common;

use std::future::poll_fn;
use std::io::{self, Write};
use std::net::{SocketAddr, TcpStream as Blocking};
use std::task::Poll;
use std::thread;
use std::time::Duration;

use common::{block_on, listen, on_each_driver_and_wait};
use taut::Builder;
use taut::net::TcpStream;

const PIECE_BYTES: usize = 1 << 20;
const PIECES: usize = 24;

/// No two places near each other look alike.
fn pattern(place: usize) -> u8 {
    (place.wrapping_mul(0x9e37_79b9) >> 11) as u8
}

/// Pours pieces from a thread, with a rest after some of them, and ends.
fn pour(address: SocketAddr) -> thread::JoinHandle<io::Result<()>> {
    thread::spawn(move || {
        let mut stream = Blocking::connect(address)?;
        for piece in 0..PIECES {
            let from = piece * PIECE_BYTES;
            let bytes: Vec<u8> = (from..from + PIECE_BYTES).map(pattern).collect();
            stream.write_all(&bytes)?;
            if piece % 4 == 3 {
                thread::park_timeout(Duration::from_millis(2));
            }
        }
        Ok(())
    })
}

/// What was read so far, each byte of it compared.
#[derive(Default)]
struct Seen(usize);

impl Seen {
    fn take(&mut self, bytes: &[u8]) {
        for (at, byte) in bytes.iter().enumerate() {
            assert_eq!(*byte, pattern(self.0 + at), "at {}", self.0 + at);
        }
        self.0 += bytes.len();
    }
}

/// Has a pour read to its end by `read`, which takes some bytes and tells whether that was the end.
fn on_a_pour(builder: Builder, mut read: impl AsyncFnMut(&mut TcpStream, &mut Seen) -> bool) {
    block_on(builder, async {
        let (listener, address) = listen();
        let client = pour(address);
        let mut stream = listener.accept().await.unwrap();
        let mut seen = Seen::default();
        while !read(&mut stream, &mut seen).await {}
        assert_eq!(seen.0, PIECES * PIECE_BYTES);
        client.join().unwrap().unwrap();
    });
}

#[test]
fn a_pour_comes_in_order_and_without_the_heap() {
    on_each_driver_and_wait(|builder| {
        on_a_pour(builder, async |stream, seen| {
            let bytes = stream.recv().await.unwrap();
            seen.take(&bytes);
            assert_eq!(taut::counters().receive_heap_fallbacks, 0);
            bytes.is_empty()
        });
    });
}

#[test]
fn a_pour_comes_in_order_through_all_ways_to_read_by_turns() {
    on_each_driver_and_wait(|builder| {
        let (mut turn, mut held) = (0, Vec::new());
        on_a_pour(builder, async |stream, seen| {
            turn += 1;
            if turn % 64 == 0 {
                stream.set_hot(turn % 128 == 0);
            }
            let mut some = [0; 5_000];
            match turn % 7 {
                0 => {
                    let count = stream.read(&mut some).await.unwrap();
                    seen.take(&some[..count]);
                    count == 0
                }
                1 => {
                    let (count, buffer) = stream.recv_into(Vec::with_capacity(90_000)).await;
                    seen.take(&buffer);
                    count.unwrap() == 0
                }
                _ => {
                    let bytes = stream.recv().await.unwrap();
                    seen.take(&bytes);
                    let ended = bytes.is_empty();
                    // More than the core's own slots are in the user's hands at times.
                    held.push(bytes);
                    if held.len() == 100 {
                        held.clear();
                    }
                    ended
                }
            }
        });
    });
}

#[test]
fn receives_that_are_dropped_in_a_pour_lose_nothing() {
    on_each_driver_and_wait(|builder| {
        let mut turn = 0_u32;
        on_a_pour(builder, async |stream, seen| {
            turn += 1;
            if turn.is_multiple_of(3) {
                let mut dropped = std::pin::pin!(stream.recv());
                let polled = poll_fn(|context| Poll::Ready(dropped.as_mut().poll(context))).await;
                if let Poll::Ready(bytes) = polled {
                    let bytes = bytes.unwrap();
                    seen.take(&bytes);
                    return bytes.is_empty();
                }
            }
            let bytes = stream.recv().await.unwrap();
            seen.take(&bytes);
            bytes.is_empty()
        });
    });
}
