//! What a server makes of a client's request (RFC 6455 section 4.2.1).

use http::{Method, Version};

use super::extensions::{self, Extension};
use super::key::is_key;
use super::tokens::{has_member, single, subprotocols};
use super::violation::HandshakeViolation as Violation;
use crate::http::wire::RequestHead;

/// What a client asks for.
#[derive(Debug)]
pub(super) struct Asked<'a> {
    pub(super) key: &'a [u8],
    /// By preference.
    pub(super) subprotocols: Vec<&'a str>,
    /// By preference, repeated ones as often as they stand there.
    pub(super) extensions: Vec<Extension>,
    /// The page that asks, where a browser does.
    pub(super) origin: Option<&'a [u8]>,
}

impl<'a> Asked<'a> {
    /// Checks a request's head. That there is one `Host` at most the codec has seen to.
    pub(super) fn read(head: &'a RequestHead, bytes: &'a [u8]) -> Result<Self, Violation> {
        let values = |name: &'static str| head.index().get_all(bytes, name);
        if head.method != Method::GET {
            return Err(Violation::METHOD);
        }
        if head.version != Version::HTTP_11 {
            return Err(Violation::HTTP_VERSION);
        }
        if !head.framing.upgrade || !has_member(values("upgrade"), "websocket") {
            return Err(Violation::NO_UPGRADE);
        }
        let version = single(values("sec-websocket-version"), Violation::VERSION_REPEATED)?;
        if version != Some(b"13") {
            return Err(Violation::VERSION);
        }
        let key = single(values("sec-websocket-key"), Violation::KEY_REPEATED)?;
        let key = key.ok_or(Violation::KEY_MISSING)?;
        if !is_key(key) {
            return Err(Violation::KEY_INVALID);
        }
        if head.target.authority.is_empty() {
            return Err(Violation::HOST);
        }
        if !head.framing.body.is_empty() {
            return Err(Violation::BODY);
        }
        let extensions = extensions::read(values("sec-websocket-extensions"))?;
        Ok(Self {
            key,
            extensions,
            subprotocols: subprotocols(values("sec-websocket-protocol"))?,
            origin: single(values("origin"), Violation::ORIGIN_REPEATED)?,
        })
    }
}

/// Whether a page of this origin came from the host that it connects to. `null` is no host.
pub(super) fn is_same_host(origin: &[u8], authority: &str) -> bool {
    let Some(position) = origin.windows(3).position(|bytes| bytes == b"://") else { return false };
    origin[position + 3..].eq_ignore_ascii_case(authority.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::wire::HeadLimits;

    const GOOD: &str = "GET /feed?a HTTP/1.1\r\n\
        Host: venue.example:8080\r\n\
        Upgrade: websocket\r\n\
        Connection: Upgrade\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
        Sec-WebSocket-Version: 13\r\n\r\n";

    /// How the request is refused, with a line of it changed, or another before its end.
    fn verdict(from: &str, to: &str) -> Option<Violation> {
        assert!(GOOD.contains(from), "{from}");
        let request = GOOD.replacen(from, to, 1);
        let mut head = RequestHead::new();
        head.read(request.as_bytes(), &HeadLimits::default()).unwrap().unwrap();
        Asked::read(&head, request.as_bytes()).err()
    }

    fn verdict_with(line: &str) -> Option<Violation> {
        verdict("\r\n\r\n", &format!("\r\n{line}\r\n\r\n"))
    }

    #[test]
    fn the_request_of_the_rfc_is_good_however_it_is_written() {
        assert_eq!(verdict("GET", "GET"), None);
        for (from, to) in [
            ("websocket", "WebSocket"),
            ("websocket", "h2c, WEBSOCKET"),
            ("Connection: Upgrade", "connection: keep-alive, upgrade"),
            ("Connection: Upgrade", "Connection: keep-alive\r\nConnection: UPGRADE"),
            ("Sec-WebSocket-Version", "sec-websocket-VERSION"),
            ("/feed?a", "http://venue.example/feed"),
            ("HTTP/1.1", "HTTP/1.2"),
        ] {
            assert_eq!(verdict(from, to), None, "{to}");
        }
        for line in ["Content-Length: 0", "Origin: null", "Sec-WebSocket-Protocol: a, b", "x:"] {
            assert_eq!(verdict_with(line), None, "{line}");
        }
    }

    #[test]
    fn each_rule_is_kept() {
        let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
        for (from, to, violation) in [
            ("GET", "POST", Violation::METHOD),
            ("GET", "HEAD", Violation::METHOD),
            ("HTTP/1.1", "HTTP/1.0", Violation::HTTP_VERSION),
            ("Upgrade: websocket\r\n", "", Violation::NO_UPGRADE),
            ("websocket", "websocket2", Violation::NO_UPGRADE),
            ("websocket", "h2c", Violation::NO_UPGRADE),
            ("Connection: Upgrade\r\n", "", Violation::NO_UPGRADE),
            ("Connection: Upgrade", "Connection: keep-alive", Violation::NO_UPGRADE),
            ("Sec-WebSocket-Version: 13\r\n", "", Violation::VERSION),
            (": 13", ": 8", Violation::VERSION),
            (": 13", ": 13, 8", Violation::VERSION),
            (": 13", ": 013", Violation::VERSION),
            (key, "", Violation::KEY_MISSING),
            ("ZQ==", "ZQ", Violation::KEY_INVALID),
            ("dGhl", "", Violation::KEY_INVALID),
            ("Host: venue.example:8080", "Host:", Violation::HOST),
        ] {
            assert_eq!(verdict(from, to), Some(violation), "{to}");
        }
        for (line, violation) in [
            (key.trim_end(), Violation::KEY_REPEATED),
            ("Sec-WebSocket-Version: 13", Violation::VERSION_REPEATED),
            ("Content-Length: 1", Violation::BODY),
            ("Transfer-Encoding: chunked", Violation::BODY),
            ("Sec-WebSocket-Protocol: a, a", Violation::SUBPROTOCOL_REPEATED),
            ("Sec-WebSocket-Protocol: a b", Violation::SUBPROTOCOLS_INVALID),
            ("Sec-WebSocket-Protocol:", Violation::SUBPROTOCOLS_INVALID),
            ("Sec-WebSocket-Extensions: a;", Violation::EXTENSIONS_INVALID),
            ("Origin: http://a\r\nOrigin: http://b", Violation::ORIGIN_REPEATED),
        ] {
            assert_eq!(verdict_with(line), Some(violation), "{line}");
        }
    }

    #[test]
    fn a_page_is_of_the_host_that_it_names() {
        for (origin, authority, expected) in [
            ("http://venue.example", "venue.example", true),
            ("https://Venue.Example", "venue.example", true),
            ("http://localhost:8080", "localhost:8080", true),
            ("http://[::1]:80", "[::1]:80", true),
            ("http://localhost:8081", "localhost:8080", false),
            ("http://localhost", "localhost:8080", false),
            ("http://evil.example", "venue.example", false),
            ("http://venue.example.evil", "venue.example", false),
            ("http://evil.example/://venue.example", "venue.example", false),
            ("null", "venue.example", false),
            ("file://", "venue.example", false),
            ("", "", false),
        ] {
            assert_eq!(is_same_host(origin.as_bytes(), authority), expected, "{origin}");
        }
    }
}
