//! The head of a request.

use http::{Method, Version};

use super::characters::{TOKEN, count_of, count_visible};
use super::framing::Once;
use super::parse::{Read, read_fields, version_fault, within};
use super::target::Authority;
use super::{HeadIndex, HeadLimits, HeadScanner, Reject, RequestFraming, Span, Target};

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

/// Reads the head of a request that `bytes` start with, and says how many of them it has; nothing
/// where more have to come. Until then `bytes` grow at their end only, and the scanner, one for
/// [requests](HeadScanner::request), remembers how far they were looked at. It is as new when the
/// head was read.
///
/// A head that comes in one piece is read in one pass.
///
/// ```
/// use taut_proto::http::wire::{BodyLength, HeadIndex, HeadLimits, HeadScanner, read_request};
///
/// let limits = HeadLimits::default();
/// let bytes = b"POST /orders?dry=1 HTTP/1.1\r\nHost: taut:80\r\nContent-Length: 12\r\n\r\nthe body";
/// let (mut scanner, mut index) = (HeadScanner::request(), HeadIndex::new());
/// assert!(read_request(&bytes[..20], &mut scanner, &mut index, &limits)?.is_none());
/// let (request, head_bytes) = read_request(bytes, &mut scanner, &mut index, &limits)?.unwrap();
/// assert_eq!(&bytes[head_bytes..], b"the body");
/// assert_eq!(request.method, http::Method::POST);
/// assert_eq!(request.target.path.of(bytes), b"/orders");
/// assert_eq!(request.target.authority.of(bytes), b"taut:80");
/// assert_eq!(request.framing.body, BodyLength::Length(12));
/// assert_eq!(index.get(bytes, "content-length"), Some(&b"12"[..]));
/// # Ok::<(), taut_proto::http::wire::Reject>(())
/// ```
///
/// # Errors
///
/// Says which rule the head breaks: that of a limit or of a line's end as soon as it is broken, all
/// others when the whole head is there. What it says depends on the bytes alone, not on how they
/// were cut.
#[inline]
pub fn read_request(
    bytes: &[u8],
    scanner: &mut HeadScanner,
    index: &mut HeadIndex,
    limits: &HeadLimits,
) -> Result<Option<(RequestHead, usize)>, Reject> {
    if scanner.is_new()
        && let Ok(Some(read)) = read(bytes, index, limits)
    {
        return Ok(Some(read));
    }
    // More has to come, or something is wrong: the scanner's word comes first.
    let Some(head_bytes) = scanner.find_end(bytes, limits)? else {
        return Ok(None);
    };
    scanner.reset();
    match read(&bytes[..head_bytes], index, limits)? {
        Some(read) => Ok(Some(read)),
        // The lines are all there, so it is the first one that is too short.
        None => Err(Reject::RequestLine),
    }
}

#[inline]
fn read(bytes: &[u8], index: &mut HeadIndex, limits: &HeadLimits) -> Read<RequestHead> {
    let bytes = within(bytes, limits);
    let Some((line, line_bytes)) = RequestLine::read(bytes, limits)? else {
        return Ok(None);
    };
    let Some((facts, head_bytes)) = read_fields(bytes, line_bytes, index, limits)? else {
        return Ok(None);
    };
    let RequestLine { method, target, version } = line;
    let host = host(bytes, facts.host, version)?;
    let target = Target::parse(bytes, target, &method, host)?;
    let framing = facts.of_request(&method, version)?;
    Ok(Some((RequestHead { method, target, version, framing }, head_bytes)))
}

struct RequestLine<'a> {
    method: Method,
    target: &'a [u8],
    version: Version,
}

impl<'a> RequestLine<'a> {
    /// Reads `method SP target SP version`, with one empty line in front of it at most.
    #[inline]
    fn read(bytes: &'a [u8], limits: &HeadLimits) -> Read<Self> {
        let start = if bytes.starts_with(b"\r\n") { 2 } else { 0 };
        let line = &bytes[start..];
        let method_bytes = count_of(line, TOKEN);
        match line.get(method_bytes) {
            None => return Ok(None),
            Some(b' ') => {}
            Some(_) => return Err(Reject::RequestLine),
        }
        let method = Method::from_bytes(&line[..method_bytes]).map_err(|_| Reject::RequestLine)?;
        let rest = &line[method_bytes + 1..];
        // Which of these a target may have, the target says.
        let target_bytes = count_visible(rest);
        match rest.get(target_bytes) {
            None => return Ok(None),
            Some(b' ') if target_bytes > 0 => {}
            Some(_) => return Err(Reject::RequestLine),
        }
        let at_version = &rest[target_bytes + 1..];
        let version = match at_version.first_chunk() {
            Some(b"HTTP/1.1\r\n") => Version::HTTP_11,
            Some(b"HTTP/1.0\r\n") => Version::HTTP_10,
            None => return Ok(None),
            Some(_) => return Err(version_fault(at_version, b"\r", Reject::RequestLine)),
        };
        let line_bytes = method_bytes + target_bytes + 2 + b"HTTP/1.1".len();
        if line_bytes > limits.start_line_bytes_max {
            return Err(Reject::StartLineTooLong);
        }
        let target = &rest[..target_bytes];
        Ok(Some((Self { method, target, version }, start + line_bytes + 2)))
    }
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
