//! The rules of compressed messages (RFC 7692 sections 6 and 7), and who breaks them.

use taut_proto::ws::wire::{Decoder, MessageLimits, Unit};
use taut_proto::ws::{CloseCode, DeflateOptions, Opcode, Role, Violation};

use crate::agreements::{agree, both_ways};
use crate::frames::{Told, compressed, decode, decoder, frame};
use crate::limits::deflated;
use crate::round_trips::noise;

const HELLO: [u8; 7] = [0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00];
const ROLES: [Role; 2] = [Role::Client, Role::Server];

/// What a stream of frames is to an end that has agreed on compression.
fn received(role: Role, frames: &[Vec<u8>], unit: Unit) -> (Vec<Told>, Option<Violation>) {
    let (of_client, of_server) = agree(DeflateOptions::default());
    let agreement = if role == Role::Client { of_client } else { of_server };
    let stream = frames.concat();
    let mut whole = decoder(role, &agreement, MessageLimits::default());
    let told = decode(&mut whole, [&stream[..]], unit);
    let mut bytewise = decoder(role, &agreement, MessageLimits::default());
    assert_eq!(decode(&mut bytewise, stream.chunks(1), unit), told, "however it is cut");
    told
}

#[test]
fn a_message_in_fragments_is_whole_with_control_frames_in_between() {
    for role in ROLES {
        for unit in [Unit::Message, Unit::Frame] {
            for cut in 0..=HELLO.len() {
                let (one, other) = HELLO.split_at(cut);
                let frames = [
                    frame(role, Opcode::Text, false, true, one),
                    frame(role, Opcode::Ping, true, false, b"still there?"),
                    frame(role, Opcode::Continuation, false, false, b""),
                    frame(role, Opcode::Pong, true, false, b""),
                    frame(role, Opcode::Continuation, true, false, other),
                    frame(role, Opcode::Text, true, false, b"plain"),
                    compressed(role, Opcode::Binary, &HELLO),
                ];
                let told = [
                    Told::Control(Opcode::Ping, b"still there?".to_vec()),
                    Told::Control(Opcode::Pong, b"".to_vec()),
                    // As a whole, also where frames are asked for.
                    Told::Message(Opcode::Text, b"Hello".to_vec()),
                    Told::Message(Opcode::Text, b"plain".to_vec()),
                    Told::Message(Opcode::Binary, b"Hello".to_vec()),
                ];
                assert_eq!(received(role, &frames, unit), (told.to_vec(), None), "cut {cut}");
            }
        }
    }
}

#[test]
fn rsv1_stands_only_in_the_first_frame_of_a_message() {
    for role in ROLES {
        let begun = frame(role, Opcode::Text, false, true, &HELLO[..3]);
        let mut ping = frame(role, Opcode::Ping, true, false, b"a");
        ping[0] |= 0x40;
        let wrong = [
            vec![begun.clone(), frame(role, Opcode::Continuation, true, true, &HELLO[3..])],
            vec![begun, ping.clone()],
            vec![ping],
        ];
        for frames in wrong {
            let (told, violation) = received(role, &frames, Unit::Message);
            assert!(told.is_empty());
            assert_eq!(violation.unwrap().code(), CloseCode::PROTOCOL_ERROR);
        }
        // And in none where nothing was agreed on.
        let mut without = Decoder::new(role, MessageLimits::default());
        let stream = compressed(role, Opcode::Text, &HELLO);
        let (told, violation) = decode(&mut without, stream.chunks(1), Unit::Message);
        assert!(told.is_empty());
        assert_eq!(violation.unwrap().code(), CloseCode::PROTOCOL_ERROR);
    }
}

#[test]
fn data_that_is_not_deflate_fails_with_what_came_before_handed_out() {
    // A reserved kind of block, stored lengths that differ, a reference to before the beginning.
    let wrong: [&[u8]; 4] =
        [&[0x07], &[0x00, 0x05, 0x00, 0x00, 0x00], &[0xF2, 0x00, 0x11, 0x00, 0x00], &[0xFF; 20]];
    for role in ROLES {
        for data in wrong {
            let frames = [
                frame(role, Opcode::Text, true, false, b"before"),
                compressed(role, Opcode::Binary, data),
                frame(role, Opcode::Text, true, false, b"behind"),
            ];
            let (told, violation) = received(role, &frames, Unit::Message);
            assert_eq!(told, [Told::Message(Opcode::Text, b"before".to_vec())]);
            let violation = violation.unwrap();
            assert_eq!(violation.code(), CloseCode::INVALID_DATA, "{data:?}");
            assert!(violation.rule().contains("DEFLATE"), "{data:?}: {violation}");
        }
    }
}

/// Blocks whose codes are described in every length, from letters that are more and less frequent.
#[test]
fn data_that_ends_inside_of_the_description_of_a_block_fails() {
    for (round, letters) in noise(6000, 29).chunks(300).enumerate() {
        let letters: Vec<u8> = letters.iter().map(|letter| letter >> (round % 7)).collect();
        let message = [&letters[..], &letters[..150], &letters[20..60]].concat();
        let data = deflated(&message, 9);
        for context in [false, true] {
            let (agreement, _) = agree(both_ways(context, 15));
            for end in 1..data.len() {
                if data[..end] == [0] {
                    continue;
                }
                let stream = compressed(Role::Client, Opcode::Binary, &data[..end]);
                let mut decoder = decoder(Role::Client, &agreement, MessageLimits::default());
                let (told, violation) = decode(&mut decoder, [&stream[..]], Unit::Message);
                assert!(told.is_empty(), "round {round}, context {context}, {end} of {data:?}");
                assert_eq!(violation.unwrap().code(), CloseCode::INVALID_DATA);
            }
        }
    }
}

/// A message that was cut off is no message, wherever the cut is; nor does what a block that was
/// begun makes of the tail become part of one.
#[test]
fn data_that_ends_inside_of_a_block_fails_at_every_position() {
    let text = r#"{"e":"trade","s":"BTCUSDT","p":"67123.40","q":"0.012"}, é€🚀 and "#.repeat(9);
    let noise = noise(700, 23);
    for level in [0, 1, 6, 9] {
        for message in [text.as_bytes(), &text.as_bytes()[..40], &noise, b"Hello"] {
            let data = deflated(message, level);
            for context in [false, true] {
                let (agreement, _) = agree(both_ways(context, 15));
                for end in 1..=data.len() {
                    let stream = compressed(Role::Client, Opcode::Binary, &data[..end]);
                    for piece_bytes in [1, stream.len()] {
                        let mut decoder =
                            decoder(Role::Client, &agreement, MessageLimits::default());
                        let (told, violation) =
                            decode(&mut decoder, stream.chunks(piece_bytes), Unit::Message);
                        let at = format!("level {level}, context {context}, {end} of {data:?}");
                        // The first byte of stored data is an empty message of its own.
                        if data[..end] == [0] {
                            assert_eq!(told, [Told::Message(Opcode::Binary, vec![])]);
                            continue;
                        }
                        if end == data.len() {
                            assert_eq!(told, [Told::Message(Opcode::Binary, message.to_vec())]);
                            assert_eq!(violation, None, "{at}");
                            continue;
                        }
                        assert!(told.is_empty(), "{at}");
                        assert_eq!(violation.expect(&at).code(), CloseCode::INVALID_DATA);
                    }
                }
            }
        }
    }
}

#[test]
fn inflated_text_is_validated_across_every_border() {
    let text = "é€🚀".repeat(3);
    let data = deflated(text.as_bytes(), 6);
    for role in ROLES {
        for cut in 0..=data.len() {
            let (one, other) = data.split_at(cut);
            let frames = [
                frame(role, Opcode::Text, false, true, one),
                frame(role, Opcode::Continuation, true, false, other),
            ];
            let whole = Told::Message(Opcode::Text, text.clone().into_bytes());
            assert_eq!(received(role, &frames, Unit::Message), (vec![whole], None), "{cut}");
        }
    }
}

#[test]
fn inflated_text_that_is_none_fails_also_where_the_data_ends_in_a_mistake() {
    for role in ROLES {
        for text in [&b"abc\xFFdef"[..], b"cut off \xE2\x82", b"\xED\xA0\x80"] {
            let data = deflated(text, 6);
            let (told, violation) =
                received(role, &[compressed(role, Opcode::Text, &data)], Unit::Message);
            assert!(told.is_empty());
            assert_eq!(
                violation.unwrap().rule(),
                "a text message is not UTF-8 (RFC 6455 section 8.1)"
            );
            // The same as binary data is fine.
            let (told, _) =
                received(role, &[compressed(role, Opcode::Binary, &data)], Unit::Message);
            assert_eq!(told, [Told::Message(Opcode::Binary, text.to_vec())]);
        }
        let stored = [&[0x00, 0x03, 0x00, 0xFC, 0xFF][..], b"a\xFFb", &[0x07]].concat();
        let (_, violation) =
            received(role, &[compressed(role, Opcode::Text, &stored)], Unit::Message);
        assert_eq!(violation.unwrap().rule(), "a text message is not UTF-8 (RFC 6455 section 8.1)");
    }
}
