//! What a client makes of a server's 101 (RFC 6455 section 4.1).

use http::HeaderMap;
use http::header::{
    CONNECTION, HeaderName, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS,
    SEC_WEBSOCKET_PROTOCOL, UPGRADE,
};

use super::extensions::{self, Extension};
use super::key::accept_of;
use super::tokens::{has_member, single};
use super::violation::HandshakeViolation as Violation;

/// What a client asked for.
#[derive(Debug)]
pub(super) struct Offer<'a> {
    pub(super) key: &'a str,
    pub(super) subprotocols: &'a [String],
    pub(super) extensions: &'a [Extension],
}

/// What the server agreed to.
#[derive(Debug)]
pub(super) struct Agreed {
    pub(super) subprotocol: Option<String>,
    pub(super) extensions: Vec<Extension>,
}

impl Offer<'_> {
    /// Checks the headers of a 101.
    pub(super) fn check(&self, answer: &HeaderMap) -> Result<Agreed, Violation> {
        let values = |name: HeaderName| answer.get_all(name).into_iter().map(HeaderValue::as_bytes);
        let upgrade = single(values(UPGRADE), Violation::ANSWER_UPGRADE)?;
        if !upgrade.is_some_and(|upgrade| upgrade.eq_ignore_ascii_case(b"websocket")) {
            return Err(Violation::ANSWER_UPGRADE);
        }
        if !has_member(values(CONNECTION), "upgrade") {
            return Err(Violation::ANSWER_CONNECTION);
        }
        let accept = single(values(SEC_WEBSOCKET_ACCEPT), Violation::ACCEPT_REPEATED)?;
        let accept = accept.ok_or(Violation::ACCEPT_MISSING)?;
        if accept != accept_of(self.key.as_bytes()).as_bytes() {
            return Err(Violation::ACCEPT);
        }
        let chosen =
            single(values(SEC_WEBSOCKET_PROTOCOL), Violation::ANSWER_SUBPROTOCOL_REPEATED)?;
        Ok(Agreed {
            subprotocol: chosen.map(|chosen| self.subprotocol(chosen)).transpose()?,
            extensions: self.extensions(extensions::read(values(SEC_WEBSOCKET_EXTENSIONS))?)?,
        })
    }

    /// The one that was offered, to the letter.
    fn subprotocol(&self, chosen: &[u8]) -> Result<String, Violation> {
        let offered = self.subprotocols.iter().find(|offered| offered.as_bytes() == chosen);
        offered.cloned().ok_or(Violation::SUBPROTOCOL_UNOFFERED)
    }

    fn extensions(&self, agreed: Vec<Extension>) -> Result<Vec<Extension>, Violation> {
        for (index, extension) in agreed.iter().enumerate() {
            let is_same = |other: &Extension| other.name() == extension.name();
            if !self.extensions.iter().any(is_same) {
                return Err(Violation::EXTENSION_UNOFFERED);
            }
            if agreed[..index].iter().any(is_same) {
                return Err(Violation::EXTENSION_REPEATED);
            }
        }
        Ok(agreed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
    const GOOD: [(&str, &str); 3] = [
        ("upgrade", "WebSocket"),
        ("connection", "keep-alive, Upgrade"),
        ("sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
    ];

    fn check(lines: &[(&'static str, &'static str)]) -> Result<Agreed, Violation> {
        let subprotocols = ["v2".to_owned(), "v1".to_owned()];
        let offered = extensions::read([&b"x-one, x-two; a"[..]].into_iter()).unwrap();
        let offer = Offer { key: KEY, subprotocols: &subprotocols, extensions: &offered };
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        offer.check(&headers)
    }

    fn check_with(more: &[(&'static str, &'static str)]) -> Result<Agreed, Violation> {
        check(&[&GOOD, more].concat())
    }

    #[test]
    fn the_answer_of_the_rfc_is_good() {
        let agreed = check_with(&[]).unwrap();
        assert!(agreed.subprotocol.is_none() && agreed.extensions.is_empty());
        let agreed = check_with(&[
            ("sec-websocket-protocol", "v1"),
            ("sec-websocket-extensions", "x-two; b=2"),
        ]);
        let agreed = agreed.unwrap();
        assert_eq!(agreed.subprotocol.as_deref(), Some("v1"));
        assert_eq!(agreed.extensions[0].to_string(), "x-two; b=2");
    }

    #[test]
    fn each_header_has_to_be_there_and_right() {
        for (index, wrong, violation) in [
            (0, "", Violation::ANSWER_UPGRADE),
            (0, "websocket2", Violation::ANSWER_UPGRADE),
            (0, "websocket, h2c", Violation::ANSWER_UPGRADE),
            (1, "", Violation::ANSWER_CONNECTION),
            (1, "keep-alive, upgrades", Violation::ANSWER_CONNECTION),
            (2, "", Violation::ACCEPT),
            (2, KEY, Violation::ACCEPT),
            (2, "S3PPLMBITXAQ9KYGZZHZRBK+XOO=", Violation::ACCEPT),
            (2, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo", Violation::ACCEPT),
        ] {
            let mut lines = GOOD;
            lines[index].1 = wrong;
            assert_eq!(check(&lines).unwrap_err(), violation, "{wrong:?}");
        }
        let missing =
            [Violation::ANSWER_UPGRADE, Violation::ANSWER_CONNECTION, Violation::ACCEPT_MISSING];
        for (index, violation) in missing.into_iter().enumerate() {
            let mut lines = GOOD.to_vec();
            lines.remove(index);
            assert_eq!(check(&lines).unwrap_err(), violation);
        }
    }

    #[test]
    fn nothing_is_agreed_that_was_not_offered_nor_twice() {
        for (name, value, violation) in [
            ("upgrade", "websocket", Violation::ANSWER_UPGRADE),
            ("sec-websocket-accept", GOOD[2].1, Violation::ACCEPT_REPEATED),
            ("sec-websocket-protocol", "v3", Violation::SUBPROTOCOL_UNOFFERED),
            ("sec-websocket-protocol", "V1", Violation::SUBPROTOCOL_UNOFFERED),
            ("sec-websocket-protocol", "v1, v2", Violation::SUBPROTOCOL_UNOFFERED),
            ("sec-websocket-protocol", "", Violation::SUBPROTOCOL_UNOFFERED),
            ("sec-websocket-extensions", "x-three", Violation::EXTENSION_UNOFFERED),
            ("sec-websocket-extensions", "x-one, x-two, x-one", Violation::EXTENSION_REPEATED),
            ("sec-websocket-extensions", "x-one;", Violation::EXTENSIONS_INVALID),
        ] {
            assert_eq!(check_with(&[(name, value)]).unwrap_err(), violation, "{name}: {value}");
        }
        let twice = ("sec-websocket-protocol", "v1");
        assert_eq!(
            check_with(&[twice, twice]).unwrap_err(),
            Violation::ANSWER_SUBPROTOCOL_REPEATED
        );
        let twice = ("sec-websocket-extensions", "x-one");
        assert_eq!(check_with(&[twice, twice]).unwrap_err(), Violation::EXTENSION_REPEATED);
    }
}
