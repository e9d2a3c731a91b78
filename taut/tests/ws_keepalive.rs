//! Pings of our own, limits of silence, and what a blocked peer does to them.

mod common;

use std::net::Shutdown;
use std::time::Duration;

use common::ws::{
    assert_kind, client_of_raw, frame, millis, next_text, options, pair, read_frame, server_of_raw,
};
use common::{block_on, on_each_driver, turns};
use futures_util::future::join;
use taut::time::{Instant, sleep};
use taut::ws::{ErrorKind, Message, Options, Role, TextPing, Wait};

fn pinging(every: Duration, pong_timeout: Duration) -> Options {
    options(|options| {
        options.keepalive.ping_every = Some(every);
        options.keepalive.pong_timeout = pong_timeout;
    })
}

fn idle(limit: Duration) -> Options {
    options(|options| options.keepalive.idle_timeout = Some(limit))
}

#[test]
fn each_answered_ping_is_a_round_trip() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (mut client, mut raw) = client_of_raw(&pinging(millis(2), millis(30_000))).await;
            let serve = async {
                for _ in 0..5 {
                    let (first, payload) = read_frame(&mut raw).await.unwrap();
                    assert_eq!(first, 0x89);
                    // Another answer than that which was asked for counts for nothing.
                    raw.write_all(&frame(Role::Server, 0x8A, b"unasked")).await.unwrap();
                    raw.write_all(&frame(Role::Server, 0x8A, &payload)).await.unwrap();
                }
                raw.write_all(&frame(Role::Server, 0x81, b"stop")).await.unwrap();
            };
            let (text, ()) = join(next_text(&mut client), serve).await;
            assert_eq!(text, "stop");
            assert_eq!(client.round_trips().unwrap().len(), 5);
        });
    });
}

#[test]
fn a_ping_without_an_answer_ends_the_connection() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (mut client, mut raw) = client_of_raw(&pinging(millis(5), millis(30))).await;
            // Messages are no answer.
            raw.write_all(&frame(Role::Server, 0x81, b"I am here")).await.unwrap();
            assert_eq!(next_text(&mut client).await, "I am here");
            assert_kind!(client.next().await, ErrorKind::TimedOut(Wait::Pong, _));
            assert!(client.next().await.unwrap().is_none(), "once");
        });
    });
}

#[test]
fn any_bytes_end_a_silence_and_none_do_not() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (mut raw, mut server) = server_of_raw(&idle(millis(200))).await;
            let bytes = frame(Role::Client, 0x81, &[b'x'; 20]);
            let start = Instant::now();
            let drip = async {
                for byte in &bytes {
                    raw.write_all(&[*byte]).await.unwrap();
                    sleep(millis(20)).await.unwrap();
                }
            };
            let (text, ()) = join(next_text(&mut server), drip).await;
            assert_eq!(text, "x".repeat(20));
            assert!(start.elapsed() > millis(200), "longer than the limit in all");
            assert_kind!(server.next().await, ErrorKind::TimedOut(Wait::Idle, _));
        });
    });
}

/// Who is busy for longer than a limit finds what came meanwhile, rather than a silence.
#[test]
fn a_busy_reader_is_no_silence_of_the_peer() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let mut limits = idle(millis(30));
            limits.keepalive.ping_every = Some(millis(5));
            limits.keepalive.pong_timeout = millis(30);
            let (mut client, mut raw) = client_of_raw(&limits).await;
            for _ in 0..3 {
                let asked = async {
                    let (_, payload) = read_frame(&mut raw).await.unwrap();
                    raw.write_all(&frame(Role::Server, 0x81, b"one")).await.unwrap();
                    payload
                };
                let (text, payload) = join(next_text(&mut client), asked).await;
                assert_eq!(text, "one");
                // The answer is there long before the reader.
                raw.write_all(&frame(Role::Server, 0x8A, &payload)).await.unwrap();
                raw.write_all(&frame(Role::Server, 0x81, b"two")).await.unwrap();
                sleep(millis(60)).await.unwrap();
                assert_eq!(next_text(&mut client).await, "two");
            }
        });
    });
}

#[test]
fn a_blocked_write_does_not_stop_the_clocks() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let data = vec![7; 32 << 20];
            for (limits, wait) in
                [(pinging(millis(5), millis(30)), Wait::Pong), (idle(millis(30)), Wait::Idle)]
            {
                let (raw, mut server) = server_of_raw(&limits).await;
                match server.send_binary(&data).await {
                    Err(error) => {
                        let ErrorKind::TimedOut(which, _) = error.kind() else {
                            panic!("{error:?}")
                        };
                        assert_eq!(*which, wait);
                    }
                    Ok(()) => panic!("nobody reads"),
                }
                drop(raw);
            }
        });
    });
}

/// What came before a write began to wait, and lies unread, is no silence.
#[test]
fn a_write_that_waits_long_after_the_last_read_tells_no_silence_that_was_none() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let data = vec![7; 32 << 20];
            let text = frame(Role::Client, 0x81, b"here");
            for has_spoken in [false, true] {
                let (mut raw, mut server) = server_of_raw(&idle(millis(60))).await;
                if has_spoken {
                    raw.write_all(&text).await.unwrap();
                }
                sleep(millis(90)).await.unwrap();
                let start = Instant::now();
                let sent = server.send_binary(&data).await;
                assert_kind!(sent, ErrorKind::TimedOut(Wait::Idle, _));
                assert!(start.elapsed() >= millis(60), "not from the last read on");
                assert_kind!(server.next().await, ErrorKind::TimedOut(Wait::Idle, _));
                drop(raw);
            }
        });
    });
}

/// A peer that speaks while it is slow to take what it is sent has not fallen silent.
#[test]
fn what_comes_while_a_write_waits_is_no_silence_and_still_read() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let data = vec![7; 16 << 20];
            let (mut raw, mut server) = server_of_raw(&idle(millis(400))).await;
            let write = async {
                let start = Instant::now();
                let sent = server.send_binary(&data).await;
                (sent, start.elapsed())
            };
            let speak = async {
                sleep(millis(250)).await.unwrap();
                raw.write_all(&frame(Role::Client, 0x81, b"here")).await.unwrap();
                sleep(millis(250)).await.unwrap();
                // Longer than the limit after the beginning, sooner than that after the word.
                let mut taken = 0;
                while taken < data.len() + 10 {
                    taken += raw.recv().await.unwrap().len();
                }
            };
            let ((sent, took), ()) = join(write, speak).await;
            sent.unwrap();
            assert!(took > millis(400), "it waited for longer than the limit");
            assert_eq!(next_text(&mut server).await, "here");
        });
    });
}

/// The end that a waiting writer finds is the reader's to be told.
#[test]
fn an_end_that_a_writer_finds_is_told_to_the_reader() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let data = vec![7; 16 << 20];
            let (mut raw, mut server) = server_of_raw(&idle(millis(30_000))).await;
            let read = async {
                raw.shutdown(Shutdown::Write).await.unwrap();
                turns(20).await;
                let mut taken = 0;
                while taken < data.len() + 10 {
                    taken += raw.recv().await.unwrap().len();
                }
            };
            let (sent, ()) = join(server.send_binary(&data), read).await;
            sent.unwrap();
            assert_kind!(server.next().await, ErrorKind::CutOff);
            assert!(server.next().await.unwrap().is_none(), "once");
        });
    });
}

#[test]
#[should_panic(expected = "ping_every is zero")]
fn pings_without_a_pause_are_refused() {
    let _ = taut::ws::Connector::new().options(pinging(Duration::ZERO, millis(1)));
}

#[test]
fn text_pings_are_answered_by_text_that_is_not_handed_out() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let venue = options(|options| {
                options.keepalive.ping_every = Some(millis(3));
                options.keepalive.text_ping = Some(TextPing::new("ping", |text| text == "pong"));
            });
            let (mut client, mut raw) = client_of_raw(&venue).await;
            // Before it is asked for, it is a message as any other.
            raw.write_all(&frame(Role::Server, 0x81, b"pong")).await.unwrap();
            assert_eq!(next_text(&mut client).await, "pong");
            let serve = async {
                for _ in 0..3 {
                    assert_eq!(read_frame(&mut raw).await, Some((0x81, b"ping".to_vec())));
                    raw.write_all(&frame(Role::Server, 0x81, b"pong")).await.unwrap();
                }
                // Half an answer is none.
                assert_eq!(read_frame(&mut raw).await, Some((0x81, b"ping".to_vec())));
                raw.write_all(&frame(Role::Server, 0x01, b"pong")).await.unwrap();
                raw.write_all(&frame(Role::Server, 0x80, b"!")).await.unwrap();
            };
            let (message, ()) = join(client.next_frame(), serve).await;
            let first = message.unwrap().unwrap();
            assert_eq!((&*first.payload, first.is_final), (&b"pong"[..], false));
            let last = client.next_frame().await.unwrap().unwrap();
            assert_eq!((&*last.payload, last.is_final), (&b"!"[..], true));
            assert_eq!(client.round_trips().unwrap().len(), 3);
            assert!(matches!(first.opcode, taut::ws::Opcode::Text));
        });
    });
}

#[test]
fn a_connection_without_keepalive_has_no_clock() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (mut client, mut server) = pair(&Options::default()).await;
            client.send_text("a").await.unwrap();
            assert!(matches!(server.next().await, Ok(Some(Message::Text(_)))));
            assert!(client.round_trips().is_none());
        });
    });
}
