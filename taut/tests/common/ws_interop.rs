//! WebSocket with programs that others wrote: what our server does for their clients, and what our
//! client asks of their servers, plain and over TLS, on each driver.
//!
//! Both servers send back what comes, but for two texts: `close` is answered by a close of theirs,
//! with [`ASKED`], and `fragments` by one message in three frames.

use std::path::Path;
use std::process::Stdio;

use futures_util::future::join;
use taut::Builder;
use taut::http::{Client, Secured};
use taut::net::Transport;
use taut::process::Command;
use taut::tls::{Identity, TlsAcceptor, TlsConnector};
use taut::ws::{Acceptor, CloseCode, Connector, Opcode, WebSocket};

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
/// Within the smallest limit that one of them has by default, and beyond the kernel's buffers.
const LARGE_BYTES: usize = 900_000;

/// The files of an identity for 127.0.0.1, and of the authority that made it.
pub(crate) struct Files {
    authority: Authority,
    directory: Directory,
    identity: [String; 2],
}

impl Files {
    fn new() -> Self {
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

    fn acceptor(&self) -> TlsAcceptor {
        let [certificate, key] = &self.identity;
        let identity = Identity::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap();
        TlsAcceptor::builder(identity).build().unwrap()
    }
}

/// Has a client, whose command is made from a URL and the files of TLS, talk to our server.
pub(crate) fn serves(command: impl Fn(&str, &Files) -> Command) {
    let files = Files::new();
    on_each_driver(|builder| {
        for tls in [None, Some(files.acceptor())] {
            block_on(builder.clone(), async {
                let (listener, address) = listen();
                let scheme = if tls.is_some() { "wss" } else { "ws" };
                let serving = async {
                    let mut closes = Vec::new();
                    for _ in 0..CONNECTIONS {
                        let stream = listener.accept().await.unwrap();
                        closes.push(match &tls {
                            None => serve(stream).await,
                            Some(tls) => serve(tls.accept(stream).await.unwrap()).await,
                        });
                    }
                    closes
                };
                let mut client = command(&format!("{scheme}://{address}/path?query"), &files);
                let running = in_time(client.stdin(Stdio::null()).output());
                let (output, closes) = join(running, in_time(serving)).await;
                let output = output.unwrap();
                let told = String::from_utf8_lossy(&output.stderr);
                assert!(output.status.success(), "{}: {told}", output.status);
                assert_eq!(closes, [GOODBYE, ASKED].map(|(code, why)| (code, why.to_owned())));
            });
        }
    });
}

/// One connection; what its client closed it with.
async fn serve<T: Transport + Secured + 'static>(transport: T) -> (u16, String) {
    let mut connection = Acceptor::new().accept(transport).await.unwrap();
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
            Some(text) => connection.send_text(text).await.unwrap(),
            None => connection.send_binary(message.as_bytes()).await.unwrap(),
        }
    }
    let close = connection.peer_close().cloned().unwrap();
    connection.close(CloseCode::NORMAL, "").await.unwrap();
    (close.code.get(), close.reason.to_string())
}

/// Has our client talk to a server, whose command is made from its port and, where it is to speak
/// TLS, the files.
pub(crate) fn visits(command: impl Fn(u16, Option<&Files>) -> std::process::Command) {
    let files = Files::new();
    for files in [None, Some(&files)] {
        let server = ForeignServer::start(|_, address| command(address.port(), files));
        let scheme = if files.is_some() { "wss" } else { "ws" };
        let url = format!("{scheme}://{}/path?query", server.address);
        on_each_driver(|builder| visit(builder, &url, files));
    }
}

fn visit(builder: Builder, url: &str, files: Option<&Files>) {
    block_on(builder, async {
        let mut client = Client::builder();
        if let Some(files) = files {
            let tls = TlsConnector::builder().roots(files.authority.roots());
            client = client.tls(tls.build().unwrap());
        }
        let connector = Connector::new().client(client.build());
        let mut connection = connector.connect(url).await.unwrap();
        messages_come_back(&mut connection).await;
        pings_are_answered(&mut connection).await;
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

async fn pings_are_answered<T: Transport + 'static>(connection: &mut WebSocket<T>) {
    let longest = [b'p'; 125];
    for payload in [&b""[..], b"p", &longest] {
        connection.outbox().queue_ping(payload).unwrap();
        connection.flush().await.unwrap();
        let frame = connection.next_frame().await.unwrap().unwrap();
        assert_eq!((frame.opcode, &*frame.payload), (Opcode::Pong, payload));
    }
}
