//! UTF-8 of text messages (RFC 6455 section 8.1): wrong bytes are found with the piece that has
//! them, wherever frames and reads are cut.

use taut_proto::ws::Role;

use crate::frames::{Length, READERS, frame, header};
use crate::pieces::{Event, Reading, verdict};

/// As one frame, and in two frames at every place.
fn in_every_frame(reader: Role, text: &[u8], check: impl Fn(Reading)) {
    check(verdict(&frame(reader, 0x81, text), reader));
    for split in 0..=text.len() {
        let (first, second) = text.split_at(split);
        let bytes =
            [frame(reader, 0x01, first), frame(reader, 0x89, b""), frame(reader, 0x80, second)];
        check(verdict(&bytes.concat(), reader));
    }
}

#[test]
fn characters_may_be_cut_by_frames_and_reads() {
    for reader in READERS {
        for text in ["", "plain", "é€🚀", "a\u{0}b", "\u{10FFFF}\u{FFFE}", "κόσμε, mostly ASCII"]
        {
            in_every_frame(reader, text.as_bytes(), |reading| {
                assert_eq!(reading.refusal, None);
                assert_eq!(reading.events.last(), Some(&Event::text(text)));
            });
        }
    }
}

#[test]
fn what_is_not_utf8_is_refused_wherever_it_is_cut() {
    let wrong: [&[u8]; 9] = [
        b"\xC0\xAF",
        b"abc\xE0\x80\x80",
        b"\xED\xA0\x80",
        b"\xED\xBF\xBFab",
        b"\xF4\x90\x80\x80",
        b"\x80",
        b"ab\xFF",
        b"\xCE\xBA\xE1\xBD\xB9\xCF\x83\xCE\xBC\xCE\xB5\xF4\x90\x80\x80edited",
        b"ends in the midst\xE2\x82",
    ];
    for reader in READERS {
        for text in wrong {
            in_every_frame(reader, text, |reading| assert_eq!(reading.refusal, Some(1007)));
        }
    }
}

#[test]
fn a_wrong_byte_fails_a_message_whose_end_is_far_away() {
    for reader in READERS {
        let is_masked = reader == Role::Server;
        let bytes = frame(reader, 0x01, b"fine so far");
        let mut rest = header(is_masked, Length::Minimal, 0x80, 1 << 20);
        let start = rest.len();
        rest.extend_from_slice(b"ab\xFFcd");
        if is_masked {
            let keys = crate::frames::KEY.iter().cycle();
            rest[start..].iter_mut().zip(keys).for_each(|(byte, key)| *byte ^= key);
        }
        let reading = verdict(&[bytes, rest].concat(), reader);
        assert_eq!(reading, Reading::refused([], 1007));
    }
}

#[test]
fn binary_is_anything() {
    for reader in READERS {
        let bytes = frame(reader, 0x82, b"\xFF\xC0\x80");
        let expected = Reading::good([Event::Binary(b"\xFF\xC0\x80".to_vec())]);
        assert_eq!(verdict(&bytes, reader), expected);
    }
}
