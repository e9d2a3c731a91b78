//! The handshake: by rustls, up to the first key that data is sealed with.
//!
//! | file | idea |
//! |---|---|
//! | `unbuffered` | all that knows the interface of rustls, which is another from 0.24 on |
//! | `drive` | a handshake over a transport, in time |

mod drive;
mod unbuffered;

pub use drive::HANDSHAKE_TIMEOUT;
pub use unbuffered::Handshake;

pub(crate) use drive::drive;

use rustls::pki_types::CertificateDer;

use super::{RecordLayer, TlsVersion};

/// What the two ends agreed on.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Agreed {
    /// The version of TLS.
    pub version: TlsVersion,
    /// The application protocol, such as `http/1.1`, where both named one.
    pub alpn: Option<Vec<u8>>,
    /// The name that the client asked for (SNI), as a server sees it; in lower case. Nothing where
    /// the client named none, and nothing at a client, which knows what it asked for.
    pub server_name: Option<String>,
    /// The peer's certificate and those that vouch for it, in DER, the peer's first. Also of a
    /// resumed session. Empty where the peer showed none.
    pub peer_certificates: Vec<CertificateDer<'static>>,
    /// Whether an earlier session was resumed, without certificates being sent again.
    pub is_resumed: bool,
}

/// A handshake that came to its end.
#[derive(Debug)]
pub struct Finished {
    /// The connection from here on.
    pub layer: RecordLayer,
    /// What the two ends agreed on.
    pub agreed: Agreed,
    /// What was received behind the handshake: the first records.
    pub received: Vec<u8>,
}
