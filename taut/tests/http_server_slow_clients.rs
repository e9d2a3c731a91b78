//! Clients that take their time, at each phase of a request: they are borne up to a limit, told so
//! where there is something to tell, and let go.

mod common;

use std::time::Duration;

use common::http::{Running, get, header, limits, mirror, post, status_of, with_server};
use common::{block_on, on_each_driver};
use taut::http::{Request, Response, ServerBuilder};
use taut::time::sleep;

/// Long against a turn of the loop, short against a test.
const SHORT: Duration = Duration::from_millis(60);
const LONG: Duration = Duration::from_secs(3600);

fn patient() -> ServerBuilder {
    limits().header_timeout(LONG).idle_timeout(LONG).body_grace(LONG).write_timeout(LONG)
}

#[test]
fn a_head_that_comes_byte_by_byte_is_cut_off_when_its_time_is_up() {
    with_server(
        patient().header_timeout(SHORT),
        || mirror,
        async |running| {
            let mut client = running.client().await;
            client.send("GET / HTTP/1.1\r\nhost: ").await;
            // Each byte would renew a limit that ran from the last one.
            let answered = async {
                let (mut read, mut write) = client.stream.into_split();
                let drip = taut::spawn(async move {
                    while write.write_all(b"h").await.is_ok() {
                        sleep(SHORT / 10).await.unwrap();
                    }
                });
                let answer = read.recv().await.unwrap();
                drip.abort();
                status_of(std::str::from_utf8(&answer).unwrap())
            };
            assert_eq!(common::in_time(answered).await, 408);
        },
    );
}

#[test]
fn a_head_that_is_never_whole_is_answered_408() {
    with_server(
        patient().header_timeout(SHORT),
        || mirror,
        async |running| {
            let answer = running.answers("GET / HTTP/1.1\r\nhost").await;
            assert_eq!((status_of(&answer), header(&answer, "connection")), (408, Some("close")));
            // Also the second one, whose time runs from its first byte.
            let mut client = running.client().await;
            client.send(get("/")).await;
            client.expect(200).await;
            sleep(SHORT * 2).await.unwrap();
            client.send(get("/")).await;
            client.expect(200).await;
            client.send("GE").await;
            assert_eq!(status_of(&client.rest().await), 408);
            assert_eq!(running.server.counters().timeouts_header, 2);
        },
    );
}

#[test]
fn the_time_of_the_first_head_runs_from_the_start_of_its_connection() {
    with_server(
        patient().header_timeout(SHORT),
        || mirror,
        async |running| {
            // No byte, no answer: a 408 could be taken for that of a request to come.
            assert_eq!(running.client().await.rest().await, "");
            let counters = running.server.counters();
            assert_eq!((counters.timeouts_header, counters.responses_4xx), (1, 0));
        },
    );
}

#[test]
fn a_connection_stands_idle_up_to_its_limit() {
    with_server(
        patient().idle_timeout(SHORT),
        || mirror,
        async |running| {
            let mut client = running.client().await;
            sleep(SHORT * 2).await.unwrap();
            for _ in 0..3 {
                client.send(get("/")).await;
                client.expect(200).await;
            }
            assert_eq!(client.rest().await, "");
            assert_eq!(running.server.counters().timeouts_idle, 1);
        },
    );
}

#[test]
fn a_body_that_comes_too_slowly_is_answered_408() {
    let limits = patient().body_grace(SHORT).body_bytes_per_second_min(1_000_000);
    with_server(
        limits,
        || mirror,
        async |running| {
            let request = post("/", "body");
            let answer = running.answers(&request[..request.len() - 1]).await;
            assert_eq!((status_of(&answer), header(&answer, "connection")), (408, Some("close")));
            let chunked = "POST / HTTP/1.1\r\nhost: e\r\ntransfer-encoding: chunked\r\n\r\n2\r\nx";
            assert_eq!(status_of(&running.answers(chunked).await), 408);
            assert_eq!(running.server.counters().timeouts_body, 2);
        },
    );
}

#[test]
fn a_body_may_be_slow_as_long_as_its_rate_is_kept() {
    // A byte earns a second.
    let limits = patient().body_grace(SHORT).body_bytes_per_second_min(1);
    with_server(
        limits,
        || mirror,
        async |running| {
            let mut client = running.client().await;
            let request = post("/", "0123456789");
            client.send(&request[..request.len() - 1]).await;
            sleep(SHORT * 3).await.unwrap();
            client.send(&request[request.len() - 1..]).await;
            assert_eq!(client.expect(200).await, "POST / 0123456789");
        },
    );
}

#[test]
fn the_handlers_own_pauses_are_not_the_clients_fault() {
    let paused = std::rc::Rc::new(taut::sync::Event::new());
    let service = || {
        let paused = std::rc::Rc::clone(&paused);
        async move |mut request: Request<'_>| {
            for _ in 0..3 {
                let soon = taut::time::timeout(Duration::from_millis(1), request.chunk()).await;
                assert!(soon.is_err(), "nothing has come in");
                sleep(SHORT).await.unwrap();
            }
            paused.set();
            Response::ok(request.bytes().await.unwrap())
        }
    };
    let limits = patient().body_grace(SHORT * 2).body_bytes_per_second_min(1_000_000);
    with_server(limits, service, async |running| {
        paused.reset();
        let mut client = running.client().await;
        let request = post("/", "body");
        client.send(&request[..request.len() - 4]).await;
        paused.wait().await.unwrap();
        client.send("body").await;
        assert_eq!(client.expect(200).await, "body");
    });
}

#[test]
fn requests_that_come_byte_by_byte_in_time_are_answered() {
    with_server(
        patient(),
        || mirror,
        async |running| {
            let mut client = running.client().await;
            for _ in 0..2 {
                client.send_slowly(post("/a", "slow") + &get("/b")).await;
                assert_eq!(client.expect(200).await, "POST /a slow");
                assert_eq!(client.expect(200).await, "GET /b ");
            }
        },
    );
}

#[test]
fn a_client_that_never_reads_is_let_go() {
    let body = vec![b'x'; 16 << 20];
    let bytes = bytes::Bytes::from(body);
    let service = || {
        let bytes = bytes.clone();
        async move |_: Request<'_>| Response::ok(bytes.clone())
    };
    with_server(patient().write_timeout(SHORT), service, async |running| {
        let mut client = running.client().await;
        client.send(get("/").repeat(3)).await;
        common::until(|| running.server.counters().timeouts_write == 1).await;
        common::until(|| running.server.counters().connections_live == 0).await;
        assert_eq!(running.server.counters().responses_aborted, 1);
    });
}

#[test]
fn a_client_that_reads_slowly_gets_it_all() {
    let bytes = bytes::Bytes::from(vec![b'x'; 2 << 20]);
    let service = || {
        let bytes = bytes.clone();
        async move |_: Request<'_>| Response::ok(bytes.clone())
    };
    with_server(patient().write_timeout(Duration::from_secs(30)), service, async |running| {
        let mut client = running.client().await;
        client.send(get("/") + &get("/")).await;
        for _ in 0..2 {
            client.up_to("\r\n\r\n").await;
            let mut left = 2 << 20;
            left -= client.so_far().len().min(left);
            while left > 64 << 10 {
                let (read, _) = client.stream.recv_into(Vec::with_capacity(64 << 10)).await;
                left -= read.unwrap();
                common::turns(1).await;
            }
            let (_, rest) = client.stream.recv_into(Vec::with_capacity(left)).await;
            assert!(rest.len() <= left);
            client.discard(left - rest.len()).await;
        }
    });
}

#[test]
fn many_slow_clients_do_not_hold_up_a_quick_one() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let running = Running::start(patient(), mirror);
            let mut slow = Vec::new();
            for index in 0..100_usize {
                let mut client = running.client().await;
                let request = post("/", "body");
                client.send(&request[..1 + index % (request.len() - 1)]).await;
                slow.push(client);
            }
            let mut quick = running.client().await;
            for _ in 0..50 {
                quick.send(get("/quick")).await;
                quick.expect(200).await;
            }
            drop(slow);
            common::until(|| running.server.counters().connections_live == 1).await;
            drop(quick);
            running.end().await;
        });
    });
}
