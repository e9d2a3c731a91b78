//! The head of a response.

use http::{Method, StatusCode, Version};

use super::characters::count_text;
use super::framing::Facts;
use super::parse::{line_end, other_version, read_fields, within};
use super::{HeadIndex, HeadLimits, HeadScanner, Reject, ResponseFraming, Span};

/// What the head of a response says. Its header lines are in the [`HeadIndex`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResponseHead {
    /// The status, 100 to 999.
    pub status: StatusCode,
    /// The reason phrase as it was sent; empty where it has bytes beyond ASCII.
    pub reason: Span,
    /// 1.0 or 1.1, as which a higher minor version is read.
    pub version: Version,
    /// How the body and the connection go on.
    pub framing: ResponseFraming,
}

/// Reads the head of the response to a request of this method, as
/// [`RequestHead::read`](super::RequestHead::read) reads that of a request, and says how many bytes
/// it has. The scanner is one for [responses](HeadScanner::response), and as new when a head was
/// read or refused; until then it remembers how far `bytes` were looked at, and what is in the
/// index is of no head. The space in front of an empty reason may be missing, as many servers leave
/// it out.
///
/// ```
/// use http::{Method, StatusCode};
/// use taut_proto::http::wire::{BodyLength, HeadIndex, HeadLimits, HeadScanner, read_response};
///
/// let bytes = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n";
/// let limits = HeadLimits::default();
/// let (mut scanner, mut index) = (HeadScanner::response(), HeadIndex::new());
/// let read = read_response(bytes, &Method::GET, &mut scanner, &mut index, &limits)?;
/// let (response, head_bytes) = read.unwrap();
/// assert_eq!(&bytes[head_bytes..], b"5\r\n");
/// assert_eq!(response.status, StatusCode::OK);
/// assert_eq!(response.framing.body, BodyLength::Chunked);
/// assert!(response.framing.keep_alive);
/// # Ok::<(), taut_proto::http::wire::Reject>(())
/// ```
///
/// # Errors
///
/// As for [`RequestHead::read`](super::RequestHead::read).
///
/// # Panics
///
/// Where the beginning of a head was read and `bytes` are fewer than then.
#[inline]
pub fn read_response(
    bytes: &[u8],
    request_method: &Method,
    scanner: &mut HeadScanner,
    index: &mut HeadIndex,
    limits: &HeadLimits,
) -> Result<Option<(ResponseHead, usize)>, Reject> {
    let mut read = |bytes: &[u8]| read(bytes, request_method, index, limits);
    if scanner.is_new()
        && let Ok(Some(read)) = read(bytes)
    {
        return Ok(Some(read));
    }
    // More has to come, or something is wrong: the scanner's word comes first.
    let Some(head_bytes) = scanner.find_end_of_next(bytes, limits)? else {
        return Ok(None);
    };
    match read(&bytes[..head_bytes])? {
        Some(read) => Ok(Some(read)),
        // The lines are all there, so it is the first one that is too short.
        None => Err(Reject::StatusLine),
    }
}

#[inline]
fn read(
    bytes: &[u8],
    request_method: &Method,
    index: &mut HeadIndex,
    limits: &HeadLimits,
) -> Result<Option<(ResponseHead, usize)>, Reject> {
    let bytes = within(bytes, limits);
    let Some((line, line_bytes)) = StatusLine::read(bytes, limits)? else {
        return Ok(None);
    };
    let mut facts = Facts::default();
    let end = read_fields(bytes, line_bytes, index, &mut facts, limits)?;
    let Some(head_bytes) = end else { return Ok(None) };
    let StatusLine { status, reason, version } = line;
    let framing = facts.of_response(request_method, version, status)?;
    Ok(Some((ResponseHead { status, reason, version, framing }, head_bytes)))
}

struct StatusLine {
    status: StatusCode,
    reason: Span,
    version: Version,
}

impl StatusLine {
    /// Reads `version SP status [SP reason]`.
    #[inline]
    fn read(bytes: &[u8], limits: &HeadLimits) -> Result<Option<(Self, usize)>, Reject> {
        const STATUS: usize = b"HTTP/1.1 ".len();
        const REASON: usize = STATUS + 3;
        let Some((start, rest)) = bytes.split_first_chunk::<REASON>() else { return Ok(None) };
        let (version, code) = start.split_at(STATUS);
        let version = match version {
            b"HTTP/1.1 " => Version::HTTP_11,
            b"HTTP/1.0 " => Version::HTTP_10,
            other => other_version(other, b" ", Reject::StatusLine)?,
        };
        let status = StatusCode::from_bytes(code).map_err(|_| Reject::StatusLine)?;
        let reason = match rest.first() {
            Some(b' ') => Span::new(REASON + 1, REASON + 1 + count_text(&rest[1..])),
            _ => Span::new(REASON, REASON),
        };
        let Some(line_bytes) = line_end(bytes, reason.end(), Reject::StatusLine)? else {
            return Ok(None);
        };
        if reason.end() > limits.start_line_bytes_max {
            return Err(Reject::StartLineTooLong);
        }
        let reason = if reason.of(bytes).is_ascii() { reason } else { Span::default() };
        Ok(Some((Self { status, reason, version }, line_bytes)))
    }
}
