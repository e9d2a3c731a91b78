//! A session connects again: its events, its attempts, its hooks and its limits.

mod common;

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::time::Duration;

use common::tasks::FOREVER;
use common::venue::{accept, in_words, quick, session_with, told, told_of};
use common::{block_on, listen, nobody, on_each_driver, until};
use taut::net::TcpStream;
use taut::spawn;
use taut::time::{Instant, sleep, timeout};
use taut::ws::{
    CloseCode, Error, ErrorKind, Event, Failure, Fresh, GaveUpReason, Retry, SendError, Session,
};

/// Up to the end, without the pauses.
async fn all_told(session: &mut Session<TcpStream>) -> Vec<Event> {
    let mut events = Vec::new();
    while let Some(event) = session.next().await.unwrap() {
        if !matches!(event, Event::Waiting { .. }) {
            events.push(event);
        }
    }
    assert!(session.next().await.unwrap().is_none(), "it stays over");
    events
}

fn words(events: &[Event]) -> Vec<String> {
    events.iter().map(in_words).collect()
}

#[test]
fn it_subscribes_to_each_connection_and_tells_each_step_in_order() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (listener, address) = listen();
            let venue = spawn(async move {
                for round in 0..4 {
                    let mut client = accept(&listener).await;
                    let topic = client.next().await.unwrap().unwrap();
                    client.send_text("subscribed").await.unwrap();
                    client
                        .send_text(&format!("{} {round}", topic.as_str().unwrap()))
                        .await
                        .unwrap();
                    if round % 2 == 0 {
                        client.close(CloseCode::SERVICE_RESTART, "again").await.unwrap();
                    }
                }
            });
            let mut session = session_with(
                quick().on_connect(async |fresh: &mut Fresh<TcpStream>| {
                    assert_eq!(fresh.replaces(), None);
                    fresh.send_text(&format!("book {}", fresh.connection())).await?;
                    let answer = fresh.next().await?.unwrap();
                    assert_eq!(answer.as_str(), Some("subscribed"));
                    Ok(())
                }),
                address,
            );
            for round in 0..4 {
                let number = round + 1;
                assert_eq!(
                    told_of(&mut session, 3).await,
                    [
                        "connecting after 0".to_owned(),
                        format!("connected {number}"),
                        format!("book {number} {round}")
                    ]
                );
                assert!(session.is_connected());
                let event = session.next().await.unwrap().unwrap();
                let Event::Lost { connection, why } = event else { panic!("{event:?}") };
                assert_eq!(connection, number);
                match why {
                    Failure::Closed(Some(frame)) => {
                        assert_eq!((round % 2, frame.code), (0, CloseCode::SERVICE_RESTART));
                    }
                    Failure::Broken(error) => {
                        assert!(round % 2 == 1 && matches!(error.kind(), ErrorKind::CutOff));
                    }
                    other => panic!("{other:?}"),
                }
                assert!(!session.is_connected());
            }
            venue.await.unwrap();
        });
    });
}

#[test]
fn attempts_are_limited_and_each_failure_is_told() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (_held, address) = nobody();
            let mut session = session_with(quick().attempts_max(Some(3)), address);
            let events = all_told(&mut session).await;
            let each = |failures| [format!("connecting after {failures}"), "failed".to_owned()];
            let expected: Vec<_> = (0..3).flat_map(each).chain(["gave up".to_owned()]).collect();
            assert_eq!(words(&events), expected);
            let Event::AttemptFailed(Failure::Connect(error)) = &events[1] else { panic!() };
            let error = error.downcast_ref::<io::Error>().expect("what the function gave");
            assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
            let Some(Event::GaveUp(gave_up)) = events.last() else { panic!() };
            assert_eq!((gave_up.reason, gave_up.attempts), (GaveUpReason::Exhausted, 3));
            assert!(matches!(session.try_send_text("late"), Err(SendError::NotConnected)));

            let long = quick().backoff_first(FOREVER).backoff_max(FOREVER);
            let short = long.outage_max(Some(Duration::from_millis(50)));
            let events = all_told(&mut session_with(short, address)).await;
            // A pause below 50 ms out of a day has a chance of one in two million.
            assert_eq!(words(&events), ["connecting after 0", "failed", "gave up"]);
        });
    });
}

#[test]
fn the_pauses_are_drawn_by_chance_below_a_ceiling_that_doubles() {
    on_each_driver(|builder| {
        let pauses = |seed| {
            block_on(builder.clone().random_seed(Some(seed)), async {
                let (_held, address) = nobody();
                let mut session = session_with(quick().attempts_max(Some(8)), address);
                let mut pauses = Vec::new();
                while let Some(event) = session.next().await.unwrap() {
                    if let Event::Waiting { pause, failures } = event {
                        pauses.push((failures, pause));
                    }
                }
                pauses
            })
        };
        let one = pauses(1);
        assert_eq!(one.len(), 7, "none before the first attempt");
        for (index, (failures, pause)) in one.iter().enumerate() {
            assert_eq!(*failures as usize, index + 1);
            let ceiling_us = [100, 200, 400, 800, 1000, 1000, 1000][index];
            assert!(*pause <= Duration::from_micros(ceiling_us), "{one:?}");
        }
        assert_eq!(one, pauses(1), "a seed repeats them");
        assert_ne!(one, pauses(2));
    });
}

#[test]
fn a_venue_that_accepts_and_closes_counts_as_failing() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (listener, address) = listen();
            spawn(async move {
                while let Ok(stream) = listener.accept().await {
                    drop(stream);
                }
            });
            let fickle = quick().stable_after(FOREVER).attempts_max(Some(3));
            let mut session = session_with(fickle, address);
            let each = |number| {
                let failures = number - 1;
                [
                    format!("connecting after {failures}"),
                    format!("connected {number}"),
                    format!("lost {number}"),
                ]
            };
            let expected: Vec<_> = (1..4).flat_map(each).chain(["gave up".to_owned()]).collect();
            assert_eq!(words(&all_told(&mut session).await), expected);
        });
    });
}

#[test]
fn a_subscription_that_fails_or_hangs_is_a_failed_attempt() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (_listener, address) = listen();
            let two = quick().attempts_max(Some(2));
            let refuses = two.clone().on_connect(async |_: &mut Fresh<TcpStream>| {
                Err(Error::from(ErrorKind::Invalid("no such topic")))
            });
            let events = all_told(&mut session_with(refuses, address)).await;
            let failures = events.iter().filter(|event| {
                matches!(event, Event::AttemptFailed(failure @ Failure::Subscribe(_))
                    if failure.to_string().contains("no such topic"))
            });
            assert_eq!(failures.count(), 2);

            let hangs = two
                .attempt_timeout(Duration::from_millis(1))
                .on_connect(async |fresh: &mut Fresh<TcpStream>| fresh.next().await.map(drop));
            let events = all_told(&mut session_with(hangs, address)).await;
            let late =
                |event: &&Event| matches!(event, Event::AttemptFailed(Failure::AttemptTimedOut(_)));
            assert_eq!(events.iter().filter(late).count(), 2);
        });
    });
}

#[test]
fn a_hook_says_what_is_permanent_and_when_to_come_again() {
    const LATER: Duration = Duration::from_millis(20);

    on_each_driver(|builder| {
        block_on(builder, async {
            let (listener, address) = listen();
            let venue = spawn(async move {
                for code in [CloseCode::TRY_AGAIN_LATER, CloseCode::POLICY] {
                    accept(&listener).await.close(code, "").await.unwrap();
                }
            });
            let choosy = quick().retry(|failure| match failure {
                Failure::Closed(Some(frame)) if frame.code == CloseCode::POLICY => Retry::Never,
                Failure::Closed(Some(_)) => Retry::After(LATER),
                _ => Retry::Backoff,
            });
            let mut session = session_with(choosy, address);
            assert_eq!(told_of(&mut session, 3).await.last().unwrap(), "lost 1");
            let start = Instant::now();
            let event = session.next().await.unwrap().unwrap();
            assert!(matches!(event, Event::Waiting { pause, .. } if pause >= LATER), "{event:?}");
            assert_eq!(told(&mut session).await, "connecting after 0");
            assert!(start.elapsed() >= LATER);
            let events = all_told(&mut session).await;
            assert_eq!(words(&events), ["connected 2", "lost 2", "gave up"]);
            let Some(Event::GaveUp(gave_up)) = events.last() else { panic!() };
            assert_eq!(gave_up.reason, GaveUpReason::Permanent);
            venue.await.unwrap();
        });
    });
}

#[test]
fn an_attempt_goes_on_however_often_its_wait_is_dropped_or_cancelled() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (listener, address) = listen();
            let begun = Rc::new(Cell::new(0));
            let count = Rc::clone(&begun);
            let slow = quick().on_connect(async move |_: &mut Fresh<TcpStream>| {
                count.set(count.get() + 1);
                Ok(sleep(Duration::from_millis(2)).await.map_err(io::Error::from)?)
            });
            let mut session = session_with(slow, address);
            assert_eq!(told(&mut session).await, "connecting after 0");
            let mut dropped = 0;
            while !session.is_connected() {
                let event = timeout(Duration::from_micros(20), session.next()).await;
                if let Ok(event) = event {
                    assert_eq!(in_words(&event.unwrap().unwrap()), "connected 1");
                    break;
                }
                dropped += 1;
                // A race cancels the loser, where a time-out drops it.
                taut::task::race((async { drop(session.next().await) }, async {
                    taut::yield_now().await;
                }))
                .await;
            }
            assert!(dropped > 2, "the subscription takes a hundred times as long");
            assert_eq!(begun.get(), 1);
            let mut client = accept(&listener).await;
            client.send_text("hello").await.unwrap();
            let mut next = told(&mut session).await;
            if next == "connected 1" {
                next = told(&mut session).await; // the race had not handed it out
            }
            assert_eq!(next, "hello");
        });
    });
}

#[test]
fn nothing_is_kept_for_a_connection_that_is_not_there() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (listener, address) = listen();
            let mut session = session_with(quick(), address);
            let sender = session.sender();
            assert!(matches!(sender.try_send_text("early"), Err(SendError::NotConnected)));
            assert_eq!(told_of(&mut session, 2).await[1], "connected 1");
            let mut client = accept(&listener).await;
            session.send_text("one").await.unwrap();
            sender.try_send(|outbox| outbox.queue_text("two")).unwrap();
            for expected in ["one", "two"] {
                assert_eq!(client.next().await.unwrap().unwrap().as_str(), Some(expected));
            }
            drop(client);
            assert_eq!(told(&mut session).await, "lost 1");
            let error = sender.send_text("between").await.unwrap_err();
            assert!(matches!(error, SendError::NotConnected));
            assert_eq!(io::Error::from(error).kind(), io::ErrorKind::NotConnected);
            assert_eq!(told_of(&mut session, 2).await[1], "connected 2");
            let mut client = accept(&listener).await;
            sender.try_send_binary(b"after").unwrap();
            assert_eq!(client.next().await.unwrap().unwrap().as_bytes(), b"after");
            drop(session);
            assert!(matches!(sender.try_send_text("late"), Err(SendError::NotConnected)));
        });
    });
}

#[test]
fn its_end_is_told_to_the_venue_and_leaves_nothing() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (listener, address) = listen();
            for is_dropped in [true, false] {
                let mut session = session_with(quick(), address);
                assert_eq!(told_of(&mut session, 2).await[1], "connected 1");
                let mut client = accept(&listener).await;
                let seen = Rc::new(RefCell::new(None));
                let note = Rc::clone(&seen);
                let venue = spawn(async move {
                    assert!(client.next().await.unwrap().is_none(), "an end in order");
                    *note.borrow_mut() = client.peer_close().cloned();
                });
                match is_dropped {
                    true => drop(session),
                    false => session.close(CloseCode::GOING_AWAY, "night").await.unwrap(),
                }
                venue.await.unwrap();
                let code = seen.take().unwrap().code;
                let expected = if is_dropped { CloseCode::NORMAL } else { CloseCode::GOING_AWAY };
                assert_eq!(code, expected);
                until(|| taut::counters().tasks_live == 1).await;
            }
            // Also in the middle of an attempt.
            let session = session_with(quick(), address);
            drop(session);
            let mut session = session_with(quick(), address);
            assert_eq!(told(&mut session).await, "connecting after 0");
            drop(session);
            until(|| taut::counters().tasks_live == 1).await;
        });
    });
}
