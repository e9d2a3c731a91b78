//! Any bytes as a script, for a fuzzer: each opcode is one byte, with its arguments behind it.

use taut_proto::tls::TlsVersion;

use super::{Script, Step};

/// A script that is longer says nothing more.
const STEPS_MAX: usize = 64;

const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const APPLICATION_DATA: u8 = 23;
const USER_CANCELED: u8 = 90;

/// The input that is left; zeros behind its end.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn byte(&mut self) -> u8 {
        let Some((&byte, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        byte
    }

    fn number(&mut self) -> u16 {
        u16::from_be_bytes([self.byte(), self.byte()])
    }

    fn bytes(&mut self) -> &'a [u8] {
        let count = usize::from(self.byte());
        let (bytes, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        bytes
    }
}

impl Script {
    /// The script that an input says.
    pub(crate) fn from_bytes(input: &[u8]) -> Self {
        let mut input = Input(input);
        let flags = input.byte();
        let version = if flags & 1 == 0 { TlsVersion::Tls13 } else { TlsVersion::Tls12 };
        let pieces = (0..=flags >> 6).map(|_| usize::from(input.number()).max(1)).collect();
        let mut steps = Vec::new();
        while !input.0.is_empty() && steps.len() < STEPS_MAX {
            input.step(version, &mut steps);
        }
        Self { version, from_client: flags & 2 == 0, pieces, steps }
    }
}

impl Input<'_> {
    fn step(&mut self, version: TlsVersion, steps: &mut Vec<Step>) {
        let is_tls13 = version == TlsVersion::Tls13;
        let record =
            |kind, payload: &[u8]| Step::Record { kind, payload: payload.to_vec(), rekeys: false };
        let step = match self.byte() % 16 {
            0 => Step::Data(usize::from(self.byte())),
            1 => Step::Data(usize::from(self.number() % 40_000)),
            2 if is_tls13 => Step::UpdateKeys,
            3 => Step::Close,
            4 => Step::Turn,
            5 => Step::Break(self.number(), self.byte() % 8),
            6 => Step::Cut(self.number(), self.number()),
            7 => Step::Hold,
            8 => record(self.byte(), self.bytes()),
            9 => record(APPLICATION_DATA, &[]),
            10 => record(ALERT, &[self.byte(), self.byte()]),
            // Around the longest plaintext that is allowed.
            11 => {
                let bytes = (1 << 14) - 8 + usize::from(self.byte() % 16);
                record(APPLICATION_DATA, &vec![b'x'; bytes])
            }
            12 => Step::Header(std::array::from_fn(|_| self.byte())),
            13 => Step::Repeat,
            // Data with padding, a ticket, whatever else the handshake protocol says.
            14 => {
                let padding = usize::from(self.number() % 17_000);
                let mut payload = self.bytes().to_vec();
                payload.push(APPLICATION_DATA);
                payload.resize(payload.len() + padding, 0);
                if is_tls13 { record(0, &payload) } else { record(HANDSHAKE, &payload) }
            }
            15 => return self.flood(is_tls13, steps),
            _ => return,
        };
        steps.push(step);
    }

    /// Many of what costs the peer nothing; fewer and more than are allowed.
    fn flood(&mut self, is_tls13: bool, steps: &mut Vec<Step>) {
        let count = usize::from(self.byte() % 40);
        let (kind, payload): (_, &[u8]) = match self.byte() % 5 {
            0 => (APPLICATION_DATA, &[]),
            1 => (ALERT, &[1, USER_CANCELED]),
            2 if is_tls13 => (HANDSHAKE, &[24, 0, 0, 1, 0]),
            3 if is_tls13 => (HANDSHAKE, &[24, 0, 0, 1, 1]),
            // A ticket without extensions; with TLS 1.2 a request to begin anew.
            _ if is_tls13 => {
                (HANDSHAKE, &[4, 0, 0, 17, 0, 0, 1, 0, 1, 2, 3, 4, 1, 9, 0, 3, 7, 7, 7, 0, 0])
            }
            _ => (HANDSHAKE, &[0; 4]),
        };
        let rekeys = payload.first() == Some(&24);
        let record = Step::Record { kind, payload: payload.to_vec(), rekeys };
        steps.extend(std::iter::repeat_n(record, count));
    }
}
