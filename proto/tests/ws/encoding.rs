//! What is written: minimal headers, keys that differ, rooms of every length.

use std::collections::HashSet;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};

use taut_proto::ws::wire::{Encoder, FrameHeader};
use taut_proto::ws::{Opcode, Role};
use taut_runtime::Runtime;

/// The keys of a client come from its runtime.
fn inside(work: impl FnOnce()) {
    Runtime::new().unwrap().block_on(async { work() });
}

/// The one frame that is queued, unmasked.
fn only_frame(encoder: &Encoder) -> (FrameHeader, Vec<u8>) {
    let bytes = encoder.unsent();
    let reader = match encoder.role() {
        Role::Client => Role::Server,
        Role::Server => Role::Client,
    };
    let read = FrameHeader::read(bytes, reader, false).unwrap();
    let (header, header_bytes) = read.expect("a whole header");
    assert_eq!(header.header_bytes(), header_bytes, "as short as can be");
    let mut payload = bytes[header_bytes..].to_vec();
    assert_eq!(payload.len() as u64, header.payload_bytes);
    if let Some(key) = header.mask {
        payload.iter_mut().zip(key.iter().cycle()).for_each(|(byte, key)| *byte ^= key);
    }
    (header, payload)
}

fn drain(encoder: &mut Encoder) {
    let all = encoder.unsent().len();
    encoder.sent(all);
}

/// Around each boundary of a header's size, and thinly in between.
fn lengths() -> impl Iterator<Item = usize> {
    (0..70_000_usize).filter(|bytes| {
        let near = |boundary: usize| bytes.abs_diff(boundary) < 8;
        bytes % 997 == 0 || near(0) || near(126) || near(65_536)
    })
}

#[test]
fn rooms_of_every_length_are_committed_with_every_header() {
    inside(|| {
        let pattern: Vec<u8> = (0..70_000_u32).map(|index| (index * 7 % 253) as u8).collect();
        for role in [Role::Client, Role::Server] {
            let mut encoder = Encoder::new(role);
            for reserved in lengths() {
                for committed in [0, 1, 125, 126, 65_535, 65_536, reserved / 2, reserved] {
                    if committed > reserved {
                        continue;
                    }
                    let mut room = encoder.reserve(Opcode::Binary, reserved);
                    assert_eq!(room.len(), reserved);
                    room[..committed].copy_from_slice(&pattern[..committed]);
                    room.commit(committed);
                    let (header, payload) = only_frame(&encoder);
                    assert!(header.is_final && header.opcode == Opcode::Binary);
                    assert!(payload == pattern[..committed], "{committed} of {reserved}");
                    drain(&mut encoder);
                }
            }
        }
    });
}

#[test]
fn a_dropped_room_leaves_what_was_queued_before_it() {
    inside(|| {
        for role in [Role::Client, Role::Server] {
            let mut encoder = Encoder::new(role);
            encoder.frame(Opcode::Text, true, false, b"before");
            let before = encoder.unsent().to_vec();
            for reserved in [0, 1, 126, 70_000] {
                let mut room = encoder.reserve(Opcode::Binary, reserved);
                room.fill(0xEE);
                drop(room);
                assert_eq!(encoder.unsent(), before);
            }
            let beyond = catch_unwind(AssertUnwindSafe(|| {
                encoder.reserve(Opcode::Binary, 10).commit(11);
            }));
            assert!(beyond.is_err());
            assert_eq!(encoder.unsent(), before, "a panic drops the room, too");
        }
    });
}

#[test]
fn a_room_takes_what_is_written_until_it_is_full() {
    inside(|| {
        let mut encoder = Encoder::new(Role::Server);
        let mut room = encoder.reserve(Opcode::Text, 10);
        write!(room, "{}-{}", 12, 345).unwrap();
        assert!(write!(room, "too much").is_err(), "it has room for 4 more");
        room.finish();
        assert_eq!(only_frame(&encoder).1, b"12-345too ");
    });
}

#[test]
fn each_frame_of_a_client_has_a_key_of_its_own() {
    inside(|| {
        let mut encoder = Encoder::new(Role::Client);
        let mut keys = HashSet::new();
        for _ in 0..1000 {
            encoder.frame(Opcode::Binary, true, false, &[0; 64]);
            let (header, payload) = only_frame(&encoder);
            assert_eq!(payload, [0; 64]);
            keys.insert(header.mask.expect("a client masks"));
            drain(&mut encoder);
        }
        assert!(keys.len() > 990, "{} keys for 1000 frames", keys.len());
    });
}

#[test]
fn queued_bytes_leave_in_order_whatever_each_write_takes() {
    for step in [1, 2, 3, 7, 100, 1000] {
        let mut encoder = Encoder::new(Role::Server);
        let mut expected = Vec::new();
        let mut sent = Vec::new();
        for number in 0..200_u32 {
            let text = number.to_string().repeat(number as usize % 9);
            encoder.frame(Opcode::Text, true, false, text.as_bytes());
            expected.extend([0x81, text.len() as u8]);
            expected.extend_from_slice(text.as_bytes());
            let count = step.min(encoder.unsent().len());
            sent.extend_from_slice(&encoder.unsent()[..count]);
            encoder.sent(count);
            assert_eq!(encoder.sent_total(), sent.len() as u64);
            assert_eq!(encoder.queued_total(), expected.len() as u64);
        }
        sent.extend_from_slice(encoder.unsent());
        assert!(sent == expected, "{step} bytes a write");
    }
}
