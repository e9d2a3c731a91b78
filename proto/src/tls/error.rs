//! Why a TLS connection failed, and who is to look at it.
//!
//! Invariant: an end of the transport without the peer's `close_notify` is always an error of this
//! kind, never the end of the stream: bytes may have been cut off on the way.

use std::error::Error;
use std::time::Duration;
use std::{fmt, io};

use rustls::Error as Cause;

/// What went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TlsErrorKind {
    /// The peer's certificate is not good: unknown authority, other name, expired, revoked, none.
    PeerCertificate,
    /// Nothing that both ends can do: version, cipher, key exchange, application protocol.
    NothingInCommon,
    /// The peer sent an alert: it gave up, and says why.
    PeerRefused,
    /// The peer broke the protocol, or what it sent was changed on the way.
    PeerMisbehaved,
    /// The transport ended before the peer said that it has sent everything.
    Truncated,
    /// The handshake took longer than allowed.
    TimedOut,
    /// This end's settings: a key that does not fit, no authority to trust, a name that is none.
    Configuration,
    /// This end can't go on: keys worn out in TLS 1.2, no random bytes.
    Local,
    /// The transport's own failure.
    Transport,
}

/// Who can do something about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The other end: its certificate, its settings or its implementation.
    Peer,
    /// This end.
    Us,
    /// What lies between, or an end that went away.
    Network,
}

/// The failure of a TLS connection. Becomes an [`io::Error`] by `?`.
pub struct TlsError {
    kind: TlsErrorKind,
    message: String,
    cause: Option<Box<dyn Error + Send + Sync>>,
}

impl TlsError {
    pub(crate) fn new(kind: TlsErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), cause: None }
    }

    pub(crate) fn misbehaved(message: impl Into<String>) -> Self {
        Self::new(TlsErrorKind::PeerMisbehaved, message)
    }

    pub(crate) fn configuration(
        message: impl Into<String>,
        cause: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self {
            kind: TlsErrorKind::Configuration,
            message: message.into(),
            cause: Some(cause.into()),
        }
    }

    pub(crate) fn truncated() -> Self {
        Self::new(
            TlsErrorKind::Truncated,
            "the connection ended without close_notify: the peer may have sent more",
        )
    }

    pub(crate) fn truncated_handshake() -> Self {
        Self::new(TlsErrorKind::Truncated, "the connection ended within the TLS handshake")
    }

    pub(crate) fn timed_out(limit: Duration) -> Self {
        Self::new(
            TlsErrorKind::TimedOut,
            format!("the TLS handshake took longer than {limit:?} (handshake_timeout)"),
        )
    }

    /// What went wrong.
    #[must_use]
    pub fn kind(&self) -> TlsErrorKind {
        self.kind
    }

    /// Who can do something about it.
    #[must_use]
    pub fn fault(&self) -> Fault {
        use TlsErrorKind as Kind;
        match self.kind {
            Kind::PeerCertificate | Kind::PeerRefused | Kind::PeerMisbehaved => Fault::Peer,
            // The peer may be as right as we are; but here is where one reads it.
            Kind::NothingInCommon | Kind::Configuration | Kind::Local => Fault::Us,
            Kind::Truncated | Kind::TimedOut | Kind::Transport => Fault::Network,
        }
    }

    /// The error again, for whoever reads once more. Only the transport's own has details that
    /// can't be told twice.
    pub(crate) fn again(&self) -> Self {
        Self { kind: self.kind, message: self.to_string(), cause: None }
    }
}

impl From<Cause> for TlsError {
    fn from(cause: Cause) -> Self {
        use TlsErrorKind as Kind;
        let (kind, message) = match &cause {
            Cause::InvalidCertificate(_)
            | Cause::NoCertificatesPresented
            | Cause::InvalidCertRevocationList(_) => {
                (Kind::PeerCertificate, "the peer's certificate is refused")
            }
            Cause::PeerIncompatible(_) | Cause::NoApplicationProtocol => {
                (Kind::NothingInCommon, "the two ends have nothing in common")
            }
            Cause::AlertReceived(_) => (Kind::PeerRefused, "the peer gave up"),
            Cause::InappropriateMessage { .. }
            | Cause::InappropriateHandshakeMessage { .. }
            | Cause::InvalidMessage(_)
            | Cause::PeerMisbehaved(_)
            | Cause::PeerSentOversizedRecord
            | Cause::DecryptError => (Kind::PeerMisbehaved, "the peer broke the protocol"),
            Cause::UnsupportedNameType
            | Cause::BadMaxFragmentSize
            | Cause::InconsistentKeys(_)
            | Cause::General(_) => (Kind::Configuration, "TLS is not set up rightly"),
            _ => (Kind::Local, "TLS can't go on"),
        };
        Self { kind, message: message.to_owned(), cause: Some(cause.into()) }
    }
}

impl From<io::Error> for TlsError {
    /// The transport's failure; or the TLS error that such an error carries.
    fn from(error: io::Error) -> Self {
        error.downcast::<Self>().unwrap_or_else(|error| Self {
            kind: TlsErrorKind::Transport,
            message: "the transport failed".to_owned(),
            cause: Some(error.into()),
        })
    }
}

impl From<TlsError> for io::Error {
    fn from(mut error: TlsError) -> Self {
        use TlsErrorKind as Kind;
        let kind = match error.kind {
            Kind::PeerCertificate | Kind::NothingInCommon | Kind::PeerMisbehaved => {
                io::ErrorKind::InvalidData
            }
            Kind::PeerRefused => io::ErrorKind::ConnectionAborted,
            Kind::Truncated => io::ErrorKind::UnexpectedEof,
            Kind::TimedOut => io::ErrorKind::TimedOut,
            Kind::Configuration => io::ErrorKind::InvalidInput,
            Kind::Local => io::ErrorKind::Other,
            Kind::Transport => match error.cause.take().map(|cause| cause.downcast::<Self>()) {
                Some(Ok(cause)) => return *cause,
                Some(Err(cause)) => {
                    error.cause = Some(cause);
                    io::ErrorKind::Other
                }
                None => io::ErrorKind::Other,
            },
        };
        Self::new(kind, error)
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.cause {
            Some(cause) => write!(f, "{}: {cause}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl fmt::Debug for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TlsError({:?}: {self})", self.kind)
    }
}

impl Error for TlsError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.as_deref().map(|cause| cause as _)
    }
}

#[cfg(test)]
mod tests {
    use rustls::{AlertDescription, CertificateError};

    use super::*;

    #[test]
    fn an_error_says_who_is_at_fault_and_keeps_its_kind_as_an_io_error() {
        let certificate = TlsError::from(Cause::from(CertificateError::Expired));
        assert_eq!(certificate.fault(), Fault::Peer);
        assert!(certificate.to_string().contains("xpired"), "{certificate}");
        let as_io = io::Error::from(certificate);
        assert_eq!(as_io.kind(), io::ErrorKind::InvalidData);
        assert_eq!(TlsError::from(as_io).kind(), TlsErrorKind::PeerCertificate);

        let refused = TlsError::from(Cause::AlertReceived(AlertDescription::UnknownCA));
        assert!(refused.to_string().contains("UnknownCA"), "{refused}");
        assert_eq!(TlsError::truncated().fault(), Fault::Network);
        assert_eq!(io::Error::from(TlsError::truncated()).kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn the_transports_error_passes_through_with_its_code() {
        let reset = io::Error::from_raw_os_error(104);
        let reset = io::Error::from(TlsError::from(reset));
        assert_eq!(reset.raw_os_error(), Some(104));
    }
}
