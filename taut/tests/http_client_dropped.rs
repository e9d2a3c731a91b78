//! Requests that are dropped, aborted or cancelled at every poll leave no descriptor, no connection
//! and no place in a queue.

mod common;

use std::cell::Cell;
use std::rc::Rc;
use std::task::{Context, Poll};

use common::every_poll::{How, stopped_after};
use common::http_peer::{Peer, ok};
use common::whole_process::{alone, leaves_none};
use common::{listen, on_each_driver, turns, until};
use futures_util::future::join;
use taut::http::client::{Body, Client, Form, Limits};

/// A peer that answers in small pieces, for as long as somebody connects.
fn start() -> (String, taut::JoinHandle<()>) {
    let (listener, address) = listen();
    let serving = taut::spawn(async move {
        loop {
            let mut peer = Peer::accept(&listener).await;
            taut::spawn(async move {
                while !peer.request().await.is_empty() {
                    for piece in [
                        "HTTP/1.1 200 OK\r\nTransfer-",
                        "Encoding: chunked\r\n\r\n5\r\nhe",
                        "llo\r\n0\r\n\r\n",
                    ] {
                        peer.say(piece).await;
                        turns(1).await;
                    }
                }
            });
        }
    });
    (format!("http://{address}"), serving.cancel_on_drop())
}

#[test]
fn a_request_that_is_stopped_at_any_poll_leaves_nothing() {
    let _alone = alone();
    on_each_driver(|builder| {
        for how in [How::Drop, How::Abort, How::Cancel] {
            leaves_none(builder.clone(), async || {
                let (url, serving) = start();
                let limits = Limits { connections_per_origin_max: 1, ..Limits::default() };
                let client = Client::builder().limits(limits).build();
                let mut polls = 0;
                loop {
                    let (one, url) = (client.clone(), url.clone());
                    let script = async move {
                        let form = Form::new().text("a", "b");
                        let answer = one.post(&url).multipart(form).send().await?;
                        assert_eq!(answer.text().await?, "hello");
                        let order = one.prepare(taut::http::Method::GET, &url).build();
                        assert_eq!(order?.send().await?.body(), b"hello");
                        Ok(())
                    };
                    if stopped_after(script, polls, how).await.is_some() {
                        break;
                    }
                    polls += 1;
                    until(|| client.connections().live == client.connections().idle).await;
                }
                assert!(polls > 5, "it was stopped {polls} times");
                // Nobody holds the only place.
                assert_eq!(client.get(&url).send().await.unwrap().text().await.unwrap(), "hello");
                drop(client);
                drop(serving);
                turns(20).await;
            });
        }
    });
}

/// Answers each request as soon as it has its head, with the body as it comes.
async fn echo_early(peer: &mut Peer) {
    loop {
        peer.up_to(b"\r\n\r\n").await;
        peer.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await;
        let mut line = String::new();
        while line != "0\r\n" {
            line = peer.up_to(b"\r\n").await;
            if line.is_empty() {
                return;
            }
            peer.say(&line).await;
            turns(1).await;
        }
        let end = peer.up_to(b"\r\n").await;
        peer.say(end).await;
    }
}

/// A body of which only the first piece comes before the answer does, and that takes its time.
fn slow(is_answered: &Rc<Cell<bool>>) -> Body {
    let is_answered = Rc::clone(is_answered);
    let mut pieces = ["one", "two", "three"].into_iter();
    let mut polls = 0;
    Body::stream(move |context: &mut Context<'_>| {
        polls += 1;
        context.waker().wake_by_ref();
        match pieces.len() == 3 || (is_answered.get() && polls % 3 == 0) {
            true => Poll::Ready(pieces.next().map(|piece| Ok(piece.into()))),
            false => Poll::Pending,
        }
    })
}

#[test]
fn a_request_that_is_stopped_beside_its_early_answer_leaves_nothing() {
    let _alone = alone();
    on_each_driver(|builder| {
        for how in [How::Drop, How::Abort, How::Cancel] {
            leaves_none(builder.clone(), async || {
                let (listener, address) = listen();
                let serving = taut::spawn(async move {
                    while let Ok(stream) = listener.accept().await {
                        taut::spawn(async move { echo_early(&mut Peer::of(stream)).await });
                    }
                });
                let limits = Limits { connections_per_origin_max: 1, ..Limits::default() };
                let client = Client::builder().limits(limits).build();
                let url = format!("http://{address}");
                let mut polls = 0;
                loop {
                    let (one, url) = (client.clone(), url.clone());
                    let script = async move {
                        let is_answered = Rc::default();
                        let answer = one.post(&url).body(slow(&is_answered)).send().await?;
                        is_answered.set(true);
                        assert_eq!(answer.text().await?, "onetwothree");
                        Ok(())
                    };
                    if stopped_after(script, polls, how).await.is_some() {
                        break;
                    }
                    polls += 1;
                    until(|| client.connections().live == client.connections().idle).await;
                }
                assert!(polls > 10, "it was stopped {polls} times");
                drop(client);
                serving.cancel();
                turns(20).await;
            });
        }
    });
}

#[test]
fn a_client_that_is_dropped_closes_what_is_idle_and_being_made() {
    let _alone = alone();
    on_each_driver(|builder| {
        leaves_none(builder, async || {
            let (listener, address) = listen();
            let client = Client::new();
            let url = format!("http://{address}");
            client.keep_warm(&url, 3).await.unwrap();
            let mut peer = Peer::accept(&listener).await;
            until(|| client.connections().live == 3).await;
            drop(client);
            peer.is_closed().await;
            let client = Client::new();
            let mut pending = Box::pin(client.get(&url).send());
            assert!(futures_util::poll!(pending.as_mut()).is_pending());
            drop(client);
            let venue = async {
                loop {
                    // Those that were to be kept ready come first, and have ended.
                    let mut peer = Peer::accept(&listener).await;
                    if !peer.request().await.is_empty() {
                        return peer.say(ok("late")).await;
                    }
                }
            };
            let answer = join(pending, venue).await.0.unwrap();
            assert_eq!(answer.text().await.unwrap(), "late", "it goes on without its client");
        });
    });
}
