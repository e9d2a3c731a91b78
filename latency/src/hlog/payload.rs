//! A histogram as the last column of a row: base64 of zlib of HdrHistogram's second format.
//!
//! Invariant: what is decoded is whole. The checksum of the stream is compared, and no length that
//! the text claims makes this allocate more than the text holds or than the greatest histogram
//! takes.

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
/// The greatest histogram has six million counts of up to nine bytes.
const MOST_BYTES: usize = 64 << 20;

/// Appends the column to a row.
pub(super) fn encode(
    histogram: &Histogram<u64>,
    serializer: &mut V2DeflateSerializer,
    row: &mut String,
) -> io::Result<()> {
    let mut bytes = Vec::new();
    serializer.serialize(histogram, &mut bytes).map_err(io::Error::other)?;
    STANDARD.encode_string(bytes, row);
    Ok(())
}

/// The histogram of a column, or what is wrong with the column.
pub(super) fn decode(column: &str) -> Result<Histogram<u64>, String> {
    let bytes = STANDARD
        .decode(column)
        .map_err(|error| format!("the histogram is not whole base64: {error}"))?;
    if number_at(&bytes, 0) != Some(COMPRESSED_COOKIE) {
        return Err("the histogram is not in the compressed second format (HISTF...)".to_owned());
    }
    let Some(zlib) = bytes.get(ENVELOPE_BYTES..) else {
        return Err("the histogram is cut short".to_owned());
    };
    if number_at(&bytes, 4) != u32::try_from(zlib.len()).ok() {
        return Err("the histogram is cut short, or more follows it".to_owned());
    }
    let mut inflated = Vec::new();
    // To the end, where the checksum is.
    ZlibDecoder::new(zlib)
        .take(MOST_BYTES as u64 + 1)
        .read_to_end(&mut inflated)
        .map_err(|error| format!("the histogram is damaged: {error}"))?;
    if inflated.len() > MOST_BYTES {
        return Err(format!("the histogram takes more than {MOST_BYTES} bytes"));
    }
    let counts_bytes = inflated.len().checked_sub(HEAD_BYTES);
    let claimed_bytes = number_at(&inflated, 4).map(|claimed| claimed as usize);
    if counts_bytes.is_none() || claimed_bytes > counts_bytes {
        return Err("the histogram is shorter than it says".to_owned());
    }
    Deserializer::new()
        .deserialize(&mut inflated.as_slice())
        .map_err(|error| format!("the histogram can't be used: {error}"))
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
        let mut column = String::new();
        encode(&histogram(), &mut V2DeflateSerializer::new(), &mut column).unwrap();
        column
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
        assert_eq!(
            decode(&enveloped(&content)).unwrap_err(),
            "the histogram is shorter than it says"
        );
        let error = decode(&enveloped(&vec![0; MOST_BYTES + 1])).unwrap_err();
        assert!(error.contains("more than"), "{error}");
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
    }
}
