//! When messages are compressed, how far back they refer, and what connections share.

use taut_proto::ws::wire::{Deflate, Encoder};
use taut_proto::ws::{DeflateOptions, Opcode, Role};

use crate::allocations::live_bytes;
use crate::round_trips::{noise, only_frame};

fn server(want: DeflateOptions) -> Option<Deflate> {
    Deflate::new(&want.answer([]).unwrap().0)
}

/// What a message becomes; nothing where it is to go as it is.
fn sent(deflate: &mut Deflate, message: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = Encoder::new(Role::Server);
    if !deflate.message(&mut encoder, Opcode::Binary, &[message]) {
        assert!(encoder.unsent().is_empty(), "nothing was done");
        return None;
    }
    Some(only_frame(&mut encoder).0)
}

#[test]
fn nothing_refers_farther_back_than_was_agreed() {
    for window_bits in 9..=15 {
        let server = || server(DeflateOptions::default().send_window_bits(window_bits)).unwrap();
        let window_bytes = 1 << window_bits;
        // In one message, and in two.
        let (near, far) = (noise(window_bytes / 4, 3), noise(window_bytes * 2, 5));
        let repeated = sent(&mut server(), &near.repeat(2)).unwrap();
        assert!(repeated.len() < near.len() + near.len() / 2, "{window_bits}");
        assert_eq!(sent(&mut server(), &far.repeat(2)), None, "{window_bits}");
        let mut deflate = server();
        // In pieces, so that it is sent whatever it becomes.
        let mut encoder = Encoder::new(Role::Server);
        assert!(deflate.message(&mut encoder, Opcode::Binary, &[&near, b""]));
        assert!(sent(&mut deflate, &near).unwrap().len() < near.len() / 2, "{window_bits}");
    }
}

#[test]
fn an_offered_window_of_8_bits_is_taken_and_nothing_compressed() {
    let offer = [("server_max_window_bits", Some("8"))];
    let (agreement, answer) = DeflateOptions::default().answer(offer).unwrap();
    assert_eq!(answer, "permessage-deflate; server_max_window_bits=8");
    assert!(Deflate::new(&agreement).is_none());
    let answer = [("client_max_window_bits", Some("8"))];
    let agreement = DeflateOptions::default().agree(answer).unwrap();
    assert!(Deflate::new(&agreement).is_none());
}

#[test]
fn short_messages_go_as_they_are() {
    let mut deflate = server(DeflateOptions::default().min_bytes(100)).unwrap();
    assert_eq!(sent(&mut deflate, &[b'a'; 99]), None);
    assert!(sent(&mut deflate, &[b'a'; 100]).is_some());
    let mut deflate = server(DeflateOptions::default().min_bytes(0)).unwrap();
    assert_eq!(sent(&mut deflate, b""), None);
    assert!(sent(&mut deflate, &[b'a'; 20]).is_some());
}

#[test]
fn what_becomes_no_shorter_goes_as_it_is_and_nothing_refers_to_it() {
    for context in [true, false] {
        for bytes in [64, 1000, 100_000] {
            let message = noise(bytes, bytes as u64);
            let mut deflate = server(DeflateOptions::default().send_context(context)).unwrap();
            assert!(sent(&mut deflate, &[b'a'; 100]).is_some());
            assert_eq!(sent(&mut deflate, &message), None);
            // With the first in the context, the second would be short.
            assert_eq!(sent(&mut deflate, &message), None);
        }
    }
}

#[test]
fn without_context_a_message_is_the_same_whatever_went_before() {
    let text = b"{\"op\":\"subscribe\",\"args\":[\"books\",\"trades\",\"books\",\"trades\"]}";
    let want = DeflateOptions::default().min_bytes(0).send_context(false);
    let (mut one, mut other) = (server(want).unwrap(), server(want).unwrap());
    let first = sent(&mut one, text).unwrap();
    for (index, between) in [&text[..], &noise(5000, 1), &[0; 70_000]].into_iter().enumerate() {
        sent(&mut one, between);
        assert_eq!(sent(&mut other, text).unwrap(), first, "{index}");
        let mut encoder = Encoder::new(Role::Server);
        assert!(other.message(&mut encoder, Opcode::Binary, &[between, text]));
        assert_eq!(sent(&mut one, text).unwrap(), first, "{index}");
    }
    let mut with = server(want.send_context(true)).unwrap();
    assert_eq!(sent(&mut with, text).unwrap(), first, "a beginning");
    assert_ne!(sent(&mut with, text).unwrap(), first, "it refers to the one before");
}

#[test]
fn connections_without_context_share_a_compressor_and_the_last_takes_it_along() {
    let before = live_bytes();
    let want = DeflateOptions::default().send_context(false);
    let first = server(want).unwrap();
    let of_one = live_bytes() - before;
    assert!(of_one > 200 << 10, "{of_one} bytes");
    let others: Vec<_> = (0..1000).map(|_| server(want).unwrap()).collect();
    let of_others = live_bytes() - before - of_one;
    assert!(of_others < 64 * 1000, "{of_others} bytes");
    // Another level is another compressor.
    let finer = server(want.level(9)).unwrap();
    assert!(live_bytes() - before - of_one - of_others > 200 << 10);
    drop((first, others, finer));
    let left = live_bytes() - before;
    assert!(left < 1024, "{left} bytes: the list of them");
}
