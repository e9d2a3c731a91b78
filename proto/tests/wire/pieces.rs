//! Feeds the codec with bytes in pieces, as they come from a network.

use http::Method;
use taut_proto::http::wire::{
    ChunkDecoder, ChunkLimits, HeadIndex, HeadLimits, HeadScanner, Reject, RequestHead,
    ResponseHead, read_response,
};

/// Names and values of header lines.
pub(crate) type Fields = Vec<(String, Vec<u8>)>;

/// What a reader makes of the bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict<H> {
    /// So far, so good.
    Partial,
    /// A head that ends after so many bytes.
    Whole {
        head: H,
        head_bytes: usize,
        fields: Fields,
    },
    Refused(Reject),
}

impl<H> Verdict<H> {
    pub(crate) fn refusal(&self) -> Option<Reject> {
        match self {
            Self::Refused(reject) => Some(*reject),
            _ => None,
        }
    }

    pub(crate) fn is_whole(&self) -> bool {
        matches!(self, Self::Whole { .. })
    }
}

/// Reads the head of a request from bytes of which the first `cuts[0]` come first, then those up to
/// `cuts[1]`, and so on; at last all.
pub(crate) fn request(bytes: &[u8], cuts: &[usize], limits: &HeadLimits) -> Verdict<RequestHead> {
    request_into(&mut RequestHead::new(), bytes, cuts, limits)
}

/// As [`request`], into a head that was read into before.
pub(crate) fn request_into(
    head: &mut RequestHead,
    bytes: &[u8],
    cuts: &[usize],
    limits: &HeadLimits,
) -> Verdict<RequestHead> {
    verdict(bytes, cuts, |bytes| {
        let head_bytes = head.read(bytes, limits)?;
        Ok(head_bytes.map(|head_bytes| (head.clone(), head_bytes, fields(head.index(), bytes))))
    })
}

/// As [`request`], of the response to a request.
pub(crate) fn response(
    bytes: &[u8],
    cuts: &[usize],
    method: &Method,
    limits: &HeadLimits,
) -> Verdict<ResponseHead> {
    response_into(&mut HeadScanner::response(), &mut HeadIndex::new(), bytes, cuts, method, limits)
}

/// As [`response`], with a scanner and an index that were used before.
pub(crate) fn response_into(
    scanner: &mut HeadScanner,
    index: &mut HeadIndex,
    bytes: &[u8],
    cuts: &[usize],
    method: &Method,
    limits: &HeadLimits,
) -> Verdict<ResponseHead> {
    verdict(bytes, cuts, |bytes| {
        let read = read_response(bytes, method, scanner, index, limits)?;
        Ok(read.map(|(head, head_bytes)| (head, head_bytes, fields(index, bytes))))
    })
}

fn verdict<H>(
    bytes: &[u8],
    cuts: &[usize],
    mut read: impl FnMut(&[u8]) -> Result<Option<(H, usize, Fields)>, Reject>,
) -> Verdict<H> {
    for cut in cuts.iter().copied().chain([bytes.len()]) {
        match read(&bytes[..cut]) {
            Err(reject) => return Verdict::Refused(reject),
            Ok(None) => {}
            Ok(Some((head, head_bytes, fields))) => {
                return Verdict::Whole { head, head_bytes, fields };
            }
        }
    }
    Verdict::Partial
}

pub(crate) fn find_end(
    mut scanner: HeadScanner,
    bytes: &[u8],
    cuts: &[usize],
    limits: &HeadLimits,
) -> Result<Option<usize>, Reject> {
    for cut in cuts.iter().copied().chain([bytes.len()]) {
        let end = scanner.find_end(&bytes[..cut], limits)?;
        if end.is_some() {
            return Ok(end);
        }
    }
    Ok(None)
}

fn fields(index: &HeadIndex, head: &[u8]) -> Fields {
    index.iter(head).map(|(name, value)| (name.to_owned(), value.to_vec())).collect()
}

/// What a chunked body comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Body {
    pub(crate) payload: Vec<u8>,
    /// Bytes of the body with all that surrounds its payload, up to where the reader got.
    pub(crate) body_bytes: usize,
    /// Whether it ended, or why it is refused.
    pub(crate) outcome: Result<bool, Reject>,
    pub(crate) trailers: Fields,
}

/// Reads a chunked body in pieces, cut as for [`request`].
pub(crate) fn chunked(bytes: &[u8], cuts: &[usize], limits: ChunkLimits) -> Body {
    let mut decoder = ChunkDecoder::new(limits);
    let mut payload = Vec::new();
    let mut at = 0;
    for cut in cuts.iter().copied().chain([bytes.len()]) {
        while !decoder.is_done() {
            let input = &bytes[at..cut];
            let event = match decoder.decode(input) {
                Ok(event) => event,
                Err(reject) => {
                    assert_eq!(decoder.decode(b"0"), Err(reject), "a refusal stays");
                    // Where in the piece it was found is not told.
                    return Body { payload, body_bytes: 0, outcome: Err(reject), trailers: vec![] };
                }
            };
            assert!(event.data.end <= event.consumed && event.consumed <= input.len());
            let is_hungry = event.data.is_empty() && !event.done;
            payload.extend_from_slice(&input[event.data]);
            at += event.consumed;
            if is_hungry {
                assert_eq!(at, cut, "a decoder that needs more has taken all");
                break;
            }
        }
    }
    let outcome = Ok(decoder.is_done());
    let trailers = decoder.trailers();
    let trailers = trailers.iter().map(|(name, value)| (name.to_owned(), value.to_vec()));
    Body { payload, body_bytes: at, outcome, trailers: trailers.collect() }
}

/// Cuts behind every byte.
pub(crate) fn byte_by_byte(bytes: &[u8]) -> Vec<usize> {
    (0..bytes.len()).collect()
}

/// Asserts that a reader makes the same of the bytes wherever they are cut once, and byte by byte.
pub(crate) fn same_at_every_cut<V: PartialEq + std::fmt::Debug>(
    bytes: &[u8],
    read: impl Fn(&[usize]) -> V,
) -> V {
    let whole = read(&[]);
    for cut in 0..=bytes.len() {
        assert_eq!(read(&[cut]), whole, "cut at {cut}: {}", bytes.escape_ascii());
    }
    assert_eq!(read(&byte_by_byte(bytes)), whole, "byte by byte: {}", bytes.escape_ascii());
    whole
}
