//! The client's side of the handshake, against a server that says what it likes.

mod common;

use std::time::Duration;

use common::http_peer::{Peer, header};
use common::tls::{NAME, builders, to_loopback};
use common::{block_on, in_time, listen, on_each_driver, turns};
use futures_util::future::join;
use taut::http::Client;
use taut::http::client::{Cause, ClientTransport, Fault, Limits, Phase, Proxy, Timeouts};
use taut::net::TcpListener;
use taut::ws::{Connector, Error, ErrorKind, HandshakeError, Refusal, WebSocket};

/// The frames of two texts.
const FRAMES: &[u8] = b"\x81\x05first\x81\x06second";

type Connected = Result<WebSocket<ClientTransport>, Error>;

/// Runs a connector against a script, on each driver; both have to come to their end.
fn against(
    script: impl AsyncFn(&TcpListener),
    connector: impl Fn() -> Connector,
    check: impl AsyncFn(Connected),
) {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (listener, address) = listen();
            let client = async {
                let connected = connector().connect(format!("ws://{address}/feed")).await;
                check(connected).await;
            };
            join(script(&listener), in_time(client)).await;
        });
    });
}

/// What the server has to say to a request.
fn good(request: &str) -> String {
    let key = header(request, "sec-websocket-key").expect("a key");
    let accept = accept_of(key);
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    )
}

/// As the shell's `printf … | openssl sha1 -binary | base64`, by crates of others.
fn accept_of(key: &str) -> String {
    use base64::Engine;
    use sha1::Digest;

    let text = format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    base64::engine::general_purpose::STANDARD.encode(sha1::Sha1::digest(text))
}

async fn expect_frames(connected: Connected) {
    let mut connection = connected.unwrap();
    for text in ["first", "second"] {
        let message = in_time(connection.next()).await.unwrap().unwrap();
        assert_eq!(message.as_str(), Some(text));
    }
}

fn handshake_error(connected: Connected) -> HandshakeError {
    match connected.unwrap_err().into_kind() {
        ErrorKind::Handshake(error) => error,
        other => panic!("{other:?}"),
    }
}

fn refusal(connected: Connected) -> Refusal {
    match handshake_error(connected) {
        HandshakeError::Refused(refusal) => *refusal,
        other => panic!("{other}"),
    }
}

/// The phase that took too long.
fn timed_out(connected: Connected) -> Phase {
    let HandshakeError::Http(error) = handshake_error(connected) else { panic!() };
    assert_eq!(error.fault(), Fault::Network);
    error.timed_out().unwrap_or_else(|| panic!("{error}"))
}

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
fn a_redirect_is_followed_where_the_client_does_without_what_is_secret() {
    let script = async |listener: &TcpListener| {
        let mut peer = Peer::accept(listener).await;
        peer.request().await;
        let port = listener.local_addr().unwrap().port();
        let location = format!("http://localhost:{port}/other");
        peer.say(format!(
            "HTTP/1.1 307 There\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"
        ))
        .await;
        let mut other = Peer::accept(listener).await;
        let request = other.request().await;
        assert!(request.starts_with("GET /other HTTP/1.1\r\n"), "{request}");
        assert_eq!(header(&request, "x-api-key"), None);
        assert_eq!(header(&request, "upgrade"), Some("websocket"));
        other.say(good(&request)).await;
        other.say(FRAMES).await;
    };
    let connector = || {
        let client = Client::builder().redirects(1).connector(to_loopback()).build();
        Connector::new().client(client).header("x-api-key", "0123")
    };
    against(script, connector, async |connected| {
        assert_eq!(connected.as_ref().unwrap().handshake().unwrap().target(), "/other");
        expect_frames(connected).await;
    });
}

#[test]
fn each_phase_has_its_time() {
    let brief = Duration::from_millis(50);
    let with = |change: fn(&mut Timeouts, Duration)| {
        let mut timeouts = Timeouts::default();
        change(&mut timeouts, brief);
        Connector::new().client(Client::builder().timeouts(timeouts).build())
    };
    for (said, phase) in [("", Phase::Head), ("HTTP/1.1 101 Swi", Phase::Head)] {
        let script = async |listener: &TcpListener| {
            let mut peer = Peer::accept(listener).await;
            peer.request().await;
            peer.say(said).await;
            peer.is_closed().await;
        };
        against(
            script,
            || with(|timeouts, brief| timeouts.head = brief),
            async |connected| {
                assert_eq!(timed_out(connected), phase);
            },
        );
        against(
            script,
            || Connector::new().timeout(brief),
            async |connected| {
                assert_eq!(timed_out(connected), Phase::Total);
            },
        );
    }
    // Of a body that does not come as much is told as did.
    let script = async |listener: &TcpListener| {
        let mut peer = Peer::accept(listener).await;
        peer.request().await;
        peer.say("HTTP/1.1 503 No\r\nContent-Length: 9\r\n\r\nlater").await;
        peer.is_closed().await;
    };
    against(
        script,
        || Connector::new().timeout(brief),
        async |connected| {
            assert_eq!(refusal(connected).body, "later");
        },
    );
}

#[test]
fn a_silent_proxy_and_a_silent_end_of_tls_have_their_time_too() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (listener, address) = listen();
            let brief = Duration::from_millis(50);
            let timeouts = Timeouts { tls: brief, connect: brief, ..Timeouts::default() };
            let client = || Client::builder().timeouts(timeouts).connector(to_loopback());
            let proxy = Proxy::new(&format!("http://{address}")).unwrap();
            for (client, url, phase) in [
                (client().build(), format!("wss://{NAME}:{}/", address.port()), Phase::Tls),
                (client().proxy(proxy).build(), "ws://venue.example/".to_owned(), Phase::Connect),
            ] {
                let connecting = Connector::new().client(client);
                let (connected, _peer) =
                    join(in_time(connecting.connect(url)), listener.accept()).await;
                assert_eq!(timed_out(connected), phase);
            }
        });
    });
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
fn a_proxy_makes_a_tunnel_for_plain_and_for_secure_connections() {
    for secure in [false, true] {
        let (client, server) = builders();
        let (tls, acceptor) = (client.build().unwrap(), server.build().unwrap());
        on_each_driver(|builder| {
            block_on(builder, async {
                let (listener, address) = listen();
                let port = if secure { 443 } else { 80 };
                let script = async {
                    let mut proxy = Peer::accept(&listener).await;
                    let request = proxy.request().await;
                    let line = format!("CONNECT {NAME}:{port} HTTP/1.1\r\n");
                    assert!(request.starts_with(&line), "{request}");
                    assert!(header(&request, "proxy-authorization").is_some());
                    proxy.say("HTTP/1.1 200 Connected\r\n\r\n").await;
                    if secure {
                        let stream = acceptor.accept(proxy.stream).await.unwrap();
                        let mut connection = taut::ws::accept(stream).await.unwrap();
                        check_headers(connection.handshake().unwrap().headers());
                        connection.send_text("first").await.unwrap();
                        connection.send_text("second").await.unwrap();
                        assert!(connection.next().await.is_err());
                    } else {
                        let mut connection = taut::ws::accept(proxy.stream).await.unwrap();
                        check_headers(connection.handshake().unwrap().headers());
                        connection.send_text("first").await.unwrap();
                        connection.send_text("second").await.unwrap();
                        assert!(connection.next().await.is_err());
                    }
                };
                let client = async {
                    let proxy = Proxy::new(&format!("http://u:p@{address}")).unwrap();
                    let http = Client::builder().proxy(proxy).tls(tls.clone()).build();
                    let scheme = if secure { "wss" } else { "ws" };
                    let url = format!("{scheme}://desk:pass@{NAME}/feed");
                    expect_frames(Connector::new().client(http).connect(url).await).await;
                };
                join(script, in_time(client)).await;
            });
        });
    }

    fn check_headers(headers: &taut::http::HeaderMap) {
        assert_eq!(headers["host"], NAME);
        assert_eq!(headers["authorization"], "Basic ZGVzazpwYXNz");
        assert!(!headers.contains_key("proxy-authorization"));
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
