//! Prepared requests: what goes out and what comes back, without an allocation.

mod common;

use common::allocations::{Counting, allocations};
use common::http_peer::{Peer, against, body_of, header};
use common::{block_on, listen, on_each_driver};
use taut::http::Method;
use taut::http::client::{Client, PreparedRequest, Template};
use taut::net::{TcpListener, TcpStream};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn order(client: &Client, url: &str) -> PreparedRequest {
    let order = client.prepare(Method::POST, format!("{url}/order?symbol=BTCUSDT"));
    let order = order.query(Template::new().text("time=").field("time", 13));
    let order = order.header("x-signature", Template::new().field("signature", 8));
    order.header("content-type", "application/json").body_up_to(64).build().unwrap()
}

/// Answers each message with the same bytes, without an allocation of its own.
async fn venue(mut stream: TcpStream, answer: &'static [u8]) {
    loop {
        let request = stream.recv().await.unwrap();
        if request.is_empty() {
            return;
        }
        stream.write_all(answer).await.unwrap();
    }
}

#[test]
fn an_order_over_a_kept_connection_allocates_nothing() {
    const LENGTH: &[u8] =
        b"HTTP/1.1 200 OK\r\nServer: v\r\nX-Limit: 7\r\nContent-Length: 12\r\n\r\n{\"id\": 4711}";
    const CHUNKED: &[u8] =
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\n{\"id\":\r\n6\r\n 4711}\r\n0\r\n\r\n";

    on_each_driver(|builder| {
        for answer in [LENGTH, CHUNKED] {
            block_on(builder.clone(), async {
                let (listener, address) = listen();
                let venue = taut::spawn(async move {
                    venue(listener.accept().await.unwrap(), answer).await;
                });
                let client = Client::new();
                let mut order = order(&client, &format!("http://{address}"));
                let (time, signature) =
                    (order.field("time").unwrap(), order.field("signature").unwrap());
                let mut send = async |number: u64| {
                    order.set_number(time, 1_700_000_000_000 + number).unwrap();
                    order.set(signature, b"deadbeef").unwrap();
                    order.set_body(b"{\"quantity\": 250}").unwrap();
                    let answer = order.send().await.unwrap();
                    assert_eq!(
                        (answer.status().as_u16(), answer.body()),
                        (200, &b"{\"id\": 4711}"[..])
                    );
                };
                for number in 0..100 {
                    send(number).await;
                }
                let count = allocations(async {
                    for number in 0..1000 {
                        send(number).await;
                    }
                })
                .await;
                assert_eq!(count, 0, "in a thousand orders");
                drop(client);
                drop(order);
                venue.await.unwrap();
            });
        }
    });
}

#[test]
fn the_venue_reads_what_was_set_and_the_answer_is_read_where_it_landed() {
    let script = async |listener: &TcpListener| {
        let mut peer = Peer::accept(listener).await;
        for body in ["{}", "{\"quantity\": 250}", ""] {
            let request = peer.request().await;
            assert!(
                request.starts_with("POST /order?symbol=BTCUSDT&time=0000000000042 HTTP/1.1\r\n")
            );
            assert_eq!(header(&request, "x-signature"), Some("00ff00ff"));
            assert_eq!(header(&request, "content-length").unwrap().trim(), body.len().to_string());
            assert_eq!(body_of(&request), body);
            peer.say("HTTP/1.1 201 Created\r\nX-Weight: 12\r\nContent-Length: 7\r\n\r\nfil").await;
            common::turns(3).await;
            peer.say("led!").await;
        }
        peer.is_closed().await;
    };
    against(script, async |client, url| {
        let mut order = order(&client, url);
        let (time, signature) = (order.field("time").unwrap(), order.field("signature").unwrap());
        order.set_number(time, 42).unwrap();
        order.set(signature, b"00ff00ff").unwrap();
        for body in ["{}", "{\"quantity\": 250}", ""] {
            order.set_body(body.as_bytes()).unwrap();
            let answer = order.send().await.unwrap();
            assert_eq!(
                (answer.status().as_u16(), answer.header("x-weight")),
                (201, Some(&b"12"[..]))
            );
            assert_eq!(answer.headers().count(), 2);
            assert_eq!(answer.body(), b"filled!");
        }
    });
}

#[test]
fn a_prepared_order_is_never_sent_twice_and_a_prepared_question_is() {
    for (method, retried) in [(Method::POST, false), (Method::GET, true)] {
        let script = async |listener: &TcpListener| {
            let mut peer = Peer::accept(listener).await;
            peer.echo_lines(1).await;
            peer.request().await;
            drop(peer);
            if retried {
                Peer::accept(listener).await.echo_lines(1).await;
            }
        };
        against(script, async |client, url| {
            let mut prepared = client.prepare(method.clone(), url).build().unwrap();
            assert_eq!(prepared.send().await.unwrap().status(), 200);
            match prepared.send().await {
                Ok(answer) => assert!(retried && answer.status() == 200),
                Err(error) => assert!(!retried && error.is_written_no_answer(), "{error}"),
            }
        });
    }
}
