//! What a handler answers.

use std::fmt;

use http::header::{
    CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, DATE, HeaderName, HeaderValue, TRANSFER_ENCODING,
    UPGRADE,
};
use http::{StatusCode, Version};

use super::body::{Body, Kind};
use super::headers::Headers;
use super::upgrade::{Takeover, Upgraded};
use crate::http::wire::{write_status_line, write_typed_header};

/// What a handler answers: a status, headers and a body.
///
/// `Date`, `Content-Length`, `Transfer-Encoding` and `Connection` are the server's: what a handler
/// sets of the last three is left out, since a wrong one would break the connection. A `Date` of
/// the handler replaces the server's.
///
/// Made of standard header names, static values and a static body, it allocates nothing once the
/// thread has had a response with as many headers.
///
/// ```
/// use http::StatusCode;
/// use http::header::{CACHE_CONTROL, HeaderValue};
/// use taut_proto::http::Response;
///
/// let fills = Response::text("3 fills").header(CACHE_CONTROL, HeaderValue::from_static("no-store"));
/// assert_eq!(fills.status_code(), StatusCode::OK);
/// let gone = Response::new(StatusCode::GONE);
/// # drop((fills, gone));
/// ```
#[must_use = "a response is to be returned by the handler"]
pub struct Response {
    pub(super) status: StatusCode,
    pub(super) close: bool,
    pub(super) has_date: bool,
    content: Content,
    headers: Headers,
    pub(super) body: Body,
}

/// Types of content that most responses have: said without memory of their own.
#[derive(Clone, Copy)]
enum Content {
    Untold,
    Plain,
    Json,
}

impl Content {
    const fn header(self) -> Option<(&'static HeaderName, &'static HeaderValue)> {
        static NAME: HeaderName = CONTENT_TYPE;
        static PLAIN: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
        static JSON: HeaderValue = HeaderValue::from_static("application/json");
        match self {
            Self::Untold => None,
            Self::Plain => Some((&NAME, &PLAIN)),
            Self::Json => Some((&NAME, &JSON)),
        }
    }

    #[inline]
    fn write_line(self, out: &mut Vec<u8>) {
        match self {
            Self::Untold => {}
            Self::Plain => out.extend_from_slice(b"content-type: text/plain; charset=utf-8\r\n"),
            Self::Json => out.extend_from_slice(b"content-type: application/json\r\n"),
        }
    }
}

impl Response {
    /// A status without headers and body.
    pub fn new(status: StatusCode) -> Self {
        Self {
            status,
            close: false,
            has_date: false,
            content: Content::Untold,
            headers: Headers::none(),
            body: Body::empty(),
        }
    }

    /// 200 with a body.
    pub fn ok(body: impl Into<Body>) -> Self {
        Self::new(StatusCode::OK).body(body)
    }

    /// 200 with a text, as `text/plain; charset=utf-8`.
    pub fn text(text: impl Into<Body>) -> Self {
        Self { content: Content::Plain, ..Self::ok(text) }
    }

    /// 200 with a body, as `application/json`.
    pub fn json(json: impl Into<Body>) -> Self {
        Self { content: Content::Json, ..Self::ok(json) }
    }

    /// 101: the connection goes on in another protocol, which the `Upgrade` header names.
    /// `protocol` runs in the task of the connection and has the transport, with the bytes that
    /// came behind the request. It counts as a connection until it ends; the server's shutdown
    /// cancels it once its time is up.
    ///
    /// A request whose client did not ask for an upgrade (see
    /// [`Request::is_upgrade`](super::Request::is_upgrade)) is answered 426 instead.
    pub fn upgrade<F>(name: HeaderValue, protocol: F) -> Self
    where
        F: AsyncFnOnce(Upgraded) + 'static,
    {
        let takeover = Takeover::new(protocol);
        let mut response = Self::new(StatusCode::SWITCHING_PROTOCOLS).header(UPGRADE, name);
        response.body = Body(Kind::Upgrade(takeover));
        response
    }

    /// Changes the status.
    pub fn status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// Changes the body.
    pub fn body(mut self, body: impl Into<Body>) -> Self {
        self.body = body.into();
        self
    }

    /// Adds a header; several of one name stay several.
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        if name == CONTENT_LENGTH || name == TRANSFER_ENCODING || name == CONNECTION {
            return self;
        }
        self.has_date |= name == DATE;
        self.headers.push((name, value));
        self
    }

    /// Closes the connection behind this response, and says so in it.
    pub fn close(mut self) -> Self {
        self.close = true;
        self
    }

    /// The status.
    pub fn status_code(&self) -> StatusCode {
        self.status
    }

    /// The headers that were added, in their order.
    pub fn headers(&self) -> impl Iterator<Item = (&HeaderName, &HeaderValue)> {
        let others = self.headers.as_slice().iter().map(|(name, value)| (name, value));
        self.content.header().into_iter().chain(others)
    }

    /// Appends status line and headers, without those that tell of the framing.
    pub(super) fn write_start(&self, out: &mut Vec<u8>) {
        write_status_line(out, Version::HTTP_11, self.status);
        self.content.write_line(out);
        for (name, value) in self.headers.as_slice() {
            write_typed_header(out, name, value);
        }
    }
}

impl From<StatusCode> for Response {
    fn from(status: StatusCode) -> Self {
        Self::new(status)
    }
}

impl From<&'static str> for Response {
    fn from(text: &'static str) -> Self {
        Self::text(text)
    }
}

impl From<String> for Response {
    fn from(text: String) -> Self {
        Self::text(text)
    }
}

impl<R: Into<Self>, E: Into<Self>> From<Result<R, E>> for Response {
    fn from(result: Result<R, E>) -> Self {
        match result {
            Ok(response) => response.into(),
            Err(error) => error.into(),
        }
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("status", &self.status)
            .field("headers", &self.headers().collect::<Vec<_>>())
            .field("body", &self.body)
            .field("close", &self.close)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALUE: HeaderValue = HeaderValue::from_static("v");

    #[test]
    fn headers_keep_their_order() {
        let names = ["a", "b", "c", "d", "e", "f"].map(HeaderName::from_static);
        let mut response = Response::new(StatusCode::OK);
        for name in &names {
            response = response.header(name.clone(), VALUE);
        }
        assert!(response.headers().map(|(name, _)| name).eq(&names));
    }

    #[test]
    fn headers_of_the_framing_are_the_servers() {
        let mut response = Response::new(StatusCode::OK);
        for name in [CONTENT_LENGTH, TRANSFER_ENCODING, CONNECTION] {
            response = response.header(name, VALUE);
        }
        assert_eq!(response.headers().count(), 0);
        assert!(!response.has_date);
        assert!(response.header(DATE, VALUE).has_date);
    }

    #[test]
    fn what_is_written_of_the_content_is_what_its_header_says() {
        for response in [Response::text(""), Response::json(""), Response::ok("")] {
            let mut expected = Vec::new();
            write_status_line(&mut expected, Version::HTTP_11, StatusCode::OK);
            for (name, value) in response.headers() {
                write_typed_header(&mut expected, name, value);
            }
            let mut written = Vec::new();
            response.write_start(&mut written);
            assert_eq!(written, expected);
        }
    }

    #[test]
    fn a_result_is_answered_by_whichever_side_it_has() {
        let good: Result<&'static str, StatusCode> = Ok("fine");
        assert_eq!(Response::from(good).status_code(), StatusCode::OK);
        let bad: Result<&'static str, StatusCode> = Err(StatusCode::NOT_FOUND);
        assert_eq!(Response::from(bad).status_code(), StatusCode::NOT_FOUND);
    }
}
