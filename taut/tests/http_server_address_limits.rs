//! How many connections an address may have, and how slowly a client may take a response.

mod common;

use std::cell::Cell;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use common::http::{Client, Running, get, header, limits, mirror, status_of, with_server};
use common::{block_on, listen, on_each_driver};
use taut::http::{Listener, Peer, Request, Response, ServerBuilder};
use taut::net::{TcpListener, TcpSocket, TcpStream};
use taut::time::sleep;

const SHORT: Duration = Duration::from_millis(60);
const LONG: Duration = Duration::from_secs(3600);

async fn is_served(client: &mut Client) -> bool {
    client.send(get("/")).await;
    let head = client.up_to("\r\n\r\n").await;
    match status_of(&head) {
        200 => {
            client.up_to("GET / ").await;
            true
        }
        503 => {
            assert_eq!(header(&head, "connection"), Some("close"));
            assert!(client.rest().await.starts_with("your address has as many connections"));
            false
        }
        other => panic!("{other}"),
    }
}

#[test]
fn an_address_has_as_many_connections_as_it_may_have() {
    with_server(
        limits().connections_per_address_max(2),
        || mirror,
        async |running| {
            let mut first = running.client().await;
            let mut second = running.client().await;
            assert!(is_served(&mut first).await && is_served(&mut second).await);
            for refused in 1..=3 {
                assert!(!is_served(&mut running.client().await).await);
                let counters = running.server.counters();
                assert_eq!(counters.connections_refused_by_address, refused);
                assert_eq!((counters.connections_refused, counters.connections_live), (0, 2));
            }
            // Those that were refused hold no place, those that ended give theirs back.
            for _ in 0..3 {
                drop(first);
                common::until(|| running.server.counters().connections_live == 1).await;
                first = running.client().await;
                assert!(is_served(&mut first).await);
            }
            assert!(is_served(&mut second).await);
        },
    );
}

/// Gives each connection the next of some peers, whoever it is.
struct Masked {
    listener: TcpListener,
    peers: Rc<Cell<Peer>>,
}

impl Listener for Masked {
    type Transport = TcpStream;

    fn poll_accept(&self, context: &mut Context<'_>) -> Poll<std::io::Result<(TcpStream, Peer)>> {
        let stream = ready!(self.listener.poll_accept(context))?;
        Poll::Ready(Ok((stream, self.peers.get())))
    }
}

#[test]
fn each_address_is_counted_by_itself_whatever_the_port_and_the_socket() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (listener, address) = listen();
            let peers = Rc::new(Cell::new(Peer::Unknown));
            let masked = Masked { listener, peers: Rc::clone(&peers) };
            let limits = limits().connections_per_address_max(1);
            let running = Running::on(masked, address, limits, mirror);
            let mut clients = Vec::new();
            for (ip, served) in [
                ("192.0.2.1", true),
                ("192.0.2.1", false),
                // The same host, by a socket of IPv6.
                ("::ffff:192.0.2.1", false),
                ("192.0.2.2", true),
                ("2001:db8::1", true),
                ("2001:db8::2", true),
                ("2001:db8::1", false),
            ] {
                let ip: IpAddr = ip.parse().unwrap();
                peers.set(Peer::Tcp(SocketAddr::new(ip, 1000 + clients.len() as u16)));
                let mut client = running.client().await;
                assert_eq!(is_served(&mut client).await, served, "{ip}");
                clients.push(client);
            }
            // Who has no address has no limit of it.
            peers.set(Peer::Unknown);
            for _ in 0..3 {
                clients.push(running.client().await);
                assert!(is_served(clients.last_mut().unwrap()).await);
            }
            drop(clients);
            common::until(|| running.server.counters().connections_live == 0).await;
            running.end().await;
        });
    });
}

#[test]
fn without_a_limit_an_address_has_all_that_there_are() {
    with_server(
        limits().connections_max(20),
        || mirror,
        async |running| {
            let mut clients = Vec::new();
            for _ in 0..20 {
                clients.push(running.client().await);
                assert!(is_served(clients.last_mut().unwrap()).await);
            }
            assert_eq!(running.server.counters().connections_refused_by_address, 0);
        },
    );
}

const BODY_BYTES: usize = 8 << 20;

/// Answers with a long body: in one piece, or in a stream of them.
async fn answer(request: Request<'_>) -> Response {
    match request.path() {
        "/whole" => Response::ok(vec![b'x'; BODY_BYTES]),
        _ => {
            let pieces = (0..128).map(|_| Ok::<_, std::io::Error>(vec![b'x'; BODY_BYTES / 128]));
            let pieces = futures_util::stream::iter(pieces);
            Response::ok(taut::http::Body::stream(pieces, Some(BODY_BYTES as u64)))
        }
    }
}

/// Nothing but the rate ends a connection.
fn patient() -> ServerBuilder {
    limits().header_timeout(LONG).idle_timeout(LONG).write_timeout(LONG)
}

/// A client that has asked, and takes little at a time.
async fn slow_client(running: &Running, path: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut stream = socket.connect(running.address).await.unwrap();
    stream.write_all(get(path).as_bytes()).await.unwrap();
    stream
}

#[test]
fn a_client_that_takes_a_response_too_slowly_is_let_go() {
    let limits = patient().response_grace(SHORT).response_bytes_per_second_min(1 << 40);
    for path in ["/whole", "/pieces"] {
        with_server(
            limits,
            || answer,
            async |running| {
                let mut client = slow_client(running, path).await;
                // It takes something all the time, which a limit on standing still would bear.
                let mut taken = 0;
                while running.server.counters().timeouts_write == 0 {
                    match client.recv_into(Vec::with_capacity(2048)).await {
                        (Ok(bytes), _) if bytes > 0 => taken += bytes,
                        _ => break,
                    }
                    sleep(SHORT / 20).await.unwrap();
                }
                assert!(taken < BODY_BYTES, "all of it was taken");
                common::until(|| running.server.counters().connections_live == 0).await;
                let counters = running.server.counters();
                assert_eq!((counters.timeouts_write, counters.responses_aborted), (1, 1));
            },
        );
    }
}

#[test]
fn a_client_may_be_slow_as_long_as_its_rate_is_kept() {
    // Each byte earns a second.
    let limits = patient().response_grace(SHORT).response_bytes_per_second_min(1);
    for path in ["/whole", "/pieces"] {
        with_server(
            limits,
            || answer,
            async |running| {
                let mut client = slow_client(running, path).await;
                sleep(SHORT * 3).await.unwrap();
                let mut taken = 0;
                while taken < BODY_BYTES {
                    let (read, _) = client.recv_into(Vec::with_capacity(256 << 10)).await;
                    let read = read.unwrap();
                    assert!(read > 0, "the connection ended after {taken} bytes");
                    taken += read;
                }
                assert_eq!(running.server.counters().timeouts_write, 0);
            },
        );
    }
}

#[test]
fn a_rate_of_none_is_no_minimum() {
    let limits = patient().response_grace(Duration::ZERO).response_bytes_per_second_min(0);
    with_server(
        limits,
        || answer,
        async |running| {
            let mut client = slow_client(running, "/whole").await;
            sleep(SHORT).await.unwrap();
            assert_eq!(running.server.counters().timeouts_write, 0);
            assert!(client.recv().await.unwrap().starts_with(b"HTTP/1.1 200 OK"));
            drop(client);
            common::until(|| running.server.counters().connections_live == 0).await;
        },
    );
}
