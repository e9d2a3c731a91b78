//! The verdict on damaged data does not depend on how it was cut on the way.

use taut_proto::ws::wire::{Deflate, Encoder, MessageLimits, Unit};
use taut_proto::ws::{DeflateOptions, Opcode, Role};

use crate::agreements::agree;
use crate::frames::{compressed, decode, decoder};
use crate::round_trips::{noise, only_frame};

/// A few messages with context, as their DEFLATE data: text, repetition, text beyond ASCII.
fn clean() -> Vec<Vec<u8>> {
    let want = DeflateOptions::default().min_bytes(0).level(6);
    let mut deflate = Deflate::new(&want.answer([]).unwrap().0).unwrap();
    let mut encoder = Encoder::new(Role::Server);
    let texts = [
        r#"{"e":"trade","s":"BTCUSDT","p":"67123.40","q":"0.012"}"#.repeat(3),
        "é€🚀 and what else there is, é€🚀".repeat(40),
        "a".repeat(3000),
        r#"{"e":"trade","s":"ETHUSDT","p":"2123.40","q":"1.5"}"#.to_owned(),
    ];
    let deflated = texts.iter().map(|text| {
        assert!(deflate.message(&mut encoder, Opcode::Text, &[text.as_bytes()]));
        only_frame(&mut encoder).0
    });
    deflated.collect()
}

#[test]
fn damaged_data_is_told_alike_at_every_cut() {
    let (of_client, _) = agree(DeflateOptions::default());
    let damage = noise(4000, 19);
    let mut verdicts = [0; 4];
    for round in damage.chunks(4) {
        let mut messages = clean();
        let message = round[0] as usize % messages.len();
        let at = usize::from(round[1]) * messages[message].len() / 256;
        messages[message][at] ^= round[2].max(1);
        let opcode = if round[3] % 2 == 0 { Opcode::Text } else { Opcode::Binary };
        let stream: Vec<u8> =
            messages.iter().flat_map(|data| compressed(Role::Client, opcode, data)).collect();
        // Low enough to be met by some.
        let limits = MessageLimits::default().message_bytes_max(3100);
        let told = |piece_bytes: usize| {
            let mut decoder = decoder(Role::Client, &of_client, limits);
            decode(&mut decoder, stream.chunks(piece_bytes), Unit::Message)
        };
        let whole = told(stream.len());
        for piece_bytes in [1, 2, 7, 64] {
            assert_eq!(told(piece_bytes), whole, "{round:?} in pieces of {piece_bytes}");
        }
        verdicts[match whole.1 {
            None => 0,
            Some(violation) if violation.rule().contains("UTF-8") => 1,
            Some(violation) if violation.rule().contains("DEFLATE data") => 2,
            Some(_) => 3,
        }] += 1;
    }
    assert!(verdicts.iter().all(|&count| count > 0), "every verdict is met: {verdicts:?}");
}
