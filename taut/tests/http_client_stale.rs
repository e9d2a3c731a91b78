//! A kept connection that the peer gives up: at each moment the client knows what the sender must
//! know, and sends again only what may be sent again.

mod common;

use common::http_peer::{Peer, against, ok};
use common::{turns, until};
use taut::http::Method;
use taut::http::client::{Body, Client, Error};
use taut::net::TcpListener;

async fn text(client: &Client, method: Method, url: &str) -> Result<String, Error> {
    client.request(method, url).send().await?.text().await
}

/// Answers once, reads the next request, says a part of an answer, and hangs up; then serves what
/// comes on a fresh connection, if anything.
fn hangs_up(said: &'static str, retried: bool) -> impl AsyncFn(&TcpListener) {
    async move |listener: &TcpListener| {
        let mut peer = Peer::accept(listener).await;
        peer.echo_lines(1).await;
        assert_ne!(peer.request().await, "");
        peer.say(said).await;
        drop(peer);
        if retried {
            Peer::accept(listener).await.echo_lines(1).await;
        }
    }
}

#[test]
fn an_idempotent_request_without_a_byte_of_an_answer_is_sent_again_once() {
    for method in [Method::GET, Method::PUT, Method::DELETE, Method::HEAD] {
        against(hangs_up("", true), async |client, url| {
            text(&client, Method::GET, url).await.unwrap();
            let again = text(&client, method.clone(), url).await.unwrap();
            assert!(method == Method::HEAD || again.starts_with(method.as_str()), "{again}");
        });
    }
}

#[test]
fn an_order_is_never_sent_again() {
    for method in [Method::POST, Method::PATCH] {
        against(hangs_up("", false), async |client, url| {
            text(&client, Method::GET, url).await.unwrap();
            let error = text(&client, method.clone(), url).await.unwrap_err();
            assert!(error.is_written_no_answer(), "{error}");
            // A second one would need a connection that nobody accepts.
            assert_eq!(client.connections().live, 0);
        });
    }
}

#[test]
fn a_request_of_which_a_byte_was_answered_is_not_sent_again() {
    against(hangs_up("H", false), async |client, url| {
        text(&client, Method::GET, url).await.unwrap();
        let error = text(&client, Method::GET, url).await.unwrap_err();
        assert!(error.is_written_no_answer(), "{error}");
    });
}

#[test]
fn a_body_that_a_source_brings_is_not_sent_again() {
    against(hangs_up("", false), async |client, url| {
        text(&client, Method::GET, url).await.unwrap();
        let mut left = Some(bytes::Bytes::from("once"));
        let body = Body::stream(move |_: &mut std::task::Context<'_>| {
            std::task::Poll::Ready(left.take().map(Ok))
        });
        let error = client.put(url).body(body).send().await.unwrap_err();
        assert!(error.is_written_no_answer(), "{error}");
    });
}

#[test]
fn a_fresh_connection_that_dies_is_not_tried_again() {
    let script = async |listener: &TcpListener| {
        let mut peer = Peer::accept(listener).await;
        peer.request().await;
    };
    against(script, async |client, url| {
        let error = text(&client, Method::GET, url).await.unwrap_err();
        assert!(error.is_written_no_answer(), "{error}");
    });
}

#[test]
fn the_second_attempt_is_the_last() {
    let script = async |listener: &TcpListener| {
        let mut peer = Peer::accept(listener).await;
        peer.echo_lines(1).await;
        peer.request().await;
        drop(peer);
        let mut peer = Peer::accept(listener).await;
        peer.request().await;
    };
    against(script, async |client, url| {
        text(&client, Method::GET, url).await.unwrap();
        let error = text(&client, Method::GET, url).await.unwrap_err();
        assert!(error.is_written_no_answer(), "{error}");
    });
}

#[test]
fn an_idle_connection_that_ends_or_speaks_is_closed_without_being_asked() {
    for says in ["", "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n"] {
        let script = async |listener: &TcpListener| {
            let mut peer = Peer::accept(listener).await;
            peer.echo_lines(1).await;
            turns(5).await;
            peer.say(says).await;
            if says.is_empty() {
                drop(peer);
            } else {
                peer.is_closed().await;
            }
            Peer::accept(listener).await.echo_lines(1).await;
        };
        against(script, async |client, url| {
            text(&client, Method::GET, url).await.unwrap();
            assert_eq!(client.connections().idle, 1);
            until(|| client.connections().live == 0).await;
            // So an order, which is never sent again, goes over a fresh one.
            let order = text(&client, Method::POST, url).await.unwrap();
            assert_eq!(order, "POST / HTTP/1.1");
        });
    }
}

#[test]
fn an_answer_with_connection_close_ends_the_connection() {
    for answer in [
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
    ] {
        let script = async |listener: &TcpListener| {
            for _ in 0..2 {
                let mut peer = Peer::accept(listener).await;
                peer.request().await;
                peer.say(answer).await;
                peer.is_closed().await;
            }
        };
        against(script, async |client, url| {
            for _ in 0..2 {
                assert_eq!(text(&client, Method::GET, url).await.unwrap(), "ok");
                assert_eq!(client.connections().live, 0);
            }
        });
    }
}

#[test]
fn an_answer_that_is_not_read_to_its_end_closes_its_connection() {
    let script = async |listener: &TcpListener| {
        let mut peer = Peer::accept(listener).await;
        peer.request().await;
        peer.say("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel").await;
        peer.is_closed().await;
        let mut peer = Peer::accept(listener).await;
        peer.request().await;
        peer.say(ok("whole, and not read")).await;
        peer.echo_lines(1).await;
    };
    against(script, async |client, url| {
        drop(client.get(url).send().await.unwrap());
        assert_eq!(client.connections().live, 0);
        drop(client.get(url).send().await.unwrap());
        assert_eq!(client.connections().idle, 1, "a body that came with its head is read");
        text(&client, Method::GET, url).await.unwrap();
    });
}
