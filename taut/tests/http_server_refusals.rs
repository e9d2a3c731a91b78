//! What the HTTP server refuses: each refusal is answered with its status, in order behind what was
//! asked before it, and then the connection ends so that the client sees the answer.

mod common;

use std::time::Duration;

use common::http::{get, header, limits, mirror, post, status_of, with_server};
use taut::http::{Request, Response};

#[test]
fn each_refusal_is_answered_with_its_status_and_then_the_end() {
    let long = "x".repeat(20_000);
    let many: String = (0..101).map(|index| format!("h{index}: x\r\n")).collect();
    let refusals: [(String, u16); 16] = [
        ("\x16\x03\x01\x02\x00\x01\r\n\r\n".into(), 400),
        ("GET / HTTP/1.1\r\n\r\n".into(), 400),
        ("GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n".into(), 400),
        ("GET / HTTP/1.1\nhost: a\n\n".into(), 400),
        ("GET / HTTP/1.1\r\nhost : a\r\n\r\n".into(), 400),
        ("GET / HTTP/1.1\r\nhost: a\r\n folded\r\n\r\n".into(), 400),
        ("GET  / HTTP/1.1\r\nhost: a\r\n\r\n".into(), 400),
        (post("/", "x").replace("host", "transfer-encoding: chunked\r\nhost"), 400),
        (post("/", "x").replace("length: 1", "length: +1"), 400),
        (post("/", "x").replace("host", "content-length: 1\r\nhost"), 400),
        (get("/").replace("host", "expect: money\r\nhost"), 417),
        (get(&long), 414),
        (get("/").replace("host", &format!("h: {long}\r\nhost")), 431),
        (get("/").replace("host", &format!("{many}host")), 431),
        (get("/").replace("host", "transfer-encoding: gzip, chunked\r\nhost"), 501),
        (get("/").replace("1.1", "2.0"), 505),
    ];
    with_server(
        limits(),
        || mirror,
        async |running| {
            for (request, status) in &refusals {
                let start = &request[..request.len().min(60)];
                let answer = running.answers(request).await;
                assert_eq!(status_of(&answer), *status, "{start:?}");
                assert_eq!(header(&answer, "connection"), Some("close"), "{start:?}");
                let body = answer.split_once("\r\n\r\n").unwrap().1;
                assert_eq!(header(&answer, "content-length"), Some(&*body.len().to_string()));
                assert!(header(&answer, "date").is_some());
            }
            let counters = running.server.counters();
            assert_eq!(counters.requests_rejected, refusals.len() as u64);
            assert_eq!(counters.requests, 0);
        },
    );
}

#[test]
fn a_pipeline_that_ends_in_an_error_is_answered_up_to_it() {
    with_server(
        limits(),
        || mirror,
        async |running| {
            let good = post("/good", "1");
            for (bad, status) in
                [("GET / HTTP/3.0\r\n\r\n", 505), ("\x00", 400), ("G\r\n\r\n", 400)]
            {
                let pipeline = good.repeat(3) + bad + &good;
                let answers = running.answers(&pipeline).await;
                assert_eq!(answers.matches("\r\ndate: ").count(), 4, "{answers}");
                assert!(answers.contains(&format!("HTTP/1.1 {status} ")), "{answers}");
                assert_eq!(answers.matches("POST /good 1").count(), 3);
            }
        },
    );
}

#[test]
fn who_is_refused_while_it_sends_still_reads_why() {
    // Far more than the kernel's buffers hold: a close without lingering would be a reset.
    let flood = vec![b'x'; 4 << 20];
    let limits = limits().linger_timeout(Duration::from_secs(20));
    with_server(
        limits,
        || mirror,
        async |running| {
            for start in
                [get("/").replace("1.1", "9.9"), post("/", "").replace(": 0", ": 99999999")]
            {
                let client = running.client().await;
                let (mut read, mut write) = client.stream.into_split();
                let flood = flood.clone();
                let sending = taut::spawn(async move {
                    write.write_all(start.as_bytes()).await?;
                    write.write_all(&flood).await?;
                    write.shutdown().await
                });
                let mut answer = Vec::new();
                common::in_time(read.read_to_end(&mut answer)).await.unwrap();
                sending.await.unwrap().unwrap();
                let status = status_of(std::str::from_utf8(&answer).unwrap());
                assert!(status == 505 || status == 413, "{status}");
            }
        },
    );
}

#[test]
fn a_panic_is_answered_500_and_the_server_lives_on() {
    let service = || {
        async |request: Request<'_>| match request.path() {
            "/panic" => panic!("on purpose"),
            "/later" => {
                taut::yield_now().await;
                panic!("on purpose")
            }
            _ => Response::text("alive"),
        }
    };
    with_server(limits(), service, async |running| {
        let mut other = running.client().await;
        for path in ["/panic", "/later"] {
            let answer = running.answers(get("/") + &get(path) + &get("/")).await;
            assert_eq!(answer.matches("alive").count(), 1);
            assert!(answer.contains("HTTP/1.1 500 ") && answer.contains("connection: close"));
            other.send(get("/")).await;
            assert_eq!(other.expect(200).await, "alive");
        }
        let counters = running.server.counters();
        assert_eq!((counters.handler_panics, counters.responses_5xx), (2, 2));
    });
}

#[test]
fn connections_beyond_the_limit_are_told_so() {
    let limits = limits().connections_max(2).refusals_max(1);
    with_server(
        limits,
        || mirror,
        async |running| {
            let mut first = running.client().await;
            let mut second = running.client().await;
            for client in [&mut first, &mut second] {
                client.send(get("/")).await;
                client.expect(200).await;
            }
            let mut third = running.client().await;
            let head = third.up_to("\r\n\r\n").await;
            assert_eq!((status_of(&head), header(&head, "connection")), (503, Some("close")));
            // One more is closed without a word, while the third one is being told.
            let mut fourth = running.client().await;
            assert!(fourth.stream.recv().await.is_ok_and(|bytes| bytes.is_empty()));
            assert_eq!(running.server.counters().connections_refused, 2);
            third.rest().await;
            drop(first);
            common::until(|| running.server.counters().connections_live == 1).await;
            let mut fifth = running.client().await;
            fifth.send(get("/")).await;
            fifth.expect(200).await;
            second.send(get("/")).await;
            second.expect(200).await;
        },
    );
}
