//! Limits of what a peer may send: bytes, fragments, and memory for what is only declared.

use taut_proto::ws::wire::{Decoder, Unit};
use taut_proto::ws::{MessageLimits, Role};
use taut_runtime::buffer::RxBufMut;

use crate::allocations::counting::live_bytes;
use crate::frames::{KEY, Length, READERS, frame, header};
use crate::pieces::{Event, Reading, same_at_every_cut};

fn tight() -> MessageLimits {
    MessageLimits::default().message_bytes_max(10).fragments_max(3)
}

fn message(reader: Role, pieces: &[usize]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (index, &payload_bytes) in pieces.iter().enumerate() {
        let opcode = if index == 0 { 2 } else { 0 };
        let is_final = u8::from(index + 1 == pieces.len()) << 7;
        bytes.extend(frame(reader, is_final | opcode, &vec![7; payload_bytes]));
    }
    bytes
}

#[test]
fn a_message_may_be_as_long_as_the_limit_and_no_longer() {
    for reader in READERS {
        for pieces in [&[10][..], &[4, 6], &[0, 10, 0], &[10, 0]] {
            let reading = same_at_every_cut(&message(reader, pieces), reader, tight());
            assert_eq!(reading, Reading::good([Event::Binary(vec![7; 10])]));
        }
        for pieces in [&[11][..], &[4, 7], &[10, 1], &[0, 0, 11]] {
            let reading = same_at_every_cut(&message(reader, pieces), reader, tight());
            assert_eq!(reading, Reading::refused([], 1009));
        }
    }
}

#[test]
fn fragments_are_counted_also_empty_ones() {
    for reader in READERS {
        let reading = same_at_every_cut(&message(reader, &[0, 0, 1]), reader, tight());
        assert_eq!(reading, Reading::good([Event::Binary(vec![7])]));
        for pieces in [&[0, 0, 0, 1][..], &[1, 1, 1, 1], &[0, 0, 0, 0, 0, 0, 0]] {
            let reading = same_at_every_cut(&message(reader, pieces), reader, tight());
            assert_eq!(reading, Reading::refused([], 1008));
        }
    }
}

#[test]
fn the_limit_of_one_message_is_not_that_of_the_next() {
    for reader in READERS {
        let bytes = message(reader, &[5, 5]).repeat(3);
        let reading = same_at_every_cut(&bytes, reader, tight());
        assert_eq!(reading, Reading::good(vec![Event::Binary(vec![7; 10]); 3]));
    }
}

#[test]
fn a_length_beyond_the_limit_is_refused_by_its_header() {
    for reader in READERS {
        for (length, payload_bytes) in
            [(Length::Minimal, 11), (Length::Minimal, 70_000), (Length::Eight, 1 << 62)]
        {
            for first in [0x02, 0x81, 0x82] {
                let bytes = header(reader == Role::Server, length, first, payload_bytes);
                let reading = same_at_every_cut(&bytes, reader, tight());
                assert_eq!(reading, Reading::refused([], 1009));
            }
        }
    }
}

#[test]
fn lengths_that_sum_up_beyond_64_bits_are_refused() {
    for reader in READERS {
        let mut decoder = Decoder::new(reader, MessageLimits::default().message_bytes_max(1 << 63));
        let is_masked = reader == Role::Server;
        decoder.push(RxBufMut::from(header(is_masked, Length::Eight, 0x02, (1 << 63) - 1)));
        assert!(decoder.decode(Unit::Message).unwrap().is_none(), "allowed, if it ever comes");
    }
}

#[test]
fn a_declared_length_takes_no_memory() {
    let limits = MessageLimits::default().message_bytes_max(usize::MAX);
    for reader in READERS {
        for payload_bytes in [1 << 30, 1 << 62, (1 << 63) - 1] {
            for first in [0x02, 0x82, 0x81] {
                let is_masked = reader == Role::Server;
                let mut bytes = header(is_masked, Length::Minimal, first, payload_bytes);
                bytes.extend_from_slice(&if is_masked { KEY } else { [0; 4] });
                let mut decoder = Decoder::new(reader, limits);
                let before = live_bytes();
                decoder.push(RxBufMut::from(bytes));
                assert!(decoder.decode(Unit::Message).unwrap().is_none());
                assert!(live_bytes() - before < 1024, "{} bytes", live_bytes() - before);
            }
        }
    }
}
