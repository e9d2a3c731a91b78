//! Proxies: who stands between, how it is greeted, and which hosts are reached without it.

use std::fmt;
use std::net::IpAddr;

use http::{HeaderValue, Method};
use percent_encoding::percent_decode_str;
use taut_net::TcpStream;
use url::Url;

use super::auth::basic;
use super::config::Timeouts;
use super::connection::{Bounds, Connection, Outgoing, Progress};
use super::destination::Origin;
use super::error::{Cause, Phase};
use super::sending::Message;
use super::socks;
use super::transport::ClientTransport;
use crate::http::body::Body;

/// A proxy, for all but the hosts that are excepted.
///
/// Through an HTTP proxy `https` goes in a tunnel (`CONNECT`), and so does a request for an upgrade;
/// `http` as a request for the whole URL. SOCKS5 (RFC 1928) is given the host's name, so the proxy resolves it.
///
/// ```
/// use taut_proto::http::client::Proxy;
///
/// let proxy = Proxy::new("socks5://desk:secret@10.0.0.1:1080")?
///     .except(["localhost", ".internal", "10.0.0.0/8"])?;
/// # Ok::<(), taut_proto::http::client::InvalidProxy>(())
/// ```
#[derive(Clone)]
pub struct Proxy {
    pub(super) kind: Kind,
    pub(super) host: String,
    pub(super) port: u16,
    credentials: Option<(String, String)>,
    exceptions: Vec<Exception>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Http,
    Socks5,
}

/// Hosts that are reached without the proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Exception {
    All,
    /// This name, and all below it.
    Name(String),
    Network {
        address: u128,
        mask: u128,
        is_v4: bool,
    },
}

/// Text that describes no proxy, or no exception from one; says which and what it takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidProxy(String);

impl Proxy {
    /// `http://host:port` or `socks5://host:port`, with `user:password@` if the proxy wants that.
    /// The port is 80 or 1080 unless given.
    ///
    /// # Errors
    ///
    /// Where the text is no such URL.
    pub fn new(url: &str) -> Result<Self, InvalidProxy> {
        let wrong = |why: &str| {
            InvalidProxy(format!("{why}: it takes http://host:port or socks5://host:port"))
        };
        let url = Url::parse(url).map_err(|error| wrong(&error.to_string()))?;
        let (kind, port) = match url.scheme() {
            "http" => (Kind::Http, 80),
            "socks5" | "socks5h" => (Kind::Socks5, 1080),
            other => return Err(wrong(&format!("{other:?} is no kind of proxy"))),
        };
        let host = url.host_str().filter(|host| !host.is_empty());
        let host = host.ok_or_else(|| wrong("it has no host"))?;
        let proxy = Self {
            kind,
            host: host.trim_matches(['[', ']']).to_owned(),
            port: url.port().unwrap_or(port),
            credentials: None,
            exceptions: Vec::new(),
        };
        if url.username().is_empty() && url.password().is_none() {
            return Ok(proxy);
        }
        let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        proxy.credentials(decode(url.username()), decode(url.password().unwrap_or("")))
    }

    /// What the proxy is to be told: `Proxy-Authorization: Basic`, or RFC 1929.
    ///
    /// # Errors
    ///
    /// Where one has control characters or the user a colon; and, for SOCKS5, where there is no
    /// user, or more than 255 bytes of one.
    pub fn credentials(
        mut self,
        user: impl Into<String>,
        password: impl Into<String>,
    ) -> Result<Self, InvalidProxy> {
        let (user, password) = (user.into(), password.into());
        basic(&user, &password).map_err(|why| InvalidProxy(why.to_owned()))?;
        let is_too_long = user.len().max(password.len()) > 255;
        if self.kind == Kind::Socks5 && (user.is_empty() || is_too_long) {
            let why = "SOCKS5 takes a user and a password of up to 255 bytes".to_owned();
            return Err(InvalidProxy(why));
        }
        self.credentials = Some((user, password));
        Ok(self)
    }

    /// Hosts that are reached without the proxy: `name` (and all names below it, also as `.name`),
    /// an IP address, a network as `10.0.0.0/8`, or `*` for all. Names are not resolved for it.
    ///
    /// # Errors
    ///
    /// Where one is none of these.
    pub fn except<T: AsRef<str>>(
        mut self,
        hosts: impl IntoIterator<Item = T>,
    ) -> Result<Self, InvalidProxy> {
        for host in hosts {
            self.exceptions.push(Exception::parse(host.as_ref().trim())?);
        }
        Ok(self)
    }

    pub(super) fn is_for(&self, origin: &Origin) -> bool {
        !self.exceptions.iter().any(|exception| exception.covers(&origin.host))
    }

    pub(super) fn socks_credentials(&self) -> Option<(&str, &str)> {
        self.credentials.as_ref().map(|(user, password)| (&**user, &**password))
    }

    /// The value of `Proxy-Authorization`.
    pub(super) fn authorization(&self) -> Option<HeaderValue> {
        let (user, password) = self.credentials.as_ref()?;
        Some(basic(user, password).expect("checked when it was set"))
    }

    /// Makes of a connection to the proxy one to the origin, or one that wants whole URLs.
    pub(super) async fn pass(
        &self,
        mut stream: TcpStream,
        origin: &Origin,
        bounds: &Bounds,
    ) -> Result<(ClientTransport, bool), Cause> {
        match self.kind {
            Kind::Http if self.wants_absolute(origin) => Ok((ClientTransport::Tcp(stream), true)),
            Kind::Http => Ok((self.tunnel(stream, origin, bounds).await?, false)),
            Kind::Socks5 => {
                socks::connect(&mut stream, self.socks_credentials(), origin).await?;
                Ok((ClientTransport::Tcp(stream), false))
            }
        }
    }

    async fn tunnel(
        &self,
        stream: TcpStream,
        origin: &Origin,
        bounds: &Bounds,
    ) -> Result<ClientTransport, Cause> {
        let authority = origin.authority();
        let mut head =
            format!("CONNECT {authority} HTTP/1.1\r\nhost: {authority}\r\n").into_bytes();
        if let Some(value) = self.authorization() {
            head.extend_from_slice(b"proxy-authorization: ");
            head.extend_from_slice(value.as_bytes());
            head.extend_from_slice(b"\r\n");
        }
        head.extend_from_slice(b"\r\n");
        let mut connection = Connection::new(ClientTransport::Tcp(stream), &bounds.limits);
        let outgoing = Outgoing {
            method: &Method::CONNECT,
            message: Message { head: &head, body: &mut Body::empty() },
            expects_continue: false,
            wants_upgrade: false,
        };
        // All of it is a part of connecting, whatever limits the answers of the host.
        let limit = bounds.timeouts.connect;
        let timeouts = Timeouts { write: limit, head: limit, ..bounds.timeouts };
        let bounds = Bounds { timeouts, ..*bounds };
        let answer = connection.exchange(outgoing, &bounds, &mut Progress::default()).await;
        let answer = answer.map_err(|cause| match cause {
            Cause::Closed => Cause::Proxy("it closed the connection".to_owned()),
            Cause::TimedOut { phase: Phase::Write | Phase::Head, limit } => {
                Cause::TimedOut { phase: Phase::Connect, limit }
            }
            Cause::TimedOut { .. } => cause,
            Cause::Io(_, error) => Cause::Io(Phase::Connect, error),
            other => Cause::Proxy(other.to_string()),
        })?;
        if !answer.head.status.is_success() {
            let status = answer.head.status;
            return Err(Cause::Proxy(format!("it answered {status} to CONNECT {authority}")));
        }
        if answer.unsent.is_some() {
            return Err(Cause::Proxy("it answered before it was asked".to_owned()));
        }
        if !connection.received.is_empty() {
            return Err(Cause::Proxy("it sent bytes before the host could".to_owned()));
        }
        Ok(connection.transport)
    }
}

impl Exception {
    fn parse(text: &str) -> Result<Self, InvalidProxy> {
        let wrong = || {
            InvalidProxy(format!(
                "{text:?} is no host to except: it takes a name, an address, a network as \
                 10.0.0.0/8, or *"
            ))
        };
        if text == "*" {
            return Ok(Self::All);
        }
        let (host, bits) = match text.split_once('/') {
            Some((host, bits)) => (host, Some(bits.parse::<u32>().map_err(|_| wrong())?)),
            None => (text, None),
        };
        let Ok(ip) = host.trim_matches(['[', ']']).parse::<IpAddr>() else {
            let name = host.trim_matches('.').to_ascii_lowercase();
            return match bits.is_none() && !name.is_empty() && !name.contains([' ', ':']) {
                true => Ok(Self::Name(name)),
                false => Err(wrong()),
            };
        };
        let (address, width) = number(ip);
        let bits = bits.unwrap_or(width);
        if bits > width {
            return Err(wrong());
        }
        let mask = u128::MAX.checked_shl(width - bits).unwrap_or(0);
        Ok(Self::Network { address: address & mask, mask, is_v4: ip.is_ipv4() })
    }

    fn covers(&self, host: &str) -> bool {
        match self {
            Self::All => true,
            Self::Name(name) => {
                // The root's dot may stand behind a name.
                let host = host.trim_end_matches('.');
                let above = host.strip_suffix(name.as_str());
                above.is_some_and(|above| above.is_empty() || above.ends_with('.'))
            }
            Self::Network { address, mask, is_v4 } => host
                .parse::<IpAddr>()
                .is_ok_and(|ip| ip.is_ipv4() == *is_v4 && number(ip).0 & mask == address & mask),
        }
    }
}

/// An address as a number, and how many bits it has.
fn number(ip: IpAddr) -> (u128, u32) {
    match ip {
        IpAddr::V4(ip) => (u128::from(u32::from(ip)), 32),
        IpAddr::V6(ip) => (u128::from(ip), 128),
    }
}

impl fmt::Debug for Proxy {
    /// Without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy")
            .field("kind", &self.kind)
            .field("host", &self.host)
            .field("port", &self.port)
            .field("has_credentials", &self.credentials.is_some())
            .field("exceptions", &self.exceptions)
            .finish()
    }
}

impl InvalidProxy {
    pub(super) fn of_variable(self, name: &str) -> Self {
        Self(format!("the variable {name}: {}", self.0))
    }
}

impl fmt::Display for InvalidProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for InvalidProxy {}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(host: &str) -> Origin {
        Origin { is_secure: false, host: host.into(), port: 80, needs_tunnel: false }
    }

    #[test]
    fn exceptions_cover_names_below_and_networks_and_nothing_else() {
        let proxy = Proxy::new("http://proxy:3128").unwrap();
        let proxy = proxy.except(["venue.example", ".internal", "10.0.0.0/8", "::1", "1.2.3.4"]);
        let proxy = proxy.unwrap();
        for host in ["venue.example", "api.venue.example", "a.internal", "venue.example.", "::1"] {
            assert!(!proxy.is_for(&origin(host)), "{host}");
        }
        for host in ["myvenue.example", "example", "11.0.0.1", "::2", "1.2.3.40", "internal.net"] {
            assert!(proxy.is_for(&origin(host)), "{host}");
        }
        let all = Proxy::new("http://proxy").unwrap().except(["*"]).unwrap();
        assert!(!all.is_for(&origin("anything")));
        for wrong in ["10.0.0.0/33", "a/8", "", "a b", "10.0.0.0/x"] {
            assert!(Proxy::new("http://proxy").unwrap().except([wrong]).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_proxy_is_a_url_with_credentials_that_are_never_shown() {
        let proxy = Proxy::new("socks5://desk:p%40ss@10.0.0.1").unwrap();
        assert_eq!((proxy.kind, proxy.port), (Kind::Socks5, 1080));
        assert_eq!(proxy.socks_credentials(), Some(("desk", "p@ss")));
        assert!(!format!("{proxy:?}").contains("p@ss"));
        for (url, port) in [("http://a", 80), ("http://a:80", 80), ("http://[::1]:3128", 3128)] {
            assert_eq!(Proxy::new(url).unwrap().port, port, "{url}");
        }
        assert_eq!(Proxy::new("http://[::1]:3128").unwrap().host, "::1");
        assert_eq!(
            Proxy::new("http://:pass@a").unwrap().authorization().unwrap(),
            "Basic OnBhc3M="
        );
        for wrong in ["proxy:3128", "ftp://proxy", "http://", "http://a%0ab@c", "socks5://:x@h/"] {
            assert!(Proxy::new(wrong).is_err(), "{wrong}");
        }
    }
}
