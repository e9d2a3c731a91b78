//! Where a request goes: a checked URL, and the origin whose connections it may share.
//!
//! The parser of URLs drops tabs and line ends silently; here they are refused before it sees them,
//! since whoever put one there meant something else, or means harm.

use std::rc::Rc;

use url::{Host, Url};

use super::error::Cause;

/// Scheme, host and port: what connections are kept for, and what credentials belong to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Origin {
    pub(super) is_secure: bool,
    /// Without the brackets of an IPv6 address.
    pub(super) host: Rc<str>,
    pub(super) port: u16,
    /// Whether a proxy is to make a tunnel, also where nothing is encrypted.
    pub(super) needs_tunnel: bool,
}

impl Origin {
    pub(super) fn of(url: &Url) -> Result<Self, Cause> {
        let is_secure = match url.scheme() {
            "http" => false,
            "https" => true,
            other => return Err(Cause::invalid(format!("{other}: is neither http nor https"))),
        };
        let host: Rc<str> = match url.host() {
            Some(Host::Domain(name)) => name.into(),
            Some(Host::Ipv4(address)) => address.to_string().into(),
            Some(Host::Ipv6(address)) => address.to_string().into(),
            None => return Err(Cause::invalid("the URL has no host")),
        };
        let port = url.port_or_known_default().unwrap_or(if is_secure { 443 } else { 80 });
        Ok(Self { is_secure, host, port, needs_tunnel: false })
    }

    /// `host:port`, with the brackets of an IPv6 address.
    pub(super) fn authority(&self) -> String {
        match self.host.contains(':') {
            true => format!("[{}]:{}", self.host, self.port),
            false => format!("{}:{}", self.host, self.port),
        }
    }
}

/// The URL of a text without control characters and spaces.
pub(super) fn parse(text: &str) -> Result<Url, Cause> {
    refuse_breaks(text)?;
    let url = Url::parse(text).map_err(|error| Cause::invalid(format!("{text:?}: {error}")))?;
    Origin::of(&url)?;
    Ok(url)
}

/// The URL that a reference leads to, as seen from another.
pub(super) fn join(from: &Url, reference: &str) -> Result<Url, Cause> {
    refuse_breaks(reference)?;
    let url = from.join(reference);
    let url = url.map_err(|error| Cause::invalid(format!("{reference:?}: {error}")))?;
    Origin::of(&url)?;
    Ok(url)
}

fn refuse_breaks(text: &str) -> Result<(), Cause> {
    match text.find(|c: char| c.is_ascii_control() || c == ' ') {
        None => Ok(()),
        Some(at) => Err(Cause::invalid(format!(
            "{text:?} has a control character or a space at byte {at}: encode it"
        ))),
    }
}

/// What stands in the request line: the path and the query, or the whole URL for a proxy.
pub(super) fn target(url: &Url, absolute: bool) -> &str {
    match absolute {
        // Without user, password and fragment, which a request's URL does not have.
        true => url.as_str(),
        false => &url[url::Position::BeforePath..url::Position::AfterQuery],
    }
}

/// The value of `Host`: without a port where it is the scheme's.
pub(super) fn host_header(url: &Url) -> &str {
    &url[url::Position::BeforeHost..url::Position::AfterPort]
}

/// What errors show of a URL: no query, no password.
pub(super) fn place(url: &Url) -> String {
    format!("{}://{}{}", url.scheme(), host_header(url), url.path())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_break_a_line_is_refused_and_not_dropped() {
        for text in
            ["http://a/\r\nX: y", "http://a/\n", "http://a/\0", "http://a/a b", "http://a\t/"]
        {
            assert!(matches!(parse(text), Err(Cause::InvalidRequest(_))), "{text:?}");
        }
        let url = parse("http://a/").unwrap();
        assert!(join(&url, "/next\r\nX: y").is_err());
    }

    #[test]
    fn other_schemes_and_missing_hosts_are_refused() {
        for text in ["ftp://a/", "a/b", "http:///", "unix:/a", "//a/"] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_url_gives_what_each_place_needs() {
        let url = parse("https://Venue.Example/order?a=1&b=%0D%0A").unwrap();
        assert_eq!(host_header(&url), "venue.example");
        assert_eq!(target(&url, false), "/order?a=1&b=%0D%0A");
        assert_eq!(Origin::of(&url).unwrap().authority(), "venue.example:443");
        assert_eq!(place(&url), "https://venue.example/order");
        let url = parse("http://[::1]:8080").unwrap();
        assert_eq!((host_header(&url), target(&url, false)), ("[::1]:8080", "/"));
        assert_eq!(target(&url, true), "http://[::1]:8080/");
        assert_eq!(&*Origin::of(&url).unwrap().host, "::1");
        assert_eq!(Origin::of(&url).unwrap().authority(), "[::1]:8080");
        assert_eq!(&*Origin::of(&parse("http://a:80/").unwrap()).unwrap().host, "a");
    }
}
