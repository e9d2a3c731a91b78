//! What is decoded and encoded by the workload `ws-codec`: the same bytes for every library. The
//! peers include this file.

/// Bytes that are there at once, about: as many whole frames as fit, and one at least.
const CHUNK_BYTES: usize = 64 << 10;

/// A work and its name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Work {
    /// As on the lines of the contract.
    pub(crate) name: &'static str,
    /// What is done.
    pub(crate) kind: Kind,
    /// Bytes of a payload.
    pub(crate) bytes: usize,
}

/// What is done with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A server decodes it: the frame is masked.
    ServerDecodes(Script),
    /// A client decodes it.
    ClientDecodes(Script),
    /// A client encodes it: the frame is to be masked. The payload is ASCII.
    ClientEncodes,
}

/// What a text is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Script {
    /// As JSON of venues is.
    Ascii,
    /// Characters of one to three bytes.
    Mixed,
}

macro_rules! at_each_size {
    ($name:literal, $kind:expr) => {
        [
            Work { name: concat!($name, "_16"), kind: $kind, bytes: 16 },
            Work { name: concat!($name, "_64"), kind: $kind, bytes: 64 },
            Work { name: concat!($name, "_256"), kind: $kind, bytes: 256 },
            Work { name: concat!($name, "_1024"), kind: $kind, bytes: 1_024 },
            Work { name: concat!($name, "_4096"), kind: $kind, bytes: 4_096 },
            Work { name: concat!($name, "_16384"), kind: $kind, bytes: 16_384 },
            Work { name: concat!($name, "_65536"), kind: $kind, bytes: 65_536 },
        ]
    };
}

/// All works.
pub(crate) const WORKS: &[Work] = [
    at_each_size!("server_ascii", Kind::ServerDecodes(Script::Ascii)),
    at_each_size!("server_mixed", Kind::ServerDecodes(Script::Mixed)),
    at_each_size!("client_ascii", Kind::ClientDecodes(Script::Ascii)),
    at_each_size!("client_mixed", Kind::ClientDecodes(Script::Mixed)),
    at_each_size!("encode", Kind::ClientEncodes),
]
.as_flattened();

impl Work {
    /// Whether a server does it, which is sent masked frames.
    #[must_use]
    pub(crate) const fn is_of_server(&self) -> bool {
        matches!(self.kind, Kind::ServerDecodes(_))
    }

    /// Messages that are there at once.
    #[must_use]
    pub(crate) const fn chunk_messages(&self) -> usize {
        let messages = CHUNK_BYTES / (self.bytes + 8);
        if messages > 0 { messages } else { 1 }
    }

    /// The text of every message.
    #[must_use]
    pub(crate) fn text(&self) -> String {
        let pattern = match self.kind {
            Kind::ServerDecodes(Script::Mixed) | Kind::ClientDecodes(Script::Mixed) => {
                r#"{"börse":"取引所","größe":"0,25 €","wer":"Żółw"},"#
            }
            _ => r#"{"e":"trade","s":"BTCUSDT","p":"64250.10","q":"0.0125"},"#,
        };
        let mut text = pattern.repeat(self.bytes / pattern.len() + 1);
        text.truncate(text.floor_char_boundary(self.bytes));
        text.extend(std::iter::repeat_n(' ', self.bytes - text.len()));
        text
    }

    /// Whole frames with that text, each masked with a key of its own if they are a client's.
    #[must_use]
    pub(crate) fn chunk(&self) -> Vec<u8> {
        let text = self.text();
        let is_masked = self.is_of_server();
        let mut chunk = Vec::new();
        for number in 0..self.chunk_messages() {
            let masked_bit = if is_masked { 0x80 } else { 0 };
            chunk.push(0x81);
            match self.bytes {
                short @ 0..=125 => chunk.push(masked_bit | short as u8),
                long @ 126..=0xFFFF => {
                    chunk.push(masked_bit | 126);
                    chunk.extend((long as u16).to_be_bytes());
                }
                long => {
                    chunk.push(masked_bit | 127);
                    chunk.extend((long as u64).to_be_bytes());
                }
            }
            let key = match is_masked {
                true => (number as u32 + 1).wrapping_mul(0x9E37_79B9).to_ne_bytes(),
                false => [0; 4],
            };
            if is_masked {
                chunk.extend(key);
            }
            chunk.extend(text.bytes().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
        }
        chunk
    }
}
