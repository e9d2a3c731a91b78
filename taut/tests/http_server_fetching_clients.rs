//! Clients that others wrote, plain and over TLS: Python's `httpx` and Node's `fetch`. They reuse
//! their connection, post by length and in chunks, follow redirects, ask for heads and for much.
//! Left out, with the reason, where they are not installed.

mod common;

use std::path::Path;
use std::process::Stdio;

use common::directory::Directory;
use common::foreign::find;
use common::http::limits;
use common::tls::Authority;
use common::{block_on, in_time, listen, on_each_driver};
use taut::http::header::{HeaderValue, LOCATION};
use taut::http::{Body, BodyError, Request, Response, Server, StatusCode};
use taut::net::TcpListener;
use taut::process::Command;
use taut::tls::{Identity, TlsAcceptor, TlsVersion};

/// More than the kernel's buffers and both ends' hold.
const LARGE_BYTES: usize = 3 << 20;

async fn answer(mut request: Request<'_>) -> Result<Response, BodyError> {
    let away = |status: StatusCode| {
        Response::new(status).header(LOCATION, HeaderValue::from_static("/hello"))
    };
    Ok(match request.path() {
        "/hello" => Response::text(format!("{} hello", request.method())),
        "/found" => away(StatusCode::FOUND),
        "/see" => away(StatusCode::SEE_OTHER),
        "/again" => Response::new(StatusCode::TEMPORARY_REDIRECT)
            .header(LOCATION, HeaderValue::from_static("/echo")),
        "/large" => Response::ok(vec![b'l'; LARGE_BYTES]),
        "/stream" => {
            let piece = |index: usize| Ok::<_, std::io::Error>(vec![b's'; 1 + index % 700]);
            Response::ok(Body::stream(futures_util::stream::iter((0..1000).map(piece)), None))
        }
        "/none" => StatusCode::NO_CONTENT.into(),
        "/echo" => {
            request.set_body_bytes_max(LARGE_BYTES as u64);
            Response::ok(request.bytes().await?)
        }
        _ => StatusCode::NOT_FOUND.into(),
    })
}

/// What both clients print: how they ask, the status, and the bytes that they read. Made from
/// [`answer`] by hand.
const PRINTED: &str = "GET /hello 200 9\nHEAD /hello 200 0\nGET /stream 200 290500\n\
    GET /large 200 3145728\nGET /none 204 0\nGET /found 200 9\nPOST /see 200 9\n\
    POST /again 200 5\nPOST /echo 200 5\nPOST /echo 200 0\nPOST /echo 200 3145728\n\
    POST /echo 200 70000\nPUT /hello 200 9\nDELETE /nowhere 404 0\nGET /hello 200 9\n";

const PYTHON: &str = "
import httpx, ssl, sys
origin, authority = sys.argv[1:3]
verify = ssl.create_default_context(cafile=authority) if authority else True
chunks = lambda: iter([b'c' * 700] * 100)
with httpx.Client(verify=verify, trust_env=False, follow_redirects=True, timeout=30) as client:
    for method, path, content in [
        ('GET', '/hello', None), ('HEAD', '/hello', None), ('GET', '/stream', None),
        ('GET', '/large', None), ('GET', '/none', None), ('GET', '/found', None),
        ('POST', '/see', b'order'), ('POST', '/again', b'order'), ('POST', '/echo', b'order'),
        ('POST', '/echo', b''), ('POST', '/echo', b'x' * 3145728), ('POST', '/echo', chunks()),
        ('PUT', '/hello', b''), ('DELETE', '/nowhere', None), ('GET', '/hello', None),
    ]:
        response = client.request(method, origin + path, content=content)
        print(method, path, response.status_code, len(response.content))
        assert response.http_version == 'HTTP/1.1'
";

const NODE: &str = "
const chunks = () => new ReadableStream({
  start(to) {
    for (let index = 0; index < 100; index++) to.enqueue(new Uint8Array(700));
    to.close();
  }
});
(async () => {
  for (const [method, path, body] of [
    ['GET', '/hello'], ['HEAD', '/hello'], ['GET', '/stream'], ['GET', '/large'], ['GET', '/none'],
    ['GET', '/found'], ['POST', '/see', 'order'], ['POST', '/again', 'order'],
    ['POST', '/echo', 'order'], ['POST', '/echo', ''], ['POST', '/echo', 'x'.repeat(3145728)],
    ['POST', '/echo', chunks()], ['PUT', '/hello', ''], ['DELETE', '/nowhere'], ['GET', '/hello'],
  ]) {
    const response = await fetch(process.argv[1] + path, { method, body, duplex: 'half' });
    const content = await response.arrayBuffer();
    console.log(method, path, response.status, content.byteLength);
  }
})();
";

/// What the client prints, and how many connections it made.
async fn visit(
    server: &Server,
    serving: impl Future<Output = std::io::Result<()>> + 'static,
    mut command: Command,
) -> u64 {
    let serving = taut::spawn(serving);
    let output = in_time(command.stdin(Stdio::null()).output()).await.unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {told}", output.status);
    assert_eq!(String::from_utf8(output.stdout).unwrap(), PRINTED, "{told}");
    server.shutdown();
    in_time(serving).await.unwrap().unwrap();
    let counters = server.counters();
    assert_eq!((counters.connections_live, counters.requests_rejected), (0, 0));
    assert_eq!(counters.requests, 15 + 3, "three are redirected");
    counters.connections_accepted
}

/// Has a command, made from an origin and the file of an authority, visit a plain server and
/// servers of each version of TLS, on each driver. It may make so many connections for its 18
/// requests.
fn visited_by(connections_max: u64, command: impl Fn(&str, Option<&Path>) -> Command) {
    let authority = Authority::new();
    let [certificate, key] = authority.issue_pem("127.0.0.1", |_| ());
    let directory = Directory::new();
    let file = directory.join("authority.pem");
    std::fs::write(&file, authority.pem()).unwrap();
    on_each_driver(|runtime| {
        block_on(runtime.clone(), async {
            let (server, (listener, address)) = (limits().build(), listen());
            let serving = server.clone();
            let serving = async move { serving.serve(listener, answer).await };
            let command = command(&format!("http://{address}"), None);
            assert!(visit(&server, serving, command).await <= connections_max);
        });
        for version in [TlsVersion::Tls12, TlsVersion::Tls13] {
            let identity = Identity::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap();
            let acceptor = TlsAcceptor::builder(identity).alpn(&[b"http/1.1"]);
            let acceptor = acceptor.versions(&[version]).build().unwrap();
            block_on(runtime.clone(), async {
                let (server, (listener, address)) = (limits().build(), listen());
                let serving = over_tls(server.clone(), listener, acceptor);
                let command = command(&format!("https://{address}"), Some(&file));
                let connections = visit(&server, serving, command).await;
                assert!(connections <= connections_max, "{version:?}: {connections}");
            });
        }
    });
}

async fn over_tls(
    server: Server,
    listener: TcpListener,
    acceptor: TlsAcceptor,
) -> std::io::Result<()> {
    let handshake = async move |stream| acceptor.accept(stream).await.map_err(std::io::Error::from);
    server.serve_over(listener, handshake, answer).await
}

/// A Python that has `httpx`: the one of the package is not always the first one.
fn python() -> Option<&'static str> {
    let has = |python: &&str| {
        let mut command = std::process::Command::new(python);
        let tried = command.args(["-c", "import httpx; print(httpx.__version__)"]).output();
        let version = tried.ok().filter(|output| output.status.success());
        let version = version.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
        version.inspect(|version| eprintln!("httpx: {version}")).is_some()
    };
    let found = ["python3", "/usr/bin/python3"].into_iter().find(has);
    if found.is_none() {
        eprintln!("SKIPPED: no python3 here has httpx");
    }
    found
}

#[test]
fn httpx_is_served() {
    let Some(python) = python() else { return };
    visited_by(1, |origin, authority| {
        let mut command = Command::new(python);
        command.args(["-c", PYTHON, origin]).arg(authority.unwrap_or_else(|| Path::new("")));
        command
    });
}

#[test]
fn nodes_fetch_is_served() {
    let Some(node) = find("node", "--version") else { return };
    // It gives one up behind HEAD, whatever the answer, and asks before the one before is free.
    visited_by(3, |origin, authority| {
        let mut command = Command::new(&node);
        command.args(["--eval", NODE, origin]);
        if let Some(authority) = authority {
            command.env("NODE_EXTRA_CA_CERTS", authority);
        }
        command
    });
}
