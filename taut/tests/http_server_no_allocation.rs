//! In steady state a request that is answered from static bytes allocates nothing.

mod common;

use common::allocations::{Counting, allocations};
use common::http::{Running, get, limits, post};
use common::{block_on, on_each_driver_and_wait};
use taut::http::header::{CONTENT_TYPE, HeaderValue};
use taut::http::{Request, Response, Router};
use taut::net::TcpStream;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const JSON: HeaderValue = HeaderValue::from_static("application/json");

async fn answer(request: Request<'_>) -> Response {
    assert_eq!(request.header("host"), Some(&b"engine"[..]));
    Response::ok(&br#"{"state":"trading"}"#[..]).header(CONTENT_TYPE, JSON)
}

/// Sends the requests so many times, and reads as many bytes each time as the first time.
async fn exchange(stream: &mut TcpStream, requests: &[u8], answer_bytes: usize, times: usize) {
    for _ in 0..times {
        stream.write_all(requests).await.unwrap();
        let mut read = 0;
        while read < answer_bytes {
            let bytes = stream.recv().await.unwrap();
            assert!(bytes.starts_with(b"HTTP/1.1 200 OK") || read > 0);
            read += bytes.len();
        }
        assert_eq!(read, answer_bytes);
    }
}

/// Calls of the allocator in 2000 exchanges, client included.
async fn steady(running: &Running, requests: String, responses: usize) -> u64 {
    let mut client = running.client().await;
    client.send(&requests).await;
    let mut answer_bytes = 0;
    for _ in 0..responses {
        let (head, body) = client.response().await;
        answer_bytes += head.len() + body.len();
    }
    exchange(&mut client.stream, requests.as_bytes(), answer_bytes, 2000).await;
    let work = exchange(&mut client.stream, requests.as_bytes(), answer_bytes, 2000);
    allocations(work).await
}

#[test]
fn requests_answered_from_static_bytes_allocate_nothing() {
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            let running = Running::start(limits(), answer);
            assert_eq!(steady(&running, get("/"), 1).await, 0);
            assert_eq!(steady(&running, get("/").repeat(16), 16).await, 0);
            running.end().await;
        });
    });
}

#[test]
fn neither_do_routes_bodies_and_requests_that_are_cut() {
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            let router = Router::new()
                .get("/state/{venue}", async |request: Request<'_>| {
                    assert_eq!(request.param("venue"), Some("a"));
                    answer(request).await
                })
                .post("/order", async |mut request: Request<'_>| {
                    let body = request.bytes().await.unwrap();
                    assert_eq!(&body[..], b"buy 7");
                    taut::yield_now().await;
                    Response::ok(body)
                });
            let running = Running::start(limits(), router);
            assert_eq!(steady(&running, get("/state/a"), 1).await, 0);
            assert_eq!(steady(&running, post("/order", "buy 7").repeat(3), 3).await, 0);
            running.end().await;
        });
    });
}

#[test]
fn an_idle_connection_holds_little() {
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            let running = Running::start(limits(), answer);
            let mut clients = Vec::with_capacity(200);
            let mut ask = async |count: usize| {
                for _ in 0..count {
                    let mut client = running.client().await;
                    client.send(get("/")).await;
                    client.expect(200).await;
                    clients.push(client);
                }
            };
            ask(100).await;
            let before = common::allocations::live_bytes();
            ask(100).await;
            let each = (common::allocations::live_bytes() - before) / 100;
            // The client's end is counted, too.
            assert!(each < 8 << 10, "{each} bytes a connection");
        });
    });
}
