//! The client's side of the handshake, against a server that says what it likes.

mod common;

use std::time::Duration;

use common::http_peer::{Peer, header};
use common::ws_handshake::{
    Connected, FRAMES, against, expect_frames, good, handshake_error, refusal,
};
use common::{block_on, in_time, listen, on_each_driver, turns};
use taut::http::Client;
use taut::http::client::{Cause, ClientTransport, Fault, Limits};
use taut::net::TcpListener;
use taut::ws::{Connector, HandshakeError};

#[test]
fn the_request_is_that_of_the_rfc() {
    let script = async |listener: &TcpListener| {
        let mut keys = Vec::new();
        for _ in 0..2 {
            let mut peer = Peer::accept(listener).await;
            let request = peer.request().await;
            assert!(request.starts_with("GET /feed HTTP/1.1\r\n"), "{request}");
            let host = listener.local_addr().unwrap().to_string();
            for (name, value) in [
                ("host", &*host),
                ("upgrade", "websocket"),
                ("connection", "upgrade"),
                ("sec-websocket-version", "13"),
                ("sec-websocket-protocol", "v2.book, v1"),
                ("origin", "https://desk.example"),
                ("x-twice", "1"),
            ] {
                assert_eq!(header(&request, name), Some(value), "{request}");
            }
            assert_eq!(request.matches("x-twice: ").count(), 2);
            assert_eq!(request.matches("origin: ").count(), 1);
            assert!(!request.contains("extensions"), "{request}");
            keys.push(header(&request, "sec-websocket-key").unwrap().to_owned());
            peer.say(good(&request)).await;
        }
        assert_ne!(keys[0], keys[1]);
    };
    let connector = || {
        let connector = Connector::new().header("x-twice", "1").header("x-twice", "2");
        connector
            .header("origin", "https://old.example")
            .origin("https://desk.example")
            .subprotocols(["v2.book", "v1"])
    };
    let again = async |connected: Connected| {
        let connection = connected.unwrap();
        assert_eq!(connection.handshake().unwrap().subprotocol(), None);
        let host = match connection.transport() {
            ClientTransport::Tcp(stream) => stream.peer_addr().unwrap(),
            other => panic!("{other:?}"),
        };
        connector().connect(format!("WS://{host}/feed")).await.unwrap();
    };
    against(script, connector, again);
}

#[test]
fn what_comes_behind_the_answer_is_the_first_frames_however_it_is_cut() {
    for slowly in [false, true] {
        let script = async |listener: &TcpListener| {
            let mut peer = Peer::accept(listener).await;
            let answer = good(&peer.request().await);
            let interim = "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n";
            let all = [interim.as_bytes(), answer.as_bytes(), FRAMES].concat();
            let pieces = if slowly { 1 } else { all.len() };
            for piece in all.chunks(pieces) {
                peer.say(piece).await;
                turns(2).await;
            }
        };
        against(script, Connector::new, expect_frames);
    }
}

#[test]
fn an_answer_that_breaks_a_rule_ends_the_connection() {
    for (from, to) in [
        ("Upgrade: websocket\r\n", ""),
        ("Connection: Upgrade", "Connection: close"),
        ("Sec-WebSocket-Accept: ", "Sec-WebSocket-Accept: x"),
        ("\r\n\r\n", "\r\nSec-WebSocket-Protocol: v1\r\n\r\n"),
        ("\r\n\r\n", "\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n"),
    ] {
        let script = async |listener: &TcpListener| {
            let mut peer = Peer::accept(listener).await;
            let answer = good(&peer.request().await).replacen(from, to, 1);
            peer.say(answer).await;
            peer.is_closed().await;
        };
        against(script, Connector::new, async |connected| {
            let error = handshake_error(connected);
            assert!(matches!(error, HandshakeError::Violation(_)), "{to}: {error}");
            assert_eq!((error.fault(), error.status()), (Fault::Peer, None));
        });
    }
}

#[test]
fn a_refusal_has_status_headers_and_the_bodys_beginning() {
    for (head, body) in [
        ("401 Who Are You\r\nWWW-Authenticate: Bearer\r\nContent-Length: 26", "0123456789"),
        ("429 Slow Down\r\nRetry-After: 3\r\nContent-Length: 4", "wait"),
        ("503 No\r\nTransfer-Encoding: chunked", ""),
        ("200 OK\r\nConnection: close", "0123456789"),
        ("302 There\r\nLocation: /other\r\nContent-Length: 0", ""),
    ] {
        let script = async |listener: &TcpListener| {
            let mut peer = Peer::accept(listener).await;
            peer.request().await;
            let all = match body {
                "" => "0\r\n\r\n",
                "0123456789" => "0123456789 and what is too much",
                body => body,
            };
            peer.say(format!("HTTP/1.1 {head}\r\n\r\n{all}")).await;
            drop(peer);
            // A redirect is not followed.
            assert!(
                taut::time::timeout(Duration::from_millis(20), listener.accept()).await.is_err()
            );
        };
        against(
            script,
            || Connector::new().refusal_bytes_max(10),
            async |connected| {
                let refusal = refusal(connected);
                assert!(head.starts_with(refusal.status.as_str()));
                for line in head.split("\r\n").skip(1) {
                    let (name, value) = line.split_once(": ").unwrap();
                    assert_eq!(refusal.headers[name], value);
                }
                assert_eq!(refusal.body, body);
            },
        );
    }
}

#[test]
fn an_answer_that_is_too_large_or_none_is_told() {
    let long = format!("HTTP/1.1 101 OK\r\nx: {}\r\n", "y".repeat(16 << 10));
    let many = format!("HTTP/1.1 101 OK\r\n{}", "x: y\r\n".repeat(200));
    for (said, fault) in [
        (&*long, Fault::Peer),
        (&*many, Fault::Peer),
        ("220 mail\r\n", Fault::Peer),
        ("", Fault::Peer),
    ] {
        let script = async |listener: &TcpListener| {
            let mut peer = Peer::accept(listener).await;
            peer.request().await;
            peer.say(said).await;
        };
        let limited = || {
            let limits = Limits { headers_max: 50, ..Limits::default() };
            Connector::new().client(Client::builder().limits(limits).build())
        };
        against(script, limited, async |connected| {
            let error = handshake_error(connected);
            assert_eq!(error.fault(), fault, "{error}");
            let HandshakeError::Http(error) = error else { panic!("{error}") };
            let is_large = matches!(error.cause(), Cause::TooLarge { .. });
            assert_eq!(is_large, said.len() > 100, "{error}");
        });
    }
}

#[test]
fn what_can_not_be_asked_for_is_the_callers_fault_and_nothing_is_sent() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let url = "ws://127.0.0.1:1/";
            for (connector, url) in [
                (Connector::new(), "http://127.0.0.1:1/"),
                (Connector::new(), "ws://127.0.0.1:1/#part"),
                (Connector::new(), "ws://127.0.0.1:1/\r\nx: y"),
                (Connector::new(), "ws://"),
                (Connector::new().header("x", "y\r\nz: 1"), url),
                (Connector::new().header("Sec-WebSocket-Key", "x"), url),
                (Connector::new().header("upgrade", "x"), url),
                (Connector::new().header("connection", "x"), url),
                (Connector::new().header("content-length", "1"), url),
                (Connector::new().origin("a\r\nb"), url),
                (Connector::new().subprotocols(["a b"]), url),
                (Connector::new().subprotocols(["a", "a"]), url),
                (Connector::new().subprotocols([""]), url),
            ] {
                let error = handshake_error(connector.connect(url).await);
                assert_eq!(error.fault(), Fault::Caller, "{url:?}: {error}");
            }
        });
    });
}

#[test]
fn a_cancelled_handshake_says_so_and_a_dropped_one_closes() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (listener, address) = listen();
            let url = format!("ws://{address}/");
            let connecting = taut::spawn(async move { taut::ws::connect(url).await });
            let mut peer = Peer::accept(&listener).await;
            peer.request().await;
            connecting.cancel();
            let error = in_time(connecting).await.unwrap().unwrap_err();
            assert!(taut::is_cancelled(&error), "{error:?}");
            assert!(taut::is_cancelled(&std::io::Error::from(error)));
            peer.is_closed().await;
            let connecting = taut::ws::connect(format!("ws://{address}/"));
            assert!(taut::time::timeout(Duration::from_millis(20), connecting).await.is_err());
            let mut peer = Peer::accept(&listener).await;
            peer.request().await;
            peer.is_closed().await;
        });
    });
}
