//! TLS handshakes: what both ends agree on, and whom they believe.

mod common;

use common::tls::{Authority, NAME, VERSIONS, builders, ends, handshakes, tls_pair};
use common::{block_on, on_each_driver};
use taut::tls::{
    Fault, Identity, KeyExchangeGroup, Roots, TlsAcceptor, TlsConnector, TlsErrorKind, TlsVersion,
};

/// Both ends say the same thing to each other.
async fn greet(connector: &TlsConnector, acceptor: &TlsAcceptor) {
    let (mut client, mut server) = tls_pair(connector, acceptor).await;
    client.write_all(b"ping").await.unwrap();
    assert_eq!(&server.recv().await.unwrap()[..], b"ping");
    server.write_all(b"pong").await.unwrap();
    assert_eq!(&client.recv().await.unwrap()[..], b"pong");
}

#[test]
fn each_version_is_agreed_on_and_carries_data_both_ways() {
    on_each_driver(|builder| {
        block_on(builder, async {
            for version in VERSIONS {
                let (connector, acceptor) = ends(version);
                greet(&connector, &acceptor).await;
                let (client, server) = tls_pair(&connector, &acceptor).await;
                assert_eq!(
                    (client.protocol_version(), server.protocol_version()),
                    (version, version)
                );
                assert_eq!(client.peer_certificates().len(), 1);
                assert!(server.peer_certificates().is_empty());
            }
        });
    });
}

#[test]
fn the_newest_version_is_taken_and_none_in_common_is_an_error_on_both_ends() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (client, server) = builders();
            let acceptor = server.clone().build().unwrap();
            let (newest, _) = tls_pair(&client.clone().build().unwrap(), &acceptor).await;
            assert_eq!(newest.protocol_version(), TlsVersion::Tls13);

            let connector = client.versions(&[TlsVersion::Tls13]).build().unwrap();
            let acceptor = server.versions(&[TlsVersion::Tls12]).build().unwrap();
            let (client, server) = handshakes(&connector, &acceptor, NAME).await;
            assert_eq!(server.unwrap_err().kind(), TlsErrorKind::NothingInCommon);
            assert_eq!(client.unwrap_err().kind(), TlsErrorKind::PeerRefused);
        });
    });
}

#[test]
fn the_first_application_protocol_of_the_server_that_the_client_names_is_taken() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (client, server) = builders();
            let protocols: &[&[u8]] = &[b"h2", b"http/1.1"];
            let connector = client.clone().alpn(protocols).build().unwrap();
            let acceptor = server.clone().alpn(&[b"http/1.1", b"h2"]).build().unwrap();
            let (one, other) = tls_pair(&connector, &acceptor).await;
            assert_eq!(
                (one.alpn(), other.alpn()),
                (Some(&b"http/1.1"[..]), Some(&b"http/1.1"[..]))
            );

            // Who names none gets none.
            let silent = client.build().unwrap();
            assert_eq!(tls_pair(&silent, &acceptor).await.0.alpn(), None);

            let acceptor = server.alpn(&[b"fix"]).build().unwrap();
            let (one, other) = handshakes(&connector, &acceptor, NAME).await;
            let (one, other) = (one.unwrap_err(), other.unwrap_err());
            assert_eq!(other.kind(), TlsErrorKind::NothingInCommon);
            assert_eq!((one.kind(), one.fault()), (TlsErrorKind::PeerRefused, Fault::Peer));
        });
    });
}

#[test]
fn a_server_shows_the_identity_for_the_name_that_it_is_asked_for() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let authority = Authority::new();
            let server = TlsAcceptor::builder(authority.issue(NAME));
            let acceptor =
                server.identity_for("Other.Test", authority.issue("other.test")).build().unwrap();
            let client = TlsConnector::builder().roots(authority.roots());
            let connector = client.clone().build().unwrap();
            for name in [NAME, "other.test"] {
                let (client, _server) = handshakes(&connector, &acceptor, name).await;
                client.unwrap();
            }
            // A name that nobody is told chooses nothing.
            let silent = client.without_server_name().build().unwrap();
            assert!(handshakes(&silent, &acceptor, NAME).await.0.is_ok());
            let (refused, _) = handshakes(&silent, &acceptor, "other.test").await;
            assert_eq!(refused.unwrap_err().kind(), TlsErrorKind::PeerCertificate);
        });
    });
}

#[test]
fn a_server_with_a_bad_certificate_is_refused_with_the_reason() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let authority = Authority::new();
            let (ours, others) = (authority.roots(), Authority::new().roots());
            let good = || authority.issue(NAME);
            let cases = [
                ("another host", "elsewhere.test", good(), ours.clone(), "not valid for name"),
                ("expired", NAME, authority.issue_expired(NAME), ours.clone(), "expired"),
                ("unknown authority", NAME, good(), others, "UnknownIssuer"),
                ("public authorities", NAME, good(), Roots::webpki(), "UnknownIssuer"),
            ];
            for (case, name, identity, roots, words) in cases {
                for version in VERSIONS {
                    let client = TlsConnector::builder().roots(roots.clone());
                    let connector = client.versions(&[version]).build().unwrap();
                    let acceptor = TlsAcceptor::builder(identity.clone()).build().unwrap();
                    let (client, server) = handshakes(&connector, &acceptor, name).await;
                    let error = client.unwrap_err();
                    assert_eq!(error.kind(), TlsErrorKind::PeerCertificate, "{case}: {error}");
                    assert_eq!(error.fault(), Fault::Peer);
                    assert!(error.to_string().contains(words), "{case}: {error}");
                    // The server is told by an alert.
                    assert_eq!(server.unwrap_err().kind(), TlsErrorKind::PeerRefused, "{case}");
                }
            }
        });
    });
}

#[test]
fn a_server_that_demands_certificates_refuses_clients_with_none_or_a_wrong_one() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let authority = Authority::new();
            let server = TlsAcceptor::builder(authority.issue(NAME));
            let demanding =
                server.clone().require_client_certificates(authority.roots()).build().unwrap();
            let asking = server.ask_for_client_certificates(authority.roots()).build().unwrap();
            for version in VERSIONS {
                let client = TlsConnector::builder().roots(authority.roots()).versions(&[version]);
                let known = client.clone().identity(authority.issue("desk.test")).build().unwrap();
                let unknown =
                    client.clone().identity(Authority::new().issue("desk.test")).build().unwrap();
                let nobody = client.build().unwrap();

                for acceptor in [&demanding, &asking] {
                    let (_client, server) = tls_pair(&known, acceptor).await;
                    assert_eq!(server.peer_certificates().len(), 1);
                    let (client, server) = handshakes(&unknown, acceptor, NAME).await;
                    assert_eq!(server.unwrap_err().kind(), TlsErrorKind::PeerCertificate);
                    // With TLS 1.3 the client is done before the server has seen its certificate.
                    if let Ok(mut client) = client {
                        let error = client.recv().await.unwrap_err();
                        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionAborted, "{error}");
                    }
                }
                let (_, server) = handshakes(&nobody, &demanding, NAME).await;
                assert_eq!(server.unwrap_err().kind(), TlsErrorKind::PeerCertificate);
                assert!(tls_pair(&nobody, &asking).await.1.peer_certificates().is_empty());
            }
        });
    });
}

#[test]
fn a_named_group_is_used_and_one_that_the_provider_lacks_is_refused() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (client, server) = builders();
            // Another preference costs a round trip, and no more.
            let connector = client.clone().key_exchange_groups(&[KeyExchangeGroup::X25519]);
            let acceptor = server.clone().key_exchange_groups(&[KeyExchangeGroup::X25519]);
            greet(&connector.build().unwrap(), &acceptor.build().unwrap()).await;
            let groups = [KeyExchangeGroup::X25519, KeyExchangeGroup::Secp384r1];
            let connector = client.clone().key_exchange_groups(&groups);
            let acceptor = server.key_exchange_groups(&groups[1..]).build().unwrap();
            greet(&connector.build().unwrap(), &acceptor).await;

            let connector = client.clone().key_exchange_groups(&groups[..1]).build().unwrap();
            let (_, server) = handshakes(&connector, &acceptor, NAME).await;
            assert_eq!(server.unwrap_err().kind(), TlsErrorKind::NothingInCommon);
        });
    });
}

#[test]
fn settings_that_do_not_fit_are_errors_of_this_end_when_they_are_built() {
    let authority = Authority::new();
    let [certificate, _] = authority.issue_pem(NAME, |_| ());
    let [_, key] = authority.issue_pem(NAME, |_| ());
    let mixed = Identity::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap();
    let client = TlsConnector::builder();
    let errors = [
        TlsAcceptor::builder(mixed.clone()).build().unwrap_err(),
        client.clone().identity(mixed).build().unwrap_err(),
        client.clone().versions(&[]).build().unwrap_err(),
        client.build().unwrap().handshake("no name at all").unwrap_err(),
    ];
    for error in errors {
        assert_eq!(
            (error.kind(), error.fault()),
            (TlsErrorKind::Configuration, Fault::Us),
            "{error}"
        );
    }
}
