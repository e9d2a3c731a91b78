//! Whom to trust, and who we are: certificate authorities and certificates.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{InconsistentKeys, RootCertStore};

use super::TlsError;

/// The certificate authorities that may vouch for the peer.
///
/// ```no_run
/// use taut_proto::tls::{Roots, TlsConnector};
///
/// // The public authorities, and that of a venue's test system.
/// let venue = std::fs::read("venue-ca.pem").unwrap();
/// let connector = TlsConnector::builder().roots(Roots::webpki().with_pem(&venue)?).build()?;
/// # Ok::<(), taut_proto::tls::TlsError>(())
/// ```
#[derive(Clone)]
pub struct Roots(RootCertStore);

impl Roots {
    /// None: for authorities of one's own alone.
    #[must_use]
    pub fn none() -> Self {
        Self(RootCertStore::empty())
    }

    /// Mozilla's, as this program was built with them.
    #[must_use]
    pub fn webpki() -> Self {
        Self(webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect())
    }

    /// Those that the system trusts, read now. Certificates that can't be used are passed over.
    ///
    /// # Errors
    ///
    /// Where there are none, with what went wrong.
    pub fn system() -> Result<Self, TlsError> {
        let found = rustls_native_certs::load_native_certs();
        let mut store = RootCertStore::empty();
        let (used, _) = store.add_parsable_certificates(found.certs);
        if used > 0 {
            return Ok(Self(store));
        }
        let errors: Vec<_> = found.errors.iter().map(ToString::to_string).collect();
        Err(TlsError::configuration(
            "the system has no certificate authorities; install them (ca-certificates), or set \
             SSL_CERT_FILE",
            errors.join("; "),
        ))
    }

    /// With the certificates of a PEM file, of which there has to be at least one.
    ///
    /// # Errors
    ///
    /// Where there is none, or one can't be read.
    pub fn with_pem(mut self, pem: &[u8]) -> Result<Self, TlsError> {
        for certificate in certificates(pem)? {
            self = self.with_der(&certificate)?;
        }
        Ok(self)
    }

    /// With one certificate in DER.
    ///
    /// # Errors
    ///
    /// Where it can't be read.
    pub fn with_der(mut self, certificate: &[u8]) -> Result<Self, TlsError> {
        let added = self.0.add(CertificateDer::from(certificate));
        added.map_err(|error| {
            TlsError::configuration("a certificate authority can't be used", error)
        })?;
        Ok(self)
    }

    pub(super) fn store(&self) -> Result<RootCertStore, TlsError> {
        if self.0.is_empty() {
            let advice = "add one by with_pem, or use Roots::webpki or Roots::system";
            return Err(TlsError::configuration("no certificate authority is trusted", advice));
        }
        Ok(self.0.clone())
    }
}

impl fmt::Debug for Roots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Roots({} authorities)", self.0.len())
    }
}

/// A certificate, those that vouch for it, and its private key.
pub struct Identity {
    pub(super) certificates: Vec<CertificateDer<'static>>,
    pub(super) key: PrivateKeyDer<'static>,
}

impl Identity {
    /// Of two PEM files, which may be one: the certificates, one's own first, and the key in
    /// PKCS #8, PKCS #1 or SEC 1.
    ///
    /// # Errors
    ///
    /// Where there is no certificate, or no key.
    pub fn from_pem(certificates_pem: &[u8], key_pem: &[u8]) -> Result<Self, TlsError> {
        let key = PrivateKeyDer::from_pem_slice(key_pem)
            .map_err(|error| TlsError::configuration("no private key in the PEM", error))?;
        Ok(Self { certificates: certificates(certificates_pem)?, key })
    }

    /// Of DER: the certificates, one's own first, and the key in PKCS #8, PKCS #1 or SEC 1.
    ///
    /// # Errors
    ///
    /// Where there is no certificate, or the key is none.
    pub fn from_der(certificates: Vec<Vec<u8>>, key: Vec<u8>) -> Result<Self, TlsError> {
        if certificates.is_empty() {
            return Err(TlsError::configuration("an identity", "there is no certificate"));
        }
        let key = PrivateKeyDer::try_from(key)
            .map_err(|error| TlsError::configuration("the private key can't be read", error))?;
        let certificates = certificates.into_iter().map(CertificateDer::from).collect();
        Ok(Self { certificates, key })
    }
}

impl Clone for Identity {
    fn clone(&self) -> Self {
        Self { certificates: self.certificates.clone(), key: self.key.clone_key() }
    }
}

impl fmt::Debug for Identity {
    /// Never shows the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({} certificates)", self.certificates.len())
    }
}

impl Identity {
    /// As rustls has it, once the key was seen to be the certificate's.
    fn certified(self, provider: &CryptoProvider) -> Result<Arc<CertifiedKey>, TlsError> {
        let certified = CertifiedKey::from_der(self.certificates, self.key, provider);
        let certified =
            certified.map_err(|error| TlsError::configuration("the server's identity", error))?;
        match certified.keys_match() {
            // Of a kind of key that does not tell its public part, no more can be said.
            Ok(()) | Err(rustls::Error::InconsistentKeys(InconsistentKeys::Unknown)) => {
                Ok(Arc::new(certified))
            }
            Err(error) => Err(TlsError::configuration("the server's identity", error)),
        }
    }
}

thread_local! {
    /// The name in the greeting that this thread has just had rustls read. The engine that a
    /// handshake runs on tells it to nobody but who chooses the certificate, within that call.
    static SERVER_NAME: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// The name that a client asked for in the greeting that rustls has just read, once.
pub(super) fn take_server_name() -> Option<String> {
    SERVER_NAME.take()
}

/// A server's identities: by the name that the client asks for, else its own.
pub(super) struct Identities {
    own: Arc<CertifiedKey>,
    named: HashMap<String, Arc<CertifiedKey>>,
}

impl Identities {
    pub(super) fn new(
        own: Identity,
        named: Vec<(String, Identity)>,
        provider: &CryptoProvider,
    ) -> Result<Self, TlsError> {
        let named =
            named.into_iter().map(|(name, identity)| Ok((name, identity.certified(provider)?)));
        Ok(Self { own: own.certified(provider)?, named: named.collect::<Result<_, TlsError>>()? })
    }
}

impl ResolvesServerCert for Identities {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        // rustls gives the name in lower case.
        SERVER_NAME.set(hello.server_name().map(str::to_owned));
        let named = hello.server_name().and_then(|name| self.named.get(name));
        Some(Arc::clone(named.unwrap_or(&self.own)))
    }
}

impl fmt::Debug for Identities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identities({} named)", self.named.len())
    }
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let certificates = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
    let certificates =
        certificates.map_err(|error| TlsError::configuration("a certificate in the PEM", error))?;
    if certificates.is_empty() {
        return Err(TlsError::configuration("the PEM", "there is no certificate in it"));
    }
    Ok(certificates)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::{Fault, TlsConnector};

    #[test]
    fn what_is_no_certificate_or_no_key_is_this_ends_fault() {
        let generated = rcgen::generate_simple_self_signed(["a.test".to_owned()]).unwrap();
        let (certificate, key) = (generated.cert.pem(), generated.signing_key.serialize_pem());
        let both = format!("{certificate}{key}");
        assert!(Identity::from_pem(both.as_bytes(), both.as_bytes()).is_ok());
        let errors = [
            Identity::from_pem(b"", key.as_bytes()).unwrap_err(),
            Identity::from_pem(certificate.as_bytes(), certificate.as_bytes()).unwrap_err(),
            Identity::from_der(vec![], generated.signing_key.serialize_der()).unwrap_err(),
            Identity::from_der(vec![vec![1]], vec![1, 2, 3]).unwrap_err(),
            Roots::none().with_pem(key.as_bytes()).unwrap_err(),
            Roots::none().with_der(b"no certificate").unwrap_err(),
            TlsConnector::builder().roots(Roots::none()).build().unwrap_err(),
        ];
        for error in errors {
            assert_eq!(error.fault(), Fault::Us, "{error}");
        }
    }

    #[test]
    fn an_identity_never_shows_its_key() {
        let generated = rcgen::generate_simple_self_signed(["a.test".to_owned()]).unwrap();
        let key = generated.signing_key.serialize_der();
        let identity = Identity::from_der(vec![generated.cert.der().to_vec()], key).unwrap();
        assert_eq!(format!("{identity:?}"), "Identity(1 certificates)");
    }
}
