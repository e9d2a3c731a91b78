//! A feed of a venue, made up by a seed: the same messages at the same moments in every run.
//!
//! More than half of it are trades and best quotes of 150 to 250 B, the rest updates of a book, most
//! of them below 1 KiB and some up to 4 KiB. They come in bursts: a few microseconds apart, and then
//! nothing for a while. Each message is a whole frame of a server, whose text begins with room for
//! the moment at which it is sent.

use std::fmt::Write as _;
use std::ops::Range;

use taut::ws::Opcode;
use taut::ws::wire::{FrameHeader, HEADER_BYTES_MAX};

use super::handler::STAMP;

const SEED: u64 = 0x7465_6465;
/// Most levels that an update of a book has.
const LEVELS_MAX: u64 = 110;
/// Within a burst messages are so far apart, in ns, on average.
const GAP_IN_BURST_NS: u64 = 6_000;
/// And bursts.
const GAP_BETWEEN_BURSTS_NS: u64 = 700_000;
const BURST_MESSAGES: u64 = 8;
const SYMBOLS: [&str; 4] = ["BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT"];

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Recording {
    bytes: Vec<u8>,
    /// Where each frame begins, and the end of the last one.
    starts: Vec<usize>,
    /// When each is due, in ns since the first.
    due_ns: Vec<u64>,
}

impl Recording {
    pub(super) fn new(messages: usize) -> Self {
        let (mut bytes, mut starts, mut due_ns) = (Vec::new(), vec![0], Vec::new());
        let mut random = Random(SEED);
        let (mut text, mut now_ns, mut left_in_burst) = (String::new(), 0, 0);
        for number in 0..messages {
            message(number, &mut random, &mut text);
            let header = FrameHeader {
                is_final: true,
                is_compressed: false,
                opcode: Opcode::Text,
                mask: None,
                payload_bytes: text.len() as u64,
            };
            let mut room = [0; HEADER_BYTES_MAX];
            let header_bytes = header.write(&mut room);
            bytes.extend_from_slice(&room[..header_bytes]);
            bytes.extend_from_slice(text.as_bytes());
            starts.push(bytes.len());
            due_ns.push(now_ns);
            if left_in_burst == 0 {
                left_in_burst = random.around(BURST_MESSAGES);
                now_ns += random.around(GAP_BETWEEN_BURSTS_NS);
            } else {
                left_in_burst -= 1;
                now_ns += random.around(GAP_IN_BURST_NS);
            }
        }
        Self { bytes, starts, due_ns }
    }

    pub(super) fn messages(&self) -> usize {
        self.due_ns.len()
    }

    /// When that message is due, in ns since the first.
    pub(super) fn due_ns(&self, number: usize) -> u64 {
        self.due_ns[number]
    }

    /// How long all of it takes.
    pub(super) fn length_ns(&self) -> u64 {
        self.due_ns.last().copied().unwrap_or_default()
    }

    /// The frames of these messages.
    pub(super) fn frames(&self, messages: Range<usize>) -> &[u8] {
        &self.bytes[self.starts[messages.start]..self.starts[messages.end]]
    }

    /// Writes the moment at which it is sent into a message.
    #[inline]
    pub(super) fn stamp(&mut self, number: usize, mut now_ns: u64) {
        let frame = &mut self.bytes[self.starts[number]..self.starts[number + 1]];
        // The text is the end of its frame; its header has two bytes, or two more for its length.
        let header_bytes = if frame[1] < 126 { 2 } else { 4 };
        for digit in frame[header_bytes..][STAMP].iter_mut().rev() {
            *digit = b'0' + (now_ns % 10) as u8;
            now_ns /= 10;
        }
    }
}

/// One message of the feed.
fn message(number: usize, random: &mut Random, text: &mut String) {
    text.clear();
    let symbol = SYMBOLS[random.below(SYMBOLS.len() as u64) as usize];
    let price = 6_000_000 + random.below(100_000);
    // A String takes all that is written.
    let _ = write!(text, r#"{{"E":"{:0>19}","s":"{symbol}","u":{}"#, 0, 4_800_000_000 + number);
    let _ = match random.below(100) {
        0..35 => write!(
            text,
            r#","e":"trade","t":{},"p":"{}","q":"0.{:05}000","b":{},"a":{},"m":{}}}"#,
            1_200_000_000 + number,
            Price(price),
            random.below(100_000),
            88_000_000_000 + random.below(1 << 30),
            88_000_000_000 + random.below(1 << 30),
            random.below(2) == 0,
        ),
        35..60 => write!(
            text,
            r#","e":"bookTicker","b":"{}","B":"{}.{:05}000","a":"{}","A":"{}.{:05}000"}}"#,
            Price(price),
            random.below(40),
            random.below(100_000),
            Price(price + 1),
            random.below(40),
            random.below(100_000),
        ),
        _ => book(price, random, text),
    };
}

/// An update of a book: few levels mostly, and many now and then.
fn book(price: u64, random: &mut Random, text: &mut String) -> std::fmt::Result {
    let most = random.below(LEVELS_MAX) + 1;
    let levels = (8 + random.below(most) * random.below(most) / most).min(LEVELS_MAX);
    write!(text, r#","e":"depthUpdate","b":["#)?;
    for level in 0..levels {
        let separator = match level {
            0 => "",
            _ if level == levels / 2 => r#"],"a":["#,
            _ => ",",
        };
        let quantity = random.below(100_000_000);
        let whole = quantity / 1_000_000;
        let price = Price(price + level);
        write!(text, r#"{separator}["{price}","{whole}.{:06}00"]"#, quantity % 1_000_000)?;
    }
    text.push_str("]}");
    Ok(())
}

/// In cents.
struct Price(u64);

impl std::fmt::Display for Price {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{:02}", self.0 / 100, self.0 % 100)
    }
}

/// Numbers by SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// Exponentially distributed around that mean.
    fn around(&mut self, mean: u64) -> u64 {
        let unit = (self.next() >> 11) as f64 / (1_u64 << 53) as f64;
        (-(1.0 - unit).ln() * mean as f64) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use taut::ws::Role;

    #[test]
    fn each_message_is_json_of_the_sizes_of_a_feed_and_takes_its_stamp() {
        let mut recording = Recording::new(5_000);
        let mut bytes = Vec::new();
        for number in 0..5_000 {
            recording.stamp(number, 1_234_567_890_123_456_789);
            let frame = recording.frames(number..number + 1);
            let (header, start) = FrameHeader::read(frame, Role::Client, false).unwrap().unwrap();
            assert_eq!(start + header.payload_bytes as usize, frame.len());
            let message: serde_json::Value = serde_json::from_slice(&frame[start..]).unwrap();
            assert_eq!(message["E"], "1234567890123456789");
            bytes.push(frame.len());
        }
        bytes.sort_unstable();
        assert!(bytes[0] > 120 && bytes[2_500] < 600, "{} {}", bytes[0], bytes[2_500]);
        assert!((2_000..4_200).contains(&bytes[4_999]), "{}", bytes[4_999]);
    }

    #[test]
    fn it_is_the_same_each_time_and_comes_in_bursts() {
        let (one, two) = (Recording::new(1_000), Recording::new(1_000));
        assert_eq!(one.bytes, two.bytes);
        assert_eq!(one.due_ns, two.due_ns);
        let gaps: Vec<u64> = one.due_ns.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let short = gaps.iter().filter(|&&gap| gap < 50_000).count();
        assert!(short > 700 && gaps.iter().any(|&gap| gap > 500_000), "{short}");
    }
}
