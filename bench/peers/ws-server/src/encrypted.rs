//! TLS 1.3 by tokio-rustls, with a certificate that is made when the server starts.

use std::fs::File;
use std::io::Write;
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::sync::Arc;

use rustix::fs::{MemfdFlags, memfd_create};
use subject::require;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;
use tokio_rustls::rustls::version::TLS13;

/// See the module's documentation.
pub(crate) struct Encrypted {
    pub(crate) acceptor: TlsAcceptor,
    /// Where others find the certificate while this lives.
    pub(crate) certificate: PathBuf,
    _file: File,
}

impl Encrypted {
    pub(crate) fn new() -> Self {
        let names = ["venue.test", "127.0.0.1"].map(str::to_owned);
        let made = require("no certificate", rcgen::generate_simple_self_signed(names));
        let file = memfd_create("peer's certificate", MemfdFlags::CLOEXEC);
        let mut file = File::from(require("no file in memory", file));
        require("the certificate can't be shown", file.write_all(made.cert.der()));
        let certificate = format!("/proc/{}/fd/{}", std::process::id(), file.as_raw_fd()).into();
        let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
        let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let builder = require("ring has TLS 1.3", builder.with_protocol_versions(&[&TLS13]));
        let config = builder
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key.into());
        let mut config = require("rustls refused the certificate", config);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Self { acceptor: TlsAcceptor::from(Arc::new(config)), certificate, _file: file }
    }
}
