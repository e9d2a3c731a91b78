//! The handshake: from an HTTP request to a WebSocket connection (RFC 6455 section 4).
//!
//! | file | idea |
//! |---|---|
//! | `connector` | the client's side, over the HTTP client: dialing, proxies, TLS, time-outs |
//! | `acceptor` | the server's side, as a route of the HTTP server or over one transport |
//! | `request`, `answer` | the rules that each side holds the other to |
//! | `key`, `tokens`, `extensions` | what stands in the headers |
//! | `violation`, `error` | which rule was broken, and how a handshake fails |
//!
//! Invariant: bytes that come behind the head of the request or of its answer are the connection's
//! first frames, in whatever segment they were. Neither side has a parser of HTTP of its own.

mod acceptor;
mod answer;
mod connector;
mod error;
mod extensions;
mod key;
mod request;
mod tokens;
mod violation;

use http::HeaderMap;

use super::wire::DeflateAgreement;

pub use acceptor::{Acceptor, accept, upgrade};
pub use connector::{Connector, connect};
pub use error::{HandshakeError, Refusal};
pub use extensions::Extension;
pub use violation::HandshakeViolation;

/// What the two ends agreed on; see [`WebSocket::handshake`](super::WebSocket::handshake).
#[derive(Clone, Debug)]
pub struct Handshake {
    target: String,
    headers: HeaderMap,
    subprotocol: Option<String>,
    extensions: Vec<Extension>,
    deflate: Option<DeflateAgreement>,
}

impl Handshake {
    /// The path and the query that the client asked for, as they were sent.
    pub fn target(&self) -> &str {
        &self.target
    }

    /// What the peer sent: on a server the headers of the request, on a client those of the answer.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The subprotocol that the server chose of those that the client offered, if it chose one.
    pub fn subprotocol(&self) -> Option<&str> {
        self.subprotocol.as_deref()
    }

    /// The extensions that are in use.
    pub fn extensions(&self) -> &[Extension] {
        &self.extensions
    }

    /// What was agreed on compression.
    pub(super) fn deflate(&self) -> Option<&DeflateAgreement> {
        self.deflate.as_ref()
    }
}
