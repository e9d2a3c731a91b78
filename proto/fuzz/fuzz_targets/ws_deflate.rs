//! Any bytes as the data of compressed messages: the same messages and verdict however they are
//! cut, and none is longer than the limit; and any bytes as messages, which come back as they were.
#![no_main]

use libfuzzer_sys::fuzz_target;
use taut_proto::ws::wire::{Decoded, Decoder, Deflate, Encoder, FrameHeader, MessageLimits, Unit};
use taut_proto::ws::{DeflateAgreement, DeflateOptions, Opcode, Role, Violation};
use taut_runtime::buffer::RxBufMut;

const BYTES_MAX: usize = 3000;

/// How ends agree, and the server compresses, by a byte of the input.
fn agree(byte: u8) -> (DeflateAgreement, DeflateAgreement) {
    let is = |bit: u8| byte & 1 << bit != 0;
    let server = DeflateOptions::default()
        .min_bytes(0)
        .level(1 + u32::from(byte >> 4) % 9)
        .send_context(is(0))
        .send_window_bits(if is(1) { 15 } else { 9 });
    let (of_server, _) = server.answer([]).unwrap();
    let context = [("server_no_context_takeover", None)];
    let answer = context.into_iter().filter(|_| !is(0));
    (DeflateOptions::default().agree(answer).unwrap(), of_server)
}

/// The messages of a stream that comes in pieces of this size.
fn received(
    of_client: &DeflateAgreement,
    stream: &[u8],
    piece_bytes: usize,
    limits: MessageLimits,
) -> (Vec<Vec<u8>>, Option<Violation>) {
    let mut decoder = Decoder::new(Role::Client, limits);
    decoder.inflate_as_agreed(Some(of_client));
    let mut messages = Vec::new();
    for piece in stream.chunks(piece_bytes) {
        decoder.push(RxBufMut::from(piece.to_vec()));
        loop {
            match decoder.decode(Unit::Message) {
                Ok(Some(Decoded::Data(data))) => messages.push(decoder.payload(&data).to_vec()),
                Ok(Some(other)) => unreachable!("only data was sent: {other:?}"),
                Ok(None) => break,
                Err(violation) => return (messages, Some(violation)),
            }
        }
    }
    (messages, None)
}

fn frame(opcode: Opcode, is_compressed: bool, payload: &[u8], stream: &mut Vec<u8>) {
    let payload_bytes = payload.len() as u64;
    let header = FrameHeader { is_final: true, is_compressed, opcode, mask: None, payload_bytes };
    let mut room = [0; 14];
    let header_bytes = header.write(&mut room);
    stream.extend_from_slice(&room[..header_bytes]);
    stream.extend_from_slice(payload);
}

fuzz_target!(|input: &[u8]| {
    let &[how, cut, ref bytes @ ..] = input else { return };
    let (of_client, of_server) = agree(how);

    // As data of others, in messages that a byte of it ends.
    let opcode = if how & 0x04 == 0 { Opcode::Binary } else { Opcode::Text };
    let mut stream = Vec::new();
    for data in bytes.split(|&byte| byte == 0xA5) {
        frame(opcode, true, data, &mut stream);
    }
    let limits = MessageLimits::default().message_bytes_max(BYTES_MAX);
    let whole = received(&of_client, &stream, stream.len(), limits);
    assert!(whole.0.iter().all(|message| message.len() <= BYTES_MAX));
    assert_eq!(received(&of_client, &stream, 1 + usize::from(cut), limits), whole);
    assert_eq!(received(&of_client, &stream, 1, limits), whole);

    // As messages of ours, each in one piece or in two.
    let mut deflate = Deflate::new(&of_server).unwrap();
    let mut encoder = Encoder::new(Role::Server);
    let messages: Vec<&[u8]> = bytes.split(|&byte| byte == cut).collect();
    for message in &messages {
        let halves = message.split_at(message.len() / 2);
        let pieces = [halves.0, halves.1];
        let in_two = how & 0x08 != 0 && !message.is_empty();
        let pieces = if in_two { &pieces[..] } else { &[*message] };
        if !deflate.message(&mut encoder, Opcode::Binary, pieces) {
            encoder.frame(Opcode::Binary, true, false, message);
        }
    }
    let (back, violation) =
        received(&of_client, encoder.unsent(), 1 + usize::from(cut), MessageLimits::default());
    assert_eq!(violation, None);
    assert!(back == messages);
});
