//! Any bytes as what a peer sends after the handshake: the same messages and verdict however they
//! are cut and held, those of a decoder that is as simple as can be, and no more than tungstenite
//! takes.
#![no_main]

#[path = "../../tests/ws/pieces.rs"]
#[allow(dead_code, reason = "only a part of it is used here")]
mod pieces;
#[path = "../../tests/ws/reference.rs"]
mod reference;
#[path = "../../tests/ws/second_opinion.rs"]
#[allow(dead_code, reason = "only a part of it is used here")]
mod second_opinion;

use libfuzzer_sys::fuzz_target;
use pieces::{By, read};
use taut_proto::ws::{MessageLimits, Role};

fuzz_target!(|input: &[u8]| {
    let [steering, cut, bytes @ ..] = input else { return };
    let role = if steering & 1 == 0 { Role::Client } else { Role::Server };
    let limits = MessageLimits::default().message_bytes_max(300).fragments_max(4);
    let expected = reference::read(bytes, role, limits);
    let cut = usize::from(*cut).min(bytes.len());
    let byte_by_byte: Vec<usize> = (0..bytes.len()).collect();
    for by in [By::Look, By::Take, By::Share] {
        assert_eq!(read(bytes, &[], role, limits, by), expected);
        assert_eq!(read(bytes, &[cut], role, limits, by), expected);
    }
    assert_eq!(read(bytes, &byte_by_byte, role, limits, By::Look), expected);
    second_opinion::compare(bytes, role, limits);
});
