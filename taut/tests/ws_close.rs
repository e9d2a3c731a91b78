//! Ends of connections: in order, from both sides at once, cut off, reset, and never.

mod common;

use std::net::Shutdown;
use std::time::Duration;

use common::tls::{VERSIONS, ends, tls_pair};
use common::ws::{
    assert_kind, client_of_raw, frame, millis, next_text, options, pair, read_frame, server_of_raw,
};
use common::{block_on, on_each_driver, turns};
use futures_util::future::join;
use taut::net::TcpStream;
use taut::ws::{CloseCode, ErrorKind, Message, Options, Role, Wait, WebSocket};

fn close(sender: Role, code: u16, reason: &str) -> Vec<u8> {
    frame(sender, 0x88, &[&code.to_be_bytes(), reason.as_bytes()].concat())
}

/// A close that times out soon.
fn hasty() -> Options {
    options(|options| options.close_timeout = millis(50))
}

async fn is_at_end(stream: &mut TcpStream) -> bool {
    stream.recv().await.unwrap().is_empty()
}

#[test]
fn both_sides_may_close_at_once() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (mut client, mut server) = pair(&Options::default()).await;
            let (one, other) = join(
                client.close(CloseCode::NORMAL, "a"),
                server.close(CloseCode::new(3000).unwrap(), "b"),
            )
            .await;
            one.and(other).unwrap();
            assert_eq!(client.peer_close().unwrap().code.get(), 3000);
            assert_eq!(&*server.peer_close().unwrap().reason, "a");
        });
    });
}

#[test]
fn the_server_ends_the_transport_first() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (mut raw, mut server) = server_of_raw(&Options::default()).await;
            raw.write_all(&close(Role::Client, 1001, "bye")).await.unwrap();
            assert!(server.next().await.unwrap().is_none());
            assert_eq!(&*server.peer_close().unwrap().reason, "bye");
            drop(server);
            // Answered with its own code, and then ended by the server.
            let answer = Some((0x88, 1001_u16.to_be_bytes().to_vec()));
            assert_eq!(read_frame(&mut raw).await, answer);
            assert!(is_at_end(&mut raw).await);
        });
    });
}

#[test]
fn a_client_waits_for_the_server_to_end_the_transport() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (mut client, mut raw) = client_of_raw(&Options::default()).await;
            let serve = async {
                let (first, payload) = read_frame(&mut raw).await.unwrap();
                assert_eq!((first, &*payload), (0x88, &b"\x03\xE8"[..]));
                // What was under way is passed over, and answered to nobody.
                raw.write_all(&frame(Role::Server, 0x81, b"late")).await.unwrap();
                raw.write_all(&frame(Role::Server, 0x89, b"late")).await.unwrap();
                raw.write_all(&close(Role::Server, 1000, "")).await.unwrap();
                turns(10).await;
                raw.shutdown(Shutdown::Write).await.unwrap();
                assert!(is_at_end(&mut raw).await, "the client has sent nothing more");
            };
            let close = async {
                client.close(CloseCode::NORMAL, "").await.unwrap();
                drop(client);
            };
            join(close, serve).await;
        });
    });
}

/// A client that has closed has ended its direction, not only once it is dropped.
#[test]
fn a_closed_client_has_ended_its_direction_after_the_server() {
    on_each_driver(|builder| {
        block_on(builder, async {
            for says_close in [true, false] {
                let (mut client, mut raw) = client_of_raw(&Options::default()).await;
                let serve = async {
                    assert_eq!(read_frame(&mut raw).await.unwrap().0, 0x88);
                    if says_close {
                        raw.write_all(&close(Role::Server, 1000, "")).await.unwrap();
                    }
                    raw.shutdown(Shutdown::Write).await.unwrap();
                    assert!(is_at_end(&mut raw).await);
                };
                let (closed, ()) = join(client.close(CloseCode::NORMAL, ""), serve).await;
                closed.unwrap();
                drop(client);
            }
            // Nor does a server that never ends keep it open.
            let (mut client, mut raw) = client_of_raw(&hasty()).await;
            raw.write_all(&close(Role::Server, 1000, "")).await.unwrap();
            client.close(CloseCode::NORMAL, "").await.unwrap();
            assert_eq!(read_frame(&mut raw).await.unwrap().0, 0x88);
            assert!(is_at_end(&mut raw).await);
            drop(client);
        });
    });
}

/// Over TLS each direction ends by `close_notify`: what ends without is an error of the reader.
#[test]
fn both_directions_of_tls_end_by_its_own_alert() {
    on_each_driver(|builder| {
        block_on(builder, async {
            for version in VERSIONS {
                let (connector, acceptor) = ends(version);
                for says_end in [true, false] {
                    let (client, mut raw) = tls_pair(&connector, &acceptor).await;
                    let mut client = WebSocket::over(client, Role::Client, &hasty(), None);
                    raw.write_all(&close(Role::Server, 1000, "")).await.unwrap();
                    if says_end {
                        raw.shutdown().await.unwrap();
                    }
                    client.close(CloseCode::NORMAL, "").await.unwrap();
                    // The close frame, and then the end in order, while the client is still there.
                    let mut bytes = 0;
                    loop {
                        match raw.recv().await.unwrap().len() {
                            0 => break,
                            count => bytes += count,
                        }
                    }
                    assert_eq!(bytes, 8, "a masked close frame");
                    drop(client);
                }
            }
        });
    });
}

#[test]
fn what_comes_after_our_close_frame_is_still_read() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (mut client, mut raw) = client_of_raw(&Options::default()).await;
            client.outbox().queue_close(CloseCode::GOING_AWAY, "").unwrap();
            client.flush().await.unwrap();
            assert_kind!(client.send_text("no").await, ErrorKind::Closed(None));
            assert_kind!(client.outbox().queue_ping(b"no"), ErrorKind::Closed(None));
            raw.write_all(&frame(Role::Server, 0x81, b"late")).await.unwrap();
            raw.write_all(&close(Role::Server, 1001, "")).await.unwrap();
            assert_eq!(next_text(&mut client).await, "late");
            assert!(client.next().await.unwrap().is_none());
        });
    });
}

/// A peer that has more in flight than we read gets the close frame, not a reset.
#[test]
fn no_reset_takes_the_close_frame_from_a_peer_that_is_sending() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (mut raw, mut server) = server_of_raw(&Options::default()).await;
            raw.write_all(&frame(Role::Client, 0xF1, b"wrong")).await.unwrap();
            let more = frame(Role::Client, 0x82, &vec![7; 1 << 20]);
            let write = async {
                for _ in 0..8 {
                    raw.write_all(&more).await.unwrap();
                }
                raw
            };
            let fail = async {
                let error = server.next().await.unwrap_err();
                assert_eq!(error.violation().unwrap().code(), CloseCode::PROTOCOL_ERROR);
                assert!(server.next().await.unwrap().is_none(), "once");
                drop(server);
            };
            let (mut raw, ()) = join(write, fail).await;
            let told = Some((0x88, 1002_u16.to_be_bytes().to_vec()));
            assert_eq!(read_frame(&mut raw).await, told);
            assert!(is_at_end(&mut raw).await);
        });
    });
}

#[test]
fn a_peer_that_does_not_answer_a_close_frame_times_out() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (mut client, mut raw) = client_of_raw(&hasty()).await;
            // Nor does it help to send something else.
            raw.write_all(&frame(Role::Server, 0x81, b"still here")).await.unwrap();
            let closed = client.close(CloseCode::NORMAL, "").await;
            assert_kind!(closed, ErrorKind::TimedOut(Wait::Close, _));
            drop(client);
            assert_eq!(read_frame(&mut raw).await.unwrap().0, 0x88);
            assert!(raw.recv().await.is_ok_and(|bytes| bytes.is_empty()));
        });
    });
}

#[test]
fn an_end_without_a_close_frame_is_a_cut() {
    on_each_driver(|builder| {
        block_on(builder, async {
            for before in
                [&b""[..], &[0x81], &frame(Role::Server, 0x81, b"whole"), &[0x81, 5, b'x']]
            {
                let (mut client, mut raw) = client_of_raw(&Options::default()).await;
                raw.write_all(before).await.unwrap();
                raw.shutdown(Shutdown::Write).await.unwrap();
                if before.len() == 7 {
                    assert_eq!(next_text(&mut client).await, "whole");
                }
                assert_kind!(client.next().await, ErrorKind::CutOff);
                assert!(client.next().await.unwrap().is_none(), "once");
                // A half-close leaves our direction open.
                client.send_text("still").await.unwrap();
                assert_eq!(read_frame(&mut raw).await, Some((0x81, b"still".to_vec())));
            }
        });
    });
}

/// The failure of a write is no close in order, whoever meets it first.
#[test]
fn a_connection_that_broke_while_writing_did_not_end_in_order() {
    on_each_driver(|builder| {
        block_on(builder, async {
            for writer_is_told in [false, true] {
                let (mut client, raw) = client_of_raw(&Options::default()).await;
                raw.set_linger(Some(Duration::ZERO)).unwrap();
                drop(raw);
                let mut is_told = false;
                for _ in 0..1000 {
                    client.outbox().queue_text("into the void").ok();
                    if writer_is_told && client.flush().await.is_err() {
                        is_told = true;
                        break;
                    }
                    turns(1).await;
                }
                assert_eq!(is_told, writer_is_told);
                let read = client.next().await;
                assert_kind!(read, ErrorKind::Io(_) | ErrorKind::CutOff);
            }
        });
    });
}

#[test]
fn a_connection_that_is_dropped_without_a_close_frame_is_cut() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (client, mut server) = pair(&Options::default()).await;
            drop(client);
            assert_kind!(server.next().await, ErrorKind::CutOff);
            let (mut client, mut server) = pair(&Options::default()).await;
            client.send_text("last").await.unwrap();
            client.outbox().queue_close(CloseCode::NORMAL, "").unwrap();
            drop(client);
            assert!(matches!(server.next().await, Ok(Some(Message::Text(_)))));
            assert!(server.next().await.unwrap().is_none(), "the queue leaves in the background");
        });
    });
}
