//! Fields behind a chunked body (RFC 9110 section 6.5).
//!
//! They come when the head has been acted upon. So they are never merged into it, and those that
//! would change how the message is framed, routed, authorised or understood are dropped.

use http::HeaderMap;

use super::framing::Facts;
use super::parse::read_fields;
use super::{ChunkLimits, HeadIndex, HeadLimits, HeadScanner, Reject};

/// The trailer fields of a body, apart from its headers. Those that decide about framing, routing,
/// access or content are dropped (RFC 9110 section 6.5.1).
#[derive(Clone, Copy, Debug)]
pub struct Trailers<'a> {
    bytes: &'a [u8],
    index: &'a HeadIndex,
}

impl<'a> Trailers<'a> {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// Names and values in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, &'a [u8])> {
        self.index.iter(self.bytes)
    }

    /// The value of the first field of this name, in whatever case.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&'a [u8]> {
        self.index.get(self.bytes, name)
    }

    /// The fields as a map. Allocates.
    #[must_use]
    pub fn to_map(&self) -> HeaderMap {
        self.index.to_map(self.bytes)
    }
}

/// Gathers a trailer section, which may come in many pieces.
#[derive(Debug)]
pub(super) struct TrailerReader {
    bytes: Vec<u8>,
    scanner: HeadScanner,
    index: HeadIndex,
}

impl TrailerReader {
    pub(super) const fn new() -> Self {
        Self { bytes: Vec::new(), scanner: HeadScanner::trailers(), index: HeadIndex::new() }
    }

    /// Takes the next bytes: all of them, or as many as there are up to the end of the section.
    #[cold]
    pub(super) fn read(
        &mut self,
        bytes: &[u8],
        limits: &ChunkLimits,
    ) -> Result<Option<usize>, Reject> {
        let limits = HeadLimits {
            head_bytes_max: limits.trailer_bytes_max,
            header_line_bytes_max: limits.trailer_bytes_max,
            headers_max: limits.trailers_max,
            ..HeadLimits::default()
        };
        let before = self.bytes.len();
        let room = limits.head_bytes_max.saturating_add(1) - before;
        self.bytes.extend_from_slice(&bytes[..bytes.len().min(room)]);
        let end = self.scanner.find_end(&self.bytes, &limits).map_err(of_trailers)?;
        let Some(end) = end else { return Ok(None) };
        self.bytes.truncate(end);
        self.parse(&limits)?;
        Ok(Some(end - before))
    }

    fn parse(&mut self, limits: &HeadLimits) -> Result<(), Reject> {
        // What they say about framing, they say too late.
        let mut facts = Facts::default();
        let end = read_fields(&self.bytes, 0, &mut self.index, &mut facts, limits);
        if end.map_err(of_trailers)?.is_none_or(|end| end < self.bytes.len()) {
            return Err(Reject::HeadEnd);
        }
        self.index.retain(&self.bytes, |name| !is_forbidden_trailer(name));
        Ok(())
    }

    pub(super) fn fields(&self) -> Trailers<'_> {
        Trailers { bytes: &self.bytes, index: &self.index }
    }

    pub(super) fn reset(&mut self) {
        self.bytes.clear();
        self.scanner.reset();
        self.index.clear();
    }
}

/// The limit of a head as that of the trailers.
fn of_trailers(reject: Reject) -> Reject {
    match reject {
        Reject::HeadTooLong | Reject::HeaderLineTooLong => Reject::TrailersTooLong,
        Reject::TooManyHeaders => Reject::TooManyTrailers,
        reject => reject,
    }
}

/// Whether a field of this name has no place behind a body.
pub(crate) fn is_forbidden_trailer(name: &[u8]) -> bool {
    const FORBIDDEN: [&str; 40] = [
        // Framing and the connection.
        "connection",
        "content-length",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        // Routing.
        "forwarded",
        "host",
        "location",
        "via",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-proto",
        "x-real-ip",
        // Access.
        "authorization",
        "cookie",
        "proxy-authenticate",
        "proxy-authorization",
        "set-cookie",
        "www-authenticate",
        // What the request asks, and under what conditions.
        "cache-control",
        "expect",
        "if-match",
        "if-modified-since",
        "if-none-match",
        "if-range",
        "if-unmodified-since",
        "max-forwards",
        "pragma",
        "range",
        // How the content and the response are understood.
        "age",
        "content-encoding",
        "content-range",
        "content-type",
        "date",
        "expires",
        "retry-after",
        "vary",
    ];
    FORBIDDEN.iter().any(|forbidden| name.eq_ignore_ascii_case(forbidden.as_bytes()))
}
