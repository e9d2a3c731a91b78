//! The head of a request.

use http::{Method, Version};

use super::characters::{TOKEN, count_of, count_visible};
use super::framing::{Facts, Once};
use super::parse::{End, other_version, read_fields, within};
use super::target::Authority;
use super::{HeadIndex, HeadLimits, HeadScanner, Reject, RequestFraming, Span, Target};

/// What the head of a request says, and the reader of it. A connection keeps one and reads every
/// head into it: it is too large to be handed around, and its memory is used again.
///
/// ```
/// use taut_proto::http::wire::{BodyLength, HeadLimits, RequestHead};
///
/// let limits = HeadLimits::default();
/// let bytes = b"POST /orders?dry=1 HTTP/1.1\r\nHost: taut:80\r\nContent-Length: 12\r\n\r\nthe body";
/// let mut request = RequestHead::new();
/// assert_eq!(request.read(&bytes[..20], &limits)?, None); // more has to come
/// let head_bytes = request.read(bytes, &limits)?.unwrap();
/// assert_eq!(&bytes[head_bytes..], b"the body");
/// assert_eq!(request.method, http::Method::POST);
/// assert_eq!(request.target.path.of(bytes), b"/orders");
/// assert_eq!(request.target.authority.of(bytes), b"taut:80");
/// assert_eq!(request.framing.body, BodyLength::Length(12));
/// assert_eq!(request.index().get(bytes, "content-length"), Some(&b"12"[..]));
/// # Ok::<(), taut_proto::http::wire::Reject>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestHead {
    /// The method. Allocates only where it is longer than 15 bytes.
    pub method: Method,
    /// What the request is for.
    pub target: Target,
    /// 1.0 or 1.1, as which a higher minor version is read.
    pub version: Version,
    /// How the body and the connection go on.
    pub framing: RequestFraming,
    index: HeadIndex,
    scanner: HeadScanner,
}

impl Default for RequestHead {
    fn default() -> Self {
        Self::new()
    }
}

impl RequestHead {
    /// One that has read nothing. Allocates nothing yet.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            method: Method::GET,
            target: Target::NONE,
            version: Version::HTTP_11,
            framing: RequestFraming::NONE,
            index: HeadIndex::new(),
            scanner: HeadScanner::request(),
        }
    }

    /// Reads the head that `bytes` start with, and says how many of them it has; nothing where more
    /// have to come. Until then `bytes` grow at their end only: how far they were looked at is
    /// remembered. What was read before is forgotten with the first byte of the next head: until
    /// that is whole, and after it was refused, nothing in here says anything.
    ///
    /// A head that comes in one piece is read in one pass.
    ///
    /// # Errors
    ///
    /// Says which rule the head breaks: that of a limit or of a line's end as soon as it is broken,
    /// all others when the whole head is there. What it says depends on the bytes alone, not on how
    /// they were cut. After that it is ready for another head.
    ///
    /// # Panics
    ///
    /// Where a head [was begun](Self::is_partial) and `bytes` are fewer than before.
    #[inline]
    pub fn read(&mut self, bytes: &[u8], limits: &HeadLimits) -> Result<Option<usize>, Reject> {
        if self.scanner.is_new()
            && let Ok(Some(head_bytes)) = self.read_whole(bytes, limits)
        {
            return Ok(Some(head_bytes));
        }
        self.read_piece(bytes, limits)
    }

    /// More has to come, or something is wrong: the scanner's word comes first.
    #[cold]
    fn read_piece(&mut self, bytes: &[u8], limits: &HeadLimits) -> End {
        let Some(head_bytes) = self.scanner.find_end_of_next(bytes, limits)? else {
            return Ok(None);
        };
        match self.read_whole(&bytes[..head_bytes], limits)? {
            Some(head_bytes) => Ok(Some(head_bytes)),
            // The lines are all there, so it is the first one that is too short.
            None => Err(Reject::RequestLine),
        }
    }

    fn read_whole(&mut self, bytes: &[u8], limits: &HeadLimits) -> End {
        let bytes = within(bytes, limits);
        let Some(line) = self.read_line(bytes, limits)? else { return Ok(None) };
        let mut facts = Facts::default();
        let end = read_fields(bytes, line.end, &mut self.index, &mut facts, limits)?;
        let Some(head_bytes) = end else { return Ok(None) };
        let host = host(bytes, facts.host, self.version)?;
        self.target.read(bytes, line.target, &self.method, host)?;
        facts.of_request(&self.method, self.version, &mut self.framing)?;
        Ok(Some(head_bytes))
    }

    /// Reads `method SP target SP version`, with one empty line in front of it at most.
    #[inline]
    fn read_line<'a>(
        &mut self,
        bytes: &'a [u8],
        limits: &HeadLimits,
    ) -> Result<Option<RequestLine<'a>>, Reject> {
        let start = if bytes.starts_with(b"\r\n") { 2 } else { 0 };
        let line = &bytes[start..];
        let method_bytes = count_of(line, TOKEN);
        match line.get(method_bytes) {
            None => return Ok(None),
            Some(b' ') => {}
            Some(_) => return Err(Reject::RequestLine),
        }
        let rest = &line[method_bytes + 1..];
        // Which of these a target may have, the target says.
        let target_bytes = count_visible(rest);
        match rest.get(target_bytes) {
            None => return Ok(None),
            Some(b' ') if target_bytes > 0 => {}
            Some(_) => return Err(Reject::RequestLine),
        }
        let at_version = &rest[target_bytes + 1..];
        self.version = match at_version.first_chunk() {
            Some(b"HTTP/1.1\r\n") => Version::HTTP_11,
            Some(b"HTTP/1.0\r\n") => Version::HTTP_10,
            None => return Ok(None),
            Some(_) => other_version(at_version, b"\r\n", Reject::RequestLine)?,
        };
        let line_bytes = method_bytes + target_bytes + 2 + b"HTTP/1.1".len();
        if line_bytes > limits.start_line_bytes_max {
            return Err(Reject::StartLineTooLong);
        }
        let method = &line[..method_bytes];
        // Mostly the one of the request before.
        if method != self.method.as_str().as_bytes() {
            self.method = Method::from_bytes(method).map_err(|_| Reject::RequestLine)?;
        }
        Ok(Some(RequestLine { target: &rest[..target_bytes], end: start + line_bytes + 2 }))
    }

    /// The header lines.
    #[must_use]
    pub const fn index(&self) -> &HeadIndex {
        &self.index
    }

    /// Whether the beginning of a head was read, but not its end, so that the next bytes have to be
    /// those of the same head. A CR alone, which may begin an empty line, is no beginning yet.
    #[must_use]
    pub const fn is_partial(&self) -> bool {
        !self.scanner.is_new()
    }
}

struct RequestLine<'a> {
    target: &'a [u8],
    /// Where the header lines start.
    end: usize,
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
