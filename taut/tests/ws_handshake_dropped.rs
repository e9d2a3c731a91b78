//! Handshakes that are stopped at each of their polls, or whose peer resets the connection after
//! each of its bytes: nothing is left behind, and the socket is closed. Descriptors are counted.

mod common;

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use common::every_poll::{How, stopped_after};
use common::http_peer::{Peer, header};
use common::whole_process::{alone, leaves_none};
use common::ws::{frame, millis, options};
use common::ws_handshake::{FRAMES, good};
use common::{connected_pair, in_time, listen, on_each_driver, turns, until};
use futures_util::future::join;
use taut::spawn;
use taut::ws::{Acceptor, Connector, Options, Role};

const WAYS: [How; 3] = [How::Cancel, How::Abort, How::Drop];

const REQUEST: &str = "GET /feed HTTP/1.1\r\nHost: engine\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Version: 13\r\n\r\n";

fn hasty() -> Options {
    options(|options| options.close_timeout = millis(50))
}

/// Answers a handshake in three pieces, and waits until the client is gone.
async fn answer_slowly(mut peer: Peer) {
    let request = peer.request().await;
    if header(&request, "sec-websocket-key").is_some() {
        let answer = [good(&request).as_bytes(), FRAMES].concat();
        for piece in answer.chunks(answer.len() / 3 + 1) {
            peer.say(piece).await;
            turns(2).await;
        }
    }
    until_gone(peer).await;
}

/// To the end, or a reset: that it comes is what counts.
async fn until_gone(mut peer: Peer) {
    while peer.stream.recv().await.is_ok_and(|bytes| !bytes.is_empty()) {}
}

#[test]
fn a_clients_handshake_that_is_stopped_at_any_poll_closes_its_connection() {
    let _alone = alone();
    on_each_driver(|builder| {
        for how in WAYS {
            leaves_none(builder.clone(), async || {
                let (listener, address) = listen();
                let live = Rc::new(Cell::new(0));
                let count = Rc::clone(&live);
                let serving = spawn(async move {
                    loop {
                        let peer = Peer::accept(&listener).await;
                        let count = Rc::clone(&count);
                        count.set(count.get() + 1);
                        spawn(async move {
                            answer_slowly(peer).await;
                            count.set(count.get() - 1);
                        });
                    }
                })
                .cancel_on_drop();
                let connector = Connector::new().options(hasty());
                for polls in 0.. {
                    let connector = connector.clone();
                    let script = async move {
                        let url = format!("ws://{address}/feed");
                        let mut connection = connector.connect(url).await?;
                        let message = connection.next().await?.expect("a message");
                        assert_eq!(message.as_str(), Some("first"));
                        Ok(())
                    };
                    let ended = stopped_after(script, polls, how).await;
                    until(|| live.get() == 0).await;
                    if ended.is_some() {
                        assert!(polls > 2, "it was stopped {polls} times");
                        break;
                    }
                }
                drop(serving);
                turns(20).await;
            });
        }
    });
}

#[test]
fn a_servers_handshake_that_is_stopped_at_any_poll_closes_its_connection() {
    let _alone = alone();
    on_each_driver(|builder| {
        for how in WAYS {
            leaves_none(builder.clone(), async || {
                for polls in 0.. {
                    let (client, server) = connected_pair().await;
                    let asking = spawn(async move {
                        let mut peer = Peer::of(client);
                        for piece in REQUEST.as_bytes().chunks(REQUEST.len() / 3 + 1) {
                            peer.say(piece).await;
                            turns(2).await;
                        }
                        peer.say(frame(Role::Client, 0x81, b"first")).await;
                        until_gone(peer).await;
                    });
                    let script = async move {
                        let acceptor = Acceptor::new().options(hasty());
                        let mut connection = acceptor.accept(server).await?;
                        let message = connection.next().await?.expect("a message");
                        assert_eq!(message.as_str(), Some("first"));
                        Ok(())
                    };
                    let ended = stopped_after(script, polls, how).await;
                    in_time(asking).await.unwrap();
                    if ended.is_some() {
                        assert!(polls > 2, "it was stopped {polls} times");
                        break;
                    }
                }
                turns(20).await;
            });
        }
    });
}

/// Whatever of the answer, or of the first messages, has come before: an error, in time.
#[test]
fn a_server_that_resets_after_any_byte_of_its_answer_is_an_error() {
    let _alone = alone();
    on_each_driver(|builder| {
        leaves_none(builder, async || {
            let connector = Connector::new().options(hasty());
            for said in 0.. {
                let (listener, address) = listen();
                let serve = async {
                    let mut peer = Peer::accept(&listener).await;
                    let request = peer.request().await;
                    let answer = [good(&request).as_bytes(), FRAMES].concat();
                    peer.say(&answer[..said.min(answer.len())]).await;
                    turns(2).await;
                    peer.stream.set_linger(Some(Duration::ZERO)).unwrap();
                    said >= answer.len()
                };
                let connect = async {
                    let connected = connector.connect(format!("ws://{address}/feed")).await;
                    let mut connection = connected.ok()?;
                    let mut messages = 0;
                    while connection.next().await.is_ok_and(|message| message.is_some()) {
                        messages += 1;
                    }
                    assert!(connection.peer_close().is_none());
                    Some(messages)
                };
                let (messages, was_all) = join(in_time(connect), serve).await;
                if said == 0 {
                    assert_eq!(messages, None, "there was no answer");
                }
                if was_all {
                    break;
                }
            }
            turns(20).await;
        });
    });
}

#[test]
fn a_client_that_resets_after_any_byte_of_its_request_is_an_error() {
    let _alone = alone();
    on_each_driver(|builder| {
        leaves_none(builder, async || {
            let all = [REQUEST.as_bytes(), &frame(Role::Client, 0x81, b"first")].concat();
            for said in 0..=all.len() {
                let (client, server) = connected_pair().await;
                let ask = async {
                    let mut peer = Peer::of(client);
                    peer.say(&all[..said]).await;
                    turns(2).await;
                    peer.stream.set_linger(Some(Duration::ZERO)).unwrap();
                };
                let accept = async {
                    let acceptor = Acceptor::new().options(hasty());
                    let mut connection = acceptor.accept(server).await.ok()?;
                    let mut messages = 0;
                    while connection.next().await.is_ok_and(|message| message.is_some()) {
                        messages += 1;
                    }
                    assert!(connection.peer_close().is_none());
                    Some(messages)
                };
                let (messages, ()) = join(in_time(accept), ask).await;
                if said < REQUEST.len() {
                    assert_eq!(messages, None, "{said} bytes are no request");
                }
                if said < all.len() {
                    assert_ne!(messages, Some(1), "{said} bytes are no message");
                }
            }
            turns(20).await;
        });
    });
}
