//! TLS 1.3 by rustls with `ring`, with a certificate that is made when the server starts: what the
//! peers of the roles `https` and `wss` have in common.

use std::fs::File;
use std::io::Write;
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::sync::Arc;

use rustix::fs::{MemfdFlags, memfd_create};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::version::TLS13;
use subject::require;

/// What a server accepts by, and what it shows.
pub struct Encrypted {
    /// For HTTP/1.1 by ALPN.
    pub config: Arc<ServerConfig>,
    /// Where others find the certificate while this lives.
    pub certificate: PathBuf,
    _file: File,
}

impl Encrypted {
    /// With a key of its own.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "no two are alike")]
    pub fn new() -> Self {
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
        Self { config: Arc::new(config), certificate, _file: file }
    }
}
