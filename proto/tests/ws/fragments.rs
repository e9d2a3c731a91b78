//! Messages in pieces (RFC 6455 section 5.4), with control frames in between.

use taut_proto::ws::Role;

use crate::frames::{READERS, frame};
use crate::pieces::{Event, Reading, verdict};

fn frames(reader: Role, frames: &[(u8, &[u8])]) -> Vec<u8> {
    frames.iter().flat_map(|(first, payload)| frame(reader, *first, payload)).collect()
}

#[test]
fn pieces_are_put_together_around_control_frames() {
    for reader in READERS {
        let bytes = frames(
            reader,
            &[
                (0x01, b"one "),
                (0x89, b"first"),
                (0x00, b""),
                (0x00, b"two "),
                (0x8A, b"nobody asked"),
                (0x89, b""),
                (0x80, b"three"),
                (0x02, b""),
                (0x80, b""),
            ],
        );
        let expected = [
            Event::Ping(b"first".to_vec()),
            Event::Pong(b"nobody asked".to_vec()),
            Event::Ping(Vec::new()),
            Event::text("one two three"),
            Event::Binary(Vec::new()),
        ];
        assert_eq!(verdict(&bytes, reader), Reading::good(expected));
    }
}

#[test]
fn what_continues_nothing_is_refused_after_what_came_before() {
    for reader in READERS {
        for first in [0x00, 0x80] {
            let bytes = frames(reader, &[(0x81, b"whole"), (0x89, b"p"), (first, b"more")]);
            let before = [Event::text("whole"), Event::Ping(b"p".to_vec())];
            assert_eq!(verdict(&bytes, reader), Reading::refused(before, 1002));
            let ended = frames(reader, &[(0x02, b"a"), (0x80, b"b"), (first, b"c")]);
            let before = [Event::Binary(b"ab".to_vec())];
            assert_eq!(verdict(&ended, reader), Reading::refused(before, 1002));
        }
    }
}

#[test]
fn a_message_in_a_message_is_refused() {
    for reader in READERS {
        for second in [0x01, 0x02, 0x81, 0x82] {
            let bytes = frames(reader, &[(0x01, b"a"), (0x8A, b"p"), (second, b"b")]);
            let before = [Event::Pong(b"p".to_vec())];
            assert_eq!(verdict(&bytes, reader), Reading::refused(before, 1002));
        }
    }
}

#[test]
fn a_stream_may_end_anywhere_and_what_was_whole_is_there() {
    for reader in READERS {
        let bytes =
            frames(reader, &[(0x81, b"whole"), (0x01, b"be"), (0x89, b"p"), (0x80, b"gun")]);
        for end in 0..bytes.len() {
            let reading = verdict(&bytes[..end], reader);
            assert_eq!(reading.refusal, None);
            assert!(!reading.events.contains(&Event::text("begun")));
        }
        assert!(verdict(&bytes, reader).events.contains(&Event::text("begun")));
    }
}
