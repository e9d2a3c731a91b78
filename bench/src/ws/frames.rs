//! Frames that are made beforehand, so that who sends them spends no time on them.
//!
//! Both directions of a connection go round the same few payloads, which differ in every byte: an
//! answer to another message, or a byte out of place, does not go unseen. Each frame of a client has
//! a key of its own.
//!
//! Compressed payloads are records as those of a venue, since the others shrink to nothing, and are
//! chosen so that all become equally long: who counts bytes counts messages.

use std::collections::HashMap;

use taut::ws::wire::{Deflate, Encoder, FrameHeader, HEADER_BYTES_MAX, apply_mask};
use taut::ws::{DeflateAgreement, DeflateOptions, Opcode, Role};

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
    /// Before it is compressed.
    pub(crate) payload_bytes: usize,
    /// Each alone, where that makes it shorter.
    pub(crate) is_compressed: bool,
}

/// What a frame carries.
#[derive(Clone, Debug)]
struct Payload {
    bytes: Vec<u8>,
    is_compressed: bool,
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
        let payloads = payloads(kind);
        let frame_bytes = frame_bytes(payloads[0].bytes.len(), from);
        let mut bytes = Vec::with_capacity(count * frame_bytes);
        for number in 0..count {
            let payload = &payloads[number % VARIANTS];
            let mut header = header(kind.is_text, payload.bytes.len(), from, number);
            header.is_compressed = payload.is_compressed;
            push(&mut bytes, &header, &payload.bytes);
        }
        Self { bytes, frame_bytes }
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
    header(true, payload_bytes, from, 0).header_bytes() + payload_bytes
}

/// One text message as a client sends it.
pub(crate) fn masked_text(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    push(&mut bytes, &header(true, text.len(), Role::Client, 0), text.as_bytes());
    bytes
}

/// What both ends agree on where messages are compressed, as the server has it: each stands alone.
pub(crate) fn agreement() -> DeflateAgreement {
    let wanted = [("server_no_context_takeover", None), ("client_no_context_takeover", None)];
    let answer = DeflateOptions::default().answer(wanted);
    answer.expect("contexts need not be kept").0
}

fn push(bytes: &mut Vec<u8>, header: &FrameHeader, payload: &[u8]) {
    let mut room = [0; HEADER_BYTES_MAX];
    let header_bytes = header.write(&mut room);
    bytes.extend_from_slice(&room[..header_bytes]);
    let start = bytes.len();
    bytes.extend_from_slice(payload);
    if let Some(key) = header.mask {
        apply_mask(&mut bytes[start..], key);
    }
}

fn header(is_text: bool, payload_bytes: usize, from: Role, number: usize) -> FrameHeader {
    let key = (number as u32 + 1).wrapping_mul(0x9E37_79B9).to_ne_bytes();
    FrameHeader {
        is_final: true,
        is_compressed: false,
        opcode: if is_text { Opcode::Text } else { Opcode::Binary },
        mask: (from == Role::Client).then_some(key),
        payload_bytes: payload_bytes as u64,
    }
}

/// All payloads, of one length.
fn payloads(kind: Kind) -> Vec<Payload> {
    if kind.is_compressed {
        return compressed(kind.payload_bytes);
    }
    let payload = |number| {
        let bytes = (0..kind.payload_bytes).map(|place| byte(kind, number, place)).collect();
        Payload { bytes, is_compressed: false }
    };
    (0..VARIANTS).map(payload).collect()
}

fn byte(kind: Kind, number: usize, place: usize) -> u8 {
    let value = place + number * STEP;
    if kind.is_text { b' ' + (value % CHARACTERS) as u8 } else { value as u8 }
}

/// The first records that become equally long.
fn compressed(payload_bytes: usize) -> Vec<Payload> {
    let mut alike: HashMap<_, Vec<Payload>> = HashMap::new();
    let mut deflate = Deflate::new(&agreement()).expect("such a window has a compressor");
    let mut seed = 0;
    loop {
        seed += 1;
        let payload = compress(&mut deflate, records(seed, payload_bytes));
        let kind = (payload.is_compressed, payload.bytes.len());
        let payloads = alike.entry(kind).or_default();
        payloads.push(payload);
        if payloads.len() == VARIANTS {
            return std::mem::take(payloads);
        }
    }
}

fn compress(deflate: &mut Deflate, text: String) -> Payload {
    // A server's frames are not masked: what is behind the header is what was compressed.
    let mut encoder = Encoder::new(Role::Server);
    if !deflate.message(&mut encoder, Opcode::Text, &[text.as_bytes()]) {
        return Payload { bytes: text.into_bytes(), is_compressed: false };
    }
    let frame = encoder.unsent();
    let header = FrameHeader::read(frame, Role::Client, true).ok().flatten();
    let (_, header_bytes) = header.expect("a frame was queued");
    Payload { bytes: frame[header_bytes..].to_vec(), is_compressed: true }
}

/// Trades of a venue, with prices and times that differ with the seed.
fn records(seed: u64, bytes: usize) -> String {
    let (mut text, mut state) = (String::new(), seed);
    while text.len() < bytes {
        // A linear congruential generator (Knuth's constants): cheap, and the same everywhere.
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let (price, quantity, time) =
            (state >> 50, (state >> 36) % 10_000, (state >> 20) % 100_000);
        text += &format!(
            r#"{{"e":"trade","s":"BTCUSDT","p":"6{price:05}.10","q":"0.{quantity:04}","T":17000{time:05}}},"#
        );
    }
    text.truncate(bytes);
    text
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use taut::ws::MessageLimits;
    use taut::ws::wire::{Decoded, Decoder, Unit};

    use super::*;

    const KINDS: [Kind; 2] = [
        Kind { is_text: true, payload_bytes: 200, is_compressed: false },
        Kind { is_text: false, payload_bytes: 200, is_compressed: false },
    ];

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

    #[test]
    fn compressed_messages_are_equally_long_and_differ() {
        for payload_bytes in [64, 256, 16 << 10] {
            let kind = Kind { is_text: true, payload_bytes, is_compressed: true };
            let (masked, plain) =
                (Frames::new(kind, Role::Client, 1), Frames::new(kind, Role::Server, 1));
            let mut texts = HashSet::new();
            for number in 0..VARIANTS as u64 {
                assert_eq!(masked.run(number, 1).len(), plain.run(number, 1).len() + 4);
                let mut decoder = Decoder::new(Role::Server, MessageLimits::default());
                decoder.inflate_as_agreed(Some(&agreement()));
                decoder.push(masked.run(number, 1).to_vec());
                let Ok(Some(Decoded::Data(data))) = decoder.decode(Unit::Message) else {
                    panic!("it is a message");
                };
                let text = decoder.payload(&data).to_vec();
                assert_eq!(text.len(), payload_bytes);
                assert!(text.starts_with(br#"{"e":"trade""#) && texts.insert(text));
            }
            assert!(payload_bytes == 64 || masked.frame_bytes() < payload_bytes / 2 + 100);
        }
    }
}
