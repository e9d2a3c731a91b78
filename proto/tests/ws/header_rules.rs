//! What RFC 6455 section 5 says about headers, most of which the public suites leave out.

use taut_proto::ws::Role;

use crate::frames::{Length, READERS, frame, frame_with, header};
use crate::pieces::{Event, Reading, verdict};

/// A good message, and then the bytes.
fn after_a_message(reader: Role, bytes: &[u8]) -> Vec<u8> {
    [&frame(reader, 0x81, b"good"), bytes].concat()
}

/// The message before a mistake is handed out first.
fn assert_refused(reader: Role, mistake: &[u8]) {
    let reading = verdict(&after_a_message(reader, mistake), reader);
    let expected = Reading::refused([Event::text("good")], 1002);
    assert_eq!(reading, expected, "{reader:?}: {}", mistake.escape_ascii());
}

#[test]
fn a_length_is_said_in_the_fewest_bytes() {
    for reader in READERS {
        let is_masked = reader == Role::Server;
        for (length, payload_bytes) in [
            (Length::Two, 0),
            (Length::Two, 1),
            (Length::Two, 125),
            (Length::Eight, 0),
            (Length::Eight, 125),
            (Length::Eight, 126),
            (Length::Eight, 65_535),
        ] {
            for opcode in [0x81, 0x82, 0x01, 0x02] {
                assert_refused(reader, &header(is_masked, length, opcode, payload_bytes));
            }
        }
        for (length, payload_bytes) in [(Length::Two, 126), (Length::Two, 1000)] {
            let text = "x".repeat(payload_bytes);
            let bytes = frame_with(is_masked, length, 0x81, text.as_bytes());
            assert_eq!(verdict(&bytes, reader), Reading::good([Event::text(&text)]));
        }
        let text = "x".repeat(65_536);
        let bytes = frame_with(is_masked, Length::Eight, 0x81, text.as_bytes());
        let reading = crate::pieces::read(
            &bytes,
            &[1, 9, 40_000],
            reader,
            Default::default(),
            crate::pieces::By::Take,
        );
        assert_eq!(reading, Reading::good([Event::text(&text)]));
    }
}

#[test]
fn the_first_bit_of_a_long_length_is_zero() {
    for reader in READERS {
        for payload_bytes in [1 << 63, u64::MAX, 1 << 63 | 5] {
            let is_masked = reader == Role::Server;
            assert_refused(reader, &header(is_masked, Length::Eight, 0x82, payload_bytes));
            // As soon as the bit is there.
            assert_refused(reader, &[0x82, u8::from(is_masked) << 7 | 127, 0x80]);
        }
    }
}

#[test]
fn clients_mask_and_servers_do_not() {
    for reader in READERS {
        let is_masked = reader != Role::Server;
        for first in [0x81, 0x82, 0x88, 0x89, 0x8A, 0x01, 0x02] {
            for payload in [&b""[..], b"ab"] {
                assert_refused(reader, &frame_with(is_masked, Length::Minimal, first, payload));
            }
        }
    }
}

#[test]
fn control_frames_are_whole_and_short() {
    for reader in READERS {
        let is_masked = reader == Role::Server;
        for opcode in [8, 9, 10] {
            assert_refused(reader, &frame(reader, opcode, b""));
            assert_refused(reader, &frame(reader, opcode, b"ab"));
            for (length, payload_bytes) in [
                (Length::Minimal, 126),
                (Length::Two, 5),
                (Length::Eight, 5),
                (Length::Eight, 1 << 20),
            ] {
                let first = 0x80 | opcode;
                assert_refused(reader, &header(is_masked, length, first, payload_bytes));
            }
        }
        for payload_bytes in [0, 1, 124, 125] {
            let payload = vec![b'p'; payload_bytes];
            let bytes = [frame(reader, 0x89, &payload), frame(reader, 0x8A, &payload)].concat();
            let expected = [Event::Ping(payload.clone()), Event::Pong(payload)];
            assert_eq!(verdict(&bytes, reader), Reading::good(expected));
        }
    }
}

#[test]
fn reserved_bits_mean_nothing_that_was_not_agreed_on() {
    for reader in READERS {
        for opcode in [0, 1, 2, 8, 9, 10] {
            for reserved in 1..8 {
                for is_final in [0, 0x80] {
                    assert_refused(reader, &frame(reader, is_final | reserved << 4 | opcode, b""));
                }
            }
        }
    }
}

#[test]
fn a_reserved_opcode_is_a_mistake() {
    for reader in READERS {
        for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
            for is_final in [0, 0x80] {
                for payload in [&b""[..], b"ab"] {
                    assert_refused(reader, &frame(reader, is_final | opcode, payload));
                }
            }
        }
    }
}

#[test]
fn every_header_size_may_be_cut_anywhere() {
    for reader in READERS {
        for payload_bytes in [0, 1, 125, 126, 300] {
            let payload = vec![0xA5; payload_bytes];
            let bytes = [
                frame(reader, 0x82, &payload),
                frame(reader, 0x89, b"now"),
                frame(reader, 0x82, &payload),
            ]
            .concat();
            let data = Event::Binary(payload);
            let expected = [data.clone(), Event::Ping(b"now".to_vec()), data];
            assert_eq!(verdict(&bytes, reader), Reading::good(expected));
        }
    }
}
