//! The head of a request.

use http::{Method, Version};

use super::framing::Once;
use super::parse::{Slots, check_end, collect};
use super::target::Authority;
use super::{HeadIndex, HeadLimits, Reject, RequestFraming, Span, Target};

/// What the head of a request says. Its header lines are in the [`HeadIndex`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestHead {
    /// The method. Allocates only where it is longer than 15 bytes.
    pub method: Method,
    /// What the request is for.
    pub target: Target,
    /// 1.0 or 1.1.
    pub version: Version,
    /// How the body and the connection go on.
    pub framing: RequestFraming,
}

/// Parses the head of a request: all bytes up to where [`HeadScanner`](super::HeadScanner) found
/// its end. Only the two together are strict: the scanner has judged the line ends.
///
/// ```
/// use taut_proto::http::wire::{BodyLength, HeadIndex, HeadLimits, parse_request};
///
/// let head = b"POST /orders?dry=1 HTTP/1.1\r\nHost: taut:80\r\nContent-Length: 12\r\n\r\n";
/// let mut index = HeadIndex::new();
/// let request = parse_request(head, &mut index, &HeadLimits::default())?;
/// assert_eq!(request.method, http::Method::POST);
/// assert_eq!(request.target.path.of(head), b"/orders");
/// assert_eq!(request.target.authority.of(head), b"taut:80");
/// assert_eq!(request.framing.body, BodyLength::Length(12));
/// assert_eq!(index.get(head, "content-length"), Some(&b"12"[..]));
/// # Ok::<(), taut_proto::http::wire::Reject>(())
/// ```
///
/// # Errors
///
/// Says which rule the head breaks.
pub fn parse_request(
    head: &[u8],
    index: &mut HeadIndex,
    limits: &HeadLimits,
) -> Result<RequestHead, Reject> {
    let mut slots = Slots::new();
    let mut request = httparse::Request::new(&mut []);
    let outcome = request.parse_with_uninit_headers(head, slots.within(limits));
    check_end(head, outcome, Reject::RequestLine)?;
    let (Some(method), Some(target), Some(minor)) = (request.method, request.path, request.version)
    else {
        return Err(Reject::RequestLine);
    };
    let method = Method::from_bytes(method.as_bytes()).map_err(|_| Reject::RequestLine)?;
    let version = if minor == 0 { Version::HTTP_10 } else { Version::HTTP_11 };
    let facts = collect(head, request.headers, index);
    let host = host(head, facts.host, version)?;
    let target = Target::parse(head, target.as_bytes(), &method, host)?;
    let framing = facts.of_request(&method, version)?;
    Ok(RequestHead { method, target, version, framing })
}

/// Exactly one valid `Host` on HTTP/1.1, at most one before. An empty one is valid: that of a
/// target without authority (RFC 9112 section 3.2).
fn host(head: &[u8], host: Once<'_>, version: Version) -> Result<Span, Reject> {
    match host {
        Once::One(value) if Authority::parse(value).is_some() => Ok(Span::within(head, value)),
        Once::One(_) => Err(Reject::HostInvalid),
        Once::Repeated => Err(Reject::HostRepeated),
        Once::Absent if version == Version::HTTP_10 => Ok(Span::default()),
        Once::Absent => Err(Reject::HostMissing),
    }
}
