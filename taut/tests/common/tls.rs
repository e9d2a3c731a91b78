//! Authorities and certificates that are made for a test, and two ends of one TLS connection.

use std::sync::atomic::{AtomicUsize, Ordering};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, date_time_ymd,
};
use taut::net::TcpStream;
use taut::task::all;
use taut::tls::{
    Client, Identity, Roots, Server, TlsAcceptor, TlsBuilder, TlsConnector, TlsError, TlsStream,
    TlsVersion,
};

use super::connected_pair;

/// The name that servers have, unless a test says another.
pub(crate) const NAME: &str = "exchange.test";

/// Both versions, for what has to hold with each.
pub(crate) const VERSIONS: [TlsVersion; 2] = [TlsVersion::Tls12, TlsVersion::Tls13];

/// A certificate authority.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // Each of another name: of two with one name the wrong one would be tried.
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("authority {} of a test", COUNT.fetch_add(1, Ordering::Relaxed));
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        Self(CertifiedIssuer::self_signed(params, key).unwrap())
    }

    pub(crate) fn roots(&self) -> Roots {
        Roots::none().with_der(self.0.der()).unwrap()
    }

    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    /// Certificate and key of a server, as PEM.
    pub(crate) fn issue_pem(
        &self,
        name: &str,
        change: impl Fn(&mut CertificateParams),
    ) -> [String; 2] {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        let purposes = [ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        params.extended_key_usages.extend(purposes);
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        [params.signed_by(&key, &self.0).unwrap().pem(), key.serialize_pem()]
    }

    pub(crate) fn issue(&self, name: &str) -> Identity {
        let [certificate, key] = self.issue_pem(name, |_| ());
        Identity::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap()
    }

    /// One that was good until long ago.
    pub(crate) fn issue_expired(&self, name: &str) -> Identity {
        let [certificate, key] = self.issue_pem(name, |params| {
            params.not_before = date_time_ymd(2001, 1, 1);
            params.not_after = date_time_ymd(2002, 1, 1);
        });
        Identity::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap()
    }
}

/// Both ends as they are set up by default, with an authority of their own.
pub(crate) fn builders() -> (TlsBuilder<Client>, TlsBuilder<Server>) {
    let authority = Authority::new();
    let server = TlsAcceptor::builder(authority.issue(NAME));
    (TlsConnector::builder().roots(authority.roots()), server)
}

/// Both ends, which speak this version.
pub(crate) fn ends(version: TlsVersion) -> (TlsConnector, TlsAcceptor) {
    let (client, server) = builders();
    (client.versions(&[version]).build().unwrap(), server.build().unwrap())
}

pub(crate) type Tls = TlsStream<TcpStream>;

/// What both ends make of a handshake.
pub(crate) async fn handshakes(
    connector: &TlsConnector,
    acceptor: &TlsAcceptor,
    name: &str,
) -> (Result<Tls, TlsError>, Result<Tls, TlsError>) {
    let (client, server) = connected_pair().await;
    let client = connector.connect(name, client);
    let server = acceptor.accept(server);
    let both = all((async { Ok::<_, TlsError>(client.await) }, async { Ok(server.await) }));
    both.await.unwrap()
}

/// Two ends of one TLS connection.
pub(crate) async fn tls_pair(connector: &TlsConnector, acceptor: &TlsAcceptor) -> (Tls, Tls) {
    let (client, server) = handshakes(connector, acceptor, NAME).await;
    (client.unwrap(), server.unwrap())
}

/// Every name is this host.
pub(crate) fn to_loopback() -> taut::net::Connector {
    let resolver = taut::net::Resolver::builder()
        .lookup(|_| async { Ok(vec![std::net::Ipv4Addr::LOCALHOST.into()]) })
        .build();
    taut::net::Connector::new().resolver(resolver)
}
