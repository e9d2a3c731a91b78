//! Kept connections: they are shared, limited, kept ready, and given up when they are old.

mod common;

use std::cell::Cell;
use std::time::Duration;

use common::http_peer::{Peer, against, against_with, ok, with_limits};
use common::{turns, until};
use futures_util::future::join_all;
use taut::http::client::{Client, Limits, Timeouts};
use taut::net::TcpListener;

async fn get(client: &Client, url: &str) -> String {
    client.get(url).send().await.unwrap().text().await.unwrap()
}

#[test]
fn requests_one_after_the_other_share_a_connection() {
    let script = async |listener: &TcpListener| {
        let mut peer = Peer::accept(listener).await;
        peer.echo_lines(20).await;
        peer.is_closed().await;
    };
    against(script, async |client, url| {
        for number in 0..20 {
            let path = format!("{url}/{number}?q");
            assert_eq!(get(&client, &path).await, format!("GET /{number}?q HTTP/1.1"));
        }
        assert_eq!((client.connections().live, client.connections().idle), (1, 1));
    });
}

#[test]
fn requests_beyond_the_limit_wait_for_their_turn() {
    const CONNECTIONS: usize = 3;
    let limits = Limits { connections_per_origin_max: CONNECTIONS, ..Limits::default() };
    let script = async |listener: &TcpListener| {
        let peers = (0..CONNECTIONS).map(async |_| {
            let mut peer = Peer::accept(listener).await;
            loop {
                let request = peer.request().await;
                if request.is_empty() {
                    return;
                }
                turns(2).await;
                peer.say(ok("served")).await;
            }
        });
        join_all(peers).await;
    };
    against_with(with_limits(limits), script, async |client, url| {
        let requests = (0..30).map(|_| get(&client, url));
        let answers = join_all(requests).await;
        assert!(answers.iter().all(|answer| answer == "served"));
        assert!(client.connections().live <= CONNECTIONS);
    });
}

#[test]
fn a_connection_too_many_closes_the_oldest_idle_one() {
    let limits = Limits { connections_max: 2, ..Limits::default() };
    let script = async |listener: &TcpListener| {
        let mut peers = Vec::new();
        for _ in 0..3 {
            let mut peer = Peer::accept(listener).await;
            peer.echo_lines(1).await;
            peers.push(peer);
        }
        peers[0].is_closed().await;
        peers[1].echo_lines(1).await;
    };
    against_with(with_limits(limits), script, async |client, url| {
        // Three names of one host are three origins.
        let port = url.rsplit_once(':').unwrap().1;
        for host in ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]"] {
            get(&client, &format!("http://{host}:{port}")).await;
            assert!(client.connections().live <= 2);
        }
        get(&client, &format!("http://localhost:{port}")).await;
    });
}

#[test]
fn an_idle_connection_is_given_up_before_the_peer_does() {
    let timeouts = Timeouts { idle: Duration::from_millis(50), ..Timeouts::default() };
    let script = async |listener: &TcpListener| {
        let mut peer = Peer::accept(listener).await;
        peer.echo_lines(1).await;
        peer.is_closed().await;
    };
    against_with(
        move || Client::builder().timeouts(timeouts),
        script,
        async |client, url| {
            get(&client, url).await;
            assert_eq!(client.connections().idle, 1);
            until(|| client.connections().live == 0).await;
        },
    );
}

#[test]
fn warm_connections_are_there_before_the_request_and_replaced_when_they_are_lost() {
    let lose = Cell::new(false);
    let script = async |listener: &TcpListener| {
        let lost = Peer::accept(listener).await;
        let mut second = Peer::accept(listener).await;
        until(|| lose.take()).await;
        drop(lost);
        let mut third = Peer::accept(listener).await;
        // Which of them is taken is the client's choice.
        join_all([second.serve(), third.serve()]).await;
    };
    against(script, async |client, url| {
        client.keep_warm(url, 2).await.unwrap();
        assert!(client.connections().idle >= 1, "the first is there at once");
        until(|| client.connections().idle == 2).await;
        lose.set(true);
        until(|| client.connections().idle < 2).await;
        until(|| client.connections().idle == 2).await;
        client.keep_warm(url, 0).await.unwrap();
        assert_eq!(get(&client, url).await, "GET / HTTP/1.1");
        assert_eq!(client.connections().live, 2, "no other was made");
    });
}

#[test]
fn warming_tells_why_it_failed_and_goes_on_trying() {
    let script = async |_: &TcpListener| {};
    against(script, async |client, _| {
        let (socket, address) = common::nobody();
        let url = format!("http://{address}");
        let error = client.keep_warm(&url, 1).await.unwrap_err();
        assert!(error.is_not_sent(), "{error}");
        let listener = socket.listen(4).unwrap();
        until(|| client.connections().idle == 1).await;
        client.keep_warm(&url, 0).await.unwrap();
        drop(listener);
        until(|| client.connections().live == 0).await;
    });
}

#[test]
fn a_unix_socket_carries_requests_for_any_host() {
    let path = std::env::temp_dir().join(format!("taut-http-{}", std::process::id()));
    common::on_each_driver(|builder| {
        common::block_on(builder, async {
            let _ = std::fs::remove_file(&path);
            let listener = taut::net::UnixListener::bind(path.as_path()).unwrap();
            let engine = taut::spawn(async move {
                let mut stream = listener.accept().await.unwrap();
                let request = stream.recv().await.unwrap();
                assert!(request.starts_with(b"GET /state HTTP/1.1\r\nhost: engine\r\n"));
                stream.write_all(ok("open").as_bytes()).await.unwrap();
            });
            let client = Client::builder().unix_socket(&path).build();
            assert_eq!(get(&client, "http://engine/state").await, "open");
            engine.await.unwrap();
            let _ = std::fs::remove_file(&path);
        });
    });
}

#[test]
fn connections_that_are_kept_ready_stay_within_the_limits() {
    let done = Cell::new(false);
    let limits = Limits { connections_per_origin_max: 2, ..Limits::default() };
    let script = async |listener: &TcpListener| {
        let _held = [Peer::accept(listener).await, Peer::accept(listener).await];
        until(|| done.take()).await;
    };
    against_with(with_limits(limits), script, async |client, url| {
        client.keep_warm(url, 10).await.unwrap();
        until(|| client.connections().idle == 2).await;
        for _ in 0..100 {
            assert!(client.connections().live <= 2, "{:?}", client.connections());
            turns(1).await;
        }
        client.keep_warm(url, 0).await.unwrap();
        done.set(true);
    });
}
