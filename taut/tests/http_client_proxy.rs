//! Proxies, played by scripts: what they are told, what their refusals become, and TLS through them
//! and without them.

mod common;

use common::http_peer::{Peer, against, header, ok};
use common::tls::{NAME, builders, to_loopback};
use common::{block_on, listen, on_each_driver};
use taut::http::client::{Cause, Client, Fault, Phase, Proxy, Timeouts};
use taut::net::TcpListener;
use taut::tls::{TlsAcceptor, TlsConnector};

fn through(proxy: &str) -> Client {
    Client::builder().proxy(Proxy::new(proxy).unwrap()).build()
}

#[test]
fn plain_requests_name_their_whole_url_and_keep_the_connection() {
    let script = async |listener: &TcpListener| {
        let mut proxy = Peer::accept(listener).await;
        for _ in 0..2 {
            let request = proxy.request().await;
            assert!(
                request.starts_with("GET http://venue.example/book?x HTTP/1.1\r\n"),
                "{request}"
            );
            assert_eq!(header(&request, "host"), Some("venue.example"));
            assert_eq!(header(&request, "proxy-authorization"), Some("Basic ZGVzazpwdw=="));
            proxy.say(ok("101.25")).await;
        }
    };
    against(script, async |_, url| {
        let client = through(&url.replace("//", "//desk:pw@"));
        let book = "http://venue.example/book?x";
        assert_eq!(client.get(book).send().await.unwrap().text().await.unwrap(), "101.25");
        let mut book = client.prepare(taut::http::Method::GET, book).build().unwrap();
        assert_eq!(book.send().await.unwrap().body(), b"101.25");
    });
}

#[test]
fn excepted_hosts_are_reached_without_it() {
    let script = async |listener: &TcpListener| {
        let request = Peer::accept(listener).await.request().await;
        assert!(request.starts_with("GET /direct HTTP/1.1\r\n"));
        assert_eq!(header(&request, "proxy-authorization"), None);
    };
    against(script, async |_, url| {
        let (_held, nobody) = common::nobody();
        let proxy = Proxy::new(&format!("http://desk:pw@{nobody}")).unwrap();
        let client = Client::builder().proxy(proxy.except(["127.0.0.0/8"]).unwrap()).build();
        let error = client.get(format!("{url}/direct")).send().await.unwrap_err();
        assert!(error.is_written_no_answer(), "{error}");
        let error = client.get("http://venue.example/").send().await.unwrap_err();
        assert!(error.is_not_sent(), "the proxy refused the connection: {error}");
    });
}

#[test]
fn a_refused_tunnel_sends_nothing_and_is_the_proxys_fault() {
    for answer in [
        "HTTP/1.1 407 Who Are You\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\n\r\nand some bytes",
        "220 mail ready\r\n\r\n",
        "",
    ] {
        let script = async |listener: &TcpListener| {
            let mut proxy = Peer::accept(listener).await;
            let request = proxy.request().await;
            assert!(request.starts_with("CONNECT venue.example:443 HTTP/1.1\r\n"), "{request}");
            assert_eq!(header(&request, "host"), Some("venue.example:443"));
            proxy.say(answer).await;
        };
        against(script, async |_, url| {
            let error = through(url).get("https://venue.example/").send().await.unwrap_err();
            assert!(matches!(error.cause(), Cause::Proxy(_)), "{error}");
            assert!(error.is_not_sent() && error.fault() == Fault::Proxy);
        });
    }
}

/// Answers one request over TLS on a connection.
async fn secure_venue(acceptor: &TlsAcceptor, peer: Peer) {
    let mut stream = acceptor.accept(peer.stream).await.unwrap();
    let request = stream.recv().await.unwrap();
    assert!(request.starts_with(b"POST /order HTTP/1.1\r\nhost: exchange.test\r\n"));
    stream.write_all(ok("filled").as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
}

#[test]
fn tls_goes_through_a_tunnel_and_through_socks() {
    for scheme in ["http", "socks5"] {
        let (client, server) = builders();
        let (connector, acceptor) = (client.build().unwrap(), server.build().unwrap());
        let script = async |listener: &TcpListener| {
            let mut proxy = Peer::accept(listener).await;
            if scheme == "http" {
                assert!(
                    proxy.request().await.starts_with("CONNECT exchange.test:443 HTTP/1.1\r\n")
                );
                proxy.say("HTTP/1.1 200 Connected\r\n\r\n").await;
            } else {
                assert_eq!(proxy.up_to(b"\x05\x02\x00\x02").await, "\x05\x02\x00\x02");
                proxy.say(b"\x05\x02").await;
                assert_eq!(proxy.up_to(b"pw").await, "\x01\x04desk\x02pw");
                proxy.say(b"\x01\x00").await;
                let wanted = b"\x05\x01\x00\x03\x0dexchange.test\x01\xbb";
                assert_eq!(proxy.up_to(wanted).await.chars().count(), wanted.len());
                proxy.say(b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00").await;
            }
            secure_venue(&acceptor, proxy).await;
        };
        against(script, async |_, url| {
            let proxy =
                Proxy::new(&url.replace("http://", &format!("{scheme}://desk:pw@"))).unwrap();
            let client = Client::builder().proxy(proxy).tls(connector.clone()).build();
            let answer = client.post(format!("https://{NAME}/order")).send().await.unwrap();
            assert_eq!(answer.text().await.unwrap(), "filled");
        });
    }
}

#[test]
fn what_socks_refuses_is_told() {
    for (answers, told) in [
        (&[&b"\x05\xff"[..]][..], "credentials"),
        (&[b"\x04\x00"], "does not speak SOCKS5"),
        (&[b"\x05\x00", b"\x05\x05\x00\x01"], "refused the connection"),
        (&[b"\x05\x00", b"\x05\x00\x00\x09"], "does not speak SOCKS5"),
        (&[b"\x05"], "closed"),
    ] {
        let script = async |listener: &TcpListener| {
            let mut proxy = Peer::accept(listener).await;
            for answer in answers {
                proxy.stream.recv().await.unwrap();
                proxy.say(answer).await;
            }
        };
        against(script, async |_, url| {
            let client = through(&url.replace("http", "socks5"));
            let error = client.get("http://[::1]/").send().await.unwrap_err();
            assert!(matches!(error.cause(), Cause::Proxy(_)), "{error}");
            assert!(error.to_string().contains(told) && error.is_not_sent(), "{told}: {error}");
        });
    }
}

#[test]
fn a_certificate_that_is_not_trusted_sends_nothing_and_is_the_peers_fault() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (_, server) = builders();
            let acceptor = server.build().unwrap();
            let (listener, address) = listen();
            let venue = taut::spawn(async move {
                let _ = acceptor.accept(listener.accept().await.unwrap()).await;
            });
            let strangers = builders().0.build().unwrap();
            let client = Client::builder().tls(strangers).build();
            let error = client.get(format!("https://{address}")).send().await.unwrap_err();
            assert!(matches!(error.cause(), Cause::Io(Phase::Tls, _)), "{error}");
            assert!(error.is_not_sent() && error.fault() == Fault::Peer, "{error}");
            venue.await.unwrap();
        });
    });
}

#[test]
fn an_answer_up_to_the_end_is_cut_off_where_tls_is_cut_off() {
    for is_whole in [true, false] {
        let (client, server) = builders();
        let connector: TlsConnector = client.build().unwrap();
        let acceptor = server.build().unwrap();
        let script = async |listener: &TcpListener| {
            let peer = Peer::accept(listener).await;
            let mut stream = acceptor.accept(peer.stream).await.unwrap();
            stream.recv().await.unwrap();
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\nall of it?").await.unwrap();
            if is_whole {
                stream.shutdown().await.unwrap();
            }
        };
        against(script, async |_, url| {
            let client = Client::builder().connector(to_loopback()).tls(connector.clone()).build();
            let port = url.rsplit_once(':').unwrap().1;
            let answer = client.get(format!("https://{NAME}:{port}/")).send().await.unwrap();
            match answer.text().await {
                Ok(text) => assert!(is_whole && text == "all of it?"),
                Err(error) => assert!(!is_whole && error.is_written_no_answer(), "{error}"),
            }
        });
    }
}

#[test]
fn a_proxy_that_is_slow_to_make_a_tunnel_is_slow_to_connect() {
    let script = async |listener: &TcpListener| {
        let mut proxy = Peer::accept(listener).await;
        proxy.request().await;
        proxy.is_closed().await;
    };
    against(script, async |_, url| {
        let brief = std::time::Duration::from_millis(30);
        let timeouts = Timeouts { connect: brief, ..Timeouts::default() };
        let proxy = Proxy::new(url).unwrap();
        let client = Client::builder().proxy(proxy).timeouts(timeouts).build();
        let error = client.get("https://venue.example/").send().await.unwrap_err();
        assert!(error.is_not_sent() && error.timed_out() == Some(Phase::Connect), "{error}");
    });
}

#[test]
fn how_long_an_answer_may_take_does_not_limit_the_proxy() {
    let (client, server) = builders();
    let (connector, acceptor) = (client.build().unwrap(), server.build().unwrap());
    let script = async |listener: &TcpListener| {
        let mut proxy = Peer::accept(listener).await;
        proxy.request().await;
        taut::time::sleep(std::time::Duration::from_millis(60)).await.unwrap();
        proxy.say("HTTP/1.1 200 Connected\r\n\r\n").await;
        let mut stream = acceptor.accept(proxy.stream).await.unwrap();
        assert!(stream.recv().await.unwrap().starts_with(b"GET / "));
    };
    against(script, async |_, url| {
        let brief = std::time::Duration::from_millis(1);
        let client = Client::builder().proxy(Proxy::new(url).unwrap()).tls(connector.clone());
        let client = client.timeouts(Timeouts { head: brief, ..Timeouts::default() }).build();
        let error = client.get(format!("https://{NAME}/")).send().await.unwrap_err();
        assert!(error.is_written_no_answer(), "the tunnel was made: {error}");
    });
}

#[test]
fn a_prepared_request_over_a_unix_socket_tells_no_proxys_secret() {
    let proxy = Proxy::new("http://desk:pw@proxy.example:3128").unwrap();
    let client = Client::builder().proxy(proxy).unix_socket("/run/engine.sock").build();
    let request = client.prepare(taut::http::Method::GET, "http://engine/state").build().unwrap();
    assert!(request.as_bytes().starts_with(b"GET /state HTTP/1.1\r\n"));
    assert_eq!(header(&String::from_utf8_lossy(request.as_bytes()), "proxy-authorization"), None);
}

#[test]
fn a_peer_that_chooses_another_protocol_is_sent_nothing() {
    let (client, server) = builders();
    let connector = client.alpn(&[b"h2", b"http/1.1"]).build().unwrap();
    let acceptor = server.alpn(&[b"h2"]).build().unwrap();
    let script = async |listener: &TcpListener| {
        let stream = listener.accept().await.unwrap();
        let mut stream = acceptor.accept(stream).await.unwrap();
        assert!(stream.recv().await.is_err(), "the client has hung up");
    };
    against(script, async |_, url| {
        let client = Client::builder().tls(connector.clone());
        let address = url.trim_start_matches("http://");
        let port = address.rsplit_once(':').unwrap().1;
        let client = client.connector(to_loopback()).build();
        let error = client.get(format!("https://{NAME}:{port}/")).send().await.unwrap_err();
        assert!(error.is_not_sent() && error.fault() == Fault::Caller, "{error}");
        assert!(error.to_string().contains("h2"), "{error}");
    });
}
