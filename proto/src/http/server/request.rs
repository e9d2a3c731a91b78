//! A request, as its handler sees it.

use std::fmt;
use std::future::poll_fn;

use http::{HeaderMap, Method, Uri, Version};
use matchit::Params;
use taut_runtime::buffer::RxBuf;
use taut_runtime::task::waiting;

use super::inflow::Source;
use super::peer::Known;
use super::{BodyError, Peer};
use crate::http::wire::RequestHead;
use crate::text::to_str;

/// Memory that is set aside for a body before any of it is there, at most, in bytes: what a client
/// announces is not what it sends.
const BODY_RESERVED_MAX: u64 = 64 << 10;

/// A request: a view onto the head where it landed, and the body as it comes in.
///
/// Everything about the head is looked up on demand and costs no memory, but for
/// [`headers`](Self::headers) and [`uri`](Self::uri), which build the `http` crate's types.
///
/// ```
/// use taut_proto::http::{BodyError, Request, Response};
///
/// async fn echo(mut request: Request<'_>) -> Result<Response, BodyError> {
///     if request.path() != "/echo" {
///         return Ok(http::StatusCode::NOT_FOUND.into());
///     }
///     let body = request.bytes().await?; // too large a one is answered 413
///     Ok(Response::ok(body))
/// }
/// ```
pub struct Request<'a>(&'a Parts<'a>);

/// What a request gives a view of. A handler's future moves its request about, so that is one
/// pointer.
#[derive(Clone, Copy)]
pub(super) struct Parts<'a> {
    /// The bytes of the head, and what they say.
    pub(super) bytes: &'a [u8],
    pub(super) head: &'a RequestHead,
    pub(super) client: &'a Known,
    pub(super) source: &'a dyn Source,
    /// Those of the route.
    pub(super) params: Option<&'a Params<'a, 'a>>,
}

impl<'a> Request<'a> {
    pub(super) fn new(parts: &'a Parts<'a>) -> Self {
        Self(parts)
    }

    pub(super) fn parts(&self) -> &'a Parts<'a> {
        self.0
    }

    /// The head, and its bytes.
    pub(crate) fn head(&self) -> (&'a RequestHead, &'a [u8]) {
        (self.0.head, self.0.bytes)
    }

    /// The method.
    #[must_use]
    pub fn method(&self) -> &'a Method {
        &self.0.head.method
    }

    /// The request target as it was sent: mostly path and query.
    #[must_use]
    pub fn target(&self) -> &'a str {
        text(self.0.head.target.text.of(self.0.bytes))
    }

    /// The path, as it was sent: percent-encoded. Empty where the target has none (`OPTIONS *`,
    /// CONNECT).
    #[must_use]
    pub fn path(&self) -> &'a str {
        text(self.0.head.target.path.of(self.0.bytes))
    }

    /// The query, without its question mark and as it was sent.
    #[must_use]
    pub fn query(&self) -> Option<&'a str> {
        self.0.head.target.query.map(|query| text(query.of(self.0.bytes)))
    }

    /// Host and port that the request is for: those of the target, or else of the `Host` header.
    /// Empty where neither names one.
    #[must_use]
    pub fn authority(&self) -> &'a str {
        text(self.0.head.target.authority.of(self.0.bytes))
    }

    /// The target as a `Uri`. Allocates.
    ///
    /// # Errors
    ///
    /// Where it is no URI by that crate's rules.
    pub fn uri(&self) -> Result<Uri, http::uri::InvalidUri> {
        self.target().parse()
    }

    /// 1.0 or 1.1, as which a higher minor version is read.
    #[must_use]
    pub fn version(&self) -> Version {
        self.0.head.version
    }

    /// The value of the first header of this name, in whatever case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&'a [u8]> {
        self.0.head.index().get(self.0.bytes, name)
    }

    /// The value of the first header of this name, where it is text.
    #[must_use]
    pub fn header_text(&self, name: &str) -> Option<&'a str> {
        self.header(name).and_then(to_str)
    }

    /// Names and values of all headers, in their order.
    pub fn header_lines(&self) -> impl Iterator<Item = (&'a str, &'a [u8])> {
        self.0.head.index().iter(self.0.bytes)
    }

    /// All headers as a map. Allocates.
    #[must_use]
    pub fn headers(&self) -> HeaderMap {
        self.0.head.index().to_map(self.0.bytes)
    }

    /// A parameter of the route, such as `id` of `/orders/{id}`; as it was sent: percent-encoded.
    #[must_use]
    pub fn param(&self, name: &str) -> Option<&str> {
        self.0.params.and_then(|params| params.get(name))
    }

    /// Who sent it.
    #[must_use]
    pub fn peer(&self) -> &'a Peer {
        &self.0.client.peer
    }

    /// What the handshake agreed on, of a connection over TLS: version, application protocol
    /// (ALPN), the name that was asked for (SNI), the client's certificates. The same for each
    /// request of a connection, and looked up without cost.
    ///
    /// ```
    /// use http::StatusCode;
    /// use taut_proto::http::{Request, Response};
    ///
    /// /// Answers clients alone that showed a certificate, which the handshake has checked.
    /// async fn orders(request: Request<'_>) -> Response {
    ///     match request.tls().and_then(|tls| tls.peer_certificates.first()) {
    ///         Some(certificate) => Response::text(format!("{} bytes", certificate.len())),
    ///         None => StatusCode::FORBIDDEN.into(),
    ///     }
    /// }
    /// ```
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls(&self) -> Option<&'a crate::tls::Agreed> {
        self.0.client.tls.as_deref()
    }

    /// Whether the client would go on in another protocol, which the `Upgrade` header names:
    /// [`Response::upgrade`](super::Response::upgrade) does.
    #[must_use]
    pub fn is_upgrade(&self) -> bool {
        self.0.head.framing.upgrade
    }

    /// Bytes of the body that are still to come; `None` where the client did not say how many.
    #[must_use]
    pub fn body_bytes_left(&self) -> Option<u64> {
        self.0.source.bytes_left()
    }

    /// Changes how long this body may be; before, that is
    /// [`Limits::body_bytes_max`](super::Limits::body_bytes_max).
    pub fn set_body_bytes_max(&mut self, bytes_max: u64) {
        self.0.source.set_bytes_max(bytes_max);
    }

    /// The next piece of the body, where it landed; nothing at its end. A client that waits for
    /// `100 Continue` gets it with the first call. Cancel-safe.
    ///
    /// # Errors
    ///
    /// Why the body can't be read. The connection is then closed behind the response.
    #[track_caller]
    pub fn chunk(&mut self) -> impl Future<Output = Result<Option<RxBuf>, BodyError>> {
        waiting("body of a request", next_piece(self.0.source))
    }

    /// All of the body that is left, in one piece: where it landed if it came in one, copied
    /// together if it did not. What a dropped future has read is gone.
    ///
    /// # Errors
    ///
    /// As for [`chunk`](Self::chunk).
    #[track_caller]
    pub fn bytes(&mut self) -> impl Future<Output = Result<RxBuf, BodyError>> {
        waiting("body of a request", async {
            let expected = self.0.source.bytes_left();
            let Some(first) = next_piece(self.0.source).await? else {
                return Ok(RxBuf::empty());
            };
            let Some(second) = next_piece(self.0.source).await? else {
                return Ok(first);
            };
            let reserved = expected.unwrap_or(0).min(BODY_RESERVED_MAX);
            let mut bytes = Vec::with_capacity(reserved as usize);
            bytes.extend_from_slice(&first);
            bytes.extend_from_slice(&second);
            drop((first, second));
            while let Some(piece) = next_piece(self.0.source).await? {
                bytes.extend_from_slice(&piece);
            }
            Ok(RxBuf::from(bytes))
        })
    }

    /// The fields behind a chunked body that was read to its end; those that could change the
    /// meaning of the request are left out. Allocates where there are any.
    #[must_use]
    pub fn trailers(&self) -> Option<HeaderMap> {
        self.0.source.trailers()
    }
}

/// Targets are ASCII: the head was refused otherwise.
fn text(bytes: &[u8]) -> &str {
    to_str(bytes).unwrap_or_default()
}

async fn next_piece(source: &dyn Source) -> Result<Option<RxBuf>, BodyError> {
    let reading = Reading(source);
    poll_fn(|context| reading.0.poll_body(context)).await
}

/// A read of the body that is under way.
struct Reading<'a>(&'a dyn Source);

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        self.0.stop_waiting();
    }
}

impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("method", self.method())
            .field("target", &self.target())
            .field("version", &self.version())
            .field("peer", self.peer())
            .finish_non_exhaustive()
    }
}
