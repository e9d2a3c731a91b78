//! Frames written by hand, and what a decoder makes of them.

use taut_proto::ws::wire::{
    Decoded, Decoder, FrameHeader, HEADER_BYTES_MAX, MessageLimits, Unit, apply_mask,
};
use taut_proto::ws::{DeflateAgreement, Opcode, Role, Violation};
use taut_runtime::buffer::RxBufMut;

/// What a decoder told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    Message(Opcode, Vec<u8>),
    Control(Opcode, Vec<u8>),
}

/// A frame as `receiver` gets it.
pub(crate) fn frame(
    receiver: Role,
    opcode: Opcode,
    is_final: bool,
    is_compressed: bool,
    payload: &[u8],
) -> Vec<u8> {
    let mask = (receiver == Role::Server).then_some([0x9C, 0x01, 0x7F, 0xE3]);
    let payload_bytes = payload.len() as u64;
    let header = FrameHeader { is_final, is_compressed, opcode, mask, payload_bytes };
    let mut room = [0; HEADER_BYTES_MAX];
    let header_bytes = header.write(&mut room);
    let mut frame = room[..header_bytes].to_vec();
    frame.extend_from_slice(payload);
    if let Some(key) = mask {
        apply_mask(&mut frame[header_bytes..], key);
    }
    frame
}

/// A compressed message in one frame.
pub(crate) fn compressed(receiver: Role, opcode: Opcode, data: &[u8]) -> Vec<u8> {
    frame(receiver, opcode, true, true, data)
}

pub(crate) fn decoder(
    receiver: Role,
    agreement: &DeflateAgreement,
    limits: MessageLimits,
) -> Decoder {
    let mut decoder = Decoder::new(receiver, limits);
    decoder.inflate_as_agreed(Some(agreement));
    decoder
}

/// What is told of `stream` that comes in these pieces, and why it ended early.
pub(crate) fn decode<'a>(
    decoder: &mut Decoder,
    pieces: impl IntoIterator<Item = &'a [u8]>,
    unit: Unit,
) -> (Vec<Told>, Option<Violation>) {
    let mut told = Vec::new();
    for piece in pieces {
        decoder.push(RxBufMut::from(piece.to_vec()));
        loop {
            match decoder.decode(unit) {
                Ok(Some(decoded)) => told.push(tell(decoder, decoded)),
                Ok(None) => break,
                Err(violation) => return (told, Some(violation)),
            }
        }
        assert!(decoder.is_empty(), "all was used");
    }
    (told, None)
}

fn tell(decoder: &mut Decoder, decoded: Decoded) -> Told {
    match decoded {
        Decoded::Data(data) => {
            let bytes = decoder.take(&data);
            Told::Message(data.opcode, bytes.to_vec())
        }
        Decoded::Ping => Told::Control(Opcode::Ping, decoder.control().to_vec()),
        Decoded::Pong => Told::Control(Opcode::Pong, decoder.control().to_vec()),
        Decoded::Close(_) => Told::Control(Opcode::Close, decoder.control().to_vec()),
    }
}
