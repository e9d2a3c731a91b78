//! Connections of the HTTP server that go on in another protocol, over whatever they came, and
//! connections over other transports.

mod common;

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::SocketAddr;

use common::http::{Running, get, header, limits, mirror, status_of, with_server};
use common::{block_on, connected_pair, in_time, on_each_driver};
use taut::http::header::HeaderValue;
use taut::http::{Peer, Request, Response, Server, Upgraded};
use taut::net::{TcpStream, Transport, UnixListener, UnixStream, transport};

const ECHO: HeaderValue = HeaderValue::from_static("echo");

fn asking() -> String {
    get("/").replace("host", "connection: x, Upgrade\r\nupgrade: echo\r\nhost")
}

async fn echo(transport: &mut impl Transport) {
    loop {
        let bytes = transport::recv(transport).await.unwrap();
        if bytes.is_empty() {
            return;
        }
        transport::write_all(transport, &bytes).await.unwrap();
    }
}

#[test]
fn an_upgraded_connection_is_handed_over_with_what_came_behind_its_request() {
    let service = || {
        async |request: Request<'_>| match request.path() {
            "/concrete" => Response::upgrade(ECHO, async |upgraded: Upgraded| {
                let upgraded = upgraded.downcast::<UnixStream>().expect_err("it is TCP");
                let (mut stream, left) = upgraded.downcast::<TcpStream>().expect("as it is");
                stream.write_all(&left.expect("it was sent behind the request")).await.unwrap();
                echo(&mut stream).await;
            }),
            _ => Response::upgrade(ECHO, async |mut upgraded: Upgraded| echo(&mut upgraded).await),
        }
    };
    with_server(limits(), service, async |running| {
        for path in ["/", "/concrete"] {
            let mut client = running.client().await;
            client
                .send(get("/first") + &asking().replace("GET /", &format!("GET {path}")) + "left")
                .await;
            assert_eq!(status_of(&client.up_to("\r\n\r\n").await), 426);
            client.rest().await;
            let mut client = running.client().await;
            client.send(asking().replace("GET /", &format!("GET {path}")) + "left").await;
            let head = client.up_to("\r\n\r\n").await;
            assert_eq!((status_of(&head), header(&head, "upgrade")), (101, Some("echo")));
            assert_eq!(header(&head, "connection"), Some("upgrade"));
            assert_eq!(client.up_to("left").await, "left");
            client.send(" and right").await;
            assert_eq!(client.up_to("right").await, " and right");
            client.stream.shutdown(std::net::Shutdown::Write).await.unwrap();
            assert_eq!(client.rest().await, "");
        }
        let counters = running.server.counters();
        assert_eq!((counters.upgrades, counters.responses_1xx, counters.responses_4xx), (2, 2, 2));
    });
}

#[test]
fn a_body_comes_before_the_other_protocol() {
    let service = || {
        async |_: Request<'_>| Response::upgrade(ECHO, async |mut to: Upgraded| echo(&mut to).await)
    };
    with_server(limits().drain_bytes_max(10), service, async |running| {
        let with_body = |bytes: usize| {
            let host = format!("content-length: {bytes}\r\nhost");
            asking().replace("host", &host) + &"x".repeat(bytes)
        };
        let mut client = running.client().await;
        client.send(with_body(10) + "left").await;
        assert_eq!(status_of(&client.up_to("\r\n\r\n").await), 101);
        assert_eq!(client.up_to("left").await, "left");
        let answer = running.answers(with_body(11)).await;
        assert_eq!((status_of(&answer), header(&answer, "upgrade")), (413, None));
    });
}

#[test]
fn another_protocol_may_panic_and_is_cut_at_the_end() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let limits = limits().shutdown_timeout(std::time::Duration::from_millis(20));
            let running = Running::start(limits, async |request: Request<'_>| {
                let panics = request.path() == "/panic";
                Response::upgrade(ECHO, async move |mut upgraded: Upgraded| {
                    assert!(!panics, "on purpose");
                    assert!(transport::recv(&mut upgraded).await.is_err());
                })
            });
            let mut stays = running.client().await;
            stays.send(asking()).await;
            stays.up_to("\r\n\r\n").await;
            let answer = running.answers(asking().replace("GET /", "GET /panic")).await;
            assert_eq!(status_of(&answer), 101);
            assert_eq!(running.server.counters().connections_live, 1);
            let counters = running.end().await;
            assert_eq!((counters.handler_panics, counters.connections_cut), (1, 1));
        });
    });
}

#[test]
fn a_unix_listener_is_served_and_tells_who_asks() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let name = format!("taut-http-{}-{:?}", std::process::id(), taut::random_u64());
            let address = SocketAddr::from_abstract_name(name).unwrap();
            let listener = UnixListener::bind(&address).unwrap();
            let server = Server::new();
            let serving = server.clone();
            let running = taut::spawn(async move {
                let service = async |request: Request<'_>| match request.peer() {
                    Peer::Unix(who) => Response::text(format!("{:?}", who.pid)),
                    peer => panic!("{peer:?}"),
                };
                serving.serve(listener, service).await
            });
            let mut client = UnixStream::connect(&address).await.unwrap();
            client.write_all(get("/").as_bytes()).await.unwrap();
            let answer = client.recv().await.unwrap();
            let expected = format!("{:?}", Some(std::process::id()));
            assert!(answer.ends_with(expected.as_bytes()));
            server.shutdown();
            in_time(running).await.unwrap().unwrap();
        });
    });
}

#[test]
fn a_connection_made_elsewhere_is_served() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (mut client, stream) = connected_pair().await;
            let peer = Peer::Tcp(stream.peer_addr().unwrap());
            let server = Server::new();
            let serving = server.clone();
            let task = taut::spawn(async move {
                serving.serve_connection(stream, peer, &mirror).await;
            });
            client.write_all(get("/").as_bytes()).await.unwrap();
            assert!(client.recv().await.unwrap().ends_with(b"GET / "));
            drop(client);
            in_time(task).await.unwrap();
            assert_eq!(server.counters().connections_live, 0);
        });
    });
}

#[test]
fn a_handshake_comes_first_and_within_the_time_of_the_first_head() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (listener, address) = common::listen();
            let limits = limits().header_timeout(std::time::Duration::from_millis(200));
            let server = limits.build();
            let serving = server.clone();
            let running = taut::spawn(async move {
                let handshake = async |mut stream: TcpStream| {
                    let mut password = [0; 4];
                    stream.read_exact(&mut password).await?;
                    match &password {
                        b"open" => Ok(stream),
                        _ => Err(std::io::ErrorKind::PermissionDenied.into()),
                    }
                };
                serving.serve_over(listener, handshake, mirror).await
            });
            let mut good = common::http::Client::connect(address).await;
            good.send("open".to_owned() + &get("/")).await;
            assert_eq!(good.expect(200).await, "GET / ");
            for knock in ["shut", "op"] {
                let mut bad = common::http::Client::connect(address).await;
                bad.send(knock).await;
                assert_eq!(bad.rest().await, "", "closed without a word");
            }
            assert_eq!(server.counters().handshakes_failed, 2);
            server.shutdown();
            in_time(running).await.unwrap().unwrap();
        });
    });
}
