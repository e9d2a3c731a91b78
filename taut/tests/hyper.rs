//! hyper's client and server on Taut: HTTP/1.1 and HTTP/2, bodies, time-outs, upgrades.

mod common;

use std::convert::Infallible;
use std::time::Duration;

use common::{block_on, connected_pair, on_each_driver_and_wait};
use futures_util::future::join_all;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode, Version, client, server};
use taut::hyper::{Executor, Io, Timer};
use taut::net::TcpStream;

type Body = Full<Bytes>;

/// Gives back what it gets, backwards.
async fn reverse(request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    let mut bytes = request.into_body().collect().await.unwrap().to_bytes().to_vec();
    bytes.reverse();
    Ok(Response::new(Full::from(bytes)))
}

fn post(body: Vec<u8>) -> Request<Body> {
    let request = Request::builder().method(Method::POST).uri("http://here/turn");
    request.header("host", "here").body(Full::from(body)).unwrap()
}

async fn check_answer(sent: Vec<u8>, answer: Response<Incoming>) {
    assert_eq!(answer.status(), StatusCode::OK);
    let got = answer.into_body().collect().await.unwrap().to_bytes();
    assert!(got.iter().rev().eq(&sent), "{} bytes", sent.len());
}

fn pattern(bytes: usize, seed: usize) -> Vec<u8> {
    (0..bytes).map(|place| ((place + seed).wrapping_mul(0x9e37_79b9) >> 11) as u8).collect()
}

#[test]
fn bodies_of_all_sizes_go_there_and_back_by_http_1() {
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            let (client, server) = connected_pair().await;
            let serving = taut::spawn(
                server::conn::http1::Builder::new()
                    .timer(Timer)
                    .serve_connection(Io::new(server), service_fn(reverse)),
            );
            let (mut sender, connection) =
                client::conn::http1::handshake(Io::new(client)).await.unwrap();
            let driving = taut::spawn(connection);
            for bytes in [0, 1, 1_000, 40_000, 3 << 20] {
                let body = pattern(bytes, bytes);
                let answer = sender.send_request(post(body.clone())).await.unwrap();
                assert_eq!(answer.version(), Version::HTTP_11);
                check_answer(body, answer).await;
                sender.ready().await.unwrap();
            }
            drop(sender);
            driving.await.unwrap().unwrap();
            serving.await.unwrap().unwrap();
        });
    });
}

#[test]
fn many_requests_share_a_connection_by_http_2() {
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            let (client, server) = connected_pair().await;
            let serving = taut::spawn(
                server::conn::http2::Builder::new(Executor)
                    .timer(Timer)
                    .keep_alive_interval(Duration::from_secs(5))
                    .serve_connection(Io::new(server), service_fn(reverse)),
            );
            let (sender, connection) =
                client::conn::http2::handshake(Executor, Io::new(client)).await.unwrap();
            let driving = taut::spawn(connection);
            let requests = (0..60).map(|number| {
                let mut sender = sender.clone();
                async move {
                    let body = pattern(number * 3_000, number);
                    let answer = sender.send_request(post(body.clone())).await.unwrap();
                    assert_eq!(answer.version(), Version::HTTP_2);
                    check_answer(body, answer).await;
                }
            });
            join_all(requests).await;
            drop(sender);
            driving.await.unwrap().unwrap();
            serving.await.unwrap().unwrap();
        });
    });
}

#[test]
fn a_client_that_sends_no_head_is_timed_out_by_our_timer() {
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            let (mut client, server) = connected_pair().await;
            let serving = taut::spawn(
                server::conn::http1::Builder::new()
                    .timer(Timer)
                    .header_read_timeout(Duration::from_millis(20))
                    .serve_connection(Io::new(server), service_fn(reverse)),
            );
            client.write_all(b"GET / HT").await.unwrap();
            let error = serving.await.unwrap().unwrap_err();
            assert!(error.is_timeout(), "{error:?}");
        });
    });
}

#[test]
fn an_upgrade_gives_the_stream_and_what_came_behind_the_head() {
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            let (mut client, server) = connected_pair().await;
            let (tell, told) = taut::channel::oneshot::channel();
            let serving = taut::spawn(serve_upgrade(server, tell));
            let head = b"GET / HTTP/1.1\r\nhost: h\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n";
            client.write_all(&[&head[..], b"early"].concat()).await.unwrap();
            serving.await.unwrap();
            let (mut stream, early) = told.await.unwrap();
            assert_eq!(early, b"early");
            stream.write_all(b"late").await.unwrap();
            drop(stream);
            let mut answer = Vec::new();
            client.read_to_end(&mut answer).await.unwrap();
            assert!(answer.starts_with(b"HTTP/1.1 101 ") && answer.ends_with(b"\r\n\r\nlate"));
        });
    });
}

type Upgraded = taut::channel::oneshot::Sender<(TcpStream, Vec<u8>)>;

async fn serve_upgrade(stream: TcpStream, tell: Upgraded) {
    let switch = service_fn(|_: Request<Incoming>| async {
        let answer = Response::builder().status(StatusCode::SWITCHING_PROTOCOLS);
        let answer = answer.header("connection", "upgrade").header("upgrade", "echo");
        Ok::<_, Infallible>(answer.body(Body::default()).unwrap())
    });
    let connection = server::conn::http1::Builder::new().serve_connection(Io::new(stream), switch);
    let parts = connection.without_shutdown().await.unwrap();
    let (stream, rest) = parts.io.into_parts();
    let mut early = parts.read_buf.to_vec();
    early.extend_from_slice(rest.as_deref().unwrap_or_default());
    let _ = tell.send((stream, early));
}
