//! What others compressed: the examples of RFC 7692 section 7.2.3, and streams of Python's `zlib`,
//! each with its level, strategy, window and context; the same bytes at every cut.

use taut_proto::ws::wire::{MessageLimits, Unit};
use taut_proto::ws::{Opcode, Role};

use crate::agreements::{agree, both_ways};
use crate::frames::{Told, compressed, decode, decoder};

const ROLES: [Role; 2] = [Role::Client, Role::Server];

const TRADE: &str = r#"{"e":"trade","s":"BTCUSDT","p":"67123.40","q":"0.012"}"#;
const NEXT_TRADE: &str = r#"{"e":"trade","s":"BTCUSDT","p":"67123.50","q":"0.310"}"#;

/// What all of Python's streams below are made of.
const TEXTS: [&str; 6] = ["Hello", "Hello", TRADE, NEXT_TRADE, "", "Hello"];

fn bytes(hexadecimal: &str) -> Vec<u8> {
    let digits: Vec<u8> = hexadecimal.bytes().filter(u8::is_ascii_hexdigit).collect();
    let pair = |pair: &[u8]| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(pair).collect()
}

/// The messages `data` are `texts`, at every cut, for both roles.
fn check(context: bool, window_bits: u8, data: &[&str], texts: &[&str]) {
    let (of_client, of_server) = agree(both_ways(context, window_bits));
    let expected: Vec<Told> =
        texts.iter().map(|text| Told::Message(Opcode::Text, text.as_bytes().to_vec())).collect();
    for (role, agreement) in ROLES.into_iter().zip([of_client, of_server]) {
        let stream: Vec<u8> =
            data.iter().flat_map(|data| compressed(role, Opcode::Text, &bytes(data))).collect();
        for unit in [Unit::Message, Unit::Frame] {
            for cut in 0..=stream.len() {
                let mut decoder = decoder(role, &agreement, MessageLimits::default());
                let (one, other) = stream.split_at(cut);
                let told = decode(&mut decoder, [one, other], unit);
                assert_eq!(told, (expected.clone(), None), "{role:?}, {unit:?}, cut at {cut}");
            }
            let mut decoder = decoder(role, &agreement, MessageLimits::default());
            let told = decode(&mut decoder, stream.chunks(1), unit);
            assert_eq!(told, (expected.clone(), None), "{role:?}, {unit:?}, byte by byte");
        }
    }
}

#[test]
fn the_examples_of_the_rfc_are_read() {
    // With and without reference to the message before.
    check(true, 15, &["f248cdc9c90700", "f200110000"], &["Hello", "Hello"]);
    check(false, 15, &["f248cdc9c90700", "f248cdc9c90700"], &["Hello", "Hello"]);
    // A block that is stored; one that says it is the last; two blocks in one message; no data.
    for context in [true, false] {
        let data =
            ["000500faff48656c6c6f00", "f348cdc9c9070000", "f2480500", "00", "f248cdc9c90700"];
        let texts = ["Hello", "Hello", "He", "", "Hello"];
        check(context, 15, &data, &texts);
        let two_blocks = "f248050000 00ffff cac9c90700";
        check(context, 15, &[two_blocks, two_blocks], &["Hello", "Hello"]);
    }
}

#[test]
fn data_may_go_on_behind_a_final_block_and_end_with_one() {
    for context in [true, false] {
        // Two whole streams and the block of the tail; the same without it; no data at all.
        let hello_world = "f348cdc9c90700 2bcf2fca490100";
        let data =
            [&format!("{hello_world}00"), hello_world, "", "f348cdc9c90700", "0300", "030000"];
        let texts = ["Helloworld", "Helloworld", "", "Hello", "", ""];
        check(context, 15, &data, &texts);
    }
    // What comes behind it knows nothing of what came before: this refers to the first message.
    let (of_client, _) = agree(both_ways(true, 15));
    let mut decoder = decoder(Role::Client, &of_client, MessageLimits::default());
    let stream: Vec<u8> = ["f348cdc9c9070000", "f200110000"]
        .iter()
        .flat_map(|data| compressed(Role::Client, Opcode::Text, &bytes(data)))
        .collect();
    let (told, violation) = decode(&mut decoder, [&stream[..]], Unit::Message);
    assert_eq!(told, [Told::Message(Opcode::Text, b"Hello".to_vec())]);
    assert!(violation.unwrap().rule().contains("not DEFLATE data"));
}

#[test]
fn streams_of_zlib_with_context_are_read() {
    let with_matches = [
        "f248cdc9c90700",
        "f200110000",
        "aa564a55b2522a294a4c4955d2512a06b29d429c43835d4280bc0220cfccdcd0c858cfc400c82d04720df40c0c8d\
         946a0100",
        "224e97294297b1a181522d00",
        "00",
        "025b0800",
    ];
    for window_bits in 9..=15 {
        check(true, window_bits, &with_matches, &TEXTS);
    }
    let stored = [
        "000500faff48656c6c6f00",
        "000500faff48656c6c6f00",
        "003600c9ff7b2265223a227472616465222c2273223a2242544355534454222c2270223a2236373132332e343022\
         2c2271223a22302e303132227d00",
        "003600c9ff7b2265223a227472616465222c2273223a2242544355534454222c2270223a2236373132332e353022\
         2c2271223a22302e333130227d00",
        "00",
        "000500faff48656c6c6f00",
    ];
    check(true, 15, &stored, &TEXTS);
}

#[test]
fn streams_of_zlib_without_context_are_read_with_and_without() {
    let anew = [
        "f248cdc9c90700",
        "f248cdc9c90700",
        "aa564a55b2522a294a4c4955d2512a06b29d429c43835d4280bc0220cfccdcd0c858cfc400c82d04720df40c0c8d\
         946a0100",
        "aa564a55b2522a294a4c4955d2512a06b29d429c43835d4280bc0220cfccdcd0c858cfd400c82d04720df48c0d0d\
         946a0100",
        "00",
        "f248cdc9c90700",
    ];
    check(false, 12, &anew, &TEXTS);
    check(true, 12, &anew, &TEXTS);
    let only_huffman = [
        "f248cdc9c90700",
        "f248cdc9c90700",
        "aa564a55b2522a294a4c4955d2512a56b252720a710e0d760951d2512a50b2523233373432d6333150d2512a54b2\
         5232d033303452aa0500",
        "aa564a55b2522a294a4c4955d2512a56b252720a710e0d760951d2512a50b2523233373432d6333550d2512a54b2\
         5232d033363450aa0500",
        "00",
        "f248cdc9c90700",
    ];
    check(false, 15, &only_huffman, &TEXTS);
    check(true, 15, &only_huffman, &TEXTS);
}
