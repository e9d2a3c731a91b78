//! OpenSSL as the other end: application protocols, certificates of clients, sessions that its
//! client carries from one process to the next, keys that one end changes, the close that comes
//! from there, and an end that is killed. Left out, with the reason, where it is not installed.

mod common;

use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::net::SocketAddr;

use common::foreign::Foreign;
use common::openssl::{OpenSsl, change_keys};
use common::tls::{Authority, NAME, Tls, VERSIONS};
use common::{block_on, in_time, listen, on_each_driver};
use taut::net::{TcpListener, TcpStream};
use taut::tls::{
    Client, TlsAcceptor, TlsBuilder, TlsConnector, TlsError, TlsErrorKind, TlsVersion,
};

fn option(version: TlsVersion) -> &'static str {
    if version == VERSIONS[0] { "-tls1_2" } else { "-tls1_3" }
}

fn connector(openssl: &OpenSsl, version: TlsVersion) -> TlsBuilder<Client> {
    TlsConnector::builder().roots(openssl.authority.roots()).versions(&[version])
}

async fn connect(connector: TlsBuilder<Client>, address: SocketAddr) -> Result<Tls, TlsError> {
    let tcp = TcpStream::connect(address).await.unwrap();
    connector.build().unwrap().connect(NAME, tcp).await
}

async fn expect(tls: &mut Tls, line: &str) {
    let mut said = vec![0; line.len()];
    in_time(tls.read_exact(&mut said)).await.unwrap();
    assert_eq!(said, line.as_bytes());
}

/// One line there, and back in reverse.
async fn reverse(tls: &mut Tls) -> std::io::Result<()> {
    tls.write_all(b"abc\n").await?;
    let mut answer = [0; 4];
    tls.read_exact(&mut answer).await?;
    assert_eq!(&answer, b"cba\n");
    Ok(())
}

#[test]
fn a_server_of_openssl_takes_our_protocol_and_our_certificate_and_no_other() {
    let Some(openssl) = OpenSsl::new() else { return };
    let demands = ["-Verify", "1", "-verify_return_error", "-CAfile", "authority.pem"];
    let options = [&demands[..], &["-alpn", "fix,http/1.1"]].concat();
    for version in VERSIONS {
        let (_server, address) = openssl.server(&[&options[..], &[option(version)]].concat());
        on_each_driver(|builder| {
            block_on(builder, async {
                let ours = connector(&openssl, version).alpn(&[b"h2", b"http/1.1"]);
                let known = ours.clone().identity(openssl.authority.issue("desk.test"));
                let mut tls = connect(known.clone(), address).await.unwrap();
                assert_eq!(tls.alpn(), Some(&b"http/1.1"[..]));
                assert_eq!(tls.protocol_version(), version);
                reverse(&mut tls).await.unwrap();
                tls.write_all(b"CLOSE\n").await.unwrap();
                assert!(tls.recv().await.unwrap().is_empty());
                tls.shutdown().await.unwrap();

                let stranger = ours.clone().identity(Authority::new().issue("desk.test"));
                for refused in [ours, stranger, known.alpn(&[b"h2"])] {
                    // With TLS 1.3 our handshake ends before the server has judged.
                    let error = match connect(refused, address).await {
                        Err(error) => error,
                        Ok(mut tls) => reverse(&mut tls).await.unwrap_err().into(),
                    };
                    assert_eq!(error.kind(), TlsErrorKind::PeerRefused, "{version:?}: {error}");
                }
            });
        });
    }
}

#[test]
fn a_client_of_openssl_is_served_by_its_protocol_and_its_certificate() {
    let Some(openssl) = OpenSsl::new() else { return };
    let shows = ["-cert", "certificate.pem", "-key", "key.pem"];
    for version in VERSIONS {
        on_each_driver(|builder| {
            let acceptor = TlsAcceptor::builder(openssl.identity()).versions(&[version]);
            let acceptor = acceptor.alpn(&[b"http/1.1", b"h2"]);
            let acceptor = acceptor.require_client_certificates(openssl.authority.roots());
            let acceptor = acceptor.build().unwrap();
            block_on(builder, async {
                let (listener, address) = listen();
                let accept = async || acceptor.accept(listener.accept().await.unwrap()).await;
                let options = [&shows[..], &["-alpn", "h2,http/1.1"]].concat();
                let (_client, mut input) = openssl.client(address, &options);
                let mut tls = in_time(accept()).await.unwrap();
                assert_eq!((tls.alpn(), tls.protocol_version()), (Some(&b"http/1.1"[..]), version));
                assert!(!tls.peer_certificates().is_empty());
                input.write_all(b"order\n").unwrap();
                expect(&mut tls, "order\n").await;

                let (_client, _input) = openssl.client(address, &["-alpn", "http/1.1"]);
                let error = in_time(accept()).await.unwrap_err();
                assert_eq!(error.kind(), TlsErrorKind::PeerCertificate, "{error}");
                let (_client, _input) =
                    openssl.client(address, &[&shows[..], &["-alpn", "fix"]].concat());
                let error = in_time(accept()).await.unwrap_err();
                assert_eq!(error.kind(), TlsErrorKind::NothingInCommon, "{error}");
            });
        });
    }
}

/// A client that has shaken hands with ours, and our end.
async fn visited(
    openssl: &OpenSsl,
    acceptor: &TlsAcceptor,
    listener: &TcpListener,
    options: &[&str],
) -> (Foreign, std::process::ChildStdin, Tls) {
    let (client, input) = openssl.client(listener.local_addr().unwrap(), options);
    let tcp = in_time(listener.accept()).await.unwrap();
    (client, input, in_time(acceptor.accept(tcp)).await.unwrap())
}

#[test]
fn a_session_that_a_client_of_openssl_saved_is_resumed_by_another() {
    let Some(openssl) = OpenSsl::new() else { return };
    for version in VERSIONS {
        on_each_driver(|builder| {
            let acceptor = TlsAcceptor::builder(openssl.identity());
            let acceptor = acceptor.versions(&[version]).build().unwrap();
            block_on(builder, async {
                let (listener, _) = listen();
                for visit in 0..3 {
                    let options = match visit {
                        0 => vec!["-sess_out", "session.pem"],
                        _ => vec!["-sess_in", "session.pem", "-sess_out", "session.pem"],
                    };
                    let (mut client, mut input, mut tls) =
                        visited(&openssl, &acceptor, &listener, &options).await;
                    assert_eq!(tls.is_resumed(), visit > 0, "{version:?}, visit {visit}");
                    // It has the tickets before what is written behind them.
                    tls.write_all(b"welcome\n").await.unwrap();
                    input.write_all(b"order\n").unwrap();
                    expect(&mut tls, "order\n").await;
                    tls.shutdown().await.unwrap();
                    assert!(tls.recv().await.unwrap().is_empty());
                    client.0.wait().unwrap();
                }
            });
        });
    }
}

#[test]
fn keys_that_a_client_of_openssl_changes_carry_on() {
    let Some(openssl) = OpenSsl::new() else { return };
    on_each_driver(|builder| {
        let acceptor = TlsAcceptor::builder(openssl.identity()).build().unwrap();
        block_on(builder, async {
            let (listener, _) = listen();
            let (mut client, mut input, mut tls) =
                visited(&openssl, &acceptor, &listener, &[]).await;
            for (round, command) in "kkKkKK".chars().enumerate() {
                change_keys(&mut client, &mut input, command);
                let line = format!("order {round}\n");
                input.write_all(line.as_bytes()).unwrap();
                expect(&mut tls, &line).await;
                tls.write_all(b"filled\n").await.unwrap();
            }
            // Its end of input, or a line that starts with Q, has it say close_notify.
            drop(input);
            assert!(tls.recv().await.unwrap().is_empty());
            tls.shutdown().await.unwrap();
            assert!(client.0.wait().unwrap().success());
        });
    });
}

/// What was cut off is an error, each time that it is asked for.
async fn is_truncated(tls: &mut Tls) {
    for _ in 0..2 {
        let error = in_time(tls.recv()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof, "{error}");
        assert_eq!(TlsError::from(error).kind(), TlsErrorKind::Truncated);
    }
}

#[test]
fn an_end_of_openssl_that_is_killed_is_no_end_of_the_stream() {
    let Some(openssl) = OpenSsl::new() else { return };
    for version in VERSIONS {
        on_each_driver(|builder| {
            let acceptor = TlsAcceptor::builder(openssl.identity());
            let acceptor = acceptor.versions(&[version]).build().unwrap();
            block_on(builder, async {
                let (listener, _) = listen();
                let (mut client, _input, mut tls) =
                    visited(&openssl, &acceptor, &listener, &[]).await;
                tls.write_all(b"filled\n").await.unwrap();
                // With bytes that it has not read its end would be a reset.
                let said = BufReader::new(client.0.stdout.take().unwrap()).lines();
                assert!(said.map(Result::unwrap).any(|line| line == "filled"));
                drop(client);
                is_truncated(&mut tls).await;

                let (server, address) = openssl.server(&[option(version)]);
                let mut tls = connect(connector(&openssl, version), address).await.unwrap();
                reverse(&mut tls).await.unwrap();
                drop(server);
                is_truncated(&mut tls).await;
            });
        });
    }
}
