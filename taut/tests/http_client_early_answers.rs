//! Answers that begin before their request's end: the rest is sent beside them, unless they refuse.

mod common;

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use common::http_peer::{Peer, against, against_with, brief};
use common::tls::{NAME, builders, to_loopback};
use common::until;
use taut::http::Method;
use taut::http::client::{Body, Cause, Client, Phase};
use taut::net::{TcpListener, Transport, transport};
use taut::time::sleep;

/// More than the buffers of two sockets hold.
const LARGE_BYTES: usize = 8 << 20;
const PIECE_BYTES: usize = 100_000;

fn large() -> Bytes {
    (0..LARGE_BYTES).map(|at| b'a' + (at / 7 % 26) as u8).collect()
}

/// Brings a large body piece by piece.
fn pieces() -> impl FnMut(&mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
    let mut left = large();
    move |_| {
        let piece = left.split_to(PIECE_BYTES.min(left.len()));
        Poll::Ready((!piece.is_empty()).then_some(Ok(piece)))
    }
}

/// Bodies with and without a length, of bytes and of a source.
fn bodies() -> [Body; 3] {
    [large().into(), Body::stream_of(LARGE_BYTES as u64, pieces()), Body::stream(pieces())]
}

/// Reads a head, and gives what came behind it.
async fn head(stream: &mut impl Transport) -> (String, Vec<u8>) {
    let mut all = Vec::new();
    loop {
        let bytes = transport::recv(stream).await.unwrap();
        assert!(!bytes.is_empty(), "no whole head: {all:?}");
        all.extend_from_slice(&bytes);
        if let Some(at) = all.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            let rest = all.split_off(at + 4);
            return (String::from_utf8(all).unwrap(), rest);
        }
    }
}

/// Answers before it has read more than the head, and sends back each part of the body, as it is on
/// the wire, before it reads the next: a client that does not read meanwhile blocks both.
async fn echo(stream: &mut impl Transport) {
    let (head, mut part) = head(stream).await;
    let is_chunked = head.contains("transfer-encoding: chunked");
    let framing = match is_chunked {
        true => "Transfer-Encoding: chunked".to_owned(),
        false => format!("Content-Length: {LARGE_BYTES}"),
    };
    let answer = format!("HTTP/1.1 200 OK\r\n{framing}\r\n\r\n");
    transport::write_all(stream, answer.as_bytes()).await.unwrap();
    let (mut count, mut last) = (0, Vec::new());
    loop {
        transport::write_all(stream, &part).await.unwrap();
        count += part.len();
        last.extend_from_slice(&part);
        last.drain(..last.len().saturating_sub(5));
        match is_chunked {
            true if last == b"0\r\n\r\n" => return,
            false if count == LARGE_BYTES => return,
            _ => part = transport::recv(stream).await.unwrap().to_vec(),
        }
        assert!(!part.is_empty(), "it ended after {count} bytes");
    }
}

#[test]
fn an_echo_that_begins_at_once_comes_to_its_end() {
    let script = async |listener: &TcpListener| {
        let mut peer = Peer::accept(listener).await;
        for _ in 0..4 {
            echo(&mut peer.stream).await;
        }
    };
    against(script, async |client, url| {
        for body in bodies() {
            let answer = client.post(url).body(body).send().await.unwrap();
            assert!(answer.bytes().await.unwrap() == large());
            assert_eq!(client.connections().idle, 1, "all was sent and read: it serves another");
        }
        let order = client.prepare(Method::POST, url).body_up_to(LARGE_BYTES);
        let mut order = order.build().unwrap();
        order.set_body(&large()).unwrap();
        assert!(order.send().await.unwrap().body() == large());
    });
}

#[test]
fn so_does_one_over_tls() {
    let (client, server) = builders();
    let (connector, acceptor) = (client.build().unwrap(), server.build().unwrap());
    let script = async |listener: &TcpListener| {
        let peer = Peer::accept(listener).await;
        let mut stream = acceptor.accept(peer.stream).await.unwrap();
        for _ in 0..2 {
            echo(&mut stream).await;
        }
    };
    against(script, async |_, url| {
        let tls = connector.clone();
        let client = Client::builder().connector(to_loopback()).tls(tls).build();
        let url = format!("https://{NAME}:{}/", url.rsplit_once(':').unwrap().1);
        for body in bodies().into_iter().skip(1) {
            let answer = client.post(&url).body(body).send().await.unwrap();
            assert!(answer.bytes().await.unwrap() == large());
            assert_eq!(client.connections().idle, 1);
        }
    });
}

/// Answers as soon as it has the head, and only then reads the body.
async fn hasty(peer: &mut Peer, answer: &str) {
    let head = peer.up_to(b"\r\n\r\n").await;
    assert!(head.contains(&format!("content-length: {LARGE_BYTES}\r\n")), "{head}");
    peer.say(answer).await;
    assert!(peer.take(LARGE_BYTES).await.as_bytes() == large());
}

#[test]
fn a_request_is_sent_whole_before_its_early_answer_is_told() {
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 303 See Other\r\nLocation: /\r\nContent-Length: 0\r\n\r\n",
    ] {
        let has_all = Cell::new(false);
        let script = async |listener: &TcpListener| {
            let mut peer = Peer::accept(listener).await;
            has_all.set(false);
            hasty(&mut peer, answer).await;
            has_all.set(true);
            peer.echo_lines(1).await;
        };
        against(script, async |client, url| {
            let first = client.post(url).body(large()).send().await.unwrap();
            until(|| has_all.get()).await;
            assert_eq!(client.connections().idle, 1, "it is whole without a look at its body");
            drop(first);
            let next = client.get(url).send().await.unwrap();
            assert_eq!(next.text().await.unwrap(), "GET / HTTP/1.1");
        });
    }
}

#[test]
fn a_redirect_to_the_outcome_is_followed_after_the_request_and_one_elsewhere_at_once() {
    let script = async |listener: &TcpListener| {
        let mut peer = Peer::accept(listener).await;
        let chunked = "Location: /done\r\nTransfer-Encoding: chunked\r\n\r\n4\r\ndone\r\n0\r\n\r\n";
        hasty(&mut peer, &format!("HTTP/1.1 303 See Other\r\n{chunked}")).await;
        peer.echo_lines(1).await;
        head(&mut peer.stream).await;
        peer.say("HTTP/1.1 307 Away\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n").await;
        let mut other = Peer::accept(listener).await;
        hasty(&mut other, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    };
    let client = || Client::builder().redirects(1);
    against_with(client, script, async |client, url| {
        let answer = client.post(url).body(large()).send().await.unwrap();
        assert_eq!(answer.text().await.unwrap(), "GET /done HTTP/1.1");
        let answer = client.put(url).body(large()).send().await.unwrap();
        assert!(answer.status() == 200 && answer.url().path() == "/other");
    });
}

#[test]
fn what_refuses_or_sends_elsewhere_stops_the_request() {
    for status in [307, 413, 503] {
        let is_read = Cell::new(false);
        let script = async |listener: &TcpListener| {
            let mut peer = Peer::accept(listener).await;
            is_read.set(false);
            let mut count = head(&mut peer.stream).await.1.len();
            peer.say(format!("HTTP/1.1 {status} No\r\nContent-Length: 3\r\n\r\nbig")).await;
            until(|| is_read.get()).await;
            while let Ok(bytes) = peer.stream.recv().await
                && !bytes.is_empty()
            {
                count += bytes.len();
            }
            assert!(count < 4 * LARGE_BYTES, "all was sent");
        };
        against(script, async |client, url| {
            let body = vec![b'x'; 4 * LARGE_BYTES];
            let answer = client.post(url).body(body).send().await.unwrap();
            assert_eq!(answer.status(), status);
            assert_eq!(answer.text().await.unwrap(), "big");
            assert_eq!(client.connections().live, 0, "nothing can follow half a request");
            is_read.set(true);
        });
    }
}

#[test]
fn a_good_answer_to_half_a_request_is_an_error_at_its_end() {
    let parts_read = Cell::new(0);
    let script = async |listener: &TcpListener| {
        let mut peer = Peer::accept(listener).await;
        parts_read.set(0);
        head(&mut peer.stream).await;
        peer.say("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nok").await;
        until(|| parts_read.get() == 1).await;
        peer.say("ok").await;
        until(|| parts_read.get() == 2).await;
    };
    against(script, async |client, url| {
        let mut answer = client.post(url).body(vec![0; 4 * LARGE_BYTES]).send().await.unwrap();
        for part in 1..=2 {
            assert_eq!(answer.chunk().await.unwrap().as_deref(), Some(&b"ok"[..]));
            parts_read.set(part);
        }
        let error = answer.chunk().await.unwrap_err();
        assert!(matches!(error.cause(), Cause::Io(Phase::Write, _)), "{error}");
        assert!(error.is_written_no_answer() && error.status().unwrap() == 200);
        assert!((1..4 * LARGE_BYTES as u64).contains(&error.failure().bytes_written()));
        assert!(answer.chunk().await.is_err(), "it does not become good");
        assert_eq!(client.connections().live, 0);
    });
}

#[test]
fn so_it_is_where_the_answer_is_whole_at_once() {
    let script = async |listener: &TcpListener| {
        let mut peer = Peer::accept(listener).await;
        head(&mut peer.stream).await;
        peer.say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
    };
    against(script, async |client, url| {
        let error = client.post(url).body(vec![0; 4 * LARGE_BYTES]).send().await.unwrap_err();
        assert!(error.is_written_no_answer(), "{error}");
        assert_eq!(client.connections().live, 0);
    });
}

#[test]
fn a_dropped_answer_closes_the_connection_of_half_a_request() {
    let script = async |listener: &TcpListener| {
        let mut peer = Peer::accept(listener).await;
        let (_, part) = head(&mut peer.stream).await;
        let mut count = part.len();
        peer.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n").await;
        while let Ok(bytes) = peer.stream.recv().await
            && !bytes.is_empty()
        {
            count += bytes.len();
        }
        assert!(count < LARGE_BYTES, "the source had brought no more");
    };
    against(script, async |client, url| {
        let mut piece = Some(Ok(Bytes::from_static(b"first")));
        let slow = move |_: &mut Context<'_>| match piece.take() {
            None => Poll::Pending,
            first => Poll::Ready(first),
        };
        let body = Body::stream_of(LARGE_BYTES as u64, slow);
        let mut answer = client.post(url).body(body).send().await.unwrap();
        assert_eq!(answer.chunk().await.unwrap().as_deref(), Some(&b"ok"[..]));
        assert_eq!(client.connections().live, 1);
        drop(answer);
        assert_eq!(client.connections().live, 0);
    });
}

#[test]
fn an_upload_that_is_stuck_ends_an_answer_that_flows() {
    let is_over = Cell::new(false);
    let script = async |listener: &TcpListener| {
        let mut peer = Peer::accept(listener).await;
        is_over.set(false);
        head(&mut peer.stream).await;
        peer.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await;
        while !is_over.get() {
            peer.say("2\r\nok\r\n").await;
            sleep(brief().write / 10).await.unwrap();
        }
    };
    let client = || Client::builder().timeouts(brief());
    against_with(client, script, async |client, url| {
        let mut answer = client.post(url).body(vec![0; 4 * LARGE_BYTES]).send().await.unwrap();
        let error = loop {
            match answer.chunk().await {
                Ok(part) => assert_eq!(part.as_deref(), Some(&b"ok"[..])),
                Err(error) => break error,
            }
        };
        is_over.set(true);
        assert_eq!(error.timed_out(), Some(Phase::Write), "{error}");
        assert!(error.to_string().contains("within 30ms"), "{error}");
        assert!(error.is_written_no_answer() && error.status().unwrap() == 200);
    });
}

/// Brings a piece whenever there is one in the queue.
fn queued(queue: &Rc<RefCell<Vec<&'static str>>>) -> Body {
    let queue = Rc::clone(queue);
    Body::stream(move |context: &mut Context<'_>| match queue.borrow_mut().pop() {
        Some(piece) => Poll::Ready((!piece.is_empty()).then(|| Ok(piece.into()))),
        None => {
            context.waker().wake_by_ref();
            Poll::Pending
        }
    })
}

#[test]
fn a_source_may_take_its_time_while_the_answer_waits_for_it() {
    let script = async |listener: &TcpListener| {
        let mut peer = Peer::accept(listener).await;
        peer.up_to(b"\r\n\r\n").await;
        peer.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await;
        peer.up_to(b"tick\r\n").await;
        peer.say("4\r\ntock\r\n0\r\n\r\n").await;
        peer.up_to(b"0\r\n\r\n").await;
    };
    let client = || Client::builder().timeouts(brief());
    against_with(client, script, async |client, url| {
        let queue = Rc::default();
        let mut answer = client.post(url).body(queued(&queue)).send().await.unwrap();
        let slowly = async {
            // Longer than anything but a source may take.
            sleep(brief().body_idle * 3).await.unwrap();
            queue.borrow_mut().push("tick");
        };
        let (tock, ()) = futures_util::future::join(answer.chunk(), slowly).await;
        assert_eq!(tock.unwrap().as_deref(), Some(&b"tock"[..]));
        queue.borrow_mut().push("");
        assert!(answer.chunk().await.unwrap().is_none());
        assert_eq!(client.connections().idle, 1);
    });
}

#[test]
fn a_source_that_brings_nothing_does_not_keep_an_answer_from_its_end() {
    let script = async |listener: &TcpListener| {
        let mut peer = Peer::accept(listener).await;
        peer.up_to(b"\r\n\r\n").await;
        peer.say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
        assert_eq!(peer.up_to(b"never").await, "");
    };
    let client = || Client::builder().timeouts(brief());
    against_with(client, script, async |client, url| {
        let error = client.post(url).body(queued(&Rc::default())).send().await.unwrap_err();
        assert_eq!(error.timed_out(), Some(Phase::Write), "{error}");
        assert!(error.is_written_no_answer() && error.status().unwrap() == 200);
    });
}
