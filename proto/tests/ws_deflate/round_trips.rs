//! What we compress is what others inflate, and what we inflate ourselves.

use flate2::{Decompress, FlushDecompress};
use taut_proto::ws::wire::{Deflate, Encoder, FrameHeader, MessageLimits, Unit};
use taut_proto::ws::{DeflateOptions, Opcode, Role};

use crate::agreements::{agree, both_ways};
use crate::frames::{Told, decode, decoder};

/// Bytes that nothing shortens, always the same.
pub(crate) fn noise(bytes: usize, seed: u64) -> Vec<u8> {
    let mut state = seed | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..bytes).map(|_| next()).collect()
}

/// Messages of every kind: short, long, alike, beyond any window, and such as nothing shortens.
pub(crate) fn messages() -> Vec<Vec<u8>> {
    let trade = |id: usize| format!(r#"{{"e":"trade","s":"BTCUSDT","t":{id},"p":"67{id}.1"}}"#);
    let mut messages = vec![b"".to_vec(), b"a".to_vec(), vec![0; 100_000]];
    messages.extend((0..20).map(|id| trade(id * 37).into_bytes()));
    messages.push((0..2000).map(|id| trade(id * 91)).collect::<String>().into_bytes());
    messages.extend([1, 64, 1000, 40_000, 100_000].map(|bytes| noise(bytes, bytes as u64)));
    // Repeated from farther away than the window reaches, and from nearer.
    messages.push(noise(50_000, 7).repeat(2));
    messages.push(noise(300, 9).repeat(50));
    messages.push(b"".to_vec());
    messages
}

/// All messages, each as `queue` queues it, through our decoder as a client has it.
fn round_trip(want: DeflateOptions, queue: impl Fn(&mut Deflate, &mut Encoder, &[u8])) {
    let (of_client, of_server) = agree(want);
    let mut encoder = Encoder::new(Role::Server);
    let mut deflate = Deflate::new(&of_server).expect("a window that it has");
    let mut decoder = decoder(Role::Client, &of_client, MessageLimits::default());
    for message in messages() {
        queue(&mut deflate, &mut encoder, &message);
        let (told, violation) = decode(&mut decoder, encoder.unsent().chunks(4096), Unit::Message);
        assert_eq!(violation, None, "{want:?}, {} bytes", message.len());
        let whole = Told::Message(Opcode::Binary, message);
        assert!(told == [whole], "{want:?}: {} messages", told.len());
        encoder.sent(encoder.unsent().len());
    }
}

fn queue(deflate: &mut Deflate, encoder: &mut Encoder, pieces: &[&[u8]]) {
    if !deflate.message(encoder, Opcode::Binary, pieces) {
        assert_eq!(pieces.len(), 1);
        encoder.frame(Opcode::Binary, true, false, pieces[0]);
    }
}

#[test]
fn messages_come_back_with_every_window_and_both_contexts() {
    for context in [true, false] {
        for window_bits in 9..=15 {
            round_trip(both_ways(context, window_bits), |deflate, encoder, message| {
                queue(deflate, encoder, &[message]);
            });
        }
    }
}

#[test]
fn messages_come_back_in_pieces_of_every_kind() {
    for context in [true, false] {
        round_trip(both_ways(context, 15), |deflate, encoder, message| {
            let (one, other) = message.split_at(message.len() / 3);
            let pieces: [&[u8]; 6] = [b"", one, b"", b"", other, b""];
            let pieces = if message.is_empty() { &[message][..] } else { &pieces[..] };
            queue(deflate, encoder, pieces);
        });
    }
}

/// The payload of the only frame there is, and whether it is compressed.
pub(crate) fn only_frame(encoder: &mut Encoder) -> (Vec<u8>, bool) {
    let sent = encoder.unsent().to_vec();
    encoder.sent(sent.len());
    let (header, bytes) = FrameHeader::read(&sent, Role::Client, true).unwrap().unwrap();
    assert_eq!(bytes + header.payload_bytes as usize, sent.len(), "one frame");
    (sent[bytes..].to_vec(), header.is_compressed)
}

/// Another reader takes what a server sends that wants this, message by message.
fn check_with_flate2(server: DeflateOptions, context: bool) {
    let (of_server, _) = server.send_context(context).answer([]).unwrap();
    let mut deflate = Deflate::new(&of_server).expect("a window that it has");
    let mut encoder = Encoder::new(Role::Server);
    let mut stream = Decompress::new(false);
    for message in messages() {
        if !deflate.message(&mut encoder, Opcode::Binary, &[&message]) {
            continue;
        }
        let (mut data, is_compressed) = only_frame(&mut encoder);
        assert!(is_compressed);
        data.extend_from_slice(&[0, 0, 0xFF, 0xFF]);
        let mut out = Vec::with_capacity(message.len() + 64);
        let before = stream.total_in();
        stream.decompress_vec(&data, &mut out, FlushDecompress::Sync).unwrap();
        assert_eq!(stream.total_in() - before, data.len() as u64);
        assert!(out == message, "{server:?}, {} bytes", message.len());
        if !context {
            stream.reset(false);
        }
    }
}

#[test]
fn another_reader_takes_what_every_level_and_window_makes() {
    let server = DeflateOptions::default().min_bytes(0);
    for context in [true, false] {
        for level in 1..=9 {
            check_with_flate2(server.level(level), context);
        }
        for window_bits in 9..=15 {
            check_with_flate2(server.send_window_bits(window_bits), context);
        }
    }
}
