//! Frames that are made beforehand, so that who sends them spends no time on them.
//!
//! Both directions of a connection go round the same few payloads, which differ in every byte: an
//! answer to another message, or a byte out of place, does not go unseen. Each frame of a client has
//! a key of its own.

use taut::ws::wire::{FrameHeader, HEADER_BYTES_MAX, apply_mask};
use taut::ws::{Opcode, Role};

/// Payloads before the first comes again.
const VARIANTS: usize = 4;
/// What the bytes of two payloads that follow one another differ by.
const STEP: usize = 23;
/// The characters of a text, from the space on.
const CHARACTERS: usize = 95;

/// What the messages are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kind {
    pub(crate) is_text: bool,
    pub(crate) payload_bytes: usize,
}

/// Consecutive frames of one direction.
#[derive(Clone, Debug)]
pub(crate) struct Frames {
    bytes: Vec<u8>,
    frame_bytes: usize,
}

impl Frames {
    /// For runs of up to `run` frames, as the end `from` sends them.
    pub(crate) fn new(kind: Kind, from: Role, run: usize) -> Self {
        let count = VARIANTS - 1 + run;
        let mut bytes = Vec::with_capacity(count * frame_bytes(kind.payload_bytes, from));
        for number in 0..count {
            let header = header(kind, from, number);
            let mut room = [0; HEADER_BYTES_MAX];
            let header_bytes = header.write(&mut room);
            bytes.extend_from_slice(&room[..header_bytes]);
            let start = bytes.len();
            bytes.extend((0..kind.payload_bytes).map(|place| byte(kind, number, place)));
            if let Some(key) = header.mask {
                apply_mask(&mut bytes[start..], key);
            }
        }
        Self { bytes, frame_bytes: frame_bytes(kind.payload_bytes, from) }
    }

    pub(crate) fn frame_bytes(&self) -> usize {
        self.frame_bytes
    }

    /// `count` frames, of which the first has that number, counted from 0.
    #[inline]
    pub(crate) fn run(&self, first: u64, count: usize) -> &[u8] {
        let start = (first % VARIANTS as u64) as usize * self.frame_bytes;
        &self.bytes[start..start + count * self.frame_bytes]
    }
}

/// The bytes of a whole frame that the end `from` sends.
pub(crate) fn frame_bytes(payload_bytes: usize, from: Role) -> usize {
    let kind = Kind { is_text: true, payload_bytes };
    header(kind, from, 0).header_bytes() + payload_bytes
}

/// One text message as a client sends it.
pub(crate) fn masked_text(text: &str) -> Vec<u8> {
    let header = header(Kind { is_text: true, payload_bytes: text.len() }, Role::Client, 0);
    let mut room = [0; HEADER_BYTES_MAX];
    let header_bytes = header.write(&mut room);
    let mut frame = [&room[..header_bytes], text.as_bytes()].concat();
    if let Some(key) = header.mask {
        apply_mask(&mut frame[header_bytes..], key);
    }
    frame
}

fn header(kind: Kind, from: Role, number: usize) -> FrameHeader {
    let key = (number as u32 + 1).wrapping_mul(0x9E37_79B9).to_ne_bytes();
    FrameHeader {
        is_final: true,
        is_compressed: false,
        opcode: if kind.is_text { Opcode::Text } else { Opcode::Binary },
        mask: (from == Role::Client).then_some(key),
        payload_bytes: kind.payload_bytes as u64,
    }
}

fn byte(kind: Kind, number: usize, place: usize) -> u8 {
    let value = place + number % VARIANTS * STEP;
    if kind.is_text { b' ' + (value % CHARACTERS) as u8 } else { value as u8 }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: [Kind; 2] =
        [Kind { is_text: true, payload_bytes: 200 }, Kind { is_text: false, payload_bytes: 200 }];

    #[test]
    fn runs_go_round_the_same_payloads() {
        for kind in KINDS {
            let frames = Frames::new(kind, Role::Server, 3);
            let of_frame = |number| frames.run(number, 1);
            assert_eq!(frames.run(2, 3), [of_frame(2), of_frame(3), of_frame(4)].concat());
            assert_eq!(of_frame(0), of_frame(4));
            assert_eq!(of_frame(0).len(), frame_bytes(200, Role::Server));
            let pairs = of_frame(1)[4..].iter().zip(&of_frame(2)[4..]);
            assert!(pairs.into_iter().all(|(a, b)| a != b), "they differ in every byte");
        }
    }

    #[test]
    fn what_a_client_sends_is_what_a_server_says_but_masked() {
        for kind in KINDS {
            let (masked, plain) =
                (Frames::new(kind, Role::Client, 1), Frames::new(kind, Role::Server, 1));
            for number in 0..4 {
                let frame = masked.run(number, 1);
                let read = FrameHeader::read(frame, Role::Server, false).unwrap();
                let (header, header_bytes) = read.unwrap();
                let mut payload = frame[header_bytes..].to_vec();
                assert_eq!(payload.len(), 200);
                apply_mask(&mut payload, header.mask.unwrap());
                assert_eq!(payload, plain.run(number, 1)[4..]);
                assert_eq!(header.opcode == Opcode::Text, kind.is_text);
                assert!(!kind.is_text || payload.is_ascii());
            }
        }
    }
}
