//! What ends a connection: the alert for the peer, and the words for whoever reads.

use crate::tls::TlsError;

/// Kinds of record (RFC 8446, section 5.1).
pub(super) mod content {
    pub(in crate::tls) const CHANGE_CIPHER_SPEC: u8 = 20;
    pub(in crate::tls) const ALERT: u8 = 21;
    pub(in crate::tls) const HANDSHAKE: u8 = 22;
    pub(in crate::tls) const APPLICATION_DATA: u8 = 23;
}

/// Alerts that are sent or understood (RFC 8446, section 6; RFC 5246, section 7.2).
pub(super) mod alert {
    pub(in crate::tls) const CLOSE_NOTIFY: u8 = 0;
    pub(in crate::tls) const UNEXPECTED_MESSAGE: u8 = 10;
    pub(in crate::tls) const BAD_RECORD_MAC: u8 = 20;
    pub(in crate::tls) const RECORD_OVERFLOW: u8 = 22;
    pub(in crate::tls) const ILLEGAL_PARAMETER: u8 = 47;
    pub(in crate::tls) const DECODE_ERROR: u8 = 50;
    pub(in crate::tls) const PROTOCOL_VERSION: u8 = 70;
    pub(in crate::tls) const INTERNAL_ERROR: u8 = 80;
    pub(in crate::tls) const USER_CANCELED: u8 = 90;
    pub(in crate::tls) const NO_RENEGOTIATION: u8 = 100;
}

/// The end of a connection by an error.
#[derive(Debug)]
pub(super) struct Fatal {
    /// The alert that the peer is sent; none in answer to the peer's own.
    pub(super) alert: Option<u8>,
    pub(super) error: TlsError,
}

impl Fatal {
    /// The peer broke the protocol.
    pub(super) fn peer(alert: u8, message: &'static str) -> Self {
        Self { alert: Some(alert), error: TlsError::misbehaved(message) }
    }

    pub(super) fn unexpected(message: &'static str) -> Self {
        Self::peer(alert::UNEXPECTED_MESSAGE, message)
    }
}

impl From<TlsError> for Fatal {
    /// Of rustls, which was given what the peer sent; or of this end.
    fn from(error: TlsError) -> Self {
        let alert = match error.kind() {
            crate::tls::TlsErrorKind::PeerMisbehaved => alert::DECODE_ERROR,
            _ => alert::INTERNAL_ERROR,
        };
        Self { alert: Some(alert), error }
    }
}
