//! Fields behind the body of a response: what is known only once all of it is there, such as a
//! checksum, or how a call of gRPC-web ended.
//!
//! They go to clients that asked for them (`TE: trailers`), behind a chunked body; the others get
//! the same body without them (RFC 9110 section 6.5.1). A response without trailers pays nothing
//! for them.

use std::fmt;

use http::header::{HeaderMap, HeaderName, TRAILER};
use http::{StatusCode, Version};

use super::Body;
use super::body::Kind;
use super::request::Parts;
use crate::http::wire::{is_forbidden_trailer, list};

/// A body and what follows it.
pub(super) struct Trailed {
    pub(super) body: Kind,
    names: Vec<HeaderName>,
    fields: Box<dyn FnOnce() -> HeaderMap>,
}

/// A field of this name has no place behind a body: it decides about framing, routing, access or
/// content, which the client has to know before (RFC 9110 section 6.5.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrailerError {
    name: HeaderName,
}

impl TrailerError {
    /// The name.
    #[must_use]
    pub fn name(&self) -> &HeaderName {
        &self.name
    }
}

impl fmt::Display for TrailerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` can't be a trailer: send it as a header, in front of the body", self.name)
    }
}

impl std::error::Error for TrailerError {}

impl From<TrailerError> for super::Response {
    /// A fault of the handler.
    fn from(error: TrailerError) -> Self {
        Self::text(error.to_string()).status(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

impl Body {
    /// Sends fields of these names behind the body, to clients that take them (`TE: trailers`); to
    /// them the body is sent in chunks, whatever it is made of, and the names are told in front of
    /// it (`Trailer`). `fields` is called when all of the body was given; what it leaves out is not
    /// sent, nor is what was not named. Replaces earlier trailers.
    ///
    /// ```
    /// use http::header::{HeaderMap, HeaderName, HeaderValue};
    /// use taut_proto::http::{Body, Response, TrailerError};
    ///
    /// const SUM: HeaderName = HeaderName::from_static("x-sum");
    ///
    /// fn fills() -> Result<Response, TrailerError> {
    ///     let sum = || HeaderMap::from_iter([(SUM, HeaderValue::from_static("300"))]);
    ///     let body = Body::from("100\n200\n").with_trailers([SUM], sum)?;
    ///     Ok(Response::ok(body))
    /// }
    /// # fills().unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// Where a field of one of these names has no place behind a body.
    pub fn with_trailers(
        self,
        names: impl IntoIterator<Item = HeaderName>,
        fields: impl FnOnce() -> HeaderMap + 'static,
    ) -> Result<Self, TrailerError> {
        let names: Vec<HeaderName> = names.into_iter().collect();
        if let Some(name) = names.iter().find(|name| is_forbidden_trailer(name.as_str().as_bytes()))
        {
            return Err(TrailerError { name: name.clone() });
        }
        let body = self.without_trailers().0;
        Ok(Self(Kind::Trailed(Box::new(Trailed { body, names, fields: Box::new(fields) }))))
    }

    pub(super) fn without_trailers(self) -> Self {
        match self.0 {
            Kind::Trailed(trailed) => Self(trailed.body),
            body => Self(body),
        }
    }
}

impl Trailed {
    /// Appends the header that names the fields.
    pub(super) fn announce(&self, out: &mut Vec<u8>) {
        for (index, name) in self.names.iter().enumerate() {
            match index {
                0 => {
                    out.extend_from_slice(TRAILER.as_str().as_bytes());
                    out.extend_from_slice(b": ");
                }
                _ => out.extend_from_slice(b", "),
            }
            out.extend_from_slice(name.as_str().as_bytes());
        }
        if !self.names.is_empty() {
            out.extend_from_slice(b"\r\n");
        }
    }

    /// The parts: the body, and what gives the fields once it was sent.
    pub(super) fn into_parts(self) -> (Kind, impl FnOnce() -> Vec<(HeaderName, Vec<u8>)>) {
        let Self { body, names, fields } = self;
        let named = move || {
            let fields = fields();
            let of_name = |name: HeaderName| {
                let values = fields.get_all(&name).iter();
                values.map(|value| (name.clone(), value.as_bytes().to_vec())).collect::<Vec<_>>()
            };
            names.into_iter().flat_map(of_name).collect()
        };
        (body, named)
    }
}

/// Whether the client asked for trailers (RFC 9110 section 10.1.4).
#[cold]
pub(super) fn takes_trailers(request: &Parts<'_>) -> bool {
    let mut lines = request.head.index().get_all(request.bytes, "te");
    let is_trailers = |member: &[u8]| member.eq_ignore_ascii_case(b"trailers");
    request.head.version == Version::HTTP_11 && lines.any(|line| list(line).any(is_trailers))
}
