//! WebSocket with programs that others wrote: what our server does for their clients, and what our
//! client asks of their servers, plain and over TLS, with and without compression, on each driver.
//!
//! Both servers send back what comes, but for two texts: `close` is answered by a close of theirs,
//! with [`ASKED`], and `fragments` by one message in three frames, where they can send one. Ours
//! sends `ping` back once the client has answered a ping.

use std::path::Path;
use std::process::Stdio;

use futures_util::future::join;
use taut::Builder;
use taut::http::Client;
use taut::net::Transport;
use taut::process::Command;
use taut::tls::{Identity, TlsAcceptor, TlsConnector};
use taut::ws::{Acceptor, CloseCode, Connector, DeflateOptions, Opcode, Options, WebSocket};

use super::directory::Directory;
use super::foreign::ForeignServer;
use super::tls::Authority;
use super::{block_on, in_time, listen, on_each_driver};

/// Code and reason of a close that was asked for.
pub(crate) const ASKED: (u16, &str) = (4001, "as you like");
/// Code and reason with which clients close.
pub(crate) const GOODBYE: (u16, &str) = (4000, "goodbye – 再见");
/// Connections that a client makes: one that it closes, and one that it has closed.
const CONNECTIONS: usize = 2;
/// The smallest limit that one of them has by default, and beyond the kernel's buffers.
const LARGE_BYTES: usize = 1 << 20;

/// A client in the words of the web: `visit(url, asked, askedReason, goodbye, reason)` is a promise
/// that fails where something is not as it should be.
pub(crate) const WEB_CLIENT: &str = include_str!("ws_interop_client.js");

/// What a program makes of compression where we want it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Compression {
    AgreedOn,
    Unknown,
}

/// The files of an identity for 127.0.0.1, and of the authority that made it.
pub(crate) struct Files {
    authority: Authority,
    directory: Directory,
    identity: [String; 2],
}

impl Files {
    pub(crate) fn new() -> Self {
        let authority = Authority::new();
        let identity = authority.issue_pem("127.0.0.1", |_| ());
        let directory = Directory::new();
        let contents = [authority.pem(), identity[0].clone(), identity[1].clone()];
        for (name, content) in ["authority.pem", "certificate.pem", "key.pem"].iter().zip(contents)
        {
            std::fs::write(directory.join(name), content).unwrap();
        }
        Self { authority, directory, identity }
    }

    /// Where `authority.pem`, `certificate.pem` and `key.pem` are.
    pub(crate) fn folder(&self) -> &Path {
        &self.directory
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        let [certificate, key] = &self.identity;
        let identity = Identity::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap();
        TlsAcceptor::builder(identity).build().unwrap()
    }
}

/// With compression, and without.
pub(crate) fn options(compressed: bool) -> Options {
    let mut options = Options::default();
    options.deflate = compressed.then(DeflateOptions::default);
    options
}

/// Has a client, whose command is made from a URL and the files of TLS, talk to our server.
pub(crate) fn serves(compression: Compression, command: impl Fn(&str, &Files) -> Command) {
    let files = Files::new();
    on_each_driver(|builder| {
        for (secure, compressed) in [(false, false), (false, true), (true, false), (true, true)] {
            let tls = secure.then(|| files.acceptor());
            let acceptor = Acceptor::new().options(options(compressed));
            let compressed = compressed && compression == Compression::AgreedOn;
            block_on(builder.clone(), async {
                let (listener, address) = listen();
                let scheme = if secure { "wss" } else { "ws" };
                let serving = async {
                    let mut closes = Vec::new();
                    for _ in 0..CONNECTIONS {
                        let stream = listener.accept().await.unwrap();
                        closes.push(match &tls {
                            None => {
                                let connection = acceptor.accept(stream).await.unwrap();
                                converse(connection, compressed).await
                            }
                            Some(tls) => {
                                let stream = tls.accept(stream).await.unwrap();
                                let connection = acceptor.accept(stream).await.unwrap();
                                converse(connection, compressed).await
                            }
                        });
                    }
                    closes
                };
                let mut client = command(&format!("{scheme}://{address}/path?query"), &files);
                let running = client.stdin(Stdio::null()).kill_on_drop(true).output();
                let running = async {
                    let output = in_time(running).await.unwrap();
                    let told = String::from_utf8_lossy(&output.stderr);
                    assert!(output.status.success(), "{}: {told}", output.status);
                };
                let ((), closes) = join(running, serving).await;
                assert_eq!(closes, goodbyes());
            });
        }
    });
}

/// With what a client closes its connections, one after the other.
pub(crate) fn goodbyes() -> [(u16, String); CONNECTIONS] {
    [GOODBYE, ASKED].map(|(code, reason)| (code, reason.to_owned()))
}

/// Our end of one connection, compressed or not; what its client closed it with.
pub(crate) async fn converse<T: Transport + 'static>(
    mut connection: WebSocket<T>,
    compressed: bool,
) -> (u16, String) {
    assert_compressed(&connection, compressed);
    while let Some(message) = connection.next().await.unwrap() {
        match message.as_str() {
            Some("close") => {
                let code = CloseCode::new(ASKED.0).unwrap();
                connection.outbox().queue_close(code, ASKED.1).unwrap();
            }
            Some("fragments") => {
                let pieces: [&[u8]; 3] = ["é".as_bytes(), b"", b"nd"];
                connection.outbox().queue_fragmented(Opcode::Text, &pieces).unwrap();
            }
            Some("ping") => {
                is_answered(&mut connection, b"are you there?").await;
                connection.send_text("ping").await.unwrap();
            }
            Some(text) => connection.send_text(text).await.unwrap(),
            None => connection.send_binary(message.as_bytes()).await.unwrap(),
        }
    }
    let close = connection.peer_close().cloned().unwrap();
    connection.close(CloseCode::NORMAL, "").await.unwrap();
    (close.code.get(), close.reason.to_string())
}

fn assert_compressed<T: Transport + 'static>(connection: &WebSocket<T>, compressed: bool) {
    let extensions = connection.handshake().unwrap().extensions();
    let names: Vec<&str> = extensions.iter().map(|extension| extension.name()).collect();
    assert_eq!(names, ["permessage-deflate"][..usize::from(compressed)]);
}

/// Has our client talk to a server, whose command is made from its port and, where it is to speak
/// TLS, the files.
pub(crate) fn visits(
    compression: Compression,
    command: impl Fn(u16, Option<&Files>) -> std::process::Command,
) {
    let files = Files::new();
    for files in [None, Some(&files)] {
        let server = ForeignServer::start(|_, address| command(address.port(), files));
        let scheme = if files.is_some() { "wss" } else { "ws" };
        let url = format!("{scheme}://{}/path?query", server.address);
        for compressed in [false, true] {
            let mut client = Client::builder();
            if let Some(files) = files {
                let tls = TlsConnector::builder().roots(files.authority.roots());
                client = client.tls(tls.build().unwrap());
            }
            let connector = Connector::new().client(client.build()).options(options(compressed));
            let compressed = compressed && compression == Compression::AgreedOn;
            on_each_driver(|builder| visit(builder, &url, &connector, compressed));
        }
    }
}

fn visit(builder: Builder, url: &str, connector: &Connector, compressed: bool) {
    block_on(builder, async {
        let mut connection = connector.connect(url).await.unwrap();
        assert_compressed(&connection, compressed);
        messages_come_back(&mut connection).await;
        for payload in [&b""[..], b"p", &[b'p'; 125]] {
            is_answered(&mut connection, payload).await;
        }
        let code = CloseCode::new(GOODBYE.0).unwrap();
        connection.close(code, GOODBYE.1).await.unwrap();
        assert_eq!(connection.peer_close().unwrap().code, code);

        let mut connection = connector.connect(url).await.unwrap();
        connection.send_text("close").await.unwrap();
        assert!(connection.next().await.unwrap().is_none());
        let close = connection.peer_close().unwrap();
        assert_eq!((close.code.get(), &*close.reason), ASKED);
        connection.close(CloseCode::NORMAL, "").await.unwrap();
    });
}

async fn messages_come_back<T: Transport + 'static>(connection: &mut WebSocket<T>) {
    for length in [0, 1, 125, 126, 65_535, 65_536, LARGE_BYTES] {
        let text = "é€🚀x".repeat(length / 10 + 1);
        let text = &text[..text.floor_char_boundary(length)];
        connection.send_text(text).await.unwrap();
        assert_eq!(connection.next().await.unwrap().unwrap().as_str(), Some(text));
        let data: Vec<u8> = (0..length).map(|index| (index * 7) as u8).collect();
        connection.send_binary(&data).await.unwrap();
        let back = connection.next().await.unwrap().unwrap();
        assert!(back.as_bytes() == data && back.as_str().is_none());
    }
    let pieces: [&[u8]; 3] = [b"one ", b"", b"message"];
    connection.outbox().queue_fragmented(Opcode::Text, &pieces).unwrap();
    connection.flush().await.unwrap();
    assert_eq!(connection.next().await.unwrap().unwrap().as_str(), Some("one message"));
    connection.send_text("fragments").await.unwrap();
    assert_eq!(connection.next().await.unwrap().unwrap().as_str(), Some("énd"));
}

async fn is_answered<T: Transport + 'static>(connection: &mut WebSocket<T>, ping: &[u8]) {
    connection.outbox().queue_ping(ping).unwrap();
    connection.flush().await.unwrap();
    let frame = connection.next_frame().await.unwrap().unwrap();
    assert_eq!((frame.opcode, &*frame.payload), (Opcode::Pong, ping));
}
