//! A stream that connects again: its attempts, its limits, its hooks, and the fate of messages.

mod common;

use std::cell::RefCell;
use std::io::{Error, ErrorKind};
use std::rc::Rc;
use std::time::Duration;

use common::tasks::FOREVER;
use common::{block_on, listen, nobody, on_each_driver, turns, until};
use taut::net::reconnect::{GaveUp, Incoming, SendError};
use taut::net::{ReconnectingBuilder, ReconnectingStream, TcpListener, TcpStream};
use taut::spawn;
use taut::time::{sleep, timeout};

/// Settings for impatient tests.
fn quick() -> ReconnectingBuilder {
    ReconnectingStream::builder()
        .backoff_first(Duration::from_micros(100))
        .backoff_max(Duration::from_millis(1))
        .stable_after(Duration::ZERO)
}

/// What is written down by hooks, in order.
type Log = Rc<RefCell<Vec<String>>>;

fn gave_up(error: &Error) -> &GaveUp {
    error.get_ref().and_then(|inner| inner.downcast_ref()).expect("a GaveUp")
}

async fn connected(stream: &mut ReconnectingStream, listener: &TcpListener) -> TcpStream {
    stream.connected().await.unwrap();
    assert!(matches!(stream.recv().await.unwrap(), Incoming::Connected));
    listener.accept().await.unwrap()
}

async fn bytes(stream: &mut ReconnectingStream) -> Vec<u8> {
    match stream.recv().await.unwrap() {
        Incoming::Bytes(bytes) => bytes.to_vec(),
        other => panic!("{other:?}"),
    }
}

async fn loss(stream: &mut ReconnectingStream) -> Error {
    match stream.recv().await.unwrap() {
        Incoming::Lost(error) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn it_connects_again_and_tells_each_step_in_order() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (listener, address) = listen();
            let log = Log::default();
            let note = || {
                let log = Rc::clone(&log);
                move |what: String| log.borrow_mut().push(what)
            };
            let (attempted, logged_on, lost) = (note(), note(), note());
            let mut stream = quick()
                .on_attempt(move |attempt| attempted(format!("attempt {}", attempt.failures)))
                .on_connect(async move |stream: &mut TcpStream| {
                    stream.write_all(b"logon").await?;
                    logged_on("logon".to_owned());
                    Ok(())
                })
                .on_disconnect(move |error| lost(format!("{:?}", error.kind())))
                .build(address);
            for round in 0..3_u8 {
                let mut server = connected(&mut stream, &listener).await;
                assert!(stream.is_connected());
                server.read_exact(&mut [0; 5]).await.unwrap();
                let ticket = stream.send(vec![round; 3]).await.unwrap();
                assert_eq!(ticket.number(), u64::from(round));
                let mut order = [0; 3];
                server.read_exact(&mut order).await.unwrap();
                server.write_all(&order).await.unwrap();
                assert_eq!(bytes(&mut stream).await, [round; 3]);
                assert!(stream.acknowledge(ticket) && !stream.acknowledge(ticket));
                drop(server);
                assert_eq!(loss(&mut stream).await.kind(), ErrorKind::UnexpectedEof);
                assert!(!stream.is_connected() && stream.take_uncertain().is_empty());
            }
            let each = ["attempt 0", "logon", "UnexpectedEof"];
            assert_eq!(*log.borrow(), each.repeat(3));
        });
    });
}

#[test]
fn attempts_are_limited_and_the_last_failure_is_told() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (socket, address) = nobody();
            let mut stream = quick().attempts_max(Some(4)).build(address);
            for _ in 0..2 {
                let error = stream.recv().await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
                assert_eq!(gave_up(&error).attempts(), 4);
            }
            let error = stream.send("order".as_bytes()).await.unwrap_err();
            let SendError::Undelivered { message, error } = error else { panic!("{error}") };
            assert_eq!((&message[..], gave_up(&error).attempts()), (&b"order"[..], 4));
            // Each operation begins anew.
            let listener = socket.listen(8).unwrap();
            connected(&mut stream, &listener).await;
        });
    });
}

#[test]
fn an_outage_is_limited_in_time_before_a_pause_that_would_exceed_it() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (_held, address) = nobody();
            let mut stream = quick()
                .backoff_first(FOREVER)
                .backoff_max(FOREVER)
                .outage_max(Some(Duration::from_millis(50)))
                .build(address);
            let error = stream.connected().await.unwrap_err();
            // A pause below 50 ms out of a day has a chance of one in two million.
            assert_eq!(gave_up(&error).attempts(), 1);
            assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        });
    });
}

#[test]
fn the_pauses_are_drawn_by_chance_below_a_ceiling_that_doubles() {
    on_each_driver(|builder| {
        let pauses = |seed| {
            block_on(builder.clone().random_seed(Some(seed)), async {
                let (_held, address) = nobody();
                let pauses = Rc::new(RefCell::new(Vec::new()));
                let note = Rc::clone(&pauses);
                let mut stream = quick()
                    .attempts_max(Some(8))
                    .on_attempt(move |attempt| note.borrow_mut().push(attempt.pause))
                    .build(address);
                stream.connected().await.unwrap_err();
                pauses.take()
            })
        };
        let one = pauses(1);
        assert_eq!(one.len(), 8);
        for (failures, pause) in one.iter().enumerate() {
            let ceiling_us = [0, 100, 200, 400, 800, 1000, 1000, 1000][failures];
            assert!(*pause <= Duration::from_micros(ceiling_us), "{one:?}");
        }
        assert_eq!(one, pauses(1), "a seed repeats them");
        assert_ne!(one, pauses(2));
    });
}

#[test]
fn a_server_that_accepts_and_closes_counts_as_failing() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (listener, address) = listen();
            spawn(async move {
                while let Ok(stream) = listener.accept().await {
                    drop(stream);
                }
            });
            let mut stream = quick().stable_after(FOREVER).attempts_max(Some(3)).build(address);
            let mut losses = 0;
            let error = loop {
                match stream.recv().await {
                    Ok(Incoming::Lost(_)) => losses += 1,
                    Ok(_) => {}
                    Err(error) => break error,
                }
            };
            assert_eq!((losses, gave_up(&error).attempts()), (3, 3));
        });
    });
}

#[test]
fn a_log_on_that_fails_or_hangs_is_a_failed_attempt() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (_listener, address) = listen();
            let refuse = async |_: &mut TcpStream| Err(Error::other("wrong password"));
            let mut stream = quick().attempts_max(Some(2)).on_connect(refuse).build(address);
            let error = stream.connected().await.unwrap_err();
            assert!(error.to_string().contains("wrong password"), "{error}");
            let mut stream = quick()
                .attempts_max(Some(2))
                .attempt_timeout(Duration::from_millis(1))
                .on_connect(async |stream: &mut TcpStream| stream.recv().await.map(drop))
                .build(address);
            let error = stream.connected().await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::TimedOut);
            assert!(error.to_string().contains("attempt_timeout"), "{error}");
        });
    });
}

#[test]
fn an_attempt_goes_on_however_often_its_wait_is_dropped_or_cancelled() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (listener, address) = listen();
            let attempts = Rc::new(RefCell::new(0));
            let count = Rc::clone(&attempts);
            let mut stream = quick()
                .on_attempt(move |_| *count.borrow_mut() += 1)
                .on_connect(async |_: &mut TcpStream| Ok(sleep(Duration::from_millis(2)).await?))
                .build(address);
            let mut dropped = 0;
            while timeout(Duration::from_micros(20), stream.connected()).await.is_err() {
                dropped += 1;
                // A race cancels the loser, where a time-out drops it.
                taut::task::race((stream.connected(), taut::yield_now())).await;
            }
            assert!(dropped > 2, "the log-on takes a hundred times as long");
            assert_eq!(*attempts.borrow(), 1);
            let mut server = listener.accept().await.unwrap();
            server.write_all(b"hello").await.unwrap();
            assert!(matches!(stream.recv().await.unwrap(), Incoming::Connected));
            assert_eq!(bytes(&mut stream).await, b"hello");
        });
    });
}

#[test]
fn a_send_that_is_dropped_in_the_middle_is_finished_by_the_next_operation() {
    const BYTES: usize = 12 << 20;

    on_each_driver(|builder| {
        block_on(builder, async {
            let (listener, address) = listen();
            let mut stream = quick().build(address);
            let mut server = connected(&mut stream, &listener).await;
            let large = vec![7; BYTES];
            let sent = timeout(Duration::from_millis(5), stream.send(large)).await;
            assert!(sent.is_err(), "nobody reads");
            assert_eq!(stream.unacknowledged(), 1);
            let reader = spawn(async move {
                let mut all = vec![0; BYTES];
                server.read_exact(&mut all).await.unwrap();
                assert!(all.iter().all(|byte| *byte == 7));
                server.write_all(b"read").await.unwrap();
                let mut next = [0; 4];
                server.read_exact(&mut next).await.unwrap();
                assert_eq!(&next, b"next");
            });
            // While it receives it writes on: the server answers only to all of it.
            assert_eq!(bytes(&mut stream).await, b"read");
            stream.send("next".as_bytes()).await.unwrap();
            reader.await.unwrap();
            assert_eq!(stream.unacknowledged(), 2);
        });
    });
}

#[test]
fn what_a_broken_connection_took_is_uncertain_and_what_it_refused_is_undelivered() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (listener, address) = listen();
            let mut stream = quick().build(address);
            let mut server = connected(&mut stream, &listener).await;
            let kept = stream.send("kept".as_bytes()).await.unwrap();
            server.read_exact(&mut [0; 4]).await.unwrap();
            server.write_all(b"last word").await.unwrap();
            stream.send("unread".as_bytes()).await.unwrap();
            turns(5).await;
            drop(server); // with bytes unread: a reset
            let refused = loop {
                turns(5).await;
                match stream.send("late".as_bytes()).await {
                    Ok(_) => {}
                    Err(error) => break error,
                }
            };
            let SendError::Undelivered { message, .. } = refused else { panic!("{refused}") };
            assert_eq!(message, "late");
            assert!(stream.acknowledge(kept), "the last word may still confirm something");
            assert_eq!(bytes(&mut stream).await, b"last word");
            loss(&mut stream).await;
            let uncertain = stream.take_uncertain();
            assert_eq!(uncertain[0].message, "unread");
            assert!(uncertain.iter().skip(1).all(|late| late.message == "late"));
            assert_eq!(stream.unacknowledged(), 0);
            connected(&mut stream, &listener).await;
        });
    });
}

#[test]
fn unacknowledged_messages_are_limited_and_told_what_to_do() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (listener, address) = listen();
            let mut stream = quick().unacknowledged_messages_max(2).build(address);
            let _server = connected(&mut stream, &listener).await;
            stream.send("one".as_bytes()).await.unwrap();
            let second = stream.send("two".as_bytes()).await.unwrap();
            let refused = stream.send("three".as_bytes()).await.unwrap_err();
            assert_eq!(refused.error().kind(), ErrorKind::ResourceBusy);
            assert!(refused.to_string().contains("unacknowledged_messages_max"), "{refused}");
            assert_eq!(stream.acknowledge_through(second), 2);
            stream.send("three".as_bytes()).await.unwrap();
            stream.disconnect();
            assert_eq!(loss(&mut stream).await.kind(), ErrorKind::ConnectionAborted);
            assert_eq!(stream.take_uncertain()[0].message, "three");

            let mut forgetful = quick()
                .unacknowledged_messages_max(1)
                .keep_until_acknowledged(false)
                .build(address);
            for _ in 0..5 {
                forgetful.send("gone".as_bytes()).await.unwrap();
            }
            assert_eq!(forgetful.unacknowledged(), 0);
        });
    });
}

#[test]
fn a_name_that_leads_nowhere_is_an_attempt_that_failed() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let name = format!("{}.invalid:80", "x".repeat(64));
            let mut stream = quick().attempts_max(Some(2)).build(name);
            let error = stream.connected().await.unwrap_err();
            assert_eq!(gave_up(&error).attempts(), 2);
            assert!(error.to_string().contains("could not be resolved"), "{error}");
            until(|| taut::counters().tasks_live == 1).await;
        });
    });
}
