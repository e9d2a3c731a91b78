//! Properties of the codec over random input: nothing panics, what is written is read again however
//! it is cut, and the decoder makes of any bytes what a simple one makes of them.

use proptest::collection::vec;
use proptest::prelude::*;
use taut_proto::ws::wire::Encoder;
use taut_proto::ws::{MessageLimits, Opcode, Role};
use taut_runtime::Runtime;

use crate::frames::{Length, READERS, frame, header};
use crate::pieces::{By, Event, Reading, read};
use crate::reference;
use crate::second_opinion;

/// Small, so that random input meets them.
fn tight() -> MessageLimits {
    MessageLimits::default().message_bytes_max(40).fragments_max(4)
}

fn cuts(bytes: &[u8], positions: &[prop::sample::Index]) -> Vec<usize> {
    let mut cuts: Vec<_> = positions.iter().map(|at| at.index(bytes.len() + 1)).collect();
    cuts.sort_unstable();
    cuts
}

/// Frames of which most are good, and some bytes that are none.
pub(crate) fn soup() -> impl Strategy<Value = (Role, Vec<u8>)> {
    let payload = prop_oneof![
        vec(any::<u8>(), 0..40),
        "[a-z]{0,20}".prop_map(String::into_bytes),
        ".{0,10}".prop_map(String::into_bytes),
        Just(vec![3, 232]),
    ];
    let first = prop::sample::select(vec![
        0x81, 0x82, 0x01, 0x02, 0x00, 0x80, 0x89, 0x8A, 0x88, 0x09, 0xC1, 0x83,
    ]);
    let piece = prop_oneof![
        12 => (first, payload).prop_map(Ok),
        1 => vec(any::<u8>(), 0..12).prop_map(Err),
    ];
    (prop::sample::select(READERS.to_vec()), vec(piece, 0..8)).prop_map(|(reader, pieces)| {
        let bytes = pieces.into_iter().flat_map(|piece| match piece {
            Ok((first, payload)) => frame(reader, first, &payload),
            Err(bytes) => bytes,
        });
        (reader, bytes.collect())
    })
}

/// A message, cut into frames here, with such a ping behind each but the last.
#[derive(Clone, Debug)]
struct Sent {
    text: Option<String>,
    data: Vec<u8>,
    cuts: Vec<prop::sample::Index>,
    ping: Option<Vec<u8>>,
}

fn sent() -> impl Strategy<Value = Sent> {
    let text = prop::option::of(".{0,60}");
    let ping = prop::option::of(vec(any::<u8>(), 0..=125));
    let data = prop_oneof![9 => vec(any::<u8>(), 0..300), 1 => vec(any::<u8>(), 60_000..70_000)];
    (text, data, vec(any::<prop::sample::Index>(), 0..4), ping)
        .prop_map(|(text, data, cuts, ping)| Sent { text, data, cuts, ping })
}

fn encode(encoder: &mut Encoder, sent: &Sent, expected: &mut Vec<Event>) {
    let payload = sent.text.as_ref().map_or(&*sent.data, |text| text.as_bytes());
    let mut opcode = if sent.text.is_some() { Opcode::Text } else { Opcode::Binary };
    let mut at = 0;
    for cut in cuts(payload, &sent.cuts) {
        encoder.frame(opcode, false, false, &payload[at..cut]);
        (opcode, at) = (Opcode::Continuation, cut);
        if let Some(ping) = &sent.ping {
            encoder.frame(Opcode::Ping, true, false, ping);
            expected.push(Event::Ping(ping.clone()));
        }
    }
    encoder.frame(opcode, true, false, &payload[at..]);
    let payload = payload.to_vec();
    expected.push(match sent.text {
        Some(_) => Event::Text(payload),
        None => Event::Binary(payload),
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_bytes_are_read_as_by_a_simple_decoder(
        (reader, bytes) in soup(),
        positions in vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let cuts = cuts(&bytes, &positions);
        for limits in [tight(), MessageLimits::default()] {
            let expected = reference::read(&bytes, reader, limits);
            prop_assert_eq!(&read(&bytes, &cuts, reader, limits, By::Look), &expected);
            prop_assert_eq!(&read(&bytes, &cuts, reader, limits, By::Take), &expected);
            prop_assert_eq!(&read(&bytes, &cuts, reader, limits, By::Share), &expected);
        }
    }

    #[test]
    fn tungstenite_agrees_or_differs_for_a_reason((reader, bytes) in soup()) {
        second_opinion::compare(&bytes, reader, tight());
    }

    #[test]
    fn random_headers_are_read_as_by_a_simple_decoder(
        (first, second) in any::<(u8, u8)>(),
        tail in vec(any::<u8>(), 0..30),
    ) {
        let bytes = [&[first, second], &tail[..]].concat();
        let byte_by_byte: Vec<usize> = (0..bytes.len()).collect();
        for reader in READERS {
            let expected = reference::read(&bytes, reader, tight());
            prop_assert_eq!(&read(&bytes, &[], reader, tight(), By::Take), &expected);
            prop_assert_eq!(&read(&bytes, &byte_by_byte, reader, tight(), By::Look), &expected);
        }
    }

    #[test]
    fn random_lengths_are_read_as_by_a_simple_decoder(
        first in prop::sample::select(vec![0x81, 0x82, 0x01, 0x02, 0x89]),
        length in prop::sample::select(vec![Length::Minimal, Length::Two, Length::Eight]),
        payload_bytes in prop_oneof![0..300_u64, 65_000..66_000_u64, any::<u64>()],
        end in 0..14_usize,
    ) {
        for reader in READERS {
            let bytes = header(reader == Role::Server, length, first, payload_bytes);
            let bytes = &bytes[..end.min(bytes.len())];
            let limits = MessageLimits::default().message_bytes_max(usize::MAX);
            let byte_by_byte: Vec<usize> = (0..bytes.len()).collect();
            let expected = reference::read(bytes, reader, limits);
            prop_assert_eq!(&read(bytes, &byte_by_byte, reader, limits, By::Look), &expected);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn what_is_written_is_read_again(
        messages in vec(sent(), 0..6),
        positions in vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let runtime = Runtime::new().unwrap();
        for (writer, reader) in [(Role::Client, Role::Server), (Role::Server, Role::Client)] {
            let mut encoder = Encoder::new(writer);
            let mut expected = Vec::new();
            runtime.block_on(async {
                for message in &messages {
                    encode(&mut encoder, message, &mut expected);
                }
            });
            let bytes = encoder.unsent();
            let expected = Reading::good(expected);
            for by in [By::Look, By::Take, By::Share] {
                let cuts = cuts(bytes, &positions);
                let reading = read(bytes, &cuts, reader, MessageLimits::default(), by);
                prop_assert_eq!(&reading, &expected);
            }
            prop_assert_eq!(second_opinion::compare(bytes, reader, MessageLimits::default()), None);
        }
    }
}
