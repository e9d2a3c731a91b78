//! Compressed messages between the two ends of a connection, on each driver.

mod common;

use common::ws_deflate::{agree, pair_agreed, trade};
use common::{block_on, on_each_driver};
use futures_util::future::join;
use taut::net::TcpStream;
use taut::ws::{
    CloseCode, DeflateOptions, ErrorKind, Message, MessageLimits, Opcode, Options, WebSocket,
};

/// Contexts and windows of both directions.
fn wishes() -> Vec<DeflateOptions> {
    let all = DeflateOptions::default();
    let small = all.send_window_bits(9).receive_window_bits(9);
    let without = all.send_context(false).receive_context(false);
    vec![all, all.send_context(false), all.receive_context(false), small, without.level(9)]
}

async fn echo(mut server: WebSocket<TcpStream>) {
    while let Some(message) = server.next().await.unwrap() {
        match &message {
            Message::Text(text) => server.send_text(text).await.unwrap(),
            other => server.send_binary(other.as_bytes()).await.unwrap(),
        }
    }
}

#[test]
fn messages_of_every_length_come_back_as_they_were() {
    on_each_driver(|builder| {
        block_on(builder, async {
            for want in wishes() {
                let (mut client, server) = pair_agreed(&Options::default(), want).await;
                let client = async {
                    for length in [0, 1, 63, 64, 125, 126, 4096, 65_536, 300_000] {
                        let text = "é€🚀x".repeat(length / 10 + 1);
                        let text = &text[..text.floor_char_boundary(length)];
                        client.send_text(text).await.unwrap();
                        let back = client.next().await.unwrap().unwrap();
                        assert!(matches!(back, Message::Text(_)));
                        assert_eq!(back.as_str(), Some(text), "{want:?}, {length}");
                        let data: Vec<u8> =
                            (0..length).map(|index| (index * index / 7) as u8).collect();
                        client.send_binary(&data).await.unwrap();
                        let back = client.next().await.unwrap().unwrap();
                        assert!(matches!(back, Message::Binary(_)));
                        assert!(back.as_bytes() == data, "{want:?}, {length}");
                    }
                    client.close(CloseCode::NORMAL, "done").await.unwrap();
                };
                join(client, echo(server)).await;
            }
        });
    });
}

#[test]
fn what_is_queued_is_shorter_and_what_is_written_in_place_is_not() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let want = DeflateOptions::default();
            let (mut client, mut server) = pair_agreed(&Options::default(), want).await;
            let texts: Vec<String> = (0..100).map(trade).collect();
            let outbox = client.outbox();
            for text in &texts {
                outbox.queue_text(text).unwrap();
            }
            let plain_bytes: usize = texts.iter().map(String::len).sum();
            assert!(outbox.queued_bytes() < plain_bytes / 2, "{}", outbox.queued_bytes());
            let halves = texts[0].as_bytes().split_at(20);
            outbox.queue_fragmented(Opcode::Text, &[halves.0, b"", halves.1]).unwrap();
            let before = outbox.queued_bytes();
            let mut room = outbox.reserve(Opcode::Text, 200).unwrap();
            room[..texts[0].len()].copy_from_slice(texts[0].as_bytes());
            room.commit(texts[0].len());
            assert_eq!(outbox.queued_bytes(), before + 6 + texts[0].len());
            client.flush().await.unwrap();
            let mut seen = Vec::new();
            while seen.len() < 102 {
                let visit = |item: taut::ws::Item<'_>, _: &mut taut::ws::Outbox| {
                    seen.push(item.as_str().unwrap().to_owned());
                    Ok(())
                };
                assert!(server.for_each_ready(visit).await.unwrap() > 0);
            }
            assert_eq!(seen[..100], texts);
            assert_eq!((&seen[100], &seen[101]), (&texts[0], &texts[0]));
        });
    });
}

#[test]
fn a_compressed_message_is_one_frame_to_its_reader() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let want = DeflateOptions::default();
            let (mut client, mut server) = pair_agreed(&Options::default(), want).await;
            let text = trade(1);
            let outbox = server.outbox();
            outbox
                .queue_fragmented(Opcode::Text, &[&text.as_bytes()[..30], &text.as_bytes()[30..]])
                .unwrap();
            outbox.queue_fragmented(Opcode::Binary, &[b"a", b"b"]).unwrap();
            server.flush().await.unwrap();
            let frame = client.next_frame().await.unwrap().unwrap();
            assert_eq!((frame.opcode, frame.is_final), (Opcode::Text, true));
            assert_eq!(frame.payload[..], *text.as_bytes());
            // Too short to be compressed: as it came.
            let one = client.next_frame().await.unwrap().unwrap();
            let other = client.next_frame().await.unwrap().unwrap();
            assert_eq!((one.opcode, other.opcode), (Opcode::Binary, Opcode::Continuation));
            assert_eq!((one.is_final, other.is_final), (false, true));
        });
    });
}

#[test]
fn a_message_that_was_refused_is_no_part_of_the_context() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let mut options = Options::default();
            options.queue_bytes_max = 1000;
            let want = DeflateOptions::default();
            let (mut client, mut server) = pair_agreed(&options, want).await;
            let outbox = server.outbox();
            outbox.queue_text(&trade(1)).unwrap();
            let refused = outbox.queue_text(&trade(2).repeat(20)).unwrap_err();
            assert!(matches!(refused.kind(), ErrorKind::QueueFull { .. }));
            let halves = trade(3).repeat(10);
            let refused = outbox.queue_fragmented(Opcode::Text, &[halves.as_bytes(); 2]);
            assert!(matches!(refused.unwrap_err().kind(), ErrorKind::QueueFull { .. }));
            outbox.queue_text(&trade(2)).unwrap();
            server.flush().await.unwrap();
            for id in [1, 2] {
                let message = client.next().await.unwrap().unwrap();
                assert_eq!(message.as_str(), Some(&*trade(id)));
            }
        });
    });
}

#[test]
fn a_bomb_closes_the_connection_as_too_long() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let mut options = Options::default();
            options.limits = MessageLimits::default().message_bytes_max(1 << 20);
            let want = DeflateOptions::default();
            let (mut client, mut server) = pair_agreed(&options, want).await;
            let bomb = vec![0; 2 << 20];
            let client = async {
                client.send_text(&trade(1)).await.unwrap();
                client.send_binary(&bomb).await.unwrap();
                assert!(client.next().await.unwrap().is_none());
                let close = client.peer_close().unwrap();
                assert_eq!(close.code, CloseCode::TOO_LONG);
            };
            let server = async {
                let message = server.next().await.unwrap().unwrap();
                assert_eq!(message.as_str(), Some(&*trade(1)));
                let error = server.next().await.unwrap_err();
                assert_eq!(error.violation().unwrap().code(), CloseCode::TOO_LONG);
            };
            join(client, server).await;
        });
    });
}

#[test]
fn compression_that_options_ask_for_needs_an_agreement() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let mut options = Options::default();
            options.deflate = Some(DeflateOptions::default());
            let (client, server) = common::connected_pair().await;
            let (of_client, _) = agree(DeflateOptions::default());
            let role = taut::ws::Role::Client;
            let mut client = WebSocket::over_agreed(client, role, &options, None, Some(&of_client));
            let mut server = WebSocket::over(server, taut::ws::Role::Server, &options, None);
            server.outbox().queue_text(&trade(1)).unwrap();
            assert_eq!(server.outbox().queued_bytes(), 2 + trade(1).len());
            client.send_text(&trade(1)).await.unwrap();
            let error = server.next().await.unwrap_err();
            assert_eq!(error.violation().unwrap().code(), CloseCode::PROTOCOL_ERROR);
        });
    });
}
