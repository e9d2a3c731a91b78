//! The client's side of the handshake: a request of the HTTP client that asks for an upgrade.

use std::fmt;
use std::time::Duration;

use http::header::{
    HeaderName, HeaderValue, ORIGIN, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, USER_AGENT,
};
use http::{HeaderMap, StatusCode};
use taut_runtime::task::waiting;

use super::Handshake;
use super::answer::Offer;
use super::error::{HandshakeError, Refusal};
use super::extensions::{self, Extension};
use super::key::fresh_key;
use super::tokens::is_token;
use crate::http::Client;
use crate::http::client::{ClientTransport, RequestBuilder, Response, Upgraded};
use crate::ws::wire::{DeflateAgreement, DeflateOptions};
use crate::ws::{Error, Options, Role, WebSocket};

/// Connects to `ws://` and `wss://` URLs as it was told.
///
/// Connections are made by an HTTP [`Client`], which is told about proxies, TLS, the local address,
/// Unix sockets, redirects and the time of each phase:
///
/// ```no_run
/// use std::time::Duration;
/// use taut_net as net;
/// use taut_proto::http::client::{Client, Proxy};
/// use taut_proto::ws::{Connector, Options};
///
/// # async fn feed() -> Result<(), Box<dyn std::error::Error>> {
/// let client = Client::builder()
///     .connector(net::Connector::new().bind("10.0.0.7:0".parse()?))
///     .proxy(Proxy::new("socks5://10.0.0.1:1080")?)
///     .build();
/// let connector = Connector::new()
///     .client(client)
///     .header("x-mbx-apikey", "0123")
///     .subprotocols(["v2.book"])
///     .timeout(Duration::from_secs(3));
/// let mut feed = connector.connect("wss://venue.example/stream?symbol=btcusdt").await?;
/// feed.send_text(r#"{"method":"SUBSCRIBE"}"#).await?;
/// # Ok(())
/// # }
/// ```
///
/// One connector makes any number of connections, also at once. Connections that the client
/// [keeps warm](Client::keep_warm) are used: the handshake is then one round trip.
#[derive(Clone)]
#[must_use = "nothing is made before `connect`"]
pub struct Connector {
    client: Client,
    /// Or the first thing that is wrong with them.
    headers: Result<HeaderMap, String>,
    subprotocols: Vec<String>,
    options: Options,
    timeout: Duration,
    refusal_bytes_max: usize,
}

impl Default for Connector {
    fn default() -> Self {
        Self::new()
    }
}

impl Connector {
    /// With the defaults of [`Client`] and [`Options`], and 10 s for the handshake. Redirects are
    /// not followed, unless the [`client`](Self::client) does: to `ws`, `wss`, `http` and `https`, but
    /// never from TLS to none.
    pub fn new() -> Self {
        Self {
            client: Client::builder().decode(false).build(),
            headers: Ok(HeaderMap::new()),
            subprotocols: Vec::new(),
            options: Options::default(),
            timeout: Duration::from_secs(10),
            refusal_bytes_max: 16 << 10,
        }
    }

    /// By whom connections are made: its proxies, its TLS, its addresses, the time of each phase,
    /// its headers, whether it follows redirects.
    pub fn client(mut self, client: Client) -> Self {
        self.client = client;
        self
    }

    /// How connections behave once they are there.
    ///
    /// # Panics
    ///
    /// Where [`ping_every`](crate::ws::Keepalive::ping_every) is zero.
    pub fn options(mut self, options: Options) -> Self {
        options.keepalive.assert_possible();
        self.options = options;
        self
    }

    /// A header of the request, beside others of the same name. What is wrong with it is told by
    /// [`connect`](Self::connect). Those of the handshake can't be set by it. Values are never
    /// shown, and not carried to another origin by a redirect.
    pub fn header(mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Self {
        if let Ok(headers) = &mut self.headers {
            match header(name.as_ref(), value.as_ref()) {
                Ok((name, value)) => drop(headers.append(name, value)),
                Err(why) => self.headers = Err(why),
            }
        }
        self
    }

    /// `Origin`: the page that connects, for servers that ask for one. Default: none, as for all
    /// who are no browser.
    pub fn origin(self, origin: &str) -> Self {
        self.only(ORIGIN, origin)
    }

    /// `User-Agent`, in the place of the client's.
    pub fn user_agent(self, user_agent: &str) -> Self {
        self.only(USER_AGENT, user_agent)
    }

    fn only(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(headers) = &mut self.headers {
            headers.remove(&name);
        }
        self.header(name, value)
    }

    /// The subprotocols that are offered, by preference: tokens that differ. The server chooses one
    /// or none; see [`Handshake::subprotocol`]. Default: none.
    pub fn subprotocols<T: Into<String>>(mut self, names: impl IntoIterator<Item = T>) -> Self {
        self.subprotocols = names.into_iter().map(Into::into).collect();
        self
    }

    /// How long all of it may take, from finding the address to the end of the answer's head, or of
    /// a refusal's body. Default: 10 s.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Most bytes of the body of an answer that refuses which are kept; what is beyond is left
    /// out. Default: 16 KiB.
    pub fn refusal_bytes_max(mut self, refusal_bytes_max: usize) -> Self {
        self.refusal_bytes_max = refusal_bytes_max;
        self
    }

    /// A connection to a URL, whose user and password, if it has them, become `Authorization:
    /// Basic`. A dropped future closes what was begun.
    ///
    /// # Errors
    ///
    /// [`Handshake`](crate::ws::ErrorKind::Handshake): why there is no connection.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn connect(
        &self,
        url: impl AsRef<str>,
    ) -> impl Future<Output = Result<WebSocket<ClientTransport>, Error>> {
        waiting("handshake of WebSocket", async move {
            self.handshake(url.as_ref()).await.map_err(Error::from)
        })
    }

    async fn handshake(&self, url: &str) -> Result<WebSocket<ClientTransport>, HandshakeError> {
        let url = http_url(url)?;
        let key = fresh_key();
        let offered = self.offered();
        let request = self.request(&url, &key, &offered)?;
        let answer = request.send().await.map_err(HandshakeError::Http)?;
        if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
            return Err(HandshakeError::Refused(Box::new(self.refusal(answer).await?)));
        }
        let offer = Offer { key: &key, subprotocols: &self.subprotocols, extensions: &offered };
        let agreed = offer.check(answer.headers()).map_err(HandshakeError::Violation)?;
        let deflate = self.deflate(&agreed.extensions)?;
        let (headers, url) = (answer.headers().clone(), answer.url());
        let target = url[url::Position::BeforePath..url::Position::AfterQuery].to_owned();
        let Ok(Upgraded { transport, received }) = answer.into_upgraded() else {
            unreachable!("101 to a request for an upgrade is one");
        };
        let left = Some(received).filter(|received| !received.is_empty());
        let (subprotocol, extensions) = (agreed.subprotocol, agreed.extensions);
        let handshake = Handshake { target, headers, subprotocol, extensions, deflate };
        Ok(WebSocket::shaken(transport, Role::Client, &self.options, left, handshake))
    }

    /// The extensions that are offered.
    fn offered(&self) -> Vec<Extension> {
        let offers = self.options.deflate.iter().map(DeflateOptions::offer);
        let offers: Vec<String> = offers.collect();
        extensions::read(offers.iter().map(String::as_bytes)).expect("an offer is an extension")
    }

    /// What the server agreed to of compression, where it agreed to any.
    fn deflate(&self, agreed: &[Extension]) -> Result<Option<DeflateAgreement>, HandshakeError> {
        let answer = agreed.iter().find(|extension| extension.name() == DeflateOptions::NAME);
        // Nothing was agreed to that was not offered.
        let Some((options, answer)) = self.options.deflate.as_ref().zip(answer) else {
            return Ok(None);
        };
        options.agree(answer.parameters()).map(Some).map_err(HandshakeError::Deflate)
    }

    fn request(
        &self,
        url: &str,
        key: &str,
        offered: &[Extension],
    ) -> Result<RequestBuilder, HandshakeError> {
        let invalid = |why: &str| HandshakeError::Invalid(why.to_owned());
        let headers = self.headers.as_ref().map_err(|why| invalid(why))?;
        let mut request = self
            .client
            .get(url)
            .headers(headers)
            .header(SEC_WEBSOCKET_KEY, key)
            .header(SEC_WEBSOCKET_VERSION, "13")
            .upgrade("websocket")
            .timeout(self.timeout);
        for (index, name) in self.subprotocols.iter().enumerate() {
            if !is_token(name.as_bytes()) {
                return Err(invalid("a subprotocol is no token (RFC 6455 section 4.1)"));
            }
            if self.subprotocols[..index].contains(name) {
                return Err(invalid("a subprotocol is offered twice (RFC 6455 section 4.1)"));
            }
        }
        for extension in offered {
            request = request.header(SEC_WEBSOCKET_EXTENSIONS, extension.to_string());
        }
        if !self.subprotocols.is_empty() {
            request = request.header(SEC_WEBSOCKET_PROTOCOL, self.subprotocols.join(", "));
        }
        Ok(request)
    }

    /// What an answer says that is not 101; of its body as much as is wanted and comes.
    async fn refusal(&self, mut answer: Response) -> Result<Refusal, HandshakeError> {
        let mut body = Vec::new();
        while body.len() < self.refusal_bytes_max {
            match answer.chunk().await {
                Ok(Some(piece)) => body.extend_from_slice(&piece),
                Err(error) if taut_runtime::is_cancelled(&error) => {
                    return Err(HandshakeError::Http(error));
                }
                // The status is what counts, also where the rest does not come.
                Ok(None) | Err(_) => break,
            }
        }
        body.truncate(self.refusal_bytes_max);
        let (status, headers) = (answer.status(), answer.headers().clone());
        Ok(Refusal { status, headers, body: body.into() })
    }
}

/// A header that the caller may set.
fn header(name: &[u8], value: &[u8]) -> Result<(HeaderName, HeaderValue), String> {
    let shown = || String::from_utf8_lossy(name).into_owned();
    let name = HeaderName::from_bytes(name);
    let name = name.map_err(|_| format!("{:?} is no header's name", shown()))?;
    if name.as_str().starts_with("sec-websocket-") {
        return Err(format!("{name} can't be set: it is the handshake's"));
    }
    let value = HeaderValue::from_bytes(value);
    let mut value = value
        .map_err(|_| format!("the value of {name} has a line end or another control character"))?;
    value.set_sensitive(true);
    Ok((name, value))
}

/// The URL that the HTTP client asks for (RFC 6455 section 3).
fn http_url(url: &str) -> Result<String, HandshakeError> {
    let invalid = |why: &str| Err(HandshakeError::Invalid(why.to_owned()));
    let scheme = match url.split_once("://") {
        Some((scheme, _)) if scheme.eq_ignore_ascii_case("ws") => "http",
        Some((scheme, _)) if scheme.eq_ignore_ascii_case("wss") => "https",
        _ => return invalid("the URL starts with neither ws:// nor wss://"),
    };
    if url.contains('#') {
        return invalid("the URL has a fragment, which means nothing here (RFC 6455 section 3)");
    }
    let rest = url.split_once("://").map_or("", |(_, rest)| rest);
    Ok(format!("{scheme}://{rest}"))
}

/// A connection to a `ws://` or `wss://` URL, with the defaults of [`Connector`] and [`Options`].
///
/// # Errors
///
/// As for [`Connector::connect`].
///
/// # Panics
///
/// Outside of a runtime.
#[track_caller]
pub fn connect(
    url: impl AsRef<str>,
) -> impl Future<Output = Result<WebSocket<ClientTransport>, Error>> {
    waiting("handshake of WebSocket", async move {
        Connector::new().handshake(url.as_ref()).await.map_err(Error::from)
    })
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector")
            .field("headers", &self.headers)
            .field("subprotocols", &self.subprotocols)
            .field("options", &self.options)
            .field("timeout", &self.timeout)
            .field("refusal_bytes_max", &self.refusal_bytes_max)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_of_websocket_become_those_of_http() {
        for (url, expected) in [
            ("ws://venue.example/a?b", "http://venue.example/a?b"),
            ("WSS://u:p@[::1]:8443", "https://u:p@[::1]:8443"),
            ("ws://a/?url=ws://b", "http://a/?url=ws://b"),
        ] {
            assert_eq!(http_url(url).unwrap(), expected);
        }
        for url in ["http://a", "a", "", "ws:a", " ws://a", "ws://a#b", "ws://a/#", "://a"] {
            assert!(matches!(http_url(url), Err(HandshakeError::Invalid(_))), "{url:?}");
        }
    }

    #[test]
    fn what_would_start_another_line_or_is_the_handshakes_is_refused() {
        for (name, value) in [
            ("x\r\ny", "z"),
            ("x y", "z"),
            ("", "z"),
            ("x", "y\r\nz: 1"),
            ("x", "y\n"),
            ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
            ("sec-websocket-protocol", "a"),
            ("SEC-WEBSOCKET-EXTENSIONS", "a"),
        ] {
            assert!(header(name.as_bytes(), value.as_bytes()).is_err(), "{name:?}: {value:?}");
        }
    }

    #[test]
    fn no_value_of_a_header_is_shown() {
        let connector = Connector::new().header("x-api-key", "secret").header("cookie", "secret");
        assert!(!format!("{connector:?}").contains("secret"));
    }
}
