//! The client's ways to a server, proxies, TLS, redirects and other sockets, and the time of each.

mod common;

use std::time::Duration;

use common::directory::Directory;
use common::http_peer::{Peer, header};
use common::tls::{NAME, Tls, builders, to_loopback};
use common::ws_handshake::{
    FRAMES, against, expect_frames, good, handshake_error, refusal, timed_out,
};
use common::{block_on, in_time, listen, on_each_driver};
use futures_util::future::join;
use taut::http::Client;
use taut::http::client::{Phase, Proxy, Timeouts};
use taut::net::{TcpListener, UnixListener};
use taut::ws::{Connector, HandshakeError};

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

fn to(location: &str) -> String {
    format!("HTTP/1.1 302 There\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n")
}

#[test]
fn redirects_lead_to_the_schemes_of_websocket_and_of_http() {
    for scheme in ["ws", "WS", "http"] {
        let script = async |listener: &TcpListener| {
            let address = listener.local_addr().unwrap();
            let mut peer = Peer::accept(listener).await;
            peer.request().await;
            peer.say(to(&format!("{scheme}://{address}/there"))).await;
            let request = peer.request().await;
            assert!(request.starts_with("GET /there HTTP/1.1\r\n"), "{request}");
            peer.say(good(&request)).await;
            peer.say(FRAMES).await;
        };
        let following = || Connector::new().client(Client::builder().redirects(1).build());
        against(script, following, async |connected| expect_frames(connected).await);
    }
}

#[test]
fn redirects_to_websocket_have_the_limit_of_all() {
    let script = async |listener: &TcpListener| {
        let address = listener.local_addr().unwrap();
        let mut peer = Peer::accept(listener).await;
        for _ in 0..3 {
            peer.request().await;
            peer.say(to(&format!("ws://{address}/again"))).await;
        }
    };
    let following = || Connector::new().client(Client::builder().redirects(2).build());
    against(script, following, async |connected| {
        let HandshakeError::Http(error) = handshake_error(connected) else { panic!() };
        assert!(error.to_string().contains("more than 2"), "{error}");
    });
}

/// What was asked for over TLS is not asked for without, whichever the scheme says so.
#[test]
fn no_redirect_leads_from_tls_to_none() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (client_tls, server_tls) = builders();
            let (client_tls, server_tls) =
                (client_tls.build().unwrap(), server_tls.build().unwrap());
            for (scheme, may) in [("ws", false), ("http", false), ("wss", true), ("https", true)] {
                let (listener, address) = listen();
                let origin = format!("{NAME}:{}", address.port());
                let client = Client::builder()
                    .redirects(1)
                    .connector(to_loopback())
                    .tls(client_tls.clone())
                    .build();
                let connector = Connector::new().client(client);
                let serve = async {
                    let stream = listener.accept().await.unwrap();
                    let mut stream = server_tls.accept(stream).await.unwrap();
                    read_head(&mut stream).await;
                    let to = to(&format!("{scheme}://{origin}/there"));
                    stream.write_all(to.as_bytes()).await.unwrap();
                    if may {
                        let request = read_head(&mut stream).await;
                        stream.write_all(good(&request).as_bytes()).await.unwrap();
                        stream.write_all(FRAMES).await.unwrap();
                    }
                    stream
                };
                let url = format!("wss://{origin}/feed");
                let (connected, _stream) = join(in_time(connector.connect(url)), serve).await;
                if may {
                    expect_frames(connected).await;
                    continue;
                }
                let HandshakeError::Http(error) = handshake_error(connected) else { panic!() };
                assert!(error.to_string().contains("from TLS to none"), "{error}");
            }
        });
    });
}

/// A request's head, as its server reads it; nothing comes behind it.
async fn read_head(stream: &mut Tls) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let bytes = stream.recv().await.unwrap();
        assert!(!bytes.is_empty(), "a whole head");
        head.extend_from_slice(&bytes);
    }
    String::from_utf8(head).unwrap()
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
fn a_unix_socket_and_ipv6_are_as_good() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let directory = Directory::new();
            let path = directory.join("venue");
            let listener = UnixListener::bind(&path).unwrap();
            let server = async {
                let stream = listener.accept().await.unwrap();
                let mut connection = taut::ws::accept(stream).await.unwrap();
                assert_eq!(connection.handshake().unwrap().headers()["host"], "venue.example");
                connection.send_text("first").await.unwrap();
                connection.send_text("second").await.unwrap();
                assert!(connection.next().await.is_err());
            };
            let client = async {
                let http = Client::builder().unix_socket(&path).build();
                let connector = Connector::new().client(http);
                expect_frames(connector.connect("ws://venue.example/feed").await).await;
            };
            join(server, in_time(client)).await;

            let Ok(listener) = TcpListener::bind("[::1]:0".parse().unwrap()) else {
                return eprintln!("there is no IPv6 here");
            };
            let address = listener.local_addr().unwrap();
            let server = async {
                let mut peer = Peer::accept(&listener).await;
                let request = peer.request().await;
                assert_eq!(header(&request, "host"), Some(&*address.to_string()));
                peer.say(good(&request)).await;
                peer.say(FRAMES).await;
            };
            let client = async {
                expect_frames(taut::ws::connect(format!("ws://{address}/")).await).await;
            };
            join(server, in_time(client)).await;
        });
    });
}
