//! OpenSSL as the other end, by its command line: each version and cipher, both ways, new keys, the
//! close. Left out, with the reason, where `openssl` is not installed.

mod common;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use common::directory::Directory;
use common::tls::{Authority, NAME, VERSIONS};
use common::{block_on, listen, on_each_driver};
use taut::net::TcpStream;
use taut::off_core;
use taut::tls::{Identity, TlsAcceptor, TlsConnector, TlsVersion};

/// What chooses each kind of record, by version.
const SUITES: [(TlsVersion, [&str; 3]); 6] = [
    (TlsVersion::Tls12, ["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"]),
    (TlsVersion::Tls12, ["-tls1_2", "-cipher", "ECDHE-ECDSA-AES256-GCM-SHA384"]),
    (TlsVersion::Tls12, ["-tls1_2", "-cipher", "ECDHE-ECDSA-CHACHA20-POLY1305"]),
    (TlsVersion::Tls13, ["-tls1_3", "-ciphersuites", "TLS_AES_128_GCM_SHA256"]),
    (TlsVersion::Tls13, ["-tls1_3", "-ciphersuites", "TLS_AES_256_GCM_SHA384"]),
    (TlsVersion::Tls13, ["-tls1_3", "-ciphersuites", "TLS_CHACHA20_POLY1305_SHA256"]),
];

/// A process that ends with its test.
struct Peer(Child);

impl Drop for Peer {
    fn drop(&mut self) {
        // One that has ended already can't be ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The files that OpenSSL is given, and what we have of the same authority.
struct Files {
    directory: Directory,
    authority: Authority,
    pem: [String; 2],
}

impl Files {
    fn new() -> Self {
        let (directory, authority) = (Directory::new(), Authority::new());
        let pem = authority.issue_pem(NAME, |_| ());
        let [certificate, key] = &pem;
        std::fs::write(directory.join("certificate.pem"), certificate).unwrap();
        std::fs::write(directory.join("key.pem"), key).unwrap();
        std::fs::write(directory.join("authority.pem"), authority.pem()).unwrap();
        Self { directory, authority, pem }
    }

    fn identity(&self) -> Identity {
        Identity::from_pem(self.pem[0].as_bytes(), self.pem[1].as_bytes()).unwrap()
    }

    fn start(&self, arguments: &[&str]) -> Peer {
        let directory: &Path = &self.directory;
        let mut command = Command::new("openssl");
        command.current_dir(directory).args(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        Peer(command.spawn().unwrap())
    }
}

/// Whether there is an `openssl`.
fn is_installed() -> bool {
    let found = Command::new("openssl").arg("version").output();
    if let Err(error) = &found {
        eprintln!("SKIPPED: openssl can't be run: {error}");
    }
    found.is_ok()
}

#[test]
fn our_client_speaks_with_a_server_of_openssl() {
    if !is_installed() {
        return;
    }
    let files = Files::new();
    for (version, suite) in SUITES {
        // It sends each line back, its letters in reverse.
        let mut arguments = vec!["s_server", "-accept", "127.0.0.1:0", "-rev"];
        arguments.extend(["-cert", "certificate.pem", "-key", "key.pem"]);
        arguments.extend(suite);
        let mut server = files.start(&arguments);
        let lines = BufReader::new(server.0.stdout.take().unwrap()).lines();
        let mut lines = lines.map(Result::unwrap);
        let address = lines.find_map(|line| line.strip_prefix("ACCEPT ")?.parse().ok());
        let address: SocketAddr = address.expect("it says where it listens");

        let client = TlsConnector::builder().roots(files.authority.roots());
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
    if !is_installed() {
        return;
    }
    let files = Files::new();
    for (version, suite) in SUITES {
        on_each_driver(|builder| {
            let acceptor = TlsAcceptor::builder(files.identity()).build().unwrap();
            block_on(builder, async {
                let (listener, address) = listen();
                let address = address.to_string();
                let mut arguments = vec!["s_client", "-connect", &address, "-servername", NAME];
                arguments.extend(["-CAfile", "authority.pem", "-verify_return_error"]);
                arguments.extend(suite);
                let mut client = files.start(&arguments);
                let mut to_client = client.0.stdin.take().unwrap();
                let mut tls = acceptor.accept(listener.accept().await.unwrap()).await.unwrap();
                assert_eq!(tls.protocol_version(), version);
                for round in 0..3 {
                    // With K it has new keys, and asks for ours.
                    if version == VERSIONS[1] {
                        to_client.write_all(b"K\n").unwrap();
                        to_client.flush().unwrap();
                    }
                    let line = format!("line {round}\n");
                    // It takes a command only at the beginning of what it reads.
                    let wait = std::time::Duration::from_millis(100);
                    taut::time::sleep(wait).await.unwrap();
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
