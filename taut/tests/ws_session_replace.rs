//! A session replaces its connection before the venue cuts it off.

mod common;

use std::time::Duration;

use common::tasks::FOREVER;
use common::venue::{
    Ticker, accept, in_words, number_of, position_of, quick, session_with, told, told_of,
};
use common::{block_on, listen, nobody, on_each_driver};
use futures_util::future::join;
use taut::net::TcpStream;
use taut::spawn;
use taut::ws::{Event, Fresh, GaveUpReason, Options, Role, SendError, Session, WebSocket};

const REPLACEMENTS: u64 = 30;

/// Reads a ticking venue through many replacements: each number with the connection it came on.
async fn read_on(session: &mut Session<TcpStream>, on_demand: bool) -> Vec<(u64, u64)> {
    let (mut numbers, mut connection, mut is_replacing) = (Vec::new(), 0, false);
    while connection <= REPLACEMENTS {
        match session.next().await.unwrap().unwrap() {
            Event::Message(message) => {
                let number = number_of(&message);
                numbers.push((number, connection));
                if on_demand && !is_replacing && number.is_multiple_of(5) {
                    is_replacing = session.replace();
                    assert!(is_replacing && !session.replace(), "one at a time");
                }
            }
            Event::Connected { connection: first, replaces: None } => connection = first,
            Event::Switched { from, to } => {
                assert_eq!((from, to), (connection, connection + 1));
                (connection, is_replacing) = (to, false);
            }
            Event::Connecting { .. } | Event::Connected { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    numbers
}

#[test]
fn replacements_under_load_lose_nothing_and_bring_nothing_twice_where_positions_tell() {
    on_each_driver(|builder| {
        for has_positions in [true, false] {
            block_on(builder.clone(), async {
                let (listener, address) = listen();
                let ticker = Ticker::default();
                let venue = [spawn(ticker.clone().tick(3)), spawn(ticker.serve(listener))];
                let builder = match has_positions {
                    true => quick().positions(position_of).overlap_max(FOREVER),
                    false => quick().overlap_max(Duration::from_millis(1)),
                };
                let numbers = read_on(&mut session_with(builder, address), true).await;
                for two in numbers.windows(2) {
                    let [(number, connection), (next, after)] = [two[0], two[1]];
                    if has_positions || connection == after {
                        assert_eq!(next, number + 1, "on {connection} and {after}");
                    }
                }
                venue.iter().for_each(taut::JoinHandle::abort);
            });
        }
    });
}

#[test]
fn an_age_replaces_it_also_where_messages_have_no_end() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (listener, address) = listen();
            let ticker = Ticker::default();
            let venue = [spawn(ticker.clone().tick(50)), spawn(ticker.serve(listener))];
            let young =
                quick().positions(position_of).replace_after(Some(Duration::from_millis(2)));
            // So each is replaced while it still brings what was handed out before the switch.
            let young = young.overlap_max(FOREVER);
            let numbers = read_on(&mut session_with(young, address), false).await;
            assert!(numbers.windows(2).all(|two| two[1].0 == two[0].0 + 1));
            venue.iter().for_each(taut::JoinHandle::abort);
        });
    });
}

#[test]
fn messages_are_sent_on_the_older_one_until_the_newer_has_taken_over() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (listener, address) = listen();
            let patient = quick().first_message_timeout(FOREVER).overlap_max(Duration::ZERO);
            let mut session = session_with(patient, address);
            assert_eq!(told_of(&mut session, 2).await[1], "connected 1");
            let mut older = accept(&listener).await;
            assert!(session.replace());
            session.try_send_text("to the older").unwrap();
            let steps = told_of(&mut session, 2).await;
            assert_eq!(steps, ["connecting for 1", "connected 2 for 1"]);
            let mut newer = accept(&listener).await;
            session.try_send_text("still").unwrap();
            for expected in ["to the older", "still"] {
                assert_eq!(older.next().await.unwrap().unwrap().as_str(), Some(expected));
            }
            older.send_text("old").await.unwrap();
            assert_eq!(told(&mut session).await, "old");
            newer.send_text("new").await.unwrap();
            let venue = spawn(async move {
                // Up to its answer to the close frame it may send.
                older.send_text("last word").await.unwrap();
                assert!(older.next().await.unwrap().is_none());
                assert_eq!(newer.next().await.unwrap().unwrap().as_str(), Some("to the newer"));
            });
            let rest = told_of(&mut session, 3).await;
            assert_eq!(rest, ["last word", "switched 1 to 2", "new"]);
            session.try_send_text("to the newer").unwrap();
            venue.await.unwrap();
        });
    });
}

#[test]
fn a_quiet_replacement_takes_over_after_a_while() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (listener, address) = listen();
            let impatient = quick().first_message_timeout(Duration::from_millis(2));
            let mut session = session_with(impatient, address);
            assert_eq!(told_of(&mut session, 2).await[1], "connected 1");
            let mut older = accept(&listener).await;
            assert!(session.replace());
            let venue = spawn(async move {
                let newer = accept(&listener).await;
                assert!(older.next().await.unwrap().is_none());
                newer
            });
            let steps = told_of(&mut session, 3).await;
            assert_eq!(steps, ["connecting for 1", "connected 2 for 1", "switched 1 to 2"]);
            venue.await.unwrap().send_text("new").await.unwrap();
            assert_eq!(told(&mut session).await, "new");
        });
    });
}

#[test]
fn a_loss_meanwhile_is_told_and_whichever_is_left_goes_on() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (listener, address) = listen();
            let mut session = session_with(quick().first_message_timeout(FOREVER), address);
            assert_eq!(told_of(&mut session, 2).await[1], "connected 1");
            let mut first = accept(&listener).await;
            assert!(session.replace());
            assert_eq!(told_of(&mut session, 2).await[1], "connected 2 for 1");
            // The newer one is lost, then made again.
            drop(accept(&listener).await);
            let steps = told_of(&mut session, 3).await;
            assert_eq!(steps, ["lost 2", "connecting for 1", "connected 3 for 1"]);
            first.send_text("from 1").await.unwrap();
            assert_eq!(told(&mut session).await, "from 1");
            // The older one is lost.
            let mut third = accept(&listener).await;
            drop(first);
            assert_eq!(told_of(&mut session, 2).await, ["lost 1", "switched 1 to 3"]);
            third.send_text("from 3").await.unwrap();
            assert_eq!(told(&mut session).await, "from 3");
            // The older one is lost before there is a newer one.
            assert!(session.replace());
            assert_eq!(told(&mut session).await, "connecting for 3");
            drop(third);
            let steps = told_of(&mut session, 2).await;
            let (lost, connected) = ("lost 3".to_owned(), "connected 4".to_owned());
            let (made, then) = ("connected 4 for 3".to_owned(), "switched 3 to 4".to_owned());
            match steps[0] == lost {
                true => assert_eq!(steps, [lost, connected]),
                false => assert_eq!((steps, told(&mut session).await), (vec![made, lost], then)),
            }
        });
    });
}

#[test]
fn where_no_replacement_is_to_be_had_the_connection_goes_on() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (listener, address) = listen();
            let (_held, nowhere) = nobody();
            let mut attempts = 0;
            let targets = std::cell::RefCell::new(std::iter::from_fn(move || {
                attempts += 1;
                Some(if attempts == 2 || attempts == 3 { nowhere } else { address })
            }));
            let mut session = quick().attempts_max(Some(2)).build(async move || {
                let target = targets.borrow_mut().next().unwrap();
                let stream = TcpStream::connect(target).await?;
                let options = Options::default();
                Ok::<_, std::io::Error>(WebSocket::over(stream, Role::Client, &options, None))
            });
            assert_eq!(told_of(&mut session, 2).await[1], "connected 1");
            let mut first = accept(&listener).await;
            assert!(session.replace());
            let steps = told_of(&mut session, 4).await;
            assert_eq!(steps, ["connecting for 1", "failed", "connecting for 1", "failed"]);
            let event = session.next().await.unwrap().unwrap();
            let Event::NotReplaced { connection, why } = event else { panic!("{event:?}") };
            assert_eq!((connection, why.reason), (1, GaveUpReason::Exhausted));
            first.send_text("here").await.unwrap();
            assert_eq!(told(&mut session).await, "here");
            session.try_send_text("there").unwrap();
            assert_eq!(first.next().await.unwrap().unwrap().as_str(), Some("there"));
            assert!(session.replace(), "on demand it is tried anew");
            assert_eq!(told_of(&mut session, 2).await[1], "connected 2 for 1");
        });
    });
}

#[test]
fn a_reconnect_drops_both_connections_in_order() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (listener, address) = listen();
            let labelled = quick().on_connect(async |fresh: &mut Fresh<TcpStream>| {
                let replaces = fresh.replaces().map_or(0, |old| old);
                fresh.send_text(&format!("{} for {replaces}", fresh.connection())).await
            });
            let mut session = session_with(labelled, address);
            assert!(!session.reconnect(), "there is none");
            assert_eq!(told_of(&mut session, 2).await[1], "connected 1");
            let first = accept(&listener).await;
            assert!(session.replace());
            assert_eq!(told_of(&mut session, 2).await[1], "connected 2 for 1");
            let second = accept(&listener).await;
            assert!(session.reconnect());
            assert!(matches!(session.try_send_text("gap"), Err(SendError::NotConnected)));
            for (mut client, greeting) in [(first, "1 for 0"), (second, "2 for 1")] {
                assert_eq!(client.next().await.unwrap().unwrap().as_str(), Some(greeting));
                assert!(client.next().await.unwrap().is_none());
            }
            let event = session.next().await.unwrap().unwrap();
            assert!(in_words(&event) == "lost 1" && format!("{event:?}").contains("Dropped"));
            let steps = told_of(&mut session, 3).await;
            assert_eq!(steps, ["lost 2", "connecting after 0", "connected 3"]);
        });
    });
}

/// What the newer one has brought while it was held is the next to be handed out, also where that
/// one is replaced in its turn before.
#[test]
fn what_was_held_is_handed_out_also_where_the_next_replacement_begins_at_once() {
    on_each_driver(|builder| {
        for has_positions in [true, false] {
            block_on(builder.clone(), async {
                let (listener, address) = listen();
                let venue = spawn(async move {
                    let mut clients = Vec::new();
                    for first in ["1", "2", "3"] {
                        let mut client = accept(&listener).await;
                        client.send_text(first).await.unwrap();
                        clients.push(spawn(async move {
                            while let Ok(Some(_)) = client.next().await {}
                        }));
                    }
                    for client in clients {
                        client.await.unwrap();
                    }
                });
                let builder = quick().overlap_max(Duration::from_millis(1));
                let builder = if has_positions { builder.positions(position_of) } else { builder };
                let mut session = session_with(builder, address);
                let mut told = told_of(&mut session, 3).await;
                for _ in 0..2 {
                    assert!(session.replace());
                    // Up to the switch, and not a step farther.
                    while told.last().is_none_or(|last| !last.starts_with("switched")) {
                        told.extend(told_of(&mut session, 1).await);
                    }
                    told.push("replaced".to_owned());
                }
                told.extend(told_of(&mut session, 1).await);
                let messages: Vec<_> =
                    told.iter().filter(|told| told.parse::<u8>().is_ok()).collect();
                assert_eq!(messages, ["1", "2", "3"], "{told:?}");
                drop(session);
                venue.await.unwrap();
            });
        }
    });
}

/// Of a replacement that is lost before it takes over nothing is handed out.
#[test]
fn what_a_replacement_brought_that_was_lost_is_not_handed_out() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (listener, address) = listen();
            let builder = quick()
                .positions(position_of)
                .first_message_timeout(FOREVER)
                .retry(|_| taut::ws::Retry::Never);
            let mut session = session_with(builder, address);
            let venue = async {
                let mut older = accept(&listener).await;
                older.send_text("1").await.unwrap();
                let mut newer = accept(&listener).await;
                newer.send_text("an answer without a position").await.unwrap();
                drop(newer);
                older
            };
            let read = async {
                let told = told_of(&mut session, 3).await;
                assert_eq!(told, ["connecting after 0", "connected 1", "1"]);
                assert!(session.replace());
                let told = told_of(&mut session, 4).await;
                assert_eq!(
                    told,
                    ["connecting for 1", "connected 2 for 1", "lost 2", "not replaced 1"]
                );
            };
            let (mut older, ()) = join(venue, read).await;
            older.send_text("2").await.unwrap();
            assert_eq!(told(&mut session).await, "2");
        });
    });
}
