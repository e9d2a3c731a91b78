//! Each phase of a request ends in time, says which it was, and what went out until then.

mod common;

use std::time::Duration;

use common::http_peer::{Peer, against, against_with, brief};
use common::{block_on, on_each_driver, silent_listener};
use taut::http::client::{Body, Client, ClientBuilder, Error, Fault, Limits, Phase, Timeouts};
use taut::net::TcpListener;
use taut::time::sleep;

const BRIEF: Duration = Duration::from_millis(30);

fn briefly() -> ClientBuilder {
    Client::builder().timeouts(brief())
}

fn timed_out(error: &Error, phase: Phase) {
    assert_eq!(error.timed_out(), Some(phase), "{error}");
    assert!(error.to_string().contains(phase.limit_name()), "{error}");
}

#[test]
fn connecting() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (_listener, address, _queued) = silent_listener().await;
            let timeouts = Timeouts { connect: BRIEF, ..Timeouts::default() };
            let client = Client::builder().timeouts(timeouts).build();
            let error = client.get(format!("http://{address}")).send().await.unwrap_err();
            timed_out(&error, Phase::Connect);
            assert!(error.is_not_sent() && error.fault() == Fault::Network);
            assert_eq!(client.connections().live, 0);
        });
    });
}

#[test]
fn waiting_for_a_connection() {
    let limits = Limits { connections_per_origin_max: 1, ..Limits::default() };
    let client = || {
        Client::builder().limits(limits).timeouts(Timeouts { pool: BRIEF, ..Timeouts::default() })
    };
    let script = async |listener: &TcpListener| {
        let mut peer = Peer::accept(listener).await;
        peer.request().await;
        peer.is_closed().await;
    };
    against_with(client, script, async |client, url| {
        let mut first = Box::pin(client.get(url).send());
        assert!(futures_util::poll!(first.as_mut()).is_pending());
        let error = client.get(url).send().await.unwrap_err();
        timed_out(&error, Phase::Pool);
        assert!(error.is_not_sent() && error.fault() == Fault::Caller);
    });
}

/// Reads nothing until the client is done.
async fn deaf(listener: &TcpListener) {
    let mut peer = Peer::accept(listener).await;
    sleep(BRIEF * 4).await.unwrap();
    let part = peer.up_to(b"never").await;
    assert!(part.starts_with("PUT /"));
}

#[test]
fn writing() {
    against_with(briefly, deaf, async |client, url| {
        let body = vec![b'x'; 64 << 20];
        let error = client.put(url).body(body).send().await.unwrap_err();
        timed_out(&error, Phase::Write);
        assert!(error.is_written_no_answer(), "a part of it went out");
    });
}

#[test]
fn the_head_however_slowly_it_drips() {
    for drips in [false, true] {
        let script = async |listener: &TcpListener| {
            let mut peer = Peer::accept(listener).await;
            peer.request().await;
            if drips {
                for byte in "HTTP/1.1 200 OK\r\nA: bbbbbbbbbbbbb".bytes() {
                    peer.say([byte]).await;
                    sleep(Duration::from_millis(5)).await.unwrap();
                }
            }
            peer.is_closed().await;
        };
        against_with(briefly, script, async |client, url| {
            let error = client.post(url).body("order").send().await.unwrap_err();
            timed_out(&error, Phase::Head);
            assert!(error.is_written_no_answer() && error.status().is_none());
        });
    }
}

#[test]
fn the_body() {
    let script = async |listener: &TcpListener| {
        let mut peer = Peer::accept(listener).await;
        peer.request().await;
        peer.say("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel").await;
        peer.is_closed().await;
    };
    against_with(briefly, script, async |client, url| {
        let error = client.get(url).send().await.unwrap().bytes().await.unwrap_err();
        timed_out(&error, Phase::Body);
        assert!(error.is_written_no_answer() && error.status().unwrap() == 200);
    });
}

#[test]
fn all_of_it_also_where_every_phase_is_in_time() {
    let script = async |listener: &TcpListener| {
        let mut peer = Peer::accept(listener).await;
        peer.request().await;
        peer.say("HTTP/1.1 200 OK\r\n\r\n").await;
        for _ in 0..40 {
            peer.say("drip").await;
            sleep(Duration::from_millis(5)).await.unwrap();
        }
    };
    against(script, async |client, url| {
        let answer = client.get(url).timeout(BRIEF * 2).send().await.unwrap();
        timed_out(&answer.bytes().await.unwrap_err(), Phase::Total);
    });
    let script = async |listener: &TcpListener| {
        let mut peer = Peer::accept(listener).await;
        peer.request().await;
        peer.is_closed().await;
    };
    against(script, async |client, url| {
        let error = client.get(url).timeout(BRIEF).send().await.unwrap_err();
        timed_out(&error, Phase::Total);
        assert!(error.is_written_no_answer());
    });
}

#[test]
fn a_source_that_brings_nothing() {
    let script = async |listener: &TcpListener| {
        let mut peer = Peer::accept(listener).await;
        assert!(peer.up_to(b"never").await.starts_with("POST / HTTP/1.1\r\n"));
    };
    against(script, async |client, url| {
        let never = Body::stream(|_: &mut std::task::Context<'_>| std::task::Poll::Pending);
        let error = client.post(url).body(never).timeout(BRIEF).send().await.unwrap_err();
        timed_out(&error, Phase::Total);
        assert!(error.is_written_no_answer(), "the head went out");
    });
}

#[test]
fn a_body_is_sent_where_the_peer_does_not_know_of_continue() {
    let script = async |listener: &TcpListener| {
        let mut peer = Peer::accept(listener).await;
        peer.echo_lines(1).await;
        peer.is_closed().await;
    };
    let client =
        || Client::builder().timeouts(Timeouts { expect_continue: BRIEF, ..Timeouts::default() });
    against_with(client, script, async |client, url| {
        let answer = client.post(url).body("order").expect_continue().send().await.unwrap();
        assert_eq!(answer.text().await.unwrap(), "POST / HTTP/1.1");
    });
}
