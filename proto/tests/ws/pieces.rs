//! Feeds the decoder with bytes in pieces, as they come from a network.

use taut_proto::ws::wire::{CloseFrame, Data, Decoded, Decoder, Unit};
use taut_proto::ws::{MessageLimits, Opcode, Role};
use taut_runtime::buffer::RxBuf;

/// What a stream told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Text(Vec<u8>),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(Option<CloseFrame>),
}

impl Event {
    pub(crate) fn text(text: &str) -> Self {
        Self::Text(text.as_bytes().to_vec())
    }

    fn is_data(&self) -> bool {
        matches!(self, Self::Text(_) | Self::Binary(_))
    }
}

/// What was made of a stream, up to its end or its first mistake. What follows a close frame is not
/// read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reading {
    pub(crate) events: Vec<Event>,
    /// The code that the peer is closed with.
    pub(crate) refusal: Option<u16>,
}

impl Reading {
    pub(crate) fn good(events: impl Into<Vec<Event>>) -> Self {
        Self { events: events.into(), refusal: None }
    }

    pub(crate) fn refused(events: impl Into<Vec<Event>>, code: u16) -> Self {
        Self { events: events.into(), refusal: Some(code) }
    }
}

/// How the bytes are held, and got at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    /// Payloads are looked at where they lie.
    Look,
    /// Payloads are taken out.
    Take,
    /// As `Take`, and somebody else has a handle onto each buffer, too.
    Share,
}

/// Reads bytes of which the first `cuts[0]` come first, then those up to `cuts[1]`, and so on; at
/// last the rest.
pub(crate) fn read(
    bytes: &[u8],
    cuts: &[usize],
    role: Role,
    limits: MessageLimits,
    by: By,
) -> Reading {
    let mut decoder = Decoder::new(role, limits);
    let (mut events, mut at) = (Vec::new(), 0);
    let mut shared = Vec::new();
    for cut in cuts.iter().copied().chain([bytes.len()]) {
        let piece = RxBuf::from(bytes[at..cut].to_vec());
        shared.extend((by == By::Share).then(|| piece.clone()));
        decoder.push(piece);
        at = cut;
        // What the decoder last said about messages that are there.
        let mut foretold = None;
        loop {
            let event = match decoder.decode(Unit::Message) {
                Ok(Some(decoded)) => event(&mut decoder, decoded, by),
                Ok(None) => {
                    assert_ne!(foretold, Some(true), "a message was foretold and did not come");
                    assert!(decoder.is_empty(), "who needs more has taken all");
                    break;
                }
                Err(violation) => return Reading::refused(events, violation.code().get()),
            };
            if matches!(event, Event::Close(_)) {
                assert_ne!(foretold, Some(true), "no message is read behind a close frame");
                events.push(event);
                return Reading::good(events);
            }
            if event.is_data() {
                assert_ne!(foretold, Some(false), "a message came that was not foretold");
                foretold = Some(decoder.has_message());
            }
            events.push(event);
        }
    }
    Reading::good(events)
}

fn event(decoder: &mut Decoder, decoded: Decoded, by: By) -> Event {
    match decoded {
        Decoded::Data(data) => {
            assert!(data.is_final);
            let is_text = data.opcode == Opcode::Text;
            assert_eq!(data.is_valid_text, is_text);
            let payload = payload(decoder, &data, by);
            if is_text { Event::Text(payload) } else { Event::Binary(payload) }
        }
        Decoded::Ping => Event::Ping(decoder.control().to_vec()),
        Decoded::Pong => Event::Pong(decoder.control().to_vec()),
        Decoded::Close(frame) => Event::Close(frame),
    }
}

pub(crate) fn payload(decoder: &mut Decoder, data: &Data, by: By) -> Vec<u8> {
    match by {
        By::Look => decoder.payload(data).to_vec(),
        By::Take | By::Share => {
            let looked_at = decoder.payload(data).to_vec();
            let taken = decoder.take(data);
            assert_eq!(*taken, *looked_at);
            looked_at
        }
    }
}

/// Asserts that the bytes are read alike wherever they are cut once, and byte by byte, by either
/// way to get at payloads; and as by the reference.
pub(crate) fn same_at_every_cut(bytes: &[u8], role: Role, limits: MessageLimits) -> Reading {
    let whole = crate::reference::read(bytes, role, limits);
    let byte_by_byte: Vec<usize> = (0..bytes.len()).collect();
    for by in [By::Look, By::Take, By::Share] {
        assert_eq!(read(bytes, &[], role, limits, by), whole, "{}", bytes.escape_ascii());
        for cut in 0..=bytes.len() {
            let reading = read(bytes, &[cut], role, limits, by);
            assert_eq!(reading, whole, "cut at {cut}: {}", bytes.escape_ascii());
        }
        let reading = read(bytes, &byte_by_byte, role, limits, by);
        assert_eq!(reading, whole, "byte by byte: {}", bytes.escape_ascii());
    }
    whole
}

/// As [`same_at_every_cut`], with the limits of every connection.
pub(crate) fn verdict(bytes: &[u8], role: Role) -> Reading {
    same_at_every_cut(bytes, role, MessageLimits::default())
}
