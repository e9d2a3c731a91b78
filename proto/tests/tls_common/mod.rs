//! A connector and an acceptor that trust each other, and numbers that a seed makes.

#![allow(dead_code, reason = "every test file uses its own part")]

use taut_proto::tls::{Client, Identity, Provider, Roots, Server, TlsAcceptor, TlsBuilder};
use taut_proto::tls::{TlsConnector, TlsVersion};

/// The name that the server's certificate is for.
pub(crate) const NAME: &str = "exchange.test";

/// The providers of this build.
pub(crate) fn providers() -> Vec<Provider> {
    vec![
        #[cfg(feature = "ring")]
        Provider::Ring,
        #[cfg(feature = "aws-lc-rs")]
        Provider::AwsLcRs,
    ]
}

/// Both ends, to be set up further.
pub(crate) fn builders(
    provider: Provider,
    version: TlsVersion,
) -> (TlsBuilder<Client>, TlsBuilder<Server>) {
    let generated = rcgen::generate_simple_self_signed([NAME.to_owned()]).unwrap();
    let certificate = generated.cert.der().to_vec();
    let roots = Roots::none().with_der(&certificate).unwrap();
    let key = generated.signing_key.serialize_der();
    let identity = Identity::from_der(vec![certificate], key).unwrap();
    let client = TlsConnector::builder().roots(roots);
    let server = TlsAcceptor::builder(identity);
    (client.provider(provider).versions(&[version]), server.provider(provider).versions(&[version]))
}

/// Both ends.
pub(crate) fn ends(provider: Provider, version: TlsVersion) -> (TlsConnector, TlsAcceptor) {
    let (client, server) = builders(provider, version);
    (client.build().unwrap(), server.build().unwrap())
}
