//! A histogram as the last column of a row: base64 of zlib of HdrHistogram's second format.
//!
//! Invariant: what is decoded is whole. The checksum of the stream is compared, and no length that
//! the text claims makes this allocate more than the text holds or than the greatest histogram
//! takes.

use std::fmt;
use std::io::{self, Read};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::read::ZlibDecoder;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer, Serializer, V2DeflateSerializer};

/// The first four bytes of a compressed histogram of the second format.
const COMPRESSED_COOKIE: u32 = 0x1c84_9314;
/// Cookie and length of what follows.
const ENVELOPE_BYTES: usize = 8;
/// Cookie, length of the counts and the limits, in front of the counts.
const HEAD_BYTES: usize = 40;
/// A run of 2^63 counts that are zero.
const ENDLESS_ZEROS: [u8; 9] = [0xff; 9];
/// The greatest histogram has six million counts of up to nine bytes.
const MOST_BYTES: usize = 64 << 20;

/// A histogram as the text that stands in the last column of a row; also fit for JSON.
///
/// # Errors
///
/// A count beyond `i64::MAX`, which the format can't hold.
///
/// ```
/// use taut_latency::{Recorder, hlog};
///
/// let (recorder, mut snapshots) = Recorder::new();
/// recorder.record_ns(1_500);
/// let interval = snapshots.snapshot();
/// let text = hlog::encode(&interval)?;
/// assert!(text.starts_with("HISTF"));
/// assert_eq!(hlog::decode(&text)?, interval);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn encode(histogram: &Histogram<u64>) -> io::Result<String> {
    let mut bytes = Vec::new();
    V2DeflateSerializer::new().serialize(histogram, &mut bytes).map_err(io::Error::other)?;
    Ok(STANDARD.encode(bytes))
}

/// The histogram that [`encode`] or any tool of the family made a text of.
///
/// # Errors
///
/// What is wrong with the text: not in the format, cut short, or damaged.
pub fn decode(text: &str) -> Result<Histogram<u64>, DecodeError> {
    let bytes = STANDARD
        .decode(text)
        .map_err(|error| DecodeError(format!("is not whole base64: {error}")))?;
    if number_at(&bytes, 0) != Some(COMPRESSED_COOKIE) {
        return refuse("is not in the compressed second format (HISTF...)");
    }
    let zlib = bytes.get(ENVELOPE_BYTES..).unwrap_or_default();
    if number_at(&bytes, 4) != u32::try_from(zlib.len()).ok() {
        return refuse("is cut short, or more follows it");
    }
    let mut inflated = Vec::new();
    // To the end, where the checksum is.
    ZlibDecoder::new(zlib)
        .take(MOST_BYTES as u64 + 1)
        .read_to_end(&mut inflated)
        .map_err(|error| DecodeError(format!("is damaged: {error}")))?;
    if inflated.len() > MOST_BYTES {
        return refuse("is greater than any histogram");
    }
    let counts = inflated.get(HEAD_BYTES..);
    let claimed_bytes = number_at(&inflated, 4).map(|claimed| claimed as usize);
    let Some(counts) = counts.filter(|counts| claimed_bytes <= Some(counts.len())) else {
        return refuse("is shorter than it says");
    };
    // The longest run of zeros that can be written is more than the library can negate.
    if counts.windows(ENDLESS_ZEROS.len()).any(|bytes| bytes == ENDLESS_ZEROS) {
        return refuse("has more counts than any histogram");
    }
    Deserializer::new()
        .deserialize(&mut inflated.as_slice())
        .map_err(|error| DecodeError(format!("can't be used: {error}")))
}

/// Why a text is no histogram.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecodeError(String);

impl fmt::Display for DecodeError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "the histogram {}", self.0)
    }
}

impl std::error::Error for DecodeError {}

fn refuse(fault: &str) -> Result<Histogram<u64>, DecodeError> {
    Err(DecodeError(fault.to_owned()))
}

/// Four bytes there, the most significant one first.
fn number_at(bytes: &[u8], offset: usize) -> Option<u32> {
    let four = bytes.get(offset..)?.first_chunk()?;
    Some(u32::from_be_bytes(*four))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::ZlibEncoder;
    use proptest::prelude::*;

    use super::*;

    fn histogram() -> Histogram<u64> {
        let mut histogram = Histogram::new_with_bounds(1, 60_000_000_000, 3).unwrap();
        (0..10_000).for_each(|sample| histogram.record(sample * 37).unwrap());
        histogram
    }

    fn column() -> String {
        encode(&histogram()).unwrap()
    }

    /// A column whose envelope is right around any content.
    fn enveloped(content: &[u8]) -> String {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(content).unwrap();
        let zlib = encoder.finish().unwrap();
        let mut bytes = COMPRESSED_COOKIE.to_be_bytes().to_vec();
        bytes.extend((zlib.len() as u32).to_be_bytes());
        bytes.extend(zlib);
        STANDARD.encode(bytes)
    }

    #[test]
    fn a_length_that_lies_is_refused_before_memory_is_taken_for_it() {
        let mut content = vec![0; HEAD_BYTES];
        content[4..8].fill(0xff);
        let refused = |content: &[u8]| decode(&enveloped(content)).unwrap_err().to_string();
        assert_eq!(refused(&content), "the histogram is shorter than it says");
        assert_eq!(
            refused(&vec![0; MOST_BYTES + 1]),
            "the histogram is greater than any histogram"
        );
    }

    /// A column with a right head in front of any counts.
    fn with_counts(counts: &[u8]) -> String {
        let bytes = STANDARD.decode(column()).unwrap();
        let mut content = Vec::new();
        ZlibDecoder::new(&bytes[ENVELOPE_BYTES..]).read_to_end(&mut content).unwrap();
        content.truncate(HEAD_BYTES);
        content[4..8].copy_from_slice(&(counts.len() as u32).to_be_bytes());
        content.extend(counts);
        enveloped(&content)
    }

    #[test]
    fn a_run_of_zeros_without_end_is_refused() {
        for in_front in [0, 1, 20] {
            let counts = [vec![2; in_front], vec![0xff; 9]].concat();
            assert!(decode(&with_counts(&counts)).is_err());
        }
        assert!(decode(&with_counts(&[2, 2])).is_ok_and(|histogram| histogram.len() == 2));
    }

    #[test]
    fn the_widest_limits_survive_their_text() {
        let mut widest = Histogram::new_with_bounds(255, u64::MAX, 3).unwrap();
        [0, 255, u64::MAX].into_iter().for_each(|value| widest.record(value).unwrap());
        assert_eq!(decode(&encode(&widest).unwrap()), Ok(widest));
    }

    #[test]
    fn a_count_beyond_the_format_is_refused() {
        let mut histogram = histogram();
        histogram.record_n(5, u64::MAX / 2 + 1).unwrap();
        assert!(encode(&histogram).is_err());
    }

    #[test]
    fn each_part_of_a_column_that_is_cut_off_is_missed() {
        let column = column();
        for end in 0..column.len() {
            assert!(decode(&column[..end]).is_err(), "{end} of {} bytes", column.len());
        }
    }

    proptest! {
        #[test]
        fn a_bit_that_has_fallen_over_never_changes_a_count(
            position in any::<prop::sample::Index>(),
            bit in 0_u8..8,
        ) {
            let mut bytes = STANDARD.decode(column()).unwrap();
            let position = position.index(bytes.len());
            bytes[position] ^= 1 << bit;
            // The few bits that fill the last byte of the stream mean nothing.
            if let Ok(decoded) = decode(&STANDARD.encode(bytes)) {
                prop_assert_eq!(decoded, histogram());
            }
        }

        #[test]
        fn no_content_makes_it_panic(content in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode(&enveloped(&content));
        }

        #[test]
        fn no_counts_make_it_panic(counts in prop::collection::vec(prop_oneof![
            any::<u8>(),
            Just(0xff),
        ], 0..60)) {
            let _ = decode(&with_counts(&counts));
        }
    }
}
