//! Messages and frames of one stream, wanted by turns.

use taut_proto::ws::wire::{Data, Decoded, Decoder, Unit};
use taut_proto::ws::{MessageLimits, Opcode, Role};
use taut_runtime::buffer::RxBufMut;

use crate::frames::frame;

fn decoder() -> Decoder {
    Decoder::new(Role::Client, MessageLimits::default())
}

fn push(decoder: &mut Decoder, bytes: &[u8]) {
    decoder.push(RxBufMut::from(bytes.to_vec()));
}

fn data(decoder: &mut Decoder, unit: Unit) -> Option<(Data, Vec<u8>)> {
    match decoder.decode(unit).unwrap()? {
        Decoded::Data(data) => {
            let payload = decoder.payload(&data).to_vec();
            Some((data, payload))
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn frames_are_handed_out_as_they_came_at_every_cut() {
    let bytes = [
        frame(Role::Client, 0x01, b"first"),
        frame(Role::Client, 0x00, b""),
        frame(Role::Client, 0x80, b"last"),
        frame(Role::Client, 0x82, b"whole"),
    ]
    .concat();
    for cut in 0..=bytes.len() {
        let mut decoder = decoder();
        let mut frames = Vec::new();
        for piece in [&bytes[..cut], &bytes[cut..]] {
            push(&mut decoder, piece);
            while let Some((data, payload)) = data(&mut decoder, Unit::Frame) {
                assert!(decoder.is_in_frames() != data.is_final, "cut at {cut}");
                frames.push((data.opcode, data.is_final, payload));
            }
        }
        let expected = [
            (Opcode::Text, false, b"first".to_vec()),
            (Opcode::Continuation, false, Vec::new()),
            (Opcode::Continuation, true, b"last".to_vec()),
            (Opcode::Binary, true, b"whole".to_vec()),
        ];
        assert_eq!(frames, expected, "cut at {cut}");
    }
}

/// Who asks for a frame and gives up has taken nothing: what comes may still be read as a message.
#[test]
fn a_frame_that_was_not_whole_is_still_a_message() {
    for first in [0x81, 0x01] {
        let mut bytes = frame(Role::Client, first, b"a text that is cut");
        if first == 0x01 {
            bytes.extend(frame(Role::Client, 0x80, b""));
        }
        for cut in 0..20 {
            let mut decoder = decoder();
            push(&mut decoder, &bytes[..cut]);
            assert!(data(&mut decoder, Unit::Frame).is_none());
            assert!(!decoder.is_in_frames(), "cut at {cut}");
            push(&mut decoder, &bytes[cut..]);
            let (data, payload) = data(&mut decoder, Unit::Message).unwrap();
            assert!(data.is_final && data.is_valid_text && data.opcode == Opcode::Text);
            assert_eq!(payload, b"a text that is cut");
        }
    }
}

/// And who asked for a message gets the frame, as long as nothing was put together.
#[test]
fn a_message_whose_first_frame_was_not_whole_is_still_frames() {
    let bytes = [frame(Role::Client, 0x01, b"first"), frame(Role::Client, 0x80, b"")].concat();
    for cut in 0..7 {
        let mut decoder = decoder();
        push(&mut decoder, &bytes[..cut]);
        assert!(data(&mut decoder, Unit::Message).is_none());
        push(&mut decoder, &bytes[cut..]);
        let (data, payload) = data(&mut decoder, Unit::Frame).unwrap();
        assert_eq!((data.opcode, data.is_final, &*payload), (Opcode::Text, false, &b"first"[..]));
    }
}

/// What was put together as a message already is handed out with the rest of it.
#[test]
fn a_message_that_was_begun_is_one_frame() {
    let mut decoder = decoder();
    push(&mut decoder, &frame(Role::Client, 0x01, b"begun "));
    assert!(data(&mut decoder, Unit::Message).is_none());
    push(&mut decoder, &frame(Role::Client, 0x80, b"and ended"));
    let (data, payload) = data(&mut decoder, Unit::Frame).unwrap();
    assert!(data.is_final && data.opcode == Opcode::Text);
    assert_eq!(payload, b"begun and ended");
}

#[test]
fn text_of_frames_is_validated_across_them() {
    let euro = "€".as_bytes();
    for (last, is_good) in [(&euro[1..], true), (&euro[1..2], false), (b"x", false)] {
        let mut decoder = decoder();
        push(&mut decoder, &frame(Role::Client, 0x01, &euro[..1]));
        assert!(data(&mut decoder, Unit::Frame).is_some());
        assert!(data(&mut decoder, Unit::Frame).is_none());
        push(&mut decoder, &frame(Role::Client, 0x80, last));
        assert_eq!(decoder.decode(Unit::Frame).is_ok(), is_good);
    }
}

#[test]
fn trusted_text_is_handed_out_as_it_is() {
    let bytes = [
        frame(Role::Client, 0x81, b"\xFF"),
        frame(Role::Client, 0x01, b"a\xC0"),
        frame(Role::Client, 0x80, b"\xC0"),
    ]
    .concat();
    for cut in 0..=bytes.len() {
        let mut decoder = decoder();
        decoder.trust_text();
        let mut messages = Vec::new();
        for piece in [&bytes[..cut], &bytes[cut..]] {
            push(&mut decoder, piece);
            while let Some((data, payload)) = data(&mut decoder, Unit::Message) {
                assert!(data.opcode == Opcode::Text && !data.is_valid_text);
                messages.push(payload);
            }
        }
        assert_eq!(messages, [&b"\xFF"[..], b"a\xC0\xC0"]);
    }
}
