//! Bodies of the HTTP server, both ways: by length and chunked, streamed, from files; asked for by
//! `100 Continue`, left unread, too large.

mod common;

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use common::directory::Directory;
use common::http::{get, header, limits, mirror, post, status_of, with_server};
use futures_util::stream;
use taut::http::{Body, BodyError, Request, Response, StatusCode};

const CHUNKED: &str = "POST /c HTTP/1.1\r\nhost: e\r\ntransfer-encoding: chunked\r\n\r\n\
    4\r\nfour\r\n1a;x=\"y\"\r\nabcdefghijklmnopqrstuvwxyz\r\n0\r\nx-sum: 30\r\n\r\n";

#[test]
fn a_chunked_body_is_read_however_it_is_cut() {
    let service = || {
        async |mut request: Request<'_>| {
            let body = request.bytes().await?;
            let trailers = request.trailers().unwrap();
            let sum = trailers.get("x-sum").unwrap().to_str().unwrap().to_owned();
            let text = std::str::from_utf8(&body).unwrap().to_owned();
            Ok::<_, BodyError>(Response::text(text + &sum))
        }
    };
    with_server(limits(), service, async |running| {
        let mut client = running.client().await;
        for cut in 0..CHUNKED.len() {
            let (first, second) = CHUNKED.split_at(cut);
            client.send(first).await;
            common::turns(2).await;
            client.send(second).await;
            assert_eq!(client.expect(200).await, "fourabcdefghijklmnopqrstuvwxyz30");
        }
        client.send_slowly(CHUNKED.repeat(2)).await;
        for _ in 0..2 {
            assert_eq!(client.expect(200).await, "fourabcdefghijklmnopqrstuvwxyz30");
        }
    });
}

#[test]
fn a_body_comes_in_pieces_where_it_landed() {
    let service = || {
        async |mut request: Request<'_>| {
            let mut bytes = 0;
            while let Some(piece) = request.chunk().await? {
                assert!(!piece.is_empty() && piece.iter().all(|byte| *byte == b'x'));
                bytes += piece.len();
            }
            assert_eq!(request.body_bytes_left(), Some(0));
            assert!(request.chunk().await?.is_none(), "the end stays the end");
            Ok::<_, BodyError>(Response::text(bytes.to_string()))
        }
    };
    with_server(limits(), service, async |running| {
        let mut client = running.client().await;
        for length in [1, 100, 300_000] {
            client.send(post("/", &"x".repeat(length)) + &get("/")).await;
            assert_eq!(client.expect(200).await, length.to_string());
            assert_eq!(client.expect(200).await, "0");
        }
    });
}

#[test]
fn a_body_beyond_its_limit_is_answered_413() {
    let limits = limits().body_bytes_max(10);
    with_server(
        limits,
        || mirror,
        async |running| {
            let mut client = running.client().await;
            client.send(post("/", "0123456789")).await;
            assert_eq!(client.expect(200).await, "POST / 0123456789");
            for request in [post("/", "0123456789a"), CHUNKED.to_owned()] {
                let answer = running.answers(request).await;
                assert_eq!(
                    (status_of(&answer), header(&answer, "connection")),
                    (413, Some("close"))
                );
            }
        },
    );
    let service = || {
        async |mut request: Request<'_>| {
            request.set_body_bytes_max(100);
            Ok::<_, BodyError>(Response::ok(request.bytes().await?))
        }
    };
    with_server(limits, service, async |running| {
        let answer = running.answers(CHUNKED.replace("host: e", "connection: close\r\nhost: e"));
        assert!(answer.await.ends_with("fourabcdefghijklmnopqrstuvwxyz"));
    });
}

#[test]
fn a_client_is_told_to_go_on_when_its_body_is_read() {
    let asking = |path: &str| post(path, "body").replace("host", "expect: 100-continue\r\nhost");
    let service = || {
        async |mut request: Request<'_>| match request.path() {
            "/refuse" => Ok(StatusCode::FORBIDDEN.into()),
            _ => request.bytes().await.map(Response::ok),
        }
    };
    with_server(limits(), service, async |running| {
        let mut client = running.client().await;
        for _ in 0..3 {
            let request = asking("/");
            client.send(&request[..request.len() - 4]).await;
            assert_eq!(client.up_to("\r\n\r\n").await, "HTTP/1.1 100 Continue\r\n\r\n");
            client.send("body").await;
            assert_eq!(client.expect(200).await, "body");
        }
        // A client that did not wait is not told.
        client.send(asking("/")).await;
        assert_eq!(client.expect(200).await, "body");
        // Nor is one whose body nobody wants; and whether it comes, nobody knows.
        let request = asking("/refuse");
        let answer = running.answers(&request[..request.len() - 4]).await;
        assert_eq!((status_of(&answer), header(&answer, "connection")), (403, Some("close")));
        assert_eq!(running.server.counters().responses_1xx, 3);
    });
}

#[test]
fn a_body_that_nobody_reads_is_swallowed_up_to_a_limit() {
    let limits = limits().drain_bytes_max(1000);
    with_server(
        limits,
        || async |_: Request<'_>| "unread",
        async |running| {
            let mut client = running.client().await;
            client.send(post("/", &"x".repeat(1000)) + CHUNKED + &get("/")).await;
            for _ in 0..3 {
                assert_eq!(client.expect(200).await, "unread");
            }
            // Told before the client has sent it.
            let answer = running.answers(post("/", &"x".repeat(1001))).await;
            assert_eq!((status_of(&answer), header(&answer, "connection")), (200, Some("close")));
            // And one of which nobody knew the length ends the connection, behind the answer.
            let long = CHUNKED.replace("4\r\nfour", &format!("7d0\r\n{}", "x".repeat(2000)));
            let answers = running.answers(long + &get("/")).await;
            assert_eq!(answers.matches("unread").count(), 1);
            // One that is broken ends it, too.
            let answers = running.answers(CHUNKED.replace("1a;", "-1;") + &get("/")).await;
            assert_eq!(answers.matches("unread").count(), 1);
        },
    );
}

#[test]
fn broken_and_truncated_bodies_fail_their_reader() {
    let seen = Rc::new(RefCell::new(Vec::new()));
    let service = || {
        let seen = Rc::clone(&seen);
        async move |mut request: Request<'_>| match request.bytes().await {
            Ok(body) => Response::ok(body),
            Err(error) => {
                let again = request.chunk().await;
                assert!(again.is_err(), "a failed body stays failed");
                seen.borrow_mut().push(error.to_string());
                error.into()
            }
        }
    };
    with_server(limits(), service, async |running| {
        let answers = running.answers(CHUNKED.replace("4\r\nfour", "5\r\nfour") + &get("/")).await;
        assert_eq!(status_of(&answers), 400);
        assert_eq!(answers.matches("HTTP/1.1").count(), 1, "nothing behind it is a request");
        let mut client = running.client().await;
        client.send(&post("/", "body")[..post("/", "body").len() - 1]).await;
        client.stream.shutdown(std::net::Shutdown::Write).await.unwrap();
        assert_eq!(status_of(&client.rest().await), 400);
        let messages = seen.take();
        assert!(messages[0].contains("malformed"), "{messages:?}");
        assert!(messages[1].contains("before the end of the body"), "{messages:?}");
    });
}

#[test]
fn streams_are_chunked_or_as_long_as_they_say() {
    let service = || {
        async |request: Request<'_>| {
            let pieces =
                [&b"first,"[..], b"", b"second"].map(|piece| Ok::<_, io::Error>(piece.to_vec()));
            let long = (0..50_u8).map(|index| Ok::<_, io::Error>(vec![b'a' + index % 26; 10_000]));
            match request.path() {
                "/chunked" => Response::ok(Body::stream(stream::iter(pieces), None)),
                "/length" => Response::ok(Body::stream(stream::iter(pieces), Some(12))),
                "/long" => Response::ok(Body::stream(stream::iter(long), None)),
                "/slow" => Response::ok(Body::stream(
                    Box::pin(stream::unfold(0, async |index| {
                        taut::time::sleep(Duration::from_millis(1)).await.ok()?;
                        (index < 3).then(|| (Ok::<_, io::Error>(vec![b'0' + index]), index + 1))
                    })),
                    None,
                )),
                _ => Response::new(StatusCode::NOT_FOUND),
            }
        }
    };
    with_server(limits(), service, async |running| {
        let mut client = running.client().await;
        client.send(get("/length") + &get("/chunked")).await;
        assert_eq!(client.expect(200).await, "first,second");
        let head = client.up_to("\r\n\r\n").await;
        assert_eq!(header(&head, "transfer-encoding"), Some("chunked"));
        let body = client.up_to("0\r\n\r\n").await;
        assert_eq!(body, "6\r\nfirst,\r\n6\r\nsecond\r\n0\r\n\r\n");
        client.send(get("/slow")).await;
        client.up_to("\r\n\r\n").await;
        assert_eq!(client.up_to("0\r\n\r\n").await, "1\r\n0\r\n1\r\n1\r\n1\r\n2\r\n0\r\n\r\n");
        client.send(get("/long")).await;
        client.up_to("\r\n\r\n").await;
        let body = client.up_to("\r\n0\r\n\r\n").await;
        assert_eq!(body.matches("2710\r\n").count(), 50);
        assert_eq!(body.bytes().filter(|byte| byte.is_ascii_lowercase()).count(), 500_000);
        // HTTP/1.0 knows no chunks: it reads up to the end.
        let answer =
            running.answers("GET /chunked HTTP/1.0\r\nconnection: keep-alive\r\n\r\n").await;
        assert!(answer.ends_with("\r\n\r\nfirst,second"), "{answer}");
        assert_eq!(header(&answer, "connection"), Some("close"));
    });
}

#[test]
fn a_stream_that_fails_is_not_taken_for_a_whole_one() {
    let service = || {
        async |request: Request<'_>| {
            let bytes = match request.path() {
                "/short" => Some(100),
                "/long" => Some(2),
                _ => None,
            };
            let ends_badly = request.path() == "/error" || request.path() == "/panic";
            let panics = request.path() == "/panic";
            let pieces = (0..1 + u8::from(ends_badly)).map(move |index| match index {
                0 => Ok(b"piece".to_vec()),
                _ if panics => panic!("on purpose"),
                _ => Err("the disk is gone"),
            });
            Response::ok(Body::stream(stream::iter(pieces), bytes))
        }
    };
    with_server(limits(), service, async |running| {
        for path in ["/short", "/long", "/error", "/panic"] {
            let answer = running.answers(get(path) + &get("/")).await;
            assert!(!answer.contains("0\r\n\r\n"), "{path}: {answer}");
            assert!(answer.matches("HTTP/1.1 200").count() <= 1, "{path}: {answer}");
        }
        let counters = running.server.counters();
        assert_eq!((counters.responses_aborted, counters.handler_panics), (4, 1));
        assert!(
            running
                .answers(get("/").replace("host", "connection: close\r\nhost"))
                .await
                .ends_with("5\r\npiece\r\n0\r\n\r\n")
        );
    });
}

#[test]
fn files_are_sent_to_their_end() {
    let directory = Directory::new();
    let path = Rc::new(directory.join("trades"));
    let contents: String = (0..40_000).map(|index| format!("{index} ")).collect();
    std::fs::write(&*path, &contents).unwrap();
    let service = || {
        let path = Rc::clone(&path);
        async move |request: Request<'_>| {
            let file = taut::fs::File::open(&*path).await.unwrap();
            let bytes = file.metadata().await.unwrap().len();
            let more = u64::from(request.path() == "/more");
            Response::ok(Body::file(file, bytes + more))
        }
    };
    with_server(limits(), service, async |running| {
        let mut client = running.client().await;
        client.send(get("/")).await;
        assert!(client.expect(200).await == contents);
        client.send(get("/").replace("GET", "HEAD") + &get("/")).await;
        let head = client.up_to("\r\n\r\n").await;
        assert_eq!(header(&head, "content-length"), Some(&*contents.len().to_string()));
        assert!(client.expect(200).await == contents);
        let answer = running.answers(get("/more")).await;
        assert!(answer.ends_with(&contents), "all there was");
        assert_eq!(running.server.counters().responses_aborted, 1);
    });
}
