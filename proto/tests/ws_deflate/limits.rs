//! Limits of what compressed messages become: exact, whatever the cut, and of memory as well.

use flate2::{Compress, Compression, FlushCompress};
use taut_proto::ws::wire::{MessageLimits, Unit};
use taut_proto::ws::{CloseCode, DeflateOptions, Opcode, Role, Violation};

use crate::agreements::agree;
use crate::allocations::live_bytes;
use crate::frames::{Told, compressed, decode, decoder, frame};
use crate::round_trips::noise;

const TAIL: [u8; 4] = [0, 0, 0xFF, 0xFF];

/// DEFLATE data of a message.
pub(crate) fn deflated(message: &[u8], level: u32) -> Vec<u8> {
    let mut stream = Compress::new(Compression::new(level), false);
    let mut data = Vec::with_capacity(message.len() + message.len() / 8 + 100);
    stream.compress_vec(message, &mut data, FlushCompress::Sync).unwrap();
    assert_eq!(stream.total_in(), message.len() as u64);
    data.truncate(data.strip_suffix(&TAIL).unwrap().len());
    data
}

fn received(stream: &[u8], piece_bytes: usize, bytes_max: usize) -> Result<usize, Violation> {
    let (of_client, _) = agree(DeflateOptions::default());
    let limits = MessageLimits::default().message_bytes_max(bytes_max);
    let mut decoder = decoder(Role::Client, &of_client, limits);
    match decode(&mut decoder, stream.chunks(piece_bytes), Unit::Message) {
        (_, Some(violation)) => Err(violation),
        (told, None) => match &told[..] {
            [Told::Message(_, bytes)] => Ok(bytes.len()),
            other => panic!("{} messages", other.len()),
        },
    }
}

#[test]
fn a_message_may_be_as_long_as_the_limit_and_no_longer() {
    for bytes in [1, 4095, 4096, 4097, 8192, 100_000] {
        for message in [vec![b'a'; bytes], noise(bytes, 11)] {
            for level in [0, 1, 9] {
                let data = deflated(&message, level);
                let stream = compressed(Role::Client, Opcode::Binary, &data);
                for piece_bytes in [1, 100, stream.len()] {
                    assert_eq!(received(&stream, piece_bytes, bytes), Ok(bytes));
                    let violation = received(&stream, piece_bytes, bytes - 1).unwrap_err();
                    assert_eq!(violation.code(), CloseCode::TOO_LONG);
                    assert!(violation.rule().contains("message_bytes_max"), "{violation}");
                }
            }
        }
    }
    let empty = compressed(Role::Client, Opcode::Binary, &[0]);
    assert_eq!(received(&empty, 1, 0), Ok(0));
}

#[test]
fn a_message_at_the_limit_may_be_stored_and_flushed_in_every_fragment() {
    let message = noise(64_000, 13);
    let mut stream = Compress::new(Compression::none(), false);
    let mut frames = Vec::new();
    let mut pieces = message.chunks(1000).peekable();
    let mut opcode = Opcode::Binary;
    while let Some(piece) = pieces.next() {
        let mut data = Vec::with_capacity(1100);
        stream.compress_vec(piece, &mut data, FlushCompress::Sync).unwrap();
        let (is_first, is_last) = (opcode == Opcode::Binary, pieces.peek().is_none());
        if is_last {
            data.truncate(data.len() - 4);
        }
        frames.extend(frame(Role::Client, opcode, is_last, is_first, &data));
        opcode = Opcode::Continuation;
    }
    assert_eq!(received(&frames, 500, message.len()), Ok(message.len()));
}

#[test]
fn data_that_becomes_nothing_is_limited_too() {
    let blocks = [0x00, 0x00, 0x00, 0xFF, 0xFF].repeat(1000);
    let stream = compressed(Role::Client, Opcode::Binary, &[&blocks[..], &[0]].concat());
    let violation = received(&stream, 100, 1000).unwrap_err();
    assert_eq!(violation.code(), CloseCode::TOO_LONG);
    assert_eq!(received(&stream, 100, 1 << 20), Ok(0));
    let ends = [0x03, 0x00].repeat(100_000);
    let stream = compressed(Role::Client, Opcode::Binary, &ends);
    assert_eq!(received(&stream, 1000, 1 << 20), Ok(0));
}

#[test]
fn a_bomb_takes_no_more_memory_than_the_limit() {
    let bomb = deflated(&vec![0; 64 << 20], 9);
    assert!(bomb.len() < 100 << 10);
    let (of_client, _) = agree(DeflateOptions::default());
    for bytes_max in [1, 1000, 70_000, 1 << 20] {
        // So that the message is refused for what it becomes, not for what it is.
        let bytes_max = bytes_max.max(bomb.len());
        let limits = MessageLimits::default().message_bytes_max(bytes_max);
        let mut decoder = decoder(Role::Client, &of_client, limits);
        let stream = compressed(Role::Client, Opcode::Text, &bomb);
        let before = live_bytes();
        let (told, violation) = decode(&mut decoder, stream.chunks(1000), Unit::Message);
        let took = live_bytes() - before;
        assert!(told.is_empty());
        assert!(violation.unwrap().rule().contains("whose data is longer"));
        // A stream has some 45 KiB of its own; what came last, 1000.
        let most = bytes_max + (64 << 10);
        assert!(took <= most as isize, "{took} bytes at a limit of {bytes_max}");
    }
}

#[test]
fn memory_grows_with_what_was_put_out_not_with_the_limit() {
    let (of_client, _) = agree(DeflateOptions::default());
    let limits = MessageLimits::default().message_bytes_max(usize::MAX);
    for bytes in [10, 10_000, 1_000_000] {
        let mut decoder = decoder(Role::Client, &of_client, limits);
        let data = deflated(&noise(bytes, 17), 1);
        let stream = frame(Role::Client, Opcode::Binary, false, true, &data);
        let before = live_bytes();
        assert_eq!(decode(&mut decoder, stream.chunks(1000), Unit::Message), (vec![], None));
        let took = live_bytes() - before;
        let most = 2 * bytes + (64 << 10);
        assert!(took <= most as isize, "{took} bytes for {bytes}");
    }
}
