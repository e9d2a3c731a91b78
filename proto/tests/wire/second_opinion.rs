//! httparse, the field's reader of heads, as a second opinion on ours: what we take, it takes and
//! reads alike; what it alone takes, we refuse for a reason that is named here. The fuzz targets
//! ask it as well.

use http::{Method, StatusCode, Version};
use taut_proto::http::wire::{ChunkLimits, HeadLimits, Reject};

use crate::pieces::{Fields, Verdict, chunked, request, response};

/// More than any limit of the tests lets through.
const HEADERS_MAX: usize = 256;

/// Who takes the bytes as a whole head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opinion {
    Both,
    /// Only httparse does, and we refuse for this reason, which is one of those below.
    Deliberate(Reject),
    Nobody,
}

/// Both opinions on the head of a request.
///
/// Panics where they differ and nothing here says why.
pub(crate) fn on_request(bytes: &[u8], limits: &HeadLimits) -> Opinion {
    let mut slots = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut theirs = httparse::Request::new(&mut slots);
    let as_1_1 = as_version_1_1(bytes);
    let theirs_ends = end(theirs.parse(&as_1_1));
    match request(bytes, &[], limits) {
        Verdict::Whole { head, head_bytes, fields } => {
            assert_eq!(theirs_ends, Some(head_bytes), "{}", bytes.escape_ascii());
            assert_eq!(theirs.method, Some(head.method.as_str()));
            let target = theirs.path.map(str::as_bytes);
            assert_eq!(target, Some(head.target.text.of(bytes)));
            assert_eq!(theirs.version.map(version), Some(head.version));
            assert_eq!(owned(theirs.headers), fields, "{}", bytes.escape_ascii());
            Opinion::Both
        }
        ours => ours_alone(&ours, theirs_ends, bytes, |reject| {
            is_of_lines(reject, bytes) || is_of_framing(reject) || is_of_requests(reject)
        }),
    }
}

/// Both opinions on the head of the response to a request of this method. Panics as [`on_request`].
pub(crate) fn on_response(bytes: &[u8], method: &Method, limits: &HeadLimits) -> Opinion {
    let mut slots = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut theirs = httparse::Response::new(&mut slots);
    let as_1_1 = as_version_1_1(bytes);
    let theirs_ends = end(theirs.parse(&as_1_1));
    match response(bytes, &[], method, limits) {
        Verdict::Whole { head, head_bytes, fields } => {
            assert_eq!(theirs_ends, Some(head_bytes), "{}", bytes.escape_ascii());
            assert_eq!(theirs.code, Some(head.status.as_u16()));
            assert_eq!(theirs.reason.map(str::as_bytes), Some(head.reason.of(bytes)));
            assert_eq!(theirs.version.map(version), Some(head.version));
            assert_eq!(owned(theirs.headers), fields, "{}", bytes.escape_ascii());
            Opinion::Both
        }
        ours => ours_alone(&ours, theirs_ends, bytes, |reject| {
            // A status has a class, 1 to 9 (RFC 9110 section 15).
            let is_no_status = theirs.code.is_some_and(|code| StatusCode::from_u16(code).is_err());
            is_of_lines(reject, bytes)
                || is_of_framing(reject)
                || (reject == Reject::StatusLine && is_no_status)
        }),
    }
}

/// Both opinions on the trailer section of a chunked body. Panics as [`on_request`].
pub(crate) fn on_trailers(bytes: &[u8], limits: ChunkLimits) -> Opinion {
    let mut slots = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let theirs = httparse::parse_headers(bytes, &mut slots);
    let last_chunk = b"0\r\n";
    let ours = chunked(&[last_chunk, bytes].concat(), &[], limits);
    match (ours.outcome, theirs) {
        (Ok(true), Ok(httparse::Status::Complete((end, theirs)))) => {
            assert_eq!(last_chunk.len() + end, ours.body_bytes, "{}", bytes.escape_ascii());
            let mut theirs = owned(theirs);
            theirs.retain(|(name, _)| !is_dropped(name));
            assert_eq!(theirs, ours.trailers, "{}", bytes.escape_ascii());
            Opinion::Both
        }
        (Err(reject), Ok(httparse::Status::Complete(_))) => {
            let is_limit = matches!(reject, Reject::TrailersTooLong | Reject::TooManyTrailers);
            let is_deliberate = is_limit || is_of_lines(reject, bytes);
            assert!(is_deliberate, "{reject}: {}", bytes.escape_ascii());
            Opinion::Deliberate(reject)
        }
        (ours, Ok(httparse::Status::Complete(_))) => {
            panic!("{ours:?} of a whole section: {}", bytes.escape_ascii())
        }
        (ours, _) => {
            assert_ne!(ours, Ok(true), "we alone take {}", bytes.escape_ascii());
            Opinion::Nobody
        }
    }
}

/// The bytes with version 1.1 instead of 1.2 to 1.9 in their first line: httparse does not know that
/// these are to be read as 1.1 (RFC 9110 section 2.5).
fn as_version_1_1(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let start = if bytes.starts_with(b"\r\n") { 2 } else { 0 };
    let line = &mut bytes[start..];
    let line_bytes = line.windows(2).position(|pair| pair == b"\r\n").unwrap_or(line.len());
    // Of a response it stands first in its line, of a request last.
    for version_start in [0, line_bytes.saturating_sub(b"HTTP/1.1".len())] {
        if let Some([b'H', b'T', b'T', b'P', b'/', b'1', b'.', minor @ b'2'..=b'9', ..]) =
            line.get_mut(version_start..)
        {
            *minor = b'1';
        }
    }
    bytes
}

/// What it means that we don't take the bytes, or not yet.
fn ours_alone<H: std::fmt::Debug>(
    ours: &Verdict<H>,
    theirs_ends: Option<usize>,
    bytes: &[u8],
    is_deliberate: impl Fn(Reject) -> bool,
) -> Opinion {
    match (ours, theirs_ends) {
        (_, None) => Opinion::Nobody,
        (Verdict::Refused(reject), Some(_)) => {
            assert!(is_deliberate(*reject), "{reject}: {}", bytes.escape_ascii());
            Opinion::Deliberate(*reject)
        }
        (ours, Some(_)) => panic!("{ours:?} of a whole head: {}", bytes.escape_ascii()),
    }
}

/// Lines end in CR LF, one empty line precedes a request at most, and heads have limits. Folds are
/// no difference: as httparse is asked here, it refuses them, too.
fn is_of_lines(reject: Reject, bytes: &[u8]) -> bool {
    match reject {
        Reject::BareLineFeed => {
            let mut line_feeds = (0..bytes.len()).filter(|&at| bytes[at] == b'\n');
            line_feeds.any(|at| at == 0 || bytes[at - 1] != b'\r')
        }
        Reject::EmptyLineFirst => bytes.starts_with(b"\r\n"),
        Reject::StartLineTooLong
        | Reject::HeaderLineTooLong
        | Reject::HeadTooLong
        | Reject::TooManyHeaders => true,
        _ => false,
    }
}

/// httparse has no opinion on where a message ends.
fn is_of_framing(reject: Reject) -> bool {
    matches!(
        reject,
        Reject::TwoLengths
            | Reject::TransferEncodingRepeated
            | Reject::TransferEncodingVersion
            | Reject::TransferEncodingInvalid
            | Reject::TransferEncodingUnknown
            | Reject::ContentLengthRepeated
            | Reject::ContentLengthInvalid
            | Reject::ContentLengthOverflow
    )
}

/// Nor on whom a request is for, of which it takes all that is visible, and what it asks.
fn is_of_requests(reject: Reject) -> bool {
    matches!(
        reject,
        Reject::TargetCharacter
            | Reject::TargetForm
            | Reject::TargetScheme
            | Reject::TargetAuthority
            | Reject::HostMissing
            | Reject::HostRepeated
            | Reject::HostInvalid
            | Reject::ConnectBody
            | Reject::Expectation
    )
}

/// Whether a trailer of this name is dropped where it comes alone.
fn is_dropped(name: &str) -> bool {
    let body = format!("0\r\n{name}: a\r\n\r\n");
    chunked(body.as_bytes(), &[], ChunkLimits::default()).trailers.is_empty()
}

fn end(parsed: httparse::Result<usize>) -> Option<usize> {
    match parsed {
        Ok(httparse::Status::Complete(end)) => Some(end),
        Ok(httparse::Status::Partial) | Err(_) => None,
    }
}

fn version(minor: u8) -> Version {
    if minor == 0 { Version::HTTP_10 } else { Version::HTTP_11 }
}

fn owned(headers: &[httparse::Header<'_>]) -> Fields {
    headers.iter().map(|header| (header.name.to_owned(), header.value.to_vec())).collect()
}
