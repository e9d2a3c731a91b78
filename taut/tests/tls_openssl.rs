//! OpenSSL as the other end, by its command line: each version and cipher, both ways, new keys, the
//! close. Left out, with the reason, where `openssl` is not installed.

mod common;

use std::io::{Read, Write};

use common::openssl::{OpenSsl, change_keys};
use common::tls::{NAME, VERSIONS};
use common::{block_on, listen, on_each_driver};
use taut::net::TcpStream;
use taut::off_core;
use taut::tls::{TlsAcceptor, TlsConnector, TlsVersion};

/// What chooses each kind of record, by version.
const SUITES: [(TlsVersion, [&str; 3]); 6] = [
    (TlsVersion::Tls12, ["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"]),
    (TlsVersion::Tls12, ["-tls1_2", "-cipher", "ECDHE-ECDSA-AES256-GCM-SHA384"]),
    (TlsVersion::Tls12, ["-tls1_2", "-cipher", "ECDHE-ECDSA-CHACHA20-POLY1305"]),
    (TlsVersion::Tls13, ["-tls1_3", "-ciphersuites", "TLS_AES_128_GCM_SHA256"]),
    (TlsVersion::Tls13, ["-tls1_3", "-ciphersuites", "TLS_AES_256_GCM_SHA384"]),
    (TlsVersion::Tls13, ["-tls1_3", "-ciphersuites", "TLS_CHACHA20_POLY1305_SHA256"]),
];

#[test]
fn our_client_speaks_with_a_server_of_openssl() {
    let Some(openssl) = OpenSsl::new() else { return };
    for (version, suite) in SUITES {
        let (_server, address) = openssl.server(&suite);
        let client = TlsConnector::builder().roots(openssl.authority.roots());
        on_each_driver(|builder| {
            let connector = client.clone().build().unwrap();
            block_on(builder, async {
                for connection in 0..2 {
                    let tcp = TcpStream::connect(address).await.unwrap();
                    let mut tls = connector.connect(NAME, tcp).await.unwrap();
                    assert_eq!(tls.protocol_version(), version);
                    assert_eq!(tls.is_resumed(), connection > 0, "{suite:?}");
                    for round in 0..5_usize {
                        let mut line: Vec<u8> =
                            (0..1 + round * 300).map(|at| b'a' + (at % 26) as u8).collect();
                        line.push(b'\n');
                        tls.write_all(&line).await.unwrap();
                        line.pop();
                        line.reverse();
                        line.push(b'\n');
                        let mut answer = vec![0; line.len()];
                        tls.read_exact(&mut answer).await.unwrap();
                        assert!(answer == line, "{suite:?}");
                        // It sleeps for a second after each that is no data, so: once.
                        if version == TlsVersion::Tls13 && (connection, round) == (0, 2) {
                            tls.update_keys().unwrap();
                        }
                    }
                    // The end of the lines, and of the connection.
                    tls.write_all(b"CLOSE\n").await.unwrap();
                    assert!(tls.recv().await.unwrap().is_empty(), "close_notify");
                    tls.shutdown().await.unwrap();
                }
            });
        });
    }
}

#[test]
fn our_server_speaks_with_a_client_of_openssl() {
    let Some(openssl) = OpenSsl::new() else { return };
    for (version, suite) in SUITES {
        on_each_driver(|builder| {
            let acceptor = TlsAcceptor::builder(openssl.identity()).build().unwrap();
            block_on(builder, async {
                let (listener, address) = listen();
                let (mut client, mut to_client) = openssl.client(address, &suite);
                let mut tls = acceptor.accept(listener.accept().await.unwrap()).await.unwrap();
                assert_eq!(tls.protocol_version(), version);
                for round in 0..3 {
                    if version == VERSIONS[1] {
                        change_keys(&mut client, &mut to_client, 'K');
                    }
                    let line = format!("line {round}\n");
                    to_client.write_all(line.as_bytes()).unwrap();
                    let mut read = vec![0; line.len()];
                    tls.read_exact(&mut read).await.unwrap();
                    assert_eq!(read, line.as_bytes(), "{suite:?}");
                    tls.write_all(format!("answer {round}\n").as_bytes()).await.unwrap();
                }
                tls.shutdown().await.unwrap();
                let mut output = client.0.stdout.take().unwrap();
                let said = off_core(move || {
                    let mut said = String::new();
                    output.read_to_string(&mut said).map(|_| said)
                });
                let said = said.await.unwrap().unwrap();
                assert!(said.contains("Verify return code: 0 (ok)"), "{said}");
                assert!((0..3).all(|round| said.contains(&format!("answer {round}\n"))), "{said}");
                // It answers the close by its own.
                assert!(tls.recv().await.unwrap().is_empty());
                drop(to_client);
            });
        });
    }
}
