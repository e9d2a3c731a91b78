//! A request as the caller makes it.

use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use http::header::{ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, HOST, RANGE, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use url::{Url, form_urlencoded};

use super::auth::{basic, bearer};
use super::builder::Shared;
use super::config::Timeouts;
use super::decode::accepted;
use super::destination::{parse, place};
use super::error::{Asked, Cause, Error};
use super::head::{Extras, header};
use super::multipart::Form;
use super::response::Response;
use super::send;
use crate::http::body::Body;

/// A request that is being made. The first thing that is wrong with it is told by
/// [`send`](Self::send), as [`NotSent`](Error::NotSent).
#[derive(Debug)]
#[must_use = "nothing is sent before `send`"]
pub struct RequestBuilder {
    shared: Rc<Shared>,
    asked: Asked,
    request: Result<Request, Cause>,
}

/// What is to be sent.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Body,
    pub(super) timeouts: Timeouts,
    pub(super) extras: Extras,
}

impl RequestBuilder {
    pub(super) fn new(shared: Rc<Shared>, method: Method, url: &str) -> Self {
        let request = Request::new(&shared, &method, url);
        // Where it can't be parsed no part of it is known to be free of secrets.
        let place =
            request.as_ref().map_or_else(|_| "an invalid URL".to_owned(), |it| place(&it.url));
        Self { shared, asked: Asked { method, place }, request }
    }

    fn with(mut self, change: impl FnOnce(&mut Request) -> Result<(), Cause>) -> Self {
        if let Ok(request) = &mut self.request
            && let Err(cause) = change(request)
        {
            self.request = Err(cause);
        }
        self
    }

    /// Adds a header, beside others of the same name; `Accept-Encoding`, `Authorization`, `Host`
    /// and `User-Agent` take the place of the one that is there, such as the client's own. Those
    /// that follow from the body, the connection or `expect` can't be set by it.
    pub fn header(self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Self {
        self.with(|request| {
            let (name, value) = header(name.as_ref(), value.as_ref())?;
            request.add(name, value);
            Ok(())
        })
    }

    /// Adds all headers of a map, as [`header`](Self::header) adds one. Values that are marked as
    /// sensitive stay so.
    pub fn headers(self, headers: &HeaderMap) -> Self {
        self.with(|request| {
            for (name, value) in headers {
                let is_sensitive = value.is_sensitive();
                let (name, mut value) = header(name.as_ref(), value.as_bytes())?;
                value.set_sensitive(is_sensitive);
                request.add(name, value);
            }
            Ok(())
        })
    }

    /// Appends pairs to the URL's query, encoded.
    pub fn query<K: AsRef<str>, V: AsRef<str>>(
        self,
        pairs: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        self.with(|request| {
            request.url.query_pairs_mut().extend_pairs(pairs);
            Ok(())
        })
    }

    /// `Authorization: Basic` (RFC 7617).
    pub fn basic_auth(self, user: &str, password: &str) -> Self {
        self.authorization(basic(user, password))
    }

    /// `Authorization: Bearer` (RFC 6750).
    pub fn bearer_auth(self, token: &str) -> Self {
        self.authorization(bearer(token))
    }

    fn authorization(self, value: Result<HeaderValue, &'static str>) -> Self {
        self.with(|request| {
            request.headers.insert(AUTHORIZATION, value.map_err(Cause::invalid)?);
            Ok(())
        })
    }

    /// The body: bytes, text, or a [`Body`] that a source brings.
    pub fn body(self, body: impl Into<Body>) -> Self {
        self.with(|request| {
            request.body = body.into();
            Ok(())
        })
    }

    fn typed_body(self, content_type: &str, body: impl Into<Body>) -> Self {
        self.with(|request| {
            let value = HeaderValue::from_str(content_type);
            let value = value.map_err(|_| Cause::invalid("the content type is no header"))?;
            request.headers.entry(CONTENT_TYPE).or_insert(value);
            request.body = body.into();
            Ok(())
        })
    }

    /// A body of pairs, URL-encoded, with its `Content-Type` unless one is set.
    pub fn form<K: AsRef<str>, V: AsRef<str>>(
        self,
        pairs: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        let mut text = form_urlencoded::Serializer::new(String::new());
        let text = text.extend_pairs(pairs).finish();
        self.typed_body("application/x-www-form-urlencoded", text)
    }

    /// A body of JSON, with its `Content-Type` unless one is set.
    #[cfg(feature = "json")]
    pub fn json(self, value: &impl serde::Serialize) -> Self {
        match serde_json::to_vec(value) {
            Ok(bytes) => self.typed_body("application/json", bytes),
            Err(error) => self.with(|_| Err(Cause::invalid(format!("no JSON: {error}")))),
        }
    }

    /// A body of several parts (RFC 7578).
    pub fn multipart(self, form: Form) -> Self {
        match form.into_body() {
            Ok((content_type, body)) => self.typed_body(&content_type, body),
            Err(cause) => self.with(|_| Err(cause)),
        }
    }

    /// Other time-outs than the client's. [`Timeouts::idle`] stays the client's.
    pub fn timeouts(self, timeouts: Timeouts) -> Self {
        self.with(|request| {
            request.timeouts = timeouts;
            Ok(())
        })
    }

    /// How long all of it may take, from [`send`](Self::send) to the last byte of the answer's
    /// body.
    pub fn timeout(self, total: Duration) -> Self {
        self.with(|request| {
            request.timeouts.total = Some(total);
            Ok(())
        })
    }

    /// Sends the head, and the body once the peer asks for it or
    /// [`Timeouts::expect_continue`] has passed (RFC 9110 10.1.1). Nothing changes without a body.
    pub fn expect_continue(self) -> Self {
        self.with(|request| {
            request.extras.expects_continue = true;
            Ok(())
        })
    }

    /// Asks for another protocol on the connection (RFC 9110 7.8), such as `websocket`; see
    /// [`Response::into_upgraded`].
    pub fn upgrade(self, protocol: &str) -> Self {
        self.with(|request| {
            let value = HeaderValue::from_str(protocol);
            let value = value.map_err(|_| Cause::invalid("the protocol's name is no header"))?;
            request.extras.upgrade = Some(value);
            Ok(())
        })
    }

    /// Has the peer close the connection after its answer.
    pub fn close(self) -> Self {
        self.with(|request| {
            request.extras.closes = true;
            Ok(())
        })
    }

    /// Sends it and gives the answer once its head is here, whatever its status.
    ///
    /// A dropped future closes the connection, unless the request was not begun. The peer may have
    /// acted then: to learn whether a byte went out, give it a [`timeout`](Self::timeout) instead.
    ///
    /// # Errors
    ///
    /// By what the caller must know: see [`Error`].
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    pub async fn send(self) -> Result<Response, Error> {
        match self.request {
            Ok(mut request) => {
                request.add_defaults(&self.shared.headers);
                send::send(&self.shared, request).await
            }
            Err(cause) => Err(self.asked.not_sent(cause)),
        }
    }

    /// As [`send`](Self::send), and then [`Response::save`] where the status is a success.
    ///
    /// # Errors
    ///
    /// As for both, and [`Error::Refused`] for another status.
    pub async fn download(self, path: impl AsRef<Path>) -> Result<u64, Error> {
        self.send().await?.error_for_status()?.save(path).await
    }
}

impl Request {
    pub(super) fn new(shared: &Shared, method: &Method, url: &str) -> Result<Self, Cause> {
        if *method == Method::CONNECT {
            return Err(Cause::invalid(
                "CONNECT is what a proxy is asked; use ClientBuilder::proxy",
            ));
        }
        let mut url = parse(url)?;
        url.set_fragment(None);
        if let Err(why) = &shared.headers {
            return Err(Cause::InvalidRequest(why.clone()));
        }
        let mut headers = HeaderMap::new();
        if let Some(value) = take_credentials(&mut url)? {
            headers.insert(AUTHORIZATION, value);
        }
        Ok(Self {
            method: method.clone(),
            url,
            headers,
            body: Body::empty(),
            timeouts: shared.pool.timeouts,
            extras: Extras::default(),
        })
    }

    /// Adds the client's headers, but for those that the request sets itself.
    pub(super) fn add_defaults(&mut self, defaults: &Result<HeaderMap, String>) {
        let Ok(defaults) = defaults else { return };
        let own = std::mem::replace(&mut self.headers, defaults.clone());
        for name in own.keys() {
            self.headers.remove(name);
        }
        // A part of a coded body can't be decoded, so none is asked for.
        if own.contains_key(RANGE) && self.headers.get(ACCEPT_ENCODING) == accepted().as_ref() {
            self.headers.remove(ACCEPT_ENCODING);
        }
        self.headers.extend(own);
    }

    fn add(&mut self, name: HeaderName, value: HeaderValue) {
        match name {
            // There is one for each request.
            ACCEPT_ENCODING | HOST | USER_AGENT | AUTHORIZATION => {
                drop(self.headers.insert(name, value));
            }
            _ => drop(self.headers.append(name, value)),
        }
    }

    pub(super) fn asked(&self) -> Asked {
        Asked { method: self.method.clone(), place: place(&self.url) }
    }
}

/// What stood before the host, as a header.
pub(super) fn take_credentials(url: &mut Url) -> Result<Option<HeaderValue>, Cause> {
    if url.username().is_empty() && url.password().is_none() {
        return Ok(None);
    }
    let decode =
        |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
    let (user, password) = (decode(url.username()), decode(url.password().unwrap_or("")));
    let value = basic(&user, &password).map_err(Cause::invalid)?;
    let removed = url.set_username("").and_then(|()| url.set_password(None));
    removed.map_err(|()| Cause::invalid("the URL can't have a user"))?;
    Ok(Some(value))
}
