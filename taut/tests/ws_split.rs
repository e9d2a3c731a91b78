//! The halves of a connection in tasks of their own: who sends what is queued and who runs the
//! clocks, whichever of the two waits, gives up or is busy elsewhere.

mod common;

use std::cell::Cell;
use std::rc::Rc;

use common::ws::{
    assert_kind, client_of_raw, echo, frame, millis, options, pair, read_frame, server_of_raw,
};
use common::{block_on, on_each_driver, poll_then_drop, turns, until};
use futures_util::future::join;
use taut::net::TcpStream;
use taut::spawn;
use taut::time::timeout;
use taut::ws::{CloseCode, ErrorKind, Message, Options, Role, Wait};

/// More than the kernel takes from a writer whose peer does not read.
const STUCK_BYTES: usize = 32 << 20;

fn roomy() -> Options {
    options(|options| options.queue_bytes_max = 2 * STUCK_BYTES)
}

/// Reads up to the end of the one binary message; what is read before it is answered to nobody.
async fn read_binary(stream: &mut TcpStream) {
    while read_frame(stream).await.expect("a frame").0 != 0x82 {}
}

#[test]
fn halves_under_load_lose_and_mix_nothing() {
    const MESSAGES: u32 = 3000;

    on_each_driver(|builder| {
        block_on(builder, async {
            let (client, server) = pair(&Options::default()).await;
            let server = spawn(echo(server));
            let (mut reader, mut writer) = client.into_split();
            let writing = spawn(async move {
                for number in 0..MESSAGES {
                    let text = number.to_string().repeat(1 + number as usize % 300);
                    match number % 3 {
                        0 => writer.send_text(&text).await.unwrap(),
                        1 => writer.queue(|outbox| outbox.queue_text(&text)).unwrap(),
                        _ => {
                            writer.queue(|outbox| outbox.queue_text(&text)).unwrap();
                            turns(1).await;
                        }
                    }
                }
                writer
            });
            for number in 0..MESSAGES {
                let text = number.to_string().repeat(1 + number as usize % 300);
                let message = reader.next().await.unwrap().unwrap();
                assert_eq!(message.as_str(), Some(&*text));
            }
            let mut writer = writing.await.unwrap();
            writer.close(CloseCode::NORMAL, "").await.unwrap();
            assert!(reader.next().await.unwrap().is_none());
            assert_eq!(reader.peer_close().unwrap().code, CloseCode::NORMAL);
            drop((reader, writer));
            server.await.unwrap();
        });
    });
}

#[test]
fn what_is_queued_leaves_by_the_reader_that_waits() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (client, mut raw) = client_of_raw(&Options::default()).await;
            let (mut reader, mut writer) = client.into_split();
            let reading = spawn(async move { reader.next().await });
            turns(3).await;
            writer
                .queue(|outbox| outbox.queue_text("one").and_then(|()| outbox.queue_text("two")))
                .unwrap();
            for text in ["one", "two"] {
                assert_eq!(read_frame(&mut raw).await, Some((0x81, text.into())));
            }
            raw.write_all(&frame(Role::Server, 0x81, b"back")).await.unwrap();
            let message = reading.await.unwrap().unwrap().unwrap();
            assert_eq!(message.as_str(), Some("back"));
        });
    });
}

/// The reader takes a message and does something else, while the writer waits for the peer.
#[test]
fn a_writer_goes_on_while_the_reader_is_elsewhere() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (mut raw, server) = server_of_raw(&roomy()).await;
            let (mut reader, mut writer) = server.into_split();
            let is_reading = Rc::new(Cell::new(false));
            let elsewhere = spawn({
                let is_reading = Rc::clone(&is_reading);
                async move {
                    let message = reader.next().await.unwrap().unwrap();
                    is_reading.set(true);
                    std::future::pending::<()>().await;
                    drop((message, reader));
                }
            });
            let data = vec![7; STUCK_BYTES];
            let writing = spawn(async move { writer.send_binary(&data).await.map(|()| writer) });
            turns(5).await;
            assert!(!writing.is_finished());
            raw.write_all(&frame(Role::Client, 0x89, b"and a ping")).await.unwrap();
            raw.write_all(&frame(Role::Client, 0x81, b"go")).await.unwrap();
            until(|| is_reading.get()).await;
            read_binary(&mut raw).await;
            drop(writing.await.unwrap().unwrap());
            elsewhere.abort();
        });
    });
}

/// The writer gives up while the peer does not read; what is queued leaves all the same, by the
/// reader that still waits.
#[test]
fn a_reader_sends_what_a_writer_left() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (mut raw, server) = server_of_raw(&roomy()).await;
            let (mut reader, mut writer) = server.into_split();
            let reading = spawn(async move { reader.next().await.map(|_| reader) });
            turns(3).await;
            let data = vec![7; STUCK_BYTES];
            assert!(timeout(millis(20), writer.send_binary(&data)).await.is_err());
            assert!(writer.queued_bytes() > 0);
            read_binary(&mut raw).await;
            raw.write_all(&frame(Role::Client, 0x81, b"go")).await.unwrap();
            drop(reading.await.unwrap().unwrap());
            assert_eq!(writer.queued_bytes(), 0);
        });
    });
}

/// A writer that waited has run the clocks, and hands them back to the reader.
#[test]
fn the_clocks_go_on_after_a_writer_that_waited() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let mut asked = roomy();
            asked.keepalive.ping_every = Some(millis(60));
            let (mut raw, server) = server_of_raw(&asked).await;
            let (mut reader, mut writer) = server.into_split();
            let reading = spawn(async move { reader.next().await.map(|_| reader) });
            turns(3).await;
            let data = vec![7; STUCK_BYTES];
            let ((), sent) = join(read_binary(&mut raw), writer.send_binary(&data)).await;
            sent.unwrap();
            for _ in 0..2 {
                let (first, payload) = read_frame(&mut raw).await.unwrap();
                assert_eq!((first, payload.len()), (0x89, 8));
                raw.write_all(&frame(Role::Client, 0x8A, &payload)).await.unwrap();
            }
            raw.write_all(&frame(Role::Client, 0x81, b"go")).await.unwrap();
            drop(reading.await.unwrap().unwrap());
        });
    });
}

#[test]
fn a_silence_is_told_to_both_halves() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let mut silent = roomy();
            silent.keepalive.idle_timeout = Some(millis(50));
            let (raw, server) = server_of_raw(&silent).await;
            let (mut reader, mut writer) = server.into_split();
            let reading = spawn(async move { (reader.next().await, reader.next().await) });
            turns(3).await;
            let data = vec![7; STUCK_BYTES];
            assert_kind!(writer.send_binary(&data).await, ErrorKind::TimedOut(Wait::Idle, _));
            let (first, second) = reading.await.unwrap();
            assert_kind!(first, ErrorKind::TimedOut(Wait::Idle, _));
            assert!(second.unwrap().is_none(), "once");
            drop(raw);
        });
    });
}

#[test]
fn dropped_reads_and_writes_of_halves_leave_whole_frames() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (client, mut server) = pair(&Options::default()).await;
            let (mut reader, mut writer) = client.into_split();
            let serving = spawn(async move {
                let mut count = 0;
                while let Some(message) = server.next().await.unwrap() {
                    assert_eq!(message.as_bytes(), [count as u8; 70_000]);
                    count += 1;
                }
                count
            });
            for count in 0..50 {
                poll_then_drop(reader.next(), count % 2).await;
                poll_then_drop(writer.send_binary(&[count as u8; 70_000]), count % 3).await;
            }
            writer.close(CloseCode::NORMAL, "").await.unwrap();
            assert!(matches!(reader.next().await, Ok::<Option<Message>, _>(None)));
            assert_eq!(serving.await.unwrap(), 50);
        });
    });
}
