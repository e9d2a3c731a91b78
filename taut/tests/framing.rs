//! Frames over real connections: cut by the kernel, read in place, cancelled, without allocating.

mod common;

use std::ops::Range;
use std::time::Duration;

use common::allocations::{Counting, allocations};
use common::{Random, block_on, connected_pair, on_each_driver};
use taut::buffer::RxBuf;
use taut::io::pipe;
use taut::net::framing::{
    FrameReader, LengthPrefix, Lines, Receive, write_all_vectored, write_frame,
};
use taut::net::{OwnedReadHalf, TcpStream};
use taut::time::{sleep, timeout};
use taut::{is_cancelled, spawn};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// A source that notes where its buffers lie.
struct Noted {
    stream: TcpStream,
    places: Vec<Range<*const u8>>,
}

impl Receive for Noted {
    async fn recv(&mut self) -> std::io::Result<RxBuf> {
        let received = self.stream.recv().await?;
        self.places.push(received.as_ptr_range());
        Ok(received)
    }
}

#[test]
fn frames_cross_a_connection_whatever_pieces_they_are_written_in() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (client, server) = connected_pair().await;
            let (_, mut to_server) = client.into_split();
            let (from_client, _server) = server.into_split();
            let mut random = Random::new(7);
            let payloads: Vec<Vec<u8>> = (0..400)
                .map(|number| {
                    let bytes = if number % 50 == 0 { 100_000 } else { random.below(3_000) };
                    random.bytes(bytes)
                })
                .collect();
            let prefix = LengthPrefix::u32_be();
            let mut stream = Vec::new();
            for payload in &payloads {
                stream.extend(u32::try_from(payload.len()).unwrap().to_be_bytes());
                stream.extend(payload);
            }
            let writer = spawn(async move {
                let mut rest = &stream[..];
                while !rest.is_empty() {
                    let (piece, after) = rest.split_at((1 + random.below(9_000)).min(rest.len()));
                    to_server.write_all(piece).await.unwrap();
                    rest = after;
                }
            });
            let mut frames = FrameReader::new(from_client, prefix);
            for payload in &payloads {
                assert_eq!(&frames.next().await.unwrap().unwrap()[..], &payload[..]);
            }
            assert!(frames.next().await.unwrap().is_none());
            writer.await.unwrap();
        });
    });
}

#[test]
fn a_frame_within_a_buffer_is_read_where_the_kernel_put_it() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (mut client, server) = connected_pair().await;
            client.write_all(b"first\nsecond\nthird, a part").await.unwrap();
            let mut lines = FrameReader::new(Noted { stream: server, places: vec![] }, Lines);
            let first = lines.next().await.unwrap().unwrap();
            let second = lines.next().await.unwrap().unwrap();
            let buffer = lines.source().places[0].clone();
            for frame in [&first, &second] {
                let frame = frame.as_ptr_range();
                assert!(buffer.start <= frame.start && frame.end <= buffer.end);
            }
            assert_eq!((&first[..], &second[..]), (&b"first"[..], &b"second"[..]));
            // What spans buffers lies elsewhere, and what follows it in place again.
            client.write_all(b" and its end\nfourth\n").await.unwrap();
            let third = lines.next().await.unwrap().unwrap();
            assert_eq!(&third[..], b"third, a part and its end");
            let fourth = lines.next().await.unwrap().unwrap();
            let place = lines.source().places.last().unwrap();
            assert!(!place.contains(&third.as_ptr()) && place.contains(&fourth.as_ptr()));
            assert_eq!(&fourth[..], b"fourth");
        });
    });
}

#[test]
fn a_read_that_is_given_up_within_a_frame_loses_nothing() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (mut client, mut server) = connected_pair().await;
            for hot in [false, true] {
                server.set_hot(hot);
                let mut lines = FrameReader::new(&mut server, Lines);
                for piece in [&b"in "[..], b"four ", b"small ", b"pieces\n"] {
                    let nap = Duration::from_millis(1);
                    assert!(timeout(nap, lines.next()).await.is_err(), "no line is whole yet");
                    client.write_all(piece).await.unwrap();
                }
                let line = lines.next().await.unwrap().unwrap();
                assert_eq!(&line[..], b"in four small pieces");
            }
        });
    });
}

#[test]
fn a_cancelled_reader_is_told_so() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (_client, server) = connected_pair().await;
            let reader = spawn(async move { FrameReader::new(server, Lines).next().await });
            sleep(Duration::from_millis(1)).await.unwrap();
            reader.cancel();
            assert!(is_cancelled(&reader.await.unwrap().unwrap_err()));
        });
    });
}

#[test]
fn pipes_have_frames_too() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (reader, mut writer) = pipe().unwrap();
            writer.write_all(b"one\ntwo\n").await.unwrap();
            drop(writer);
            let mut lines = FrameReader::new(reader, Lines);
            assert_eq!(&lines.next().await.unwrap().unwrap()[..], b"one");
            assert_eq!(&lines.next().await.unwrap().unwrap()[..], b"two");
            assert!(lines.next().await.unwrap().is_none());
        });
    });
}

/// Frames of 1 000 bytes in pieces that cut most of them.
async fn exchange(client: &mut TcpStream, frames: &mut FrameReader<OwnedReadHalf, LengthPrefix>) {
    let payload = [7; 1_000];
    let header = 1_000_u32.to_be_bytes();
    for _ in 0..500 {
        write_frame(client, LengthPrefix::u32_be(), &payload).await.unwrap();
        client.write_all(&header).await.unwrap();
        client.write_all(&payload[..300]).await.unwrap();
        assert_eq!(frames.next().await.unwrap().unwrap().len(), 1_000);
        write_all_vectored(client, &payload[..400], &payload[..300]).await.unwrap();
        assert_eq!(frames.next().await.unwrap().unwrap()[..], payload);
    }
}

#[test]
fn frames_are_written_and_read_without_allocating() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (mut client, server) = connected_pair().await;
            let (from_client, _server) = server.into_split();
            let mut frames = FrameReader::new(from_client, LengthPrefix::u32_be());
            exchange(&mut client, &mut frames).await;
            assert_eq!(allocations(exchange(&mut client, &mut frames)).await, 0);
        });
    });
}
