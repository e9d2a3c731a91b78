//! Fields behind a chunked body (RFC 9110 section 6.5).

use http::HeaderMap;

/// The trailer fields of a body, apart from its headers. Those that decide about framing, routing,
/// access or content are dropped (RFC 9110 section 6.5.1).
#[derive(Clone, Copy, Debug)]
pub struct Trailers<'a> {
    bytes: &'a [u8],
}

impl<'a> Trailers<'a> {
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Names and values in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, &'a [u8])> {
        [].into_iter()
    }

    /// The fields as a map. Allocates.
    #[must_use]
    pub fn to_map(&self) -> HeaderMap {
        unimplemented!()
    }
}
