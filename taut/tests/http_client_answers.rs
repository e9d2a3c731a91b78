//! What a client makes of answers: those in order, however they are cut, and those of liars.

mod common;

use common::http_peer::{Peer, against, against_with, ok, saying, with_limits};
use common::turns;
use taut::http::client::{Cause, Client, Error, Fault, Limits, Response};
use taut::http::{HeaderMap, Method};
use taut::net::TcpListener;

/// Trailers, if any, and body.
async fn read(mut answer: Response) -> Result<(Option<HeaderMap>, Vec<u8>), Error> {
    let mut body = Vec::new();
    while let Some(piece) = answer.chunk().await? {
        body.extend_from_slice(&piece);
    }
    Ok((answer.trailers().cloned(), body))
}

async fn failure(client: Client, url: &str) -> Error {
    match client.get(url).send().await {
        Ok(answer) => read(answer).await.expect_err("the answer is no answer"),
        Err(error) => error,
    }
}

#[test]
fn answers_are_the_same_however_they_are_cut() {
    const ANSWERS: [(&str, &str); 4] = [
        ("HTTP/1.1 200 OK\r\nA: b\r\nContent-Length: 5\r\n\r\nhello", "hello"),
        (
            "HTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 200 \r\nA: b\r\nContent-Length: 1\r\n\r\n!",
            "!",
        ),
        (
            "HTTP/1.1 200 OK\r\nA: b\r\nTransfer-Encoding: chunked\r\n\r\n\
             3;x=y\r\nhel\r\n2\r\nlo\r\n0\r\nT: u\r\n\r\n",
            "hello",
        ),
        ("HTTP/1.1 200 OK\r\nA: b\r\nConnection: close\r\n\r\nhello", "hello"),
    ];
    let cuts = || ANSWERS.iter().flat_map(|it| (1..it.0.len()).map(move |cut| (it.0, it.1, cut)));
    let script = async |listener: &TcpListener| {
        for (answer, _, cut) in cuts() {
            let mut peer = Peer::accept(listener).await;
            peer.request().await;
            peer.say(&answer[..cut]).await;
            turns(3).await;
            peer.say(&answer[cut..]).await;
        }
    };
    against(script, async |client, url| {
        for (said, expected, cut) in cuts() {
            let answer = client.get(url).close().send().await.unwrap();
            assert_eq!((answer.status().as_u16(), answer.header("a")), (200, Some("b")));
            let (trailers, body) = read(answer).await.unwrap();
            assert_eq!(body, expected.as_bytes(), "{said:?} cut at {cut}");
            assert_eq!(trailers.is_some_and(|map| map["t"] == "u"), said.contains("T: u"));
        }
    });
}

#[test]
fn answers_without_a_body_leave_the_connection_to_the_next_request() {
    let script = async |listener: &TcpListener| {
        let mut peer = Peer::accept(listener).await;
        for answer in [
            "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n",
            "HTTP/1.1 204 No Content\r\n\r\n",
            "HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        ] {
            assert_ne!(peer.request().await, "");
            peer.say(answer).await;
        }
        peer.is_closed().await;
    };
    against(script, async |client, url| {
        for (method, status) in
            [(Method::HEAD, 200), (Method::GET, 204), (Method::GET, 304), (Method::GET, 200)]
        {
            let answer = client.request(method, url).send().await.unwrap();
            assert_eq!(answer.status(), status);
            assert_eq!(answer.text().await.unwrap(), "");
        }
    });
}

#[test]
fn an_answer_that_ends_too_early_is_no_answer() {
    for answer in [
        "",
        "HTTP/1.1 20",
        "HTTP/1.1 200 OK\r\nContent-Le",
        "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
        "HTTP/1.1 100 Continue\r\n\r\n",
    ] {
        against(saying(answer), async |client, url| {
            let error = failure(client, url).await;
            assert!(error.is_written_no_answer(), "{answer:?}: {error}");
            assert!(matches!(error.cause(), Cause::Closed), "{answer:?}: {error}");
            assert_eq!(error.fault(), Fault::Peer);
            assert!(error.failure().bytes_written() > 0);
        });
    }
}

#[test]
fn wrong_framing_is_refused_and_the_connection_is_closed() {
    for answer in [
        "HTTP/1.1 200 OK\nContent-Length: 0\n\n",
        "HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
        "HTTP/1.1 200 OK\r\n folded: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA : b\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA: b\0\r\n\r\n",
        "HTTP/2 200 OK\r\n\r\n",
        "HTTP/1.1 20 OK\r\n\r\n",
        "SSH-2.0-OpenSSH\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloX\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n",
    ] {
        let script = async |listener: &TcpListener| {
            let mut peer = Peer::accept(listener).await;
            peer.request().await;
            peer.say(answer).await;
            peer.is_closed().await;
        };
        against(script, async |client, url| {
            let error = failure(client, url).await;
            assert!(error.is_written_no_answer(), "{answer:?}: {error}");
            assert!(matches!(error.cause(), Cause::InvalidResponse(_)), "{answer:?}: {error}");
            assert_eq!(error.fault(), Fault::Peer);
        });
    }
}

#[test]
fn floods_and_huge_heads_end_at_their_limits() {
    let interim = "HTTP/1.1 102 Processing\r\n\r\n".repeat(17);
    let long = format!("HTTP/1.1 200 OK\r\nA: {}\r\n\r\n", "x".repeat(20_000));
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "A: b\r\n".repeat(101));
    let trailers = format!(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: {}\r\n\r\n",
        "x".repeat(20_000)
    );
    for (answer, limit) in [
        (&interim, "interim_answers_max"),
        (&long, "head_bytes_max"),
        (&many, "headers_max"),
        (&trailers, "head_bytes_max"),
    ] {
        against(saying(answer), async |client, url| {
            let error = failure(client, url).await;
            let named =
                matches!(error.cause(), Cause::TooLarge { limit: name, .. } if *name == limit);
            assert!(named, "{limit}: {error}");
        });
    }
}

#[test]
fn a_body_that_is_gathered_ends_at_its_limit_and_one_that_is_read_does_not() {
    let limits = Limits { body_bytes_max: 10, ..Limits::default() };
    for answer in [
        ok("eleven byte"),
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\neleven\r\n5\r\n byte\r\n0\r\n\r\n".into(),
        "HTTP/1.1 200 OK\r\n\r\neleven byte".into(),
    ] {
        let script = async |listener: &TcpListener| {
            for _ in 0..2 {
                let mut peer = Peer::accept(listener).await;
                peer.request().await;
                peer.say(&answer).await;
            }
        };
        against_with(with_limits(limits), script, async |client, url| {
            let error = client.get(url).close().send().await.unwrap().bytes().await.unwrap_err();
            assert!(matches!(error, Error::Unusable(_)), "{error}");
            assert_eq!(error.status().unwrap(), 200);
            let mut answer = client.get(url).close().send().await.unwrap();
            let mut count = 0;
            while let Some(piece) = answer.chunk().await.unwrap() {
                count += piece.len();
            }
            assert_eq!(count, 11);
        });
    }
}

#[test]
fn bytes_after_an_answer_are_never_the_next_answer() {
    let script = async |listener: &TcpListener| {
        let mut liar = Peer::accept(listener).await;
        liar.request().await;
        liar.say(ok("first") + &ok("smuggled")).await;
        let mut honest = Peer::accept(listener).await;
        honest.request().await;
        honest.say(ok("second")).await;
        liar.is_closed().await;
    };
    against(script, async |client, url| {
        for expected in ["first", "second"] {
            assert_eq!(client.get(url).send().await.unwrap().text().await.unwrap(), expected);
        }
    });
}

#[test]
fn a_refusal_is_told_with_its_status() {
    against(saying("HTTP/1.1 429 Slow Down\r\nContent-Length: 0\r\n\r\n"), async |client, url| {
        let answer = client.post(url).body("order").send().await.unwrap();
        let error = answer.error_for_status().unwrap_err();
        assert!(matches!(error, Error::Refused(_)), "{error}");
        assert_eq!((error.status().unwrap().as_u16(), error.fault()), (429, Fault::Peer));
    });
}

#[test]
fn an_upgrade_gives_the_connection_and_what_came_with_the_answer() {
    let script = async |listener: &TcpListener| {
        let mut peer = Peer::accept(listener).await;
        let request = peer.request().await;
        assert!(request.contains("connection: upgrade\r\nupgrade: feed\r\n"), "{request}");
        peer.say("HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: feed\r\n\r\ntick")
            .await;
        assert_eq!(peer.up_to(b"bye").await, "bye");
    };
    against(script, async |client, url| {
        let answer = client.get(url).upgrade("feed").send().await.unwrap();
        let mut upgraded = answer.into_upgraded().unwrap();
        assert_eq!(&upgraded.received[..], b"tick");
        assert_eq!(client.connections().live, 0, "it is no connection of the client any more");
        taut::net::transport::write_all(&mut upgraded.transport, b"bye").await.unwrap();
    });
    against(saying(&ok("no")), async |client, url| {
        let answer = client.get(url).upgrade("feed").send().await.unwrap();
        assert_eq!(answer.into_upgraded().unwrap_err().text().await.unwrap(), "no");
    });
}
