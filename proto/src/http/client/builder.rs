//! What a client is told when it is made.

use std::path::PathBuf;
use std::rc::Rc;

use http::header::{ACCEPT_ENCODING, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue};
use taut_net::Connector;

use super::config::{Limits, Timeouts};
use super::decode;
use super::dial::Dialer;
use super::error::Cause;
use super::head::header;
use super::pool::Pool;
use super::proxies::Proxies;
use super::proxy::{InvalidProxy, Proxy};
use super::{Client, send};

/// What clones of a client share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) pool: Rc<Pool>,
    pub(super) headers: Result<HeaderMap, String>,
    pub(super) redirects_max: usize,
    pub(super) decodes: bool,
    #[cfg(feature = "cookies")]
    pub(super) cookies: Option<super::cookies::Jar>,
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.pool.close();
    }
}

/// Makes a [`Client`].
///
/// ```
/// use std::time::Duration;
/// use taut_proto::http::client::{Client, Limits, Timeouts};
///
/// let client = Client::builder()
///     .timeouts(Timeouts { head: Duration::from_secs(2), ..Timeouts::default() })
///     .limits(Limits { connections_per_origin_max: 8, ..Limits::default() })
///     .header("x-api-key", "0123")
///     .redirects(3)
///     .build();
/// # let _ = client;
/// ```
#[derive(Debug)]
#[must_use = "nothing is made before `build`"]
pub struct ClientBuilder {
    dialer: Dialer,
    timeouts: Timeouts,
    limits: Limits,
    headers: Result<HeaderMap, String>,
    redirects_max: usize,
    decodes: bool,
    #[cfg(feature = "cookies")]
    keeps_cookies: bool,
}

impl Default for ClientBuilder {
    fn default() -> Self {
        Self {
            dialer: Dialer::default(),
            timeouts: Timeouts::default(),
            limits: Limits::default(),
            headers: Ok(HeaderMap::new()),
            redirects_max: 0,
            decodes: true,
            #[cfg(feature = "cookies")]
            keeps_cookies: false,
        }
    }
}

impl ClientBuilder {
    /// How long each phase may take.
    pub fn timeouts(mut self, timeouts: Timeouts) -> Self {
        self.timeouts = timeouts;
        self
    }

    /// What is taken and kept at most.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Whom to ask for names, which address to bind, what to set on sockets. Its own time-out
    /// applies beside [`Timeouts::connect`].
    pub fn connector(mut self, connector: Connector) -> Self {
        self.dialer.connector = connector;
        self
    }

    /// Has all connections go to this Unix socket, whatever host a URL names.
    pub fn unix_socket(mut self, path: impl Into<PathBuf>) -> Self {
        self.dialer.unix_socket = Some(path.into());
        self
    }

    /// How TLS is spoken for `https`: whom to trust, who we are, which versions. Its ALPN should
    /// offer nothing but `http/1.1`. Default: Mozilla's authorities, and `http/1.1`.
    #[cfg(feature = "tls")]
    pub fn tls(mut self, connector: crate::tls::TlsConnector) -> Self {
        self.dialer.tls = connector.into();
        self
    }

    /// Has connections go through a proxy. Default: none; the environment is not asked.
    pub fn proxy(mut self, proxy: Proxy) -> Self {
        self.dialer.proxies = Proxies::both(proxy);
        self
    }

    /// Has connections go through the proxies that the environment names now: `http_proxy` for
    /// `http`, `https_proxy` or `HTTPS_PROXY` for `https`, `all_proxy` or `ALL_PROXY` for what has
    /// none of its own, except to the hosts of `no_proxy` or `NO_PROXY` (a list with commas of what
    /// [`Proxy::except`] takes).
    ///
    /// `HTTP_PROXY` is not looked at, as curl does not: in a program that a web server runs by CGI
    /// whoever sends a request sets it, with the header `Proxy`.
    ///
    /// ```no_run
    /// use taut_proto::http::client::Client;
    ///
    /// let client = Client::builder().proxy_from_env()?.build();
    /// # Ok::<(), taut_proto::http::client::InvalidProxy>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Where a variable is set to what describes no proxy, or no host to except; says which.
    pub fn proxy_from_env(mut self) -> Result<Self, InvalidProxy> {
        self.dialer.proxies = Proxies::from_variables(|name| {
            std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
        })?;
        Ok(self)
    }

    /// A header of every request that does not set it itself. What is wrong with it is told by the
    /// first request.
    pub fn header(mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Self {
        if let Ok(headers) = &mut self.headers {
            match header(name.as_ref(), value.as_ref()) {
                Ok((name, value)) => drop(headers.append(name, value)),
                Err(Cause::InvalidRequest(why)) => self.headers = Err(why),
                Err(other) => self.headers = Err(other.to_string()),
            }
        }
        self
    }

    /// Follows so many redirects (RFC 9110 15.4): 303, and 301 and 302 to a POST, go on as GET
    /// without a body, others as they were. To another origin the headers `Authorization`,
    /// `Cookie`, `Proxy-Authorization`, and those whose value is marked as sensitive, are not
    /// carried. Default: 0, so that an answer that redirects is an answer.
    pub fn redirects(mut self, redirects_max: usize) -> Self {
        self.redirects_max = redirects_max;
        self
    }

    /// Whether content codings are offered and undone, where a feature brings one (`gzip`, with
    /// deflate, `brotli`, `zstd`). Default: they are.
    pub fn decode(mut self, decodes: bool) -> Self {
        self.decodes = decodes;
        self
    }

    /// Whether cookies are kept and sent (RFC 6265), for as long as the client lives. Default: no.
    ///
    /// No more than 50 are kept for a URL and 3 000 in all, each of up to 4 096 bytes (RFC 6265
    /// 6.1).
    ///
    /// Public suffixes are not known, since a list of them that is built in grows old with the
    /// program. So `a.co.uk` can set a cookie for all of `co.uk`, which goes to every host below it
    /// that the client talks to from then on: give servers that do not trust each other clients of
    /// their own.
    #[cfg(feature = "cookies")]
    pub fn cookies(mut self, keeps_cookies: bool) -> Self {
        self.keeps_cookies = keeps_cookies;
        self
    }

    /// The client. Opens nothing yet, and may be called outside of a runtime.
    #[must_use]
    pub fn build(self) -> Client {
        let mut headers = self.headers;
        if let Ok(headers) = &mut headers {
            let offered = decode::accepted().filter(|_| self.decodes);
            add_missing(headers, ACCEPT_ENCODING, offered);
            add_missing(headers, USER_AGENT, Some(HeaderValue::from_static(send::USER_AGENT)));
        }
        Client {
            shared: Rc::new(Shared {
                pool: Rc::new(Pool::new(self.dialer, self.limits, self.timeouts)),
                headers,
                redirects_max: self.redirects_max,
                decodes: self.decodes,
                #[cfg(feature = "cookies")]
                cookies: self.keeps_cookies.then(super::cookies::Jar::default),
            }),
        }
    }
}

fn add_missing(headers: &mut HeaderMap, name: HeaderName, value: Option<HeaderValue>) {
    if let Some(value) = value {
        headers.entry(name).or_insert(value);
    }
}
