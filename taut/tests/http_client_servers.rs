//! Our client against nginx, plain and over TLS, against Node, and against haproxy with our server
//! behind it: connections that stay, every way an answer ends, bodies of megabytes both ways, gzip,
//! `100 Continue`. A server that is not installed is left out, with the reason.

mod common;

use std::net::SocketAddr;
use std::path::Path;
use std::task::{Context, Poll};
use std::time::Duration;

use common::foreign::{ForeignServer, find};
use common::http::Running;
use common::tls::{Authority, VERSIONS};
use common::{Random, block_on, on_each_driver};
use taut::http::client::{Body, Client, Timeouts};
use taut::http::{BodyError, Request, Response, Server};
use taut::tls::{TlsConnector, TlsVersion};

/// More than the kernel's buffers and both ends' hold.
const LARGE_BYTES: usize = 6 << 20;

/// Compresses well, and is many chunks long.
fn text() -> String {
    (0..20_000).map(|line| format!("{line} bid 101.25 ask 101.50\n")).collect()
}

/// A file of random bytes, a text that is compressed, what counts an upload, and on each answer how
/// many requests its connection has had.
fn nginx_config(directory: &Path, listen: &str) -> String {
    std::fs::write(directory.join("book.bin"), Random::new(7).bytes(LARGE_BYTES)).unwrap();
    std::fs::write(directory.join("book.txt"), text()).unwrap();
    let folder = directory.display();
    format!(
        "    gzip on; gzip_types text/plain; gzip_min_length 1;\n\
         \x20   default_type application/octet-stream; types {{ text/plain txt; }}\n\
         \x20   client_max_body_size 64m;\n\
         \x20   server {{ listen {listen}; root {folder};\n\
         \x20     add_header requests $connection_requests;\n\
         \x20     location /upload {{ proxy_pass http://unix:{folder}/count:; }}\n\
         \x20     location /moved {{ return 302 /book.txt; }} }}\n\
         \x20   server {{ listen unix:{folder}/count; client_max_body_size 64m;\n\
         \x20     return 200 $content_length; }}"
    )
}

/// Pieces of an upload.
fn pieces(count: usize, bytes: usize) -> impl FnMut(&mut Context<'_>) -> Poll<Option<Piece>> {
    let mut pieces = (0..count).map(move |_| Ok(vec![b'u'; bytes].into()));
    move |_| Poll::Ready(pieces.next())
}

type Piece = std::io::Result<bytes::Bytes>;

/// All that nginx is asked for, over one connection.
async fn visit_nginx(client: &Client, url: &str, directory: &Path) {
    let mut requests = 0;
    let mut get = async |path: &str, headers: &[(&str, &str)]| {
        let request = client.get(format!("{url}{path}"));
        let request = headers.iter().fold(request, |to, (name, value)| to.header(name, value));
        let answer = request.send().await.unwrap();
        requests += 1;
        assert_eq!(answer.header("requests"), Some(&*requests.to_string()), "{path}");
        answer
    };
    for _ in 0..3 {
        let answer = get("/book.txt", &[]).await;
        assert_eq!(answer.header("transfer-encoding"), Some("chunked"));
        assert_eq!(answer.text().await.unwrap(), text(), "gzip is undone");
    }
    let answer = get("/book.txt", &[("accept-encoding", "identity")]).await;
    assert_eq!(answer.content_length(), Some(text().len() as u64));
    let etag = answer.header("etag").unwrap().to_owned();
    assert_eq!(answer.text().await.unwrap(), text());
    let answer = get("/book.txt", &[("if-none-match", &etag)]).await;
    assert_eq!(answer.status(), 304);
    assert!(answer.bytes().await.unwrap().is_empty());
    let answer = get("/book.bin", &[("range", "bytes=10-19")]).await;
    assert_eq!((answer.status().as_u16(), answer.content_length()), (206, Some(10)));
    assert_eq!(answer.bytes().await.unwrap().len(), 10);
    let content = std::fs::read(directory.join("book.bin")).unwrap();
    assert!(get("/book.bin", &[]).await.bytes().await.unwrap() == content);

    let answer = client.head(format!("{url}/book.bin")).send().await.unwrap();
    assert_eq!(answer.content_length(), Some(LARGE_BYTES as u64));
    assert!(answer.bytes().await.unwrap().is_empty());
    let saved = directory.join("saved.bin");
    client.get(format!("{url}/book.bin")).download(&saved).await.unwrap();
    assert!(std::fs::read(&saved).unwrap() == content);

    let upload = |body: Body| client.post(format!("{url}/upload")).body(body);
    let counted = LARGE_BYTES.to_string();
    for body in [
        Body::from(vec![b'u'; LARGE_BYTES]),
        Body::stream(pieces(LARGE_BYTES >> 16, 1 << 16)),
        Body::stream_of(LARGE_BYTES as u64, pieces(LARGE_BYTES >> 12, 1 << 12)),
    ] {
        let answer = upload(body).send().await.unwrap();
        assert_eq!(answer.text().await.unwrap(), counted);
    }
    let answer = upload("order".into()).expect_continue().send().await.unwrap();
    assert_eq!(answer.text().await.unwrap(), "5");
    let missing = client.get(format!("{url}/none")).send().await.unwrap();
    assert_eq!(missing.error_for_status().unwrap_err().status().unwrap(), 404);
    let moved = client.get(format!("{url}/moved")).send().await.unwrap();
    assert_eq!(moved.status(), 302);
    assert_eq!(client.connections().live, 1, "all over one connection");
}

/// So long that no test waits for it: who is not told to go on hangs.
fn patient() -> Timeouts {
    Timeouts { expect_continue: Duration::from_secs(3600), ..Timeouts::default() }
}

#[test]
fn nginx_serves_all_over_one_connection() {
    let Some(nginx) = find("nginx", "-v") else { return };
    on_each_driver(|builder| {
        let server = ForeignServer::nginx(&nginx, |directory, address| {
            nginx_config(directory, &address.to_string())
        });
        let url = format!("http://{}", server.address);
        block_on(builder, async {
            let client = Client::builder().timeouts(patient()).build();
            visit_nginx(&client, &url, &server.directory).await;
            let client = Client::builder().redirects(1).build();
            let answer = client.get(format!("{url}/moved")).send().await.unwrap();
            assert_eq!(answer.text().await.unwrap(), text());
        });
    });
}

#[test]
fn nginx_serves_all_over_tls() {
    let Some(nginx) = find("nginx", "-v") else { return };
    let authority = Authority::new();
    let [certificate, key] = authority.issue_pem("127.0.0.1", |_| ());
    let versions = [(VERSIONS[0], "TLSv1.2"), (VERSIONS[1], "TLSv1.3")];
    for (version, named) in versions {
        on_each_driver(|builder| {
            let server = ForeignServer::nginx(&nginx, |directory, address| {
                std::fs::write(directory.join("certificate.pem"), &certificate).unwrap();
                std::fs::write(directory.join("key.pem"), &key).unwrap();
                let folder = directory.display();
                let tls = format!(
                    "{address} ssl; ssl_certificate {folder}/certificate.pem; \
                     ssl_certificate_key {folder}/key.pem; ssl_protocols {named}; \
                     add_header protocol $ssl_protocol; add_header resumed $ssl_session_reused"
                );
                nginx_config(directory, &tls)
            });
            block_on(builder, over_tls(version, named, &authority, &server));
        });
    }
}

async fn over_tls(version: TlsVersion, named: &str, by: &Authority, server: &ForeignServer) {
    let url = format!("https://{}", server.address);
    let connector = TlsConnector::builder().roots(by.roots()).alpn(&[b"http/1.1"]);
    let connector = connector.versions(&[version]).build().unwrap();
    let client = Client::builder().timeouts(patient()).tls(connector.clone()).build();
    visit_nginx(&client, &url, &server.directory).await;
    let again = Client::builder().tls(connector).build();
    let answer = again.get(format!("{url}/book.txt")).send().await.unwrap();
    assert_eq!((answer.header("protocol"), answer.header("resumed")), (Some(named), Some("r")));

    let wrong = if version == VERSIONS[0] { VERSIONS[1] } else { VERSIONS[0] };
    let connector = TlsConnector::builder().roots(by.roots()).versions(&[wrong]).build().unwrap();
    let client = Client::builder().tls(connector).build();
    assert!(client.get(&url).send().await.unwrap_err().is_not_sent(), "no version in common");
}

/// Each path answers in a way of its own. What is posted comes back, once it is there.
const NODE: &str = "
const echo = (request, response) => {
  const pieces = [];
  request.on('data', (piece) => pieces.push(piece));
  request.on('end', () => response.end(Buffer.concat(pieces)));
};
require('http').createServer((request, response) => {
  if (request.url === '/chunks') {
    response.setHeader('Trailer', 'sum');
    for (let index = 0; index < 1000; index++) response.write(`${index};`);
    response.addTrailers({ sum: '1000' });
    response.end();
  } else if (request.url === '/hints') {
    for (let index = 0; index < 5; index++) response.writeEarlyHints({ link: '</a>; rel=preload' });
    response.end('hinted');
  } else if (request.url === '/echo') echo(request, response);
  else if (request.url === '/cut') { response.write('half'); setImmediate(() => response.destroy()); }
  else if (request.url === '/close') { response.setHeader('Connection', 'close'); response.end('bye'); }
  else { response.statusCode = 204; response.end(); }
}).on('checkContinue', (request, response) => {
  if (request.url === '/refuse') { response.statusCode = 403; return response.end('no'); }
  response.writeContinue();
  echo(request, response);
}).listen(Number(process.argv[1]), '127.0.0.1');
";

#[test]
fn node_answers_in_every_way() {
    let Some(node) = find("node", "--version") else { return };
    on_each_driver(|builder| {
        let server = ForeignServer::node(&node, NODE);
        let url = format!("http://{}", server.address);
        block_on(builder, async {
            let client = Client::builder().timeouts(patient()).build();
            let get = async |path: &str| client.get(format!("{url}{path}")).send().await.unwrap();
            for _ in 0..3 {
                let mut answer = get("/chunks").await;
                let mut bytes = Vec::new();
                while let Some(piece) = answer.chunk().await.unwrap() {
                    bytes.extend_from_slice(&piece);
                }
                let expected: String = (0..1000).map(|index| format!("{index};")).collect();
                assert_eq!(bytes, expected.as_bytes());
                assert_eq!(answer.trailers().unwrap()["sum"], "1000");
                drop(answer);
                assert_eq!(get("/hints").await.text().await.unwrap(), "hinted");
                assert_eq!(get("/").await.status(), 204);
            }
            let echo = |body: Body| client.post(format!("{url}/echo")).body(body);
            let content = Random::new(5).bytes(LARGE_BYTES);
            let answer = echo(content.clone().into()).send().await.unwrap();
            assert!(answer.bytes().await.unwrap() == content);
            let answer = echo(Body::stream(pieces(1000, 1001))).expect_continue();
            assert_eq!(answer.send().await.unwrap().bytes().await.unwrap().len(), 1_001_000);
            assert_eq!(client.connections().live, 1);
            let refused = client.post(format!("{url}/refuse")).body("order").expect_continue();
            assert_eq!(refused.send().await.unwrap().status(), 403);
            assert_eq!(get("/close").await.text().await.unwrap(), "bye");
            assert_eq!(client.connections().live, 0);
            let cut = get("/cut").await.bytes().await;
            assert!(cut.is_err(), "half a body is none");
        });
    });
}

async fn behind(mut request: Request<'_>) -> Result<Response, BodyError> {
    request.set_body_bytes_max(64 << 20);
    Ok(Response::ok(request.bytes().await?))
}

#[test]
fn haproxy_stands_between_our_client_and_our_server() {
    let Some(haproxy) = find("haproxy", "-v") else { return };
    on_each_driver(|builder| {
        block_on(builder, async {
            let running = Running::start(Server::builder(), behind);
            let backend: SocketAddr = running.address;
            let server = ForeignServer::haproxy(&haproxy, backend);
            let url = format!("http://{}", server.address);
            let client = Client::builder().timeouts(patient()).build();
            let content = Random::new(9).bytes(LARGE_BYTES);
            for _ in 0..3 {
                let answer = client.post(&url).body(content.clone()).send().await.unwrap();
                assert_eq!(answer.header("from-behind"), Some("yes"));
                assert!(answer.bytes().await.unwrap() == content);
                let body = Body::stream(pieces(100, 999));
                let answer = client.post(&url).body(body).expect_continue().send().await.unwrap();
                assert_eq!(answer.bytes().await.unwrap().len(), 99_900);
                let answer = client.head(&url).send().await.unwrap();
                assert_eq!(answer.content_length(), Some(0));
            }
            assert_eq!(client.connections().live, 1);
            drop(server);
            running.end().await;
        });
    });
}
