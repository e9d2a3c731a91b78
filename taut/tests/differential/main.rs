//! The same bytes to our HTTP server and to those that the world runs: nginx, haproxy with ours
//! behind it, Node. What they make of them is compared answer by answer, and each difference stands
//! in a table with its reason: one that does not fails, and so does an entry that is not seen.
//!
//! A server that is not installed is left out, with the reason, and so is one of another version
//! than the table's: servers change their minds.

#[path = "../common/mod.rs"]
mod common;

mod bodies;
mod connections;
mod differences;
mod haproxy;
mod heads;
mod limits;
mod nginx;
mod node;
mod reasons;
mod verdict;

use std::net::SocketAddr;

use common::foreign::{ForeignServer, find_of_version};
use common::http::{Running, limits};
use common::{block_on, on_each_driver};
use differences::{Other, compare};
use taut::http::header::{HeaderName, HeaderValue};
use taut::http::{BodyError, Request, Response};
use taut::off_core;
use verdict::{Verdict, verdict};

/// Bytes that a client sends on one connection, before it closes its side.
struct Case {
    name: &'static str,
    bytes: Vec<u8>,
}

/// A request that is the last one of its connection.
const END: &[u8] = b"GET /end HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

/// Bytes with a whole request behind them, which whoever has read them to their end answers too.
fn case(name: &'static str, bytes: impl AsRef<[u8]>) -> Case {
    Case { name, bytes: [bytes.as_ref(), END].concat() }
}

/// Bytes with nothing behind them.
fn cut(name: &'static str, bytes: impl AsRef<[u8]>) -> Case {
    Case { name, bytes: bytes.as_ref().to_vec() }
}

fn cases() -> Vec<Case> {
    let cases: Vec<Case> = [heads::cases(), bodies::cases(), connections::cases(), limits::cases()]
        .into_iter()
        .flatten()
        .collect();
    for (index, case) in cases.iter().enumerate() {
        assert!(cases[..index].iter().all(|other| other.name != case.name), "{}", case.name);
    }
    cases
}

/// What a server makes of each case. Blocks.
fn verdicts(address: SocketAddr) -> Vec<Verdict> {
    cases().iter().map(|case| verdict(address, case)).collect()
}

/// Answers each request with a header that says how it was read: method, target, bytes of the body.
async fn tell(mut request: Request<'_>) -> Result<Response, BodyError> {
    const READ: HeaderName = HeaderName::from_static(verdict::READ);
    let line = format!("{} {} ", request.method(), request.target());
    let bytes = request.bytes().await?.len();
    let read = HeaderValue::from_bytes(format!("{line}{bytes}").as_bytes()).unwrap();
    Ok(Response::text("read").header(READ, read))
}

/// Compares ours, on each driver, with the other server, which may stand in front of it.
fn differ(other: Other, start: impl Fn(SocketAddr) -> ForeignServer) {
    on_each_driver(|builder| {
        block_on(builder, async {
            let running = Running::start(limits(), tell);
            let ours = running.address;
            let server = start(ours);
            let theirs = server.address;
            let both = off_core(move || (verdicts(ours), verdicts(theirs))).await.unwrap();
            drop(server);
            running.end().await;
            compare(other, &cases(), &both.0, &both.1);
        });
    });
}

#[test]
fn nginx_and_ours_differ_where_it_is_told_why() {
    // It reads the body to its end only where it passes it on, which it does to itself.
    let config = |directory: &std::path::Path, address: SocketAddr| {
        let socket = format!("unix:{}/behind", directory.display());
        format!(
            "    map $content_length $bytes {{ '' 0; default $content_length; }}\n\
             \x20   server {{ listen {address}; location / {{ \
             proxy_pass http://{socket}:; proxy_ignore_client_abort on; \
             proxy_buffer_size 64k; proxy_buffers 4 64k; }} }}\n\
             \x20   server {{ listen {socket}; add_header read \
             \"$request_method $request_uri $bytes\"; return 200 read; }}\n"
        )
    };
    if let Some(nginx) = find_of_version("nginx", "-v", "nginx/1.22.") {
        differ(Other::Nginx, |_| ForeignServer::nginx(&nginx, config));
    }
}

#[test]
fn haproxy_and_ours_differ_where_it_is_told_why() {
    if let Some(haproxy) = find_of_version("haproxy", "-v", "version 2.6.") {
        differ(Other::Haproxy, |ours| ForeignServer::haproxy(&haproxy, ours));
    }
}

#[test]
fn node_and_ours_differ_where_it_is_told_why() {
    // Without the last line it would cut off what it has not answered when the client ends.
    const SCRIPT: &str = "
const server = require('http').createServer((request, response) => {
  let bytes = 0;
  request.on('data', (piece) => { bytes += piece.length; });
  request.on('end', () => {
    response.setHeader('read', `${request.method} ${request.url} ${bytes}`);
    response.end('read');
  });
});
server.httpAllowHalfOpen = true;
server.listen(Number(process.argv[1]), '127.0.0.1');
";
    if let Some(node) = find_of_version("node", "--version", "v20.") {
        differ(Other::Node, |_| ForeignServer::node(&node, SCRIPT));
    }
}
