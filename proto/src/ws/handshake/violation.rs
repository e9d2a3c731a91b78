//! What a peer did wrong in the handshake.

use std::fmt;

use http::StatusCode;

/// A rule of the handshake that the peer broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HandshakeViolation {
    status: Option<StatusCode>,
    rule: &'static str,
}

impl HandshakeViolation {
    /// What a client that broke it is answered. Nothing for a rule of a server's answer.
    pub fn status(&self) -> Option<StatusCode> {
        self.status
    }

    /// Which rule, and where it stands.
    pub fn rule(&self) -> &'static str {
        self.rule
    }
}

impl fmt::Display for HandshakeViolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.rule)
    }
}

impl std::error::Error for HandshakeViolation {}

macro_rules! violations {
    ($($name:ident = $status:expr, $rule:literal;)*) => {
        impl HandshakeViolation {
            $(pub(crate) const $name: Self = Self { status: $status, rule: $rule };)*
        }
    };
}

const BAD: Option<StatusCode> = Some(StatusCode::BAD_REQUEST);
const UPGRADE: Option<StatusCode> = Some(StatusCode::UPGRADE_REQUIRED);

violations! {
    METHOD = Some(StatusCode::METHOD_NOT_ALLOWED), "the method has to be GET (RFC 6455 section 4.1)";
    HTTP_VERSION = BAD, "the request has to be of HTTP/1.1 (RFC 6455 section 4.1)";
    NO_UPGRADE = UPGRADE,
        "the request does not ask for an upgrade to websocket (RFC 6455 section 4.2.1)";
    VERSION = UPGRADE, "Sec-WebSocket-Version has to be 13 (RFC 6455 section 4.4)";
    VERSION_REPEATED = BAD, "Sec-WebSocket-Version stands there twice (RFC 6455 section 11.3.5)";
    KEY_MISSING = BAD, "there is no Sec-WebSocket-Key (RFC 6455 section 4.2.1)";
    KEY_REPEATED = BAD, "Sec-WebSocket-Key stands there twice (RFC 6455 section 11.3.1)";
    KEY_INVALID = BAD, "Sec-WebSocket-Key is not base64 of 16 bytes (RFC 6455 section 4.2.1)";
    HOST = BAD, "Host names nobody (RFC 6455 section 4.2.1)";
    BODY = BAD, "the request has a body, in the place of the first frames (RFC 6455 section 4.1)";
    SUBPROTOCOLS_INVALID = BAD,
        "Sec-WebSocket-Protocol is no list of tokens (RFC 6455 section 4.1)";
    SUBPROTOCOL_REPEATED = BAD, "a subprotocol is offered twice (RFC 6455 section 4.1)";
    EXTENSIONS_INVALID = BAD,
        "Sec-WebSocket-Extensions is no list of extensions (RFC 6455 section 9.1)";
    ORIGIN_REPEATED = BAD, "Origin stands there twice (RFC 6454 section 7.3)";
    ORIGIN = Some(StatusCode::FORBIDDEN),
        "pages of this Origin may not connect; see Acceptor::allow_origin (RFC 6455 section 10.2)";

    ANSWER_UPGRADE = None, "the answer's Upgrade is not websocket (RFC 6455 section 4.1)";
    ANSWER_CONNECTION = None, "the answer's Connection has no upgrade (RFC 6455 section 4.1)";
    ACCEPT_MISSING = None, "the answer has no Sec-WebSocket-Accept (RFC 6455 section 4.1)";
    ACCEPT_REPEATED = None,
        "Sec-WebSocket-Accept stands in the answer twice (RFC 6455 section 11.3.3)";
    ACCEPT = None, "Sec-WebSocket-Accept does not belong to the key (RFC 6455 section 4.1)";
    ANSWER_SUBPROTOCOL_REPEATED = None,
        "Sec-WebSocket-Protocol stands in the answer twice (RFC 6455 section 11.3.4)";
    SUBPROTOCOL_UNOFFERED = None,
        "the server chose a subprotocol that was not offered (RFC 6455 section 4.1)";
    EXTENSION_UNOFFERED = None,
        "the server agreed to an extension that was not offered (RFC 6455 section 4.1)";
    EXTENSION_REPEATED = None,
        "the server agreed to an extension twice (RFC 7692 section 5)";
}
