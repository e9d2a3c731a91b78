//! Header lines, in one pass over their bytes.
//!
//! A name is looked up byte by byte in the table of [`characters`](super::characters), a value eight
//! bytes at a time, so a line costs some four instructions a byte of its name and one a byte of its
//! value. All that has to hold of a line is looked at on this way: a line that got through here
//! needs no second look.

use super::characters::{TOKEN, count_of, count_text};
use super::framing::Facts;
use super::{HeadIndex, HeadLimits, Reject, Span};

/// What has been read, and where it ended; nothing where the bytes end before it does.
pub(super) type Read<T> = Result<Option<(T, usize)>, Reject>;

/// The bytes that a head may be in: no more of them than a head may have, and than a [`Span`] counts.
#[inline]
pub(super) fn within<'a>(bytes: &'a [u8], limits: &HeadLimits) -> &'a [u8] {
    let bytes_max = limits.head_bytes_max.min(u32::MAX as usize);
    bytes.get(..bytes_max).unwrap_or(bytes)
}

/// Reads header lines from `start` to behind the empty line that ends them. Puts them into the
/// index, and gives what they say about framing.
#[inline]
pub(super) fn read_fields<'a>(
    bytes: &'a [u8],
    start: usize,
    index: &mut HeadIndex,
    limits: &HeadLimits,
) -> Read<Facts<'a>> {
    let mut facts = Facts::default();
    index.clear();
    let mut line_start = start;
    loop {
        let line = &bytes[line_start..];
        let name_bytes = count_of(line, TOKEN);
        match line.get(name_bytes) {
            None => return Ok(None),
            Some(b':') if name_bytes > 0 => {}
            Some(b'\r') if name_bytes == 0 => {
                let end = line_end(line, 0, Reject::BareCarriageReturn)?;
                return Ok(end.map(|bytes| (facts, line_start + bytes)));
            }
            Some(_) => return Err(Reject::HeaderName),
        }
        let mut value = &line[name_bytes + 1..];
        while let [b' ' | b'\t', behind @ ..] = value {
            value = behind;
        }
        let value_start = line.len() - value.len();
        let value_end = value_start + count_text(value);
        let Some(line_bytes) = line_end(line, value_end, Reject::HeaderValue)? else {
            return Ok(None);
        };
        if value_end > limits.header_line_bytes_max {
            return Err(Reject::HeaderLineTooLong);
        }
        if index.len() >= limits.headers_max {
            return Err(Reject::TooManyHeaders);
        }
        let (name, mut value) = (&line[..name_bytes], &line[value_start..value_end]);
        while let [before @ .., b' ' | b'\t'] = value {
            value = before;
        }
        let value_start = line_start + value_start;
        index.push(
            Span::new(line_start, line_start + name_bytes),
            Span::new(value_start, value_start + value.len()),
        );
        facts.note(name, value);
        line_start += line_bytes;
    }
}

/// Whether a line ends at `at`, as it has to, and behind that; nothing where this is not there yet.
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

/// Why a start line without a known version is refused: it may have another, `HTTP/` and a digit, a
/// dot, a digit, or none at all.
#[cold]
pub(super) fn version_fault(at_version: &[u8], ends: &[u8], otherwise: Reject) -> Reject {
    match at_version {
        [b'H', b'T', b'T', b'P', b'/', major, b'.', minor, end, ..]
            if major.is_ascii_digit() && minor.is_ascii_digit() && ends.contains(end) =>
        {
            match (major, minor) {
                (b'1', b'0' | b'1') => otherwise,
                _ => Reject::Version,
            }
        }
        _ => otherwise,
    }
}
