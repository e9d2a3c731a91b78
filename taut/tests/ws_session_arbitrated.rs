//! The same stream on several sessions: the first copy of each message wins.

mod common;

use std::time::Duration;

use common::venue::{Socket, accept, in_words, quick, session_with};
use common::{block_on, listen, nobody, on_each_driver};
use taut::net::feed::{ArbiterOptions, Arrival, Event as Feed, Numbers};
use taut::net::{TcpListener, TcpStream};
use taut::ws::{ArbitratedEvent, ArbitratedSessions, Event, Session};

fn numbers(message: &[u8]) -> Option<Numbers> {
    std::str::from_utf8(message).ok()?.parse().ok().map(Numbers::one)
}

type Extract = fn(&[u8]) -> Option<Numbers>;

fn options(gap_after: Duration) -> ArbiterOptions {
    ArbiterOptions { gap_after_ns: gap_after.as_nanos() as u64, ..ArbiterOptions::default() }
}

/// What happens next, in words, but for pauses.
async fn told(lines: &mut ArbitratedSessions<TcpStream, Extract>) -> String {
    loop {
        return match lines.next().await.unwrap() {
            None => "over".to_owned(),
            Some(ArbitratedEvent::Feed(Feed::Messages(delivery))) => {
                let filled = if delivery.arrival == Arrival::Filled { " filled" } else { "" };
                format!("{} of {}{filled}", delivery.packet.as_str().unwrap(), delivery.line)
            }
            Some(ArbitratedEvent::Feed(other)) => format!("{other:?}"),
            Some(ArbitratedEvent::Line { event: Event::Waiting { .. }, .. }) => continue,
            Some(ArbitratedEvent::Line { line, event }) => format!("{line}: {}", in_words(&event)),
            Some(other) => panic!("{other:?}"),
        };
    }
}

/// Both lines with their venues' ends.
async fn both(
    lines: &mut ArbitratedSessions<TcpStream, Extract>,
    listeners: &[TcpListener; 2],
) -> [Socket; 2] {
    let mut steps = Vec::new();
    while steps.len() < 4 {
        steps.push(told(lines).await);
    }
    steps.sort();
    let expected =
        ["0: connected 1", "0: connecting after 0", "1: connected 1", "1: connecting after 0"];
    assert_eq!(steps, expected);
    [accept(&listeners[0]).await, accept(&listeners[1]).await]
}

fn two_lines(gap_after: Duration) -> (ArbitratedSessions<TcpStream, Extract>, [TcpListener; 2]) {
    let ends = [listen(), listen()];
    let session = |(_, address): &(TcpListener, _)| session_with(quick(), *address);
    let sessions: Vec<Session<TcpStream>> = ends.iter().map(session).collect();
    let lines = ArbitratedSessions::new(sessions, options(gap_after), numbers as Extract);
    (lines, ends.map(|(listener, _)| listener))
}

#[test]
fn the_first_copy_wins_and_one_line_dying_leaves_no_hole() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (mut lines, listeners) = two_lines(Duration::from_secs(3600));
            let [mut zero, mut one] = both(&mut lines, &listeners).await;
            zero.send_text("1").await.unwrap();
            assert_eq!(told(&mut lines).await, "1 of 0");
            one.send_text("1").await.unwrap();
            one.send_text("2").await.unwrap();
            assert_eq!(told(&mut lines).await, "2 of 1");
            one.send_text("subscribed").await.unwrap();
            assert_eq!(told(&mut lines).await, "1: subscribed");
            // Line 1 dies, and comes again behind.
            drop(one);
            assert_eq!(told(&mut lines).await, "1: lost 1");
            for number in ["2", "3", "4"] {
                zero.send_text(number).await.unwrap();
            }
            let mut steps = Vec::new();
            while steps.len() < 4 {
                steps.push(told(&mut lines).await);
            }
            let feed: Vec<_> = steps.iter().filter(|step| step.ends_with("of 0")).collect();
            assert_eq!(feed, ["3 of 0", "4 of 0"]);
            assert!(steps.contains(&"1: connected 2".to_owned()), "{steps:?}");
            let mut one = accept(&listeners[1]).await;
            one.send_text("4").await.unwrap();
            one.send_text("5").await.unwrap();
            assert_eq!(told(&mut lines).await, "5 of 1");
            lines.sender(0).try_send_text("unsubscribe").unwrap();
            assert_eq!(zero.next().await.unwrap().unwrap().as_str(), Some("unsubscribe"));
            let statistics = lines.arbiter().statistics();
            assert_eq!((statistics.messages, statistics.holes), (5, 0));
            assert_eq!(lines.arbiter().line_statistics(1).duplicates, 2);
        });
    });
}

#[test]
fn what_one_line_leaves_out_the_other_fills_and_what_none_brings_is_lost() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (mut lines, listeners) = two_lines(Duration::from_millis(5));
            let [mut zero, mut one] = both(&mut lines, &listeners).await;
            zero.send_text("1").await.unwrap();
            assert_eq!(told(&mut lines).await, "1 of 0");
            zero.send_text("4").await.unwrap();
            assert_eq!(told(&mut lines).await, "Hole { missing: 2..4, line: 0 }");
            assert_eq!(told(&mut lines).await, "4 of 0");
            one.send_text("2").await.unwrap();
            let filled = told(&mut lines).await;
            if filled == "2 of 1 filled" {
                assert_eq!(told(&mut lines).await, "Lost(3..4)");
            } else {
                assert_eq!(filled, "Lost(2..4)", "given up before the other line brought it");
            }
        });
    });
}

#[test]
fn it_ends_once_every_line_has_given_up() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (_held, address) = nobody();
            let (listener, there) = listen();
            let sessions = vec![
                session_with(quick().attempts_max(Some(1)), address),
                session_with(quick().retry(|_| taut::ws::Retry::Never), there),
            ];
            let hour = options(Duration::from_secs(3600));
            let mut lines = ArbitratedSessions::new(sessions, hour, numbers as Extract);
            let venue = taut::spawn(async move {
                let mut one = accept(&listener).await;
                one.send_text("1").await.unwrap();
                one.send_text("3").await.unwrap();
            });
            let mut steps = Vec::new();
            while steps.last().is_none_or(|step| step != "over") {
                steps.push(told(&mut lines).await);
            }
            let end = steps.iter().rev().take(2).rev().map(|step| &**step).collect::<Vec<_>>();
            assert_eq!(end, ["Lost(2..3)", "over"], "{steps:?}");
            for step in ["0: gave up", "1: gave up", "1 of 1", "3 of 1"] {
                assert!(steps.iter().any(|told| told == step), "{step}: {steps:?}");
            }
            assert_eq!(told(&mut lines).await, "over");
            venue.await.unwrap();
        });
    });
}

/// Messages without a number do not keep a hole from being given up, however many come.
#[test]
fn a_hole_is_given_up_also_between_messages_without_a_number() {
    const UNNUMBERED: usize = 300;

    on_each_driver(|builder| {
        block_on(builder, async {
            let (mut lines, listeners) = two_lines(Duration::from_nanos(1));
            let [mut venue, _other] = both(&mut lines, &listeners).await;
            for text in ["1", "3"].into_iter().chain(["heartbeat"; UNNUMBERED]) {
                venue.outbox().queue_text(text).unwrap();
            }
            venue.flush().await.unwrap();
            let mut heartbeats = 0;
            while told(&mut lines).await != "Lost(2..3)" {
                heartbeats += 1;
            }
            assert!(heartbeats < UNNUMBERED / 2, "it was told after {heartbeats} others");
        });
    });
}
