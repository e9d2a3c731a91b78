//! The head of a response.

use http::{Method, StatusCode, Version};

use super::parse::{Slots, check_end, collect};
use super::{HeadIndex, HeadLimits, Reject, ResponseFraming, Span};

/// What the head of a response says. Its header lines are in the [`HeadIndex`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResponseHead {
    /// The status, 100 to 999.
    pub status: StatusCode,
    /// The reason phrase as it was sent; empty where it has bytes beyond ASCII.
    pub reason: Span,
    /// 1.0 or 1.1.
    pub version: Version,
    /// How the body and the connection go on.
    pub framing: ResponseFraming,
}

/// Parses the head of the response to a request of this method: all bytes up to where
/// [`HeadScanner`](super::HeadScanner) found its end. Only the two together are strict: the scanner
/// has judged the line ends. The space in front of an empty reason may be missing, as many servers
/// leave it out.
///
/// ```
/// use http::{Method, StatusCode};
/// use taut_proto::http::wire::{BodyLength, HeadIndex, HeadLimits, parse_response};
///
/// let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
/// let mut index = HeadIndex::new();
/// let response = parse_response(head, &Method::GET, &mut index, &HeadLimits::default())?;
/// assert_eq!(response.status, StatusCode::OK);
/// assert_eq!(response.framing.body, BodyLength::Chunked);
/// assert!(response.framing.keep_alive);
/// # Ok::<(), taut_proto::http::wire::Reject>(())
/// ```
///
/// # Errors
///
/// Says which rule the head breaks.
pub fn parse_response(
    head: &[u8],
    request_method: &Method,
    index: &mut HeadIndex,
    limits: &HeadLimits,
) -> Result<ResponseHead, Reject> {
    let mut slots = Slots::new();
    let mut response = httparse::Response::new(&mut []);
    let outcome = httparse::ParserConfig::default().parse_response_with_uninit_headers(
        &mut response,
        head,
        slots.within(limits),
    );
    check_end(head, outcome, Reject::StatusLine)?;
    let (Some(code), Some(reason), Some(minor)) =
        (response.code, response.reason, response.version)
    else {
        return Err(Reject::StatusLine);
    };
    let status = StatusCode::from_u16(code).map_err(|_| Reject::StatusLine)?;
    let version = if minor == 0 { Version::HTTP_10 } else { Version::HTTP_11 };
    let facts = collect(head, response.headers, index);
    let framing = facts.of_response(request_method, version, status)?;
    let reason = match reason {
        "" => Span::default(),
        reason => Span::within(head, reason.as_bytes()),
    };
    Ok(ResponseHead { status, reason, version, framing })
}
