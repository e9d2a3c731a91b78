//! The server's side of the handshake, against a client that says what it is told to.

mod common;

use std::time::Duration;

use common::http::{Client, Running, header, limits, status_of};
use common::{block_on, connected_pair, in_time, on_each_driver, turns};
use futures_util::future::join;
use taut::http::client::Fault;
use taut::http::{HeaderMap, Request, Response, StatusCode, Upgraded};
use taut::net::TcpStream;
use taut::ws::{Acceptor, Error, ErrorKind, HandshakeError, Message, WebSocket};

const GOOD: &str = "GET /feed HTTP/1.1\r\nHost: engine\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Version: 13\r\n\r\n";

/// Text frames of a client whose mask is all zeros.
fn frames(texts: &[&str]) -> Vec<u8> {
    let frame =
        |text: &&str| [&[0x81, 0x80 | text.len() as u8, 0, 0, 0, 0], text.as_bytes()].concat();
    texts.iter().flat_map(frame).collect()
}

/// The request with this line before its end.
fn with(line: &str) -> String {
    GOOD.replace("\r\n\r\n", &format!("\r\n{line}\r\n\r\n"))
}

fn brief() -> Acceptor {
    Acceptor::new().timeout(Duration::from_millis(100))
}

/// What both sides see of a handshake that fails, whose client says what it likes and then reads.
async fn refused(
    acceptor: &Acceptor,
    script: impl AsyncFn(&mut Client),
) -> (HandshakeError, String) {
    let (client, server) = connected_pair().await;
    let client = async {
        let mut client = Client::of(client);
        script(&mut client).await;
        client.rest().await
    };
    let (accepted, answer) = join(in_time(acceptor.accept(server)), client).await;
    (handshake_error(accepted.unwrap_err()), answer)
}

fn handshake_error(error: Error) -> HandshakeError {
    assert!(error.handshake().is_some(), "{error}");
    assert_eq!(size_of_val(&error), size_of::<usize>());
    match error.into_kind() {
        ErrorKind::Handshake(error) => error,
        other => panic!("{other:?}"),
    }
}

/// The next messages, which are texts.
async fn expect(connection: &mut WebSocket<TcpStream>, texts: &[&str]) {
    for text in texts {
        let message = in_time(connection.next()).await.unwrap().unwrap();
        assert!(matches!(message, Message::Text(_)) && message.as_str() == Some(text));
    }
}

#[test]
fn a_request_is_accepted_however_it_is_cut() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let all = [GOOD.as_bytes(), &frames(&["first", "second"])].concat();
            for slowly in [false, true] {
                let (client, server) = connected_pair().await;
                let mut client = Client::of(client);
                let client = async {
                    match slowly {
                        true => client.send_slowly(&all).await,
                        false => client.send(&all).await,
                    }
                    client.up_to("\r\n\r\n").await
                };
                let server = async {
                    let mut connection = taut::ws::accept(server).await.unwrap();
                    expect(&mut connection, &["first", "second"]).await;
                    connection
                };
                let (head, _connection) = join(client, server).await;
                assert_eq!(status_of(&head), 101);
                assert_eq!(header(&head, "upgrade"), Some("websocket"));
                assert_eq!(header(&head, "connection"), Some("upgrade"));
                let accept = Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
                assert_eq!(header(&head, "sec-websocket-accept"), accept);
                for name in ["sec-websocket-protocol", "sec-websocket-extensions"] {
                    assert_eq!(header(&head, name), None);
                }
            }
        });
    });
}

#[test]
fn a_rule_that_is_broken_is_told_by_its_status_on_both_ways_in() {
    let cases = [
        (GOOD.replace("GET", "POST"), 405),
        (GOOD.replace("HTTP/1.1", "HTTP/1.0"), 400),
        (GOOD.replace("Upgrade: websocket\r\n", ""), 426),
        (GOOD.replace("Connection: Upgrade", "Connection: close"), 426),
        (GOOD.replace("websocket", "h2c"), 426),
        (GOOD.replace(": 13", ": 8"), 426),
        (GOOD.replace("Sec-WebSocket-Version: 13\r\n", ""), 426),
        (GOOD.replace("ZQ==", "ZQ"), 400),
        (with("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="), 400),
        (with("Sec-WebSocket-Version: 13"), 400),
        (with("Sec-WebSocket-Protocol: a, a"), 400),
        (with("Sec-WebSocket-Extensions: a;"), 400),
        (with("Content-Length: 2") + "{}", 400),
        (with("Transfer-Encoding: chunked") + "0\r\n\r\n", 400),
        (with("Origin: http://evil.example"), 403),
    ];
    on_each_driver(|builder| {
        block_on(builder, async {
            let service = async |request: Request<'_>| {
                taut::ws::upgrade(&request, async |_: WebSocket<Upgraded>| {
                    panic!("it was not agreed to");
                })
            };
            let running = Running::start(limits(), service);
            for (request, status) in &cases {
                // What comes behind is no request either.
                let bytes = [request.as_bytes(), &frames(&["GET / HTTP/1.1\r\n\r\n"])].concat();
                let (error, answer) =
                    refused(&brief(), async |client: &mut Client| client.send(&bytes).await).await;
                assert!(matches!(error, HandshakeError::Violation(_)), "{error}");
                assert_eq!(error.status().map(|status| status.as_u16()), Some(*status));
                assert_eq!(error.fault(), Fault::Peer);
                for answer in [answer, running.answers(&bytes).await] {
                    assert_eq!(status_of(&answer), *status, "{request}");
                    assert_eq!(
                        answer.matches("HTTP/1.1").count(),
                        1 + answer.matches("of HTTP").count()
                    );
                    assert_eq!(header(&answer, "connection"), Some("close"));
                    let is_426 = *status == 426;
                    let version = header(&answer, "sec-websocket-version");
                    assert_eq!(version, is_426.then_some("13"), "{answer}");
                    assert_eq!(header(&answer, "upgrade"), is_426.then_some("websocket"));
                    assert_eq!(header(&answer, "allow"), (*status == 405).then_some("GET"));
                    assert!(answer.ends_with(&format!("{error}\n")), "{answer}");
                }
            }
            assert_eq!(running.end().await.handler_panics, 0);
        });
    });
}

#[test]
fn what_is_no_request_is_refused_by_the_codec() {
    let huge = with(&format!("x: {}", "y".repeat(16 << 10)));
    let many = with("x: y\r\n".repeat(200).trim_end());
    on_each_driver(|builder| {
        block_on(builder, async {
            for (request, status) in [
                (&huge, 431),
                (&many, 431),
                (&with("Host: engine"), 400),
                (&GOOD.replace("Host: engine\r\n", ""), 400),
                (&GOOD.replace("Connection: ", "Connection : "), 400),
                (&"\x16\x03\x01\x02\0\x01\0".to_owned(), 400),
            ] {
                let (error, answer) =
                    refused(&brief(), async |client: &mut Client| client.send(request).await).await;
                assert!(matches!(error, HandshakeError::Reject(_)), "{error}");
                assert_eq!(error.status().unwrap().as_u16(), status);
                assert_eq!(status_of(&answer), status);
            }
        });
    });
}

#[test]
fn frames_do_not_count_to_the_heads_limit() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let limits =
                taut::http::wire::HeadLimits { head_bytes_max: GOOD.len(), ..Default::default() };
            let (client, server) = connected_pair().await;
            let mut client = Client::of(client);
            let texts = ["0123456789"; 500];
            client.send([GOOD.as_bytes(), &frames(&texts)].concat()).await;
            turns(10).await;
            let acceptor = Acceptor::new().head_limits(limits);
            let mut connection = in_time(acceptor.accept(server)).await.unwrap();
            expect(&mut connection, &texts).await;
            let longer = with("x: y");
            let (error, _) =
                refused(&acceptor, async |client: &mut Client| client.send(&longer).await).await;
            assert_eq!(error.status(), Some(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE));
        });
    });
}

#[test]
fn a_client_that_is_silent_or_slow_or_gone_ends_in_time() {
    on_each_driver(|builder| {
        block_on(builder, async {
            for (sent, answered) in
                [("", None), ("GET", Some(408)), (&GOOD[..GOOD.len() - 1], Some(408))]
            {
                let (error, answer) =
                    refused(&brief(), async |client: &mut Client| client.send(sent).await).await;
                assert_eq!(error.status(), Some(StatusCode::REQUEST_TIMEOUT));
                assert_eq!(error.fault(), Fault::Network);
                assert_eq!((!answer.is_empty()).then(|| status_of(&answer)), answered);
                let gone = async |client: &mut Client| {
                    client.send(sent).await;
                    client.stream.shutdown(std::net::Shutdown::Write).await.unwrap();
                };
                let (error, _) = refused(&Acceptor::new(), gone).await;
                assert!(matches!(error, HandshakeError::Closed), "{error}");
            }
        });
    });
}

#[test]
fn hooks_see_to_pages_credentials_and_subprotocols() {
    fn acceptor() -> Acceptor {
        brief()
            .allow_origin(|origin| origin == b"https://desk.example")
            .check(|request| match request.header("authorization") {
                Some(b"Bearer good") => Ok(()),
                _ => Err(Response::text("who are you?").status(StatusCode::UNAUTHORIZED)),
            })
            .choose_subprotocol(|offered| offered.iter().position(|name| name.ends_with("2")))
    }
    on_each_driver(|builder| {
        block_on(builder, async {
            let with_all = |origin: &str, token: &str, names: &str| {
                with(&format!(
                    "Origin: {origin}\r\nAuthorization: Bearer {token}\r\n\
                     Sec-WebSocket-Protocol: {names}"
                ))
            };
            for (request, status) in [
                (with_all("http://engine", "good", "a"), 403),
                (with_all("null", "good", "a"), 403),
                (with_all("https://desk.example", "bad", "a"), 401),
            ] {
                let (error, answer) =
                    refused(&acceptor(), async |client: &mut Client| client.send(&request).await)
                        .await;
                assert_eq!(error.status().unwrap().as_u16(), status);
                assert_eq!(status_of(&answer), status);
                assert_eq!(answer.ends_with("who are you?"), status == 401);
            }
            for (names, chosen) in [("v1, v2", Some("v2")), ("v1", None)] {
                let (client, server) = connected_pair().await;
                let mut client = Client::of(client);
                client.send(with_all("https://desk.example", "good", names)).await;
                let connection = in_time(acceptor().accept(server)).await.unwrap();
                assert_eq!(connection.handshake().unwrap().subprotocol(), chosen);
                let head = client.up_to("\r\n\r\n").await;
                assert_eq!(header(&head, "sec-websocket-protocol"), chosen);
            }
        });
    });
}

#[test]
fn by_default_pages_of_the_same_host_may_connect() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (client, server) = connected_pair().await;
            Client::of(client).send(with("Origin: http://Engine")).await;
            let connection = in_time(taut::ws::accept(server)).await.unwrap();
            let headers: &HeaderMap = connection.handshake().unwrap().headers();
            assert_eq!(headers["origin"], "http://Engine");
        });
    });
}

#[test]
fn a_cancelled_handshake_says_so() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (_client, server) = connected_pair().await;
            let accepting = taut::spawn(async move { taut::ws::accept(server).await });
            turns(2).await;
            accepting.cancel();
            let error = in_time(accepting).await.unwrap().unwrap_err();
            assert!(taut::is_cancelled(&error), "{error:?}");
        });
    });
}
