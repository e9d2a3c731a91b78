//! Header lines, in one pass over their bytes.
//!
//! A name is looked up byte by byte in the table of [`characters`](super::characters), a value
//! eight bytes at a time, so a line costs some four instructions a byte of its name and one a byte
//! of its value. All that has to hold of a line is looked at on this way: a line that got through
//! here needs no second look.

use http::Version;

use super::characters::{TOKEN, count_of, count_text};
use super::framing::Facts;
use super::{HEAD_BYTES_MAX, HeadIndex, HeadLimits, Reject, Span};

/// Where what was read has ended; nothing where the bytes end before it does. What was read is put
/// where it is kept: values of odd sizes are not handed around, since their copies stall.
pub(super) type End = Result<Option<usize>, Reject>;

/// The bytes that a head may be in: no more of them than a head may have, and than a [`Span`]
/// counts.
#[inline]
pub(super) fn within<'a>(bytes: &'a [u8], limits: &HeadLimits) -> &'a [u8] {
    let bytes_max = limits.head_bytes_max.min(HEAD_BYTES_MAX);
    bytes.get(..bytes_max).unwrap_or(bytes)
}

/// Reads header lines from `start` to behind the empty line that ends them. Puts them into the
/// index, and what they say about framing into the facts.
#[inline]
pub(super) fn read_fields<'a>(
    bytes: &'a [u8],
    start: usize,
    index: &mut HeadIndex,
    facts: &mut Facts<'a>,
    limits: &HeadLimits,
) -> End {
    index.clear();
    let mut start = start;
    loop {
        let colon = start + count_of(&bytes[start..], TOKEN);
        match bytes.get(colon) {
            Some(b':') if colon > start => {}
            Some(b'\r') if colon == start => {
                return line_end(bytes, start, Reject::BareCarriageReturn);
            }
            None => return Ok(None),
            Some(_) => return Err(Reject::HeaderName),
        }
        let mut value_start = colon + 1;
        while let Some(b' ' | b'\t') = bytes.get(value_start) {
            value_start += 1;
        }
        let line_feed = value_start + count_text(&bytes[value_start..]);
        let Some(end) = line_end(bytes, line_feed, Reject::HeaderValue)? else { return Ok(None) };
        if line_feed - start > limits.header_line_bytes_max {
            return Err(Reject::HeaderLineTooLong);
        }
        if index.len() >= limits.headers_max {
            return Err(Reject::TooManyHeaders);
        }
        let mut value_end = line_feed;
        // At the colon this stops, at the latest.
        while let b' ' | b'\t' = bytes[value_end - 1]
            && value_end > value_start
        {
            value_end -= 1;
        }
        index.push(Span::new(start, colon), Span::new(value_start, value_end));
        facts.note(&bytes[start..colon], &bytes[value_start..value_end]);
        start = end;
    }
}

/// Behind the line end that has to be at `at`; nothing where it is not there yet.
#[inline]
pub(super) fn line_end(
    bytes: &[u8],
    at: usize,
    otherwise: Reject,
) -> Result<Option<usize>, Reject> {
    match bytes.get(at..at + 2) {
        Some(b"\r\n") => Ok(Some(at + 2)),
        None if matches!(bytes.get(at), None | Some(b'\r')) => Ok(None),
        _ => Err(otherwise),
    }
}

/// What a start line is read as whose version, `HTTP/` and a digit, a dot, a digit, is neither 1.0
/// nor 1.1. A higher minor version is read as the highest one there is (RFC 9110 section 2.5).
///
/// # Errors
///
/// Where it has another major version, or none at all.
#[cold]
pub(super) fn other_version(
    at_version: &[u8],
    end: &[u8],
    otherwise: Reject,
) -> Result<Version, Reject> {
    match at_version {
        [b'H', b'T', b'T', b'P', b'/', major, b'.', minor, rest @ ..]
            if major.is_ascii_digit() && minor.is_ascii_digit() && rest.starts_with(end) =>
        {
            match (major, minor) {
                (b'1', b'2'..) => Ok(Version::HTTP_11),
                (b'1', _) => Err(otherwise),
                _ => Err(Reject::Version),
            }
        }
        _ => Err(otherwise),
    }
}
