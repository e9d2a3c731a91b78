//! The byte layout of a counter file, version 1.0. All integers are of the byte order of the
//! machine that wrote them, at multiples of their size.
//!
//! # Header, at offset 0
//!
//! | offset | bytes | field |
//! |---|---|---|
//! | 0 | 8 | magic: `TAUTCNTR` |
//! | 8 | 4 | major version: a reader refuses one that it does not know |
//! | 12 | 4 | minor version: a greater one adds kinds, labels and fields, and moves nothing |
//! | 16 | 8 | bytes of the file |
//! | 24 | 8 | process id of the writer, in its own namespace |
//! | 32 | 8 | start, ns of `CLOCK_MONOTONIC` |
//! | 40 | 8 | start, ns of `CLOCK_REALTIME` |
//! | 48 | 8 | offset of the first record |
//! | 56 | 8 | bytes from one record to the next: at least 128 |
//! | 64 | 8 | room for so many records |
//! | 72 | 8 | records that are there: stored with release, after they are whole |
//! | 80 | 8 | state: 1 open, 2 closed by its writer |
//! | 88 | 8 | zero |
//! | 96 | 64 | name: UTF-8, filled up with zeros |
//!
//! # Record: one value; never changes once it is counted in the header
//!
//! | offset | bytes | field |
//! |---|---|---|
//! | 0 | 8 | offset of the value in the file, a multiple of 8 |
//! | 8 | 8 | words (of 8 bytes) of the value |
//! | 16 | 4 | kind: 1 counter, 2 gauge, 3 maximum, 4 timestamp, 5 flag, 6 text, 7 distribution |
//! | 20 | 4 | owner: 0 the process, else a block, which is what one core writes to |
//! | 24 | 24 | three parameters; of a distribution lowest and highest value, significant digits |
//! | 48 | 16 | unit: UTF-8, filled up with zeros |
//! | 64 | 64 | label: UTF-8, filled up with zeros |
//!
//! A distribution's first word counts the values above the highest; the counts of HdrHistogram's
//! layout follow. Whoever reads finds values by owner and label, never by their place.
//!
//! While the writer lives it holds the file by an exclusive `flock`; the file appears under its
//! name complete and locked.

use crate::buckets::Buckets;
use crate::mapping::Mapping;
use crate::value::Kind;

pub(crate) const MAGIC: u64 = u64::from_ne_bytes(*b"TAUTCNTR");
/// The version of the format that this crate writes, and the major one that it reads.
pub const VERSION: (u32, u32) = (1, 0);

pub(crate) const WORD_BYTES: u64 = 8;
pub(crate) const PAGE_BYTES: u64 = 4096;

/// Places of the header's fields, in words.
pub(crate) mod header {
    pub(crate) const MAGIC: usize = 0;
    pub(crate) const VERSION: usize = 1;
    pub(crate) const FILE_BYTES: usize = 2;
    pub(crate) const PID: usize = 3;
    pub(crate) const STARTED_MONOTONIC_NS: usize = 4;
    pub(crate) const STARTED_REALTIME_NS: usize = 5;
    pub(crate) const RECORDS_OFFSET: usize = 6;
    pub(crate) const RECORD_BYTES: usize = 7;
    pub(crate) const RECORDS_MAX: usize = 8;
    pub(crate) const RECORDS: usize = 9;
    pub(crate) const STATE: usize = 10;
    pub(crate) const NAME: usize = 12;
    pub(crate) const NAME_WORDS: usize = 8;
    pub(crate) const WORDS: usize = NAME + NAME_WORDS;
}

pub(crate) const STATE_OPEN: u64 = 1;
pub(crate) const STATE_CLOSED: u64 = 2;

pub(crate) const RECORD_WORDS: usize = 16;
pub(crate) const RECORD_BYTES: u64 = RECORD_WORDS as u64 * WORD_BYTES;
const UNIT_WORDS: usize = 2;
const LABEL_WORDS: usize = 8;
/// The longest label or name, in bytes.
pub(crate) const LABEL_BYTES_MAX: usize = LABEL_WORDS * 8;
/// The longest unit, in bytes.
pub(crate) const UNIT_BYTES_MAX: usize = UNIT_WORDS * 8;

/// A record as it stands in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RawRecord {
    pub(crate) value_offset: u64,
    pub(crate) value_words: u64,
    pub(crate) kind: Kind,
    pub(crate) owner: u32,
    pub(crate) buckets: Option<Buckets>,
    pub(crate) unit: String,
    pub(crate) label: String,
}

impl RawRecord {
    pub(crate) fn encode(&self) -> [u64; RECORD_WORDS] {
        let mut words = [0; RECORD_WORDS];
        words[0] = self.value_offset;
        words[1] = self.value_words;
        words[2] = pair_to_word((self.kind.code(), self.owner));
        if let Some(buckets) = &self.buckets {
            words[3] = buckets.lowest();
            words[4] = buckets.highest();
            words[5] = u64::from(buckets.significant_digits());
        }
        text_to_words(&self.unit, &mut words[6..8]);
        text_to_words(&self.label, &mut words[8..16]);
        words
    }

    /// The record at this place; `None` where it makes no sense within this mapping.
    pub(crate) fn decode(mapping: &Mapping, place: usize) -> Option<Self> {
        let mut words = [0; RECORD_WORDS];
        for (index, word) in words.iter_mut().enumerate() {
            *word = mapping.load(place.checked_add(index)?)?;
        }
        let (kind, owner) = word_to_pair(words[2]);
        let mut record = Self {
            value_offset: words[0],
            value_words: words[1],
            kind: Kind::of_code(kind),
            owner,
            buckets: None,
            unit: words_to_text(&words[6..8])?,
            label: words_to_text(&words[8..16])?,
        };
        if record.kind == Kind::Distribution {
            let digits = u8::try_from(words[5]).ok()?;
            let buckets = Buckets::new(words[3], words[4], digits)?;
            if record.value_words != buckets.counts() as u64 + 1 {
                return None;
            }
            record.buckets = Some(buckets);
        }
        record.is_within(mapping).then_some(record)
    }

    fn is_within(&self, mapping: &Mapping) -> bool {
        let aligned = self.value_offset.is_multiple_of(WORD_BYTES);
        let end = (self.value_offset / WORD_BYTES).checked_add(self.value_words);
        let fits = end.is_some_and(|end| end <= mapping.len() as u64);
        aligned && fits && self.value_words > 0 && !self.label.is_empty()
    }

    /// Where the value begins, in words.
    pub(crate) fn first_word(&self) -> usize {
        (self.value_offset / WORD_BYTES) as usize
    }
}

/// Two numbers of 32 bits, the first one at the lower address.
pub(crate) fn pair_to_word((first, second): (u32, u32)) -> u64 {
    let mut bytes = [0; 8];
    bytes[..4].copy_from_slice(&first.to_ne_bytes());
    bytes[4..].copy_from_slice(&second.to_ne_bytes());
    u64::from_ne_bytes(bytes)
}

pub(crate) fn word_to_pair(word: u64) -> (u32, u32) {
    let [a, b, c, d, e, f, g, h] = word.to_ne_bytes();
    (u32::from_ne_bytes([a, b, c, d]), u32::from_ne_bytes([e, f, g, h]))
}

/// Fills the words with as much of the text as they hold, in whole characters.
pub(crate) fn text_to_words(text: &str, words: &mut [u64]) {
    let room = words.len() * 8;
    let end = (0..=room.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    let mut bytes = text.as_bytes()[..end.unwrap_or(0)].to_vec();
    bytes.resize(room, 0);
    for (word, chunk) in words.iter_mut().zip(bytes.chunks_exact(8)) {
        *word = u64::from_ne_bytes(chunk.try_into().expect("chunks of 8"));
    }
}

/// The text up to the first zero; `None` where it is no UTF-8, or would move a terminal's cursor.
pub(crate) fn words_to_text(words: &[u64]) -> Option<String> {
    let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
    bytes.truncate(bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len()));
    String::from_utf8(bytes).ok().filter(|text| is_printable(text))
}

/// Whether a terminal shows the text as it is.
pub(crate) fn is_printable(text: &str) -> bool {
    !text.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_is_too_long_ends_with_a_whole_character() {
        let mut words = [0; 1];
        text_to_words("1234567é", &mut words);
        assert_eq!(words_to_text(&words).as_deref(), Some("1234567"));
        text_to_words("", &mut words);
        assert_eq!(words_to_text(&words).as_deref(), Some(""));
    }

    #[test]
    fn what_would_move_the_cursor_is_no_text() {
        let mut words = [0; 2];
        text_to_words("a\u{1b}[2J", &mut words);
        assert_eq!(words_to_text(&words), None);
        words[0] = u64::from_ne_bytes([0xff; 8]);
        assert_eq!(words_to_text(&words), None);
    }

    #[test]
    fn the_major_version_stands_before_the_minor_one() {
        assert_eq!(word_to_pair(pair_to_word((7, 9))), (7, 9));
        assert_eq!(pair_to_word((7, 9)).to_ne_bytes()[..4], 7_u32.to_ne_bytes());
    }
}
