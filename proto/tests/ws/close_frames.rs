//! Close frames (RFC 6455 sections 5.5.1 and 7.4), and what comes after one.

use taut_proto::ws::CloseFrame;
use taut_proto::ws::wire::CloseCode;

use crate::frames::{READERS, frame};
use crate::pieces::{Event, Reading, verdict};

fn closed(code: u16, reason: &str) -> Event {
    let code = CloseCode::new(code).unwrap();
    Event::Close(Some(CloseFrame { code, reason: reason.into() }))
}

fn close(code: u16, reason: &[u8]) -> Vec<u8> {
    [&code.to_be_bytes()[..], reason].concat()
}

#[test]
fn each_code_is_taken_or_refused_as_the_registry_says() {
    for reader in READERS {
        for code in 0..=u16::MAX {
            let is_good = matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999);
            assert_eq!(CloseCode::new(code).is_some(), is_good, "{code}");
            let is_near = code < 6000 && (code % 997 < 20 || code < 1100);
            if !is_near && code % 4099 != 0 {
                continue;
            }
            let reading = verdict(&frame(reader, 0x88, &close(code, b"")), reader);
            let expected = match is_good {
                true => Reading::good([closed(code, "")]),
                false => Reading::refused([], 1002),
            };
            assert_eq!(reading, expected, "{code}");
        }
    }
}

#[test]
fn half_a_code_is_a_mistake_and_none_is_not() {
    for reader in READERS {
        let none = verdict(&frame(reader, 0x88, b""), reader);
        assert_eq!(none, Reading::good([Event::Close(None)]));
        assert_eq!(verdict(&frame(reader, 0x88, b"\x03"), reader), Reading::refused([], 1002));
    }
}

#[test]
fn a_reason_is_text_of_at_most_123_bytes() {
    for reader in READERS {
        for reason in ["", "so", "é€🚀", &"x".repeat(123)] {
            let reading = verdict(&frame(reader, 0x88, &close(1000, reason.as_bytes())), reader);
            assert_eq!(reading, Reading::good([closed(1000, reason)]));
        }
        // Overlong, a surrogate, a lone tail, cut off: a reason has no fragment that would end it.
        for reason in [&b"\xC0\xAF"[..], b"\xED\xA0\x80", b"a\x80", b"ok\xE2\x82"] {
            let reading = verdict(&frame(reader, 0x88, &close(1000, reason)), reader);
            assert_eq!(reading, Reading::refused([], 1007));
        }
        let long = frame(reader, 0x88, &close(1000, &[b'x'; 124]));
        assert_eq!(verdict(&long, reader), Reading::refused([], 1002));
    }
}

#[test]
fn nothing_behind_a_close_frame_is_read() {
    for reader in READERS {
        let behind: [Vec<u8>; 5] = [
            frame(reader, 0x81, b"late"),
            frame(reader, 0x88, &close(1001, b"")),
            frame(reader, 0x89, b""),
            frame(reader, 0xF1, b"wrong"),
            vec![0xFF; 40],
        ];
        for behind in behind {
            let bytes = [frame(reader, 0x82, b"a"), frame(reader, 0x88, &close(1000, b"")), behind]
                .concat();
            let expected = [Event::Binary(b"a".to_vec()), closed(1000, "")];
            assert_eq!(verdict(&bytes, reader), Reading::good(expected));
        }
    }
}

#[test]
fn a_close_frame_may_come_in_the_midst_of_a_message() {
    for reader in READERS {
        let bytes = [frame(reader, 0x01, b"beg"), frame(reader, 0x88, &close(1001, b"bye"))];
        assert_eq!(verdict(&bytes.concat(), reader), Reading::good([closed(1001, "bye")]));
    }
}
