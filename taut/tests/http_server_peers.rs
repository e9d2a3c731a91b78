//! What a handler is told of its client: the address, the process, and what TLS agreed on.

mod common;

use common::directory::Directory;
use common::http::{Running, get, limits, with_server};
use common::tls::{Authority, NAME, VERSIONS};
use common::{block_on, in_time, listen, on_each_driver};
use taut::http::{Peer, Request, Response, Secured};
use taut::net::{TcpStream, UnixListener, UnixStream};
use taut::tls::{TlsAcceptor, TlsConnector, TlsStream};

/// Tells what it knows, a word for each.
async fn tell(request: Request<'_>) -> Response {
    let Some(tls) = request.tls() else { return Response::text("plain") };
    let alpn = tls.alpn.as_deref().map(String::from_utf8_lossy);
    let first = tls.peer_certificates.first().map(|certificate| certificate.len());
    assert!(matches!(request.peer(), Peer::Tcp(_)), "{:?}", request.peer());
    Response::text(format!(
        "{:?} {alpn:?} {:?} {} {first:?} {}",
        tls.version,
        tls.server_name,
        tls.peer_certificates.len(),
        tls.is_resumed
    ))
}

/// The next answer's body, of which all is short.
async fn ask(stream: &mut TlsStream<TcpStream>) -> String {
    stream.write_all(get("/").as_bytes()).await.unwrap();
    let mut answer = String::new();
    loop {
        let bytes = in_time(stream.recv()).await.unwrap();
        assert!(!bytes.is_empty(), "{answer}");
        answer.push_str(std::str::from_utf8(&bytes).unwrap());
        let Some((head, body)) = answer.split_once("\r\n\r\n") else { continue };
        if common::http::header(head, "content-length").unwrap() == body.len().to_string() {
            return body.to_owned();
        }
    }
}

#[test]
fn a_handler_is_told_what_the_handshake_agreed_on() {
    let authority = Authority::new();
    for version in VERSIONS {
        on_each_driver(|builder| {
            block_on(builder, async {
                let acceptor = TlsAcceptor::builder(authority.issue(NAME))
                    .alpn(&[b"http/1.1"])
                    .ask_for_client_certificates(authority.roots())
                    .build()
                    .unwrap();
                let server = limits().build();
                let (listener, address) = listen();
                let serving = server.clone();
                let running = taut::spawn(async move {
                    let handshake = async move |stream| Ok(acceptor.accept(stream).await?);
                    serving.serve_over(listener, handshake, tell).await
                });
                let connector = || {
                    let connector = TlsConnector::builder().versions(&[version]);
                    connector.roots(authority.roots()).sessions_max(0)
                };
                let connect = async |connector: TlsConnector| {
                    let stream = TcpStream::connect(address).await.unwrap();
                    connector.connect(NAME, stream).await.unwrap()
                };

                let known = connector().alpn(&[b"http/1.1"]).identity(authority.issue("desk.test"));
                let mut known = connect(known.build().unwrap()).await;
                let told = ask(&mut known).await;
                let start = format!("{version:?} Some(\"http/1.1\") Some({NAME:?}) 1 Some(");
                assert!(told.starts_with(&start) && told.ends_with(") false"), "{told}");
                assert_eq!(ask(&mut known).await, told, "the second request is told the same");

                // Another one of the same core, who says as little as can be.
                let silent = connector().without_server_name().build().unwrap();
                let mut silent = connect(silent).await;
                let nothing = format!("{version:?} None None 0 None false");
                assert_eq!(ask(&mut silent).await, nothing);
                assert_eq!(ask(&mut known).await, told);

                let resuming = connector().sessions_max(8).build().unwrap();
                let whether = async || {
                    let mut stream = connect(resuming.clone()).await;
                    let told = ask(&mut stream).await;
                    assert!(told.contains(NAME), "{told}");
                    told.ends_with("true")
                };
                assert_eq!((whether().await, whether().await), (false, true), "{version:?}");

                server.shutdown();
                drop((known, silent));
                in_time(running).await.unwrap().unwrap();
            });
        });
    }
}

#[test]
fn a_plain_client_has_agreed_on_nothing() {
    with_server(
        limits(),
        || tell,
        async |running| {
            let mut client = running.client().await;
            client.send(get("/")).await;
            assert_eq!(client.expect(200).await, "plain");
        },
    );
}

#[test]
fn a_client_on_a_unix_socket_is_a_process() {
    let directory = Directory::new();
    on_each_driver(|builder| {
        let path = directory.join("engine.sock");
        let _ = std::fs::remove_file(&path);
        block_on(builder, async {
            let listener = UnixListener::bind(&path).unwrap();
            let answer = async |request: Request<'_>| {
                assert!(request.tls().is_none() && request.peer().ip().is_none());
                match request.peer() {
                    Peer::Unix(process) => Response::text(format!("{process:?}")),
                    other => panic!("{other:?}"),
                }
            };
            // Whichever address: it is not asked for one.
            let address = "127.0.0.1:1".parse().unwrap();
            let running = Running::on(listener, address, limits(), answer);
            let mut client = UnixStream::connect(&path).await.unwrap();
            client.write_all(get("/").as_bytes()).await.unwrap();
            let answer = in_time(client.recv()).await.unwrap();
            let answer = std::str::from_utf8(&answer).unwrap().to_owned();
            assert!(answer.contains(&std::process::id().to_string()), "{answer}");
            drop(client);
            running.end().await;
        });
    });
}

/// A transport of a user's own that passes the question on.
struct Wrapped<T>(T);

impl<T: Secured> Secured for Wrapped<T> {
    fn tls(&self) -> Option<std::rc::Rc<taut::tls::Agreed>> {
        self.0.tls()
    }
}

#[test]
fn a_stream_tells_the_same_to_whoever_asks() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (connector, acceptor) = common::tls::ends(VERSIONS[1]);
            let (client, server) = common::tls::tls_pair(&connector, &acceptor).await;
            assert_eq!(server.agreed().server_name.as_deref(), Some(NAME));
            assert_eq!(client.agreed().server_name, None, "it knows what it asked for");
            let kept = Wrapped(server).tls().unwrap();
            assert_eq!(kept.server_name.as_deref(), Some(NAME), "it outlives its stream");
        });
    });
}
