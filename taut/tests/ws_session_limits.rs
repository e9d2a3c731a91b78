//! How often a session connects and sends.

mod common;

use std::time::Duration;

use common::tasks::FOREVER;
use common::venue::{accept, quick, session_with, told, told_of};
use common::{block_on, listen, on_each_driver, turns, until};
use futures_util::future::join;
use taut::net::TcpStream;
use taut::time::{Instant, timeout};
use taut::ws::{Event, Fresh, RateLimit, SendError};
use taut::{is_cancelled, spawn};

const SPAN: Duration = Duration::from_millis(10);

#[test]
fn sessions_that_share_a_limit_connect_no_more_often_together() {
    const CONNECTIONS: usize = 13;
    const PERMITS: u32 = 3;

    on_each_driver(|builder| {
        block_on(builder, async {
            let (listener, address) = listen();
            let limit = RateLimit::new(PERMITS, SPAN);
            let start = Instant::now();
            let venue = spawn(async move {
                for _ in 0..CONNECTIONS {
                    drop(listener.accept().await.unwrap());
                }
                start.elapsed()
            });
            let sessions = [0, 1].map(|_| {
                let limited = quick().connection_limit(Some(limit.clone()));
                let mut session = session_with(limited, address);
                spawn(async move {
                    while let Some(event) = session.next().await? {
                        assert!(!matches!(event, Event::AttemptFailed(_)), "{event:?}");
                    }
                    Ok::<(), std::io::Error>(())
                })
            });
            let took = venue.await.unwrap();
            let spans = (CONNECTIONS as u32 - 1) / PERMITS;
            assert!(took >= SPAN * spans, "{CONNECTIONS} connections in {took:?}");
            for session in sessions {
                session.cancel();
                assert!(is_cancelled(&session.await.unwrap().unwrap_err()));
            }
        });
    });
}

#[test]
fn messages_wait_for_their_turn_or_are_refused_with_its_time() {
    const PERMITS: u32 = 5;
    const MESSAGES: u32 = 23;

    on_each_driver(|builder| {
        block_on(builder, async {
            let (listener, address) = listen();
            let start = Instant::now();
            // The subscription counts, too.
            let limited = quick().message_limit(Some(RateLimit::new(PERMITS, SPAN))).on_connect(
                async |fresh: &mut Fresh<TcpStream>| fresh.send_text("subscribe").await,
            );
            let mut session = session_with(limited, address);
            assert_eq!(told_of(&mut session, 2).await[1], "connected 1");
            let mut client = accept(&listener).await;
            let sender = session.sender();
            let writer = async {
                for number in 1..MESSAGES {
                    sender.send_text(&number.to_string()).await.unwrap();
                }
            };
            let reader = async {
                for number in 0..MESSAGES {
                    let message = client.next().await.unwrap().unwrap();
                    assert_eq!(message.as_str().unwrap().parse().unwrap_or(0), number);
                }
                start.elapsed()
            };
            let ((), took) = join(writer, reader).await;
            let spans = (MESSAGES - 1) / PERMITS;
            assert!(took >= SPAN * spans, "{MESSAGES} messages in {took:?}");

            let refused = loop {
                match session.try_send_text("now") {
                    Ok(()) => {}
                    Err(SendError::TooSoon(refused)) => break refused,
                    Err(other) => panic!("{other}"),
                }
            };
            assert!(refused.allowed_at > start && refused.allowed_at <= Instant::now() + SPAN);
            taut::time::sleep_until(refused.allowed_at).await.unwrap();
            session.try_send_text("later").unwrap();
        });
    });
}

#[test]
fn a_message_that_waits_is_not_sent_after_a_gap_nor_when_it_is_dropped() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (listener, address) = listen();
            let limit = RateLimit::new(2, Duration::from_millis(30));
            let limited = quick().message_limit(Some(limit.clone()));
            let mut session = session_with(limited, address);
            assert_eq!(told_of(&mut session, 2).await[1], "connected 1");
            let client = accept(&listener).await;
            let sender = session.sender();
            sender.send_text("one").await.unwrap();
            sender.send_text("two").await.unwrap();
            let before = limit.allowed_at();
            let dropped = timeout(Duration::from_micros(100), sender.send_text("dropped")).await;
            assert!(dropped.is_err());
            assert_eq!(limit.allowed_at(), before, "it took no permit");
            let late = spawn(async move { sender.send_text("for connection 1").await });
            turns(2).await;
            drop(client);
            assert_eq!(told_of(&mut session, 3).await[2], "connected 2");
            let mut client = accept(&listener).await;
            assert!(matches!(late.await.unwrap(), Err(SendError::Lost)));
            session.try_send_text("for connection 2").unwrap();
            let first = client.next().await.unwrap().unwrap();
            assert_eq!(first.as_str(), Some("for connection 2"));
        });
    });
}

#[test]
fn pongs_count_where_the_venue_counts_them() {
    on_each_driver(|builder| {
        for counts in [true, false] {
            block_on(builder.clone(), async {
                let (listener, address) = listen();
                let limited = quick()
                    .message_limit(Some(RateLimit::new(3, FOREVER)))
                    .count_control_frames(counts);
                let mut session = session_with(limited, address);
                assert_eq!(told_of(&mut session, 2).await[1], "connected 1");
                let mut client = accept(&listener).await;
                for number in 0..3 {
                    client.outbox().queue_ping(&[number]).unwrap();
                    client.send_text("pinged").await.unwrap();
                    assert_eq!(told(&mut session).await, "pinged");
                    let answered = client.next_frame();
                    let (frame, _) = join(answered, async {
                        // Whoever reads sends the pong.
                        let _ = timeout(Duration::from_millis(1), session.next()).await;
                    })
                    .await;
                    assert_eq!(frame.unwrap().unwrap().payload[..], [number]);
                }
                let sent = session.try_send_text("order");
                assert_eq!(sent.is_err(), counts, "{sent:?}");
            });
        }
    });
}

#[test]
fn a_venue_that_takes_nothing_is_not_waited_for() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (listener, address) = listen();
            let mut session = session_with(quick(), address);
            assert_eq!(told_of(&mut session, 2).await[1], "connected 1");
            let mut client = accept(&listener).await;
            let sender = session.sender();
            let large = vec![1; 1 << 20];
            let mut sent = 0;
            let refused = loop {
                match sender.send_binary(&large).await {
                    Ok(()) => sent += 1,
                    Err(error) => break error,
                }
            };
            assert!(refused.to_string().contains("queue_bytes_max"), "{refused}");
            assert!(sent >= 16 && sender.queued_bytes() > 0);
            // What is queued leaves while the session is read.
            let reader = spawn(async move {
                for _ in 0..sent {
                    assert_eq!(client.next().await.unwrap().unwrap().as_bytes().len(), 1 << 20);
                }
                client.send_text("read").await.unwrap();
                client
            });
            assert_eq!(told(&mut session).await, "read");
            assert_eq!(sender.queued_bytes(), 0);
            drop(reader.await.unwrap());
            until(|| taut::counters().tasks_live == 1).await;
        });
    });
}
