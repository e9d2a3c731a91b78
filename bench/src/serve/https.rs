//! What a server of TLS of ours shows, and by what it accepts.

use std::fs::File;
use std::path::PathBuf;

use taut::tls::{Identity, Provider, TlsAcceptor, TlsError, TlsVersion};

use crate::certificate::Certificate;

/// A certificate of this process's own.
pub(super) struct Https {
    pub(super) acceptor: TlsAcceptor,
    /// Where others find the certificate, for as long as this lives.
    pub(super) path: PathBuf,
    _file: File,
}

impl Https {
    /// TLS 1.3 by `ring`, for HTTP/1.1.
    pub(super) fn new() -> Result<Self, String> {
        let certificate = Certificate::new()?;
        let refused = |error: TlsError| error.to_string();
        let identity = Identity::from_der(vec![certificate.der().to_vec()], certificate.key());
        let builder = TlsAcceptor::builder(identity.map_err(refused)?).alpn(&[b"http/1.1"]);
        let acceptor = builder.provider(Provider::Ring).versions(&[TlsVersion::Tls13]).build();
        let (file, path) = certificate.publish()?;
        Ok(Self { acceptor: acceptor.map_err(refused)?, path, _file: file })
    }
}
