//! Waits on a connection that are dropped: no byte is lost, no frame is torn, plain and over TLS.

mod common;

use std::io;

use common::tls::{VERSIONS, ends, tls_pair};
use common::ws::{frame, next_text, options, pair, read_frame};
use common::{block_on, connected_pair, on_each_driver, poll_then_drop, turns};
use futures_util::FutureExt;
use taut::net::Transport;
use taut::spawn;
use taut::ws::{CloseCode, Options, Role, WebSocket};

/// Reads by every way in turn, gives up most of the times, and gives all that was read.
async fn read_by_every_way<T: Transport + 'static>(socket: &mut WebSocket<T>) -> Vec<Vec<u8>> {
    let mut read = Vec::new();
    for round in 0_u64.. {
        match round % 3 {
            0 => match socket.next().now_or_never() {
                Some(Ok(Some(message))) => read.push(message.as_bytes().to_vec()),
                Some(Ok(None)) => return read,
                Some(Err(error)) => panic!("{error}"),
                None => turns(round % 2).await,
            },
            1 => {
                let visit = socket.for_each_ready(|item, outbox| {
                    read.push(item.as_bytes().to_vec());
                    outbox.queue_binary(b"and an answer")
                });
                let _ = visit.now_or_never();
            }
            _ => {
                poll_then_drop(socket.flush(), round % 2).await;
                // A frame of a message that is not there as a whole is not taken by half.
                if let Some(Ok(Some(frame))) = socket.next_frame().now_or_never() {
                    assert!(frame.is_final, "the sender makes one frame of each message");
                    read.push(frame.payload.to_vec());
                }
            }
        }
        taut::yield_now().await;
    }
    read
}

async fn lose_nothing<T: Transport + 'static>(mut from: WebSocket<T>, mut to: WebSocket<T>) {
    let writer = spawn(async move {
        for number in 0..150_u32 {
            let data = number.to_be_bytes().repeat(1 + 20 * number as usize);
            from.send_binary(&data).await.unwrap();
            turns(u64::from(number % 3)).await;
        }
        from.close(CloseCode::NORMAL, "").await
    });
    let read: Vec<_> = read_by_every_way(&mut to).await;
    let data: Vec<_> = read.iter().filter(|payload| payload.len() > 2).collect();
    assert_eq!(data.len(), 150);
    for (number, payload) in data.iter().enumerate() {
        assert!(***payload == (number as u32).to_be_bytes().repeat(1 + 20 * number));
    }
    drop(to);
    writer.await.unwrap().unwrap();
}

#[test]
fn dropped_reads_lose_nothing() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (client, server) = pair(&Options::default()).await;
            lose_nothing(client, server).await;
            let (client, server) = pair(&Options::default()).await;
            lose_nothing(server, client).await;
            for version in VERSIONS {
                let (connector, acceptor) = ends(version);
                let (client, server) = tls_pair(&connector, &acceptor).await;
                let client = WebSocket::over(client, Role::Client, &Options::default(), None);
                let server = WebSocket::over(server, Role::Server, &Options::default(), None);
                lose_nothing(client, server).await;
            }
        });
    });
}

/// Sends that are dropped while the peer does not read are sent whole or not at all.
#[test]
fn dropped_sends_are_whole_or_not_there() {
    on_each_driver(|builder| {
        block_on(builder, async {
            for sender in [Role::Client, Role::Server] {
                let tight = options(|options| options.queue_bytes_max = 100_000);
                let (client, server) = pair(&tight).await;
                let (mut from, mut to) = match sender {
                    Role::Client => (client, server),
                    Role::Server => (server, client),
                };
                for number in 0..400_u64 {
                    let data = vec![number as u8; 50_000];
                    poll_then_drop(from.send_binary(&data), number % 2).await;
                }
                let reading = spawn(async move {
                    let mut numbers = Vec::new();
                    while let Some(message) = to.next().await.unwrap() {
                        let bytes = message.as_bytes();
                        assert_eq!(bytes.len(), 50_000);
                        assert!(bytes.iter().all(|byte| *byte == bytes[0]), "a torn message");
                        numbers.push(bytes[0]);
                    }
                    numbers
                });
                from.close(CloseCode::NORMAL, "").await.unwrap();
                let numbers = reading.await.unwrap();
                assert!(numbers.len() > 1 && numbers.len() < 400, "{}", numbers.len());
            }
        });
    });
}

/// A close that is dropped goes on where it is called again, or in the background.
#[test]
fn a_close_that_is_dropped_may_be_called_again() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (client, server) = connected_pair().await;
            let mut client = WebSocket::over(client, Role::Client, &Options::default(), None);
            let mut raw = server;
            for turns_between in [0, 1, 2] {
                poll_then_drop(client.close(CloseCode::NORMAL, "once"), turns_between).await;
            }
            let close = read_frame(&mut raw).await;
            assert_eq!(close, Some((0x88, b"\x03\xE8once".to_vec())));
            raw.write_all(&frame(Role::Server, 0x81, b"passed over")).await.unwrap();
            raw.write_all(&frame(Role::Server, 0x88, b"\x03\xE8once")).await.unwrap();
            drop(raw);
            client.close(CloseCode::NORMAL, "twice").await.unwrap();
            assert_eq!(&*client.peer_close().unwrap().reason, "once");
        });
    });
}

#[test]
fn messages_behind_a_visit_that_failed_are_still_there() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (mut client, mut server) = pair(&Options::default()).await;
            for text in ["one", "two", "three"] {
                server.outbox().queue_text(text).unwrap();
            }
            server.flush().await.unwrap();
            let visit = client.for_each_ready(|item, outbox| {
                assert_eq!(item.as_str(), Some("one"));
                outbox.queue_text("queued all the same")?;
                Err(io::Error::other("enough").into())
            });
            assert_eq!(io::Error::from(visit.await.unwrap_err()).to_string(), "enough");
            assert_eq!(next_text(&mut client).await, "two");
            assert_eq!(next_text(&mut client).await, "three");
            client.flush().await.unwrap();
            assert_eq!(next_text(&mut server).await, "queued all the same");
        });
    });
}
