//! What a reader may ask for otherwise: frames, pings of its own, text that is not validated.

mod common;

use common::ws::{assert_kind, client_of_raw, frame, next_text, options, read_frame};
use common::{block_on, on_each_driver};
use taut::ws::{ErrorKind, Message, Opcode, Options, Role};

fn frames(frames: &[(u8, &[u8])]) -> Vec<u8> {
    frames.iter().flat_map(|(first, payload)| frame(Role::Server, *first, payload)).collect()
}

#[test]
fn frames_and_messages_may_be_taken_by_turns() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (mut client, mut raw) = client_of_raw(&Options::default()).await;
            let bytes = frames(&[
                (0x01, b"in "),
                (0x89, b"p"),
                (0x80, b"frames"),
                (0x81, b"message"),
                (0x01, b"an"),
                (0x80, b"other"),
                (0x8A, b"nobody asked"),
                (0x82, b"end"),
            ]);
            raw.write_all(&bytes).await.unwrap();
            let first = client.next_frame().await.unwrap().unwrap();
            assert_eq!(
                (first.opcode, first.is_final, &*first.payload),
                (Opcode::Text, false, &b"in "[..])
            );
            // The rest of that message is no message.
            assert_kind!(client.next().await, ErrorKind::Invalid(_));
            assert_kind!(client.for_each_ready(|_, _| panic!()).await, ErrorKind::Invalid(_));
            let ping = client.next_frame().await.unwrap().unwrap();
            assert_eq!((ping.opcode, &*ping.payload), (Opcode::Ping, &b"p"[..]));
            let last = client.next_frame().await.unwrap().unwrap();
            assert_eq!((last.opcode, last.is_final), (Opcode::Continuation, true));
            assert_eq!(next_text(&mut client).await, "message");
            assert_eq!(next_text(&mut client).await, "another");
            let pong = client.next_frame().await.unwrap().unwrap();
            assert_eq!((pong.opcode, &*pong.payload), (Opcode::Pong, &b"nobody asked"[..]));
            assert_eq!(client.next().await.unwrap().unwrap().as_bytes(), b"end");
            client.flush().await.unwrap();
            assert_eq!(read_frame(&mut raw).await, Some((0x8A, b"p".to_vec())), "answered");
        });
    });
}

#[test]
fn pings_that_the_user_answers_are_handed_out() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let manual = options(|options| options.auto_pong = false);
            let (mut client, mut raw) = client_of_raw(&manual).await;
            let bytes = frames(&[
                (0x89, b"one"),
                (0x8A, b"unasked"),
                (0x01, b"a"),
                (0x89, b"two"),
                (0x80, b"b"),
            ]);
            for _ in 0..2 {
                raw.write_all(&bytes).await.unwrap();
            }
            let Some(Message::Ping(payload)) = client.next().await.unwrap() else { panic!() };
            client.outbox().queue_pong(&payload).unwrap();
            let Some(Message::Pong(payload)) = client.next().await.unwrap() else { panic!() };
            assert_eq!(&*payload, b"unasked");
            let Some(Message::Ping(payload)) = client.next().await.unwrap() else { panic!() };
            assert_eq!(&*payload, b"two");
            assert_eq!(next_text(&mut client).await, "ab");
            let mut seen = Vec::new();
            while seen.len() < 4 {
                let visit = client.for_each_ready(|item, outbox| {
                    seen.push((item.opcode(), item.as_bytes().to_vec()));
                    match item.opcode() {
                        Opcode::Ping => outbox.queue_pong(item.as_bytes()),
                        _ => Ok(()),
                    }
                });
                visit.await.unwrap();
            }
            let expected = [
                (Opcode::Ping, &b"one"[..]),
                (Opcode::Pong, b"unasked"),
                (Opcode::Ping, b"two"),
                (Opcode::Text, b"ab"),
            ];
            assert!(seen.iter().map(|(opcode, payload)| (*opcode, &**payload)).eq(expected));
            client.flush().await.unwrap();
            for payload in ["one", "one", "two"] {
                assert_eq!(read_frame(&mut raw).await, Some((0x8A, payload.into())));
            }
        });
    });
}

#[test]
fn trusted_text_is_handed_out_unchecked() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let trusted = options(|options| options.validate_text = false);
            let (mut client, mut raw) = client_of_raw(&trusted).await;
            raw.write_all(&frames(&[(0x81, b"\xFFraw"), (0x81, b"fine"), (0x81, b"\xC0")]))
                .await
                .unwrap();
            let message = client.next().await.unwrap().unwrap();
            assert!(matches!(message, Message::UncheckedText(_)));
            assert_eq!((message.as_str(), message.as_bytes()), (None, &b"\xFFraw"[..]));
            assert_eq!(next_text(&mut client).await, "fine");
            let visit = client.for_each_ready(|item, _| {
                assert!(item.is_text() && item.as_str().is_none() && item.is_last());
                Ok(())
            });
            assert_eq!(visit.await.unwrap(), 1);
        });
    });
}

#[test]
fn what_came_before_a_mistake_is_handed_out_first() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let bytes = frames(&[(0x81, b"one"), (0x82, b"two"), (0x83, b""), (0x81, b"three")]);
            let (mut client, mut raw) = client_of_raw(&Options::default()).await;
            raw.write_all(&bytes).await.unwrap();
            assert_eq!(next_text(&mut client).await, "one");
            assert_eq!(client.next().await.unwrap().unwrap().as_bytes(), b"two");
            assert_kind!(client.next().await, ErrorKind::Violation(_));
            assert!(client.next().await.unwrap().is_none());
            assert_eq!(read_frame(&mut raw).await.unwrap().0, 0x88);
        });
    });
}

/// The last item before a close frame is told to be, whatever stands behind the frame.
#[test]
fn the_last_message_of_a_batch_is_told_to_be() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let behind: [&[(u8, &[u8])]; 4] =
                [&[], &[(0x89, b"")], &[(0x88, b""), (0x81, b"late")], &[(0x01, b"begun")]];
            for behind in behind {
                let (mut client, mut raw) = client_of_raw(&Options::default()).await;
                let bytes = [frames(&[(0x81, b"one"), (0x81, b"two")]), frames(behind)].concat();
                raw.write_all(&bytes).await.unwrap();
                let mut last = Vec::new();
                let visit = client.for_each_ready(|item, _| {
                    last.push(item.is_last());
                    Ok(())
                });
                assert_eq!(visit.await.unwrap(), 2);
                assert_eq!(last, [false, true], "{behind:?}");
            }
        });
    });
}
