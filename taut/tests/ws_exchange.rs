//! Messages between the two ends of a connection, on each driver.

mod common;

use common::tls::{VERSIONS, ends, tls_pair};
use common::{block_on, connected_pair, on_each_driver};
use futures_util::future::join;
use taut::buffer::RxBuf;
use taut::net::{TcpStream, Transport};
use taut::ws::{CloseCode, Message, Opcode, Options, Role, WebSocket};

/// Both ends of a connection whose handshake is left out.
async fn pair(options: &Options) -> (WebSocket<TcpStream>, WebSocket<TcpStream>) {
    let (client, server) = connected_pair().await;
    (
        WebSocket::over(client, Role::Client, options, None),
        WebSocket::over(server, Role::Server, options, None),
    )
}

async fn echo<T: Transport>(mut server: WebSocket<T>) {
    while let Some(message) = server.next().await.unwrap() {
        match &message {
            Message::Text(text) => server.outbox().queue_text(text).unwrap(),
            other => server.outbox().queue_binary(other.as_bytes()).unwrap(),
        }
    }
}

/// Asks an echo for messages of each form of length, and closes.
async fn ask<T: Transport>(client: &mut WebSocket<T>) {
    for length in [0, 1, 125, 126, 127, 4095, 4096, 65_535, 65_536, 300_000] {
        let text = "é€🚀x".repeat(length / 10 + 1);
        let text = &text[..text.floor_char_boundary(length)];
        client.send_text(text).await.unwrap();
        let back = client.next().await.unwrap().unwrap();
        assert!(matches!(back, Message::Text(_)));
        assert_eq!(back.as_str(), Some(text), "{length}");
        let data: Vec<u8> = (0..length).map(|index| (index * 7) as u8).collect();
        client.send_binary(&data).await.unwrap();
        let back = client.next().await.unwrap().unwrap();
        assert!(matches!(back, Message::Binary(_)));
        assert!(back.as_bytes() == data, "{length}");
    }
    client.close(CloseCode::NORMAL, "done").await.unwrap();
    assert_eq!(client.peer_close().unwrap().code, CloseCode::NORMAL);
}

#[test]
fn messages_of_every_length_come_back_as_they_were() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (mut client, server) = pair(&Options::default()).await;
            join(ask(&mut client), echo(server)).await;
        });
    });
}

#[test]
fn what_is_queued_leaves_together_and_is_visited_where_it_lies() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (mut client, mut server) = pair(&Options::default()).await;
            let outbox = client.outbox();
            for number in 0..100 {
                outbox.queue_text(&format!("message {number}")).unwrap();
            }
            outbox.queue_fragmented(Opcode::Text, &[b"in ", b"", b"pieces"]).unwrap();
            client.flush().await.unwrap();
            let (mut seen, mut batches) = (Vec::new(), 0);
            while seen.len() < 101 {
                let count = server
                    .for_each_ready(|item, outbox| {
                        seen.push(item.as_str().unwrap().to_owned());
                        batches += usize::from(item.is_last());
                        outbox.queue_binary(item.as_bytes())
                    })
                    .await
                    .unwrap();
                assert!(count > 0);
            }
            assert_eq!(batches, 1, "they left with one write");
            assert_eq!(
                (&*seen[0], &*seen[99], &*seen[100]),
                ("message 0", "message 99", "in pieces")
            );
            let mut kept: Vec<RxBuf> = Vec::new();
            for _ in 0..101 {
                let Some(Message::Binary(bytes)) = client.next().await.unwrap() else { panic!() };
                kept.push(bytes);
            }
            assert!(kept.iter().zip(&seen).all(|(bytes, text)| bytes[..] == *text.as_bytes()));
        });
    });
}

#[test]
fn messages_over_tls_come_back_as_they_were() {
    for version in VERSIONS {
        on_each_driver(|builder| {
            block_on(builder, async {
                let (connector, acceptor) = ends(version);
                let (client, server) = tls_pair(&connector, &acceptor).await;
                let options = Options::default();
                let mut client = WebSocket::over(client, Role::Client, &options, None);
                let server = WebSocket::over(server, Role::Server, &options, None);
                join(ask(&mut client), echo(server)).await;
            });
        });
    }
}
