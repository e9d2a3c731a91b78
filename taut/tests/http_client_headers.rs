//! Headers of the client and of a request beside each other, and those that depend on what is sent.

mod common;

use common::http_peer::{Peer, against_with, header, ok};
use taut::http::Method;
use taut::http::client::{Client, ClientBuilder, RequestBuilder};
use taut::net::TcpListener;

/// What the peer reads of the second request to the same URL.
fn second(
    client: impl Fn() -> ClientBuilder,
    make: impl Fn(&Client, &str) -> RequestBuilder,
    check: impl Fn(&str),
) {
    let script = async |listener: &TcpListener| {
        let mut peer = Peer::accept(listener).await;
        peer.request().await;
        peer.say("HTTP/1.1 200 OK\r\nSet-Cookie: kept=1\r\nContent-Length: 0\r\n\r\n").await;
        check(&peer.request().await);
        peer.say("HTTP/1.1 206 Part\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nab")
            .await;
    };
    against_with(client, script, async |client, url| {
        client.get(url).send().await.unwrap();
        make(&client, url).send().await.unwrap();
    });
}

/// How many lines a head has for this name.
fn count(request: &str, name: &str) -> usize {
    let line = |line: &&str| line.to_ascii_lowercase().starts_with(&format!("{name}: "));
    request.split("\r\n").filter(line).count()
}

#[test]
fn a_header_of_the_request_takes_the_place_of_the_clients() {
    second(
        || Client::builder().header("x-desk", "7").header("x-site", "a").header("x-site", "b"),
        |client, url| {
            let request = client.get(url).header("x-desk", "8").header("x-desk", "9");
            request.header("accept-encoding", "identity")
        },
        |request| {
            assert!(!request.contains("x-desk: 7"), "{request}");
            assert_eq!([count(request, "x-desk"), count(request, "x-site")], [2, 2], "{request}");
            assert_eq!(count(request, "accept-encoding"), 1);
            assert_eq!(header(request, "accept-encoding"), Some("identity"));
        },
    );
}

#[test]
fn cookies_of_the_request_and_kept_ones_are_one_line() {
    second(
        || Client::builder().cookies(true),
        |client, url| client.get(url).header("cookie", "own=1").header("cookie", "own2=2"),
        |request| {
            assert_eq!(count(request, "cookie"), 1, "{request}");
            assert_eq!(header(request, "cookie"), Some("own=1; own2=2; kept=1"));
        },
    );
}

#[test]
fn nothing_is_expected_of_a_request_without_a_body() {
    second(
        Client::builder,
        |client, url| client.post(url).expect_continue(),
        |request| assert_eq!(count(request, "expect"), 0, "{request}"),
    );
}

#[test]
fn a_part_is_asked_for_as_it_is_and_not_decoded() {
    let script = async |listener: &TcpListener| {
        let mut peer = Peer::accept(listener).await;
        let request = peer.request().await;
        assert_eq!(count(&request, "accept-encoding"), 0, "{request}");
        peer.say("HTTP/1.1 206 Part\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nab")
            .await;
    };
    against_with(Client::builder, script, async |client, url| {
        let answer = client.get(url).header("range", "bytes=0-1").send().await.unwrap();
        assert_eq!(answer.header("content-encoding"), Some("gzip"));
        assert_eq!(answer.text().await.unwrap(), "ab");
    });
}

#[test]
fn the_answer_to_head_says_what_get_would_bring() {
    let script = async |listener: &TcpListener| {
        let mut peer = Peer::accept(listener).await;
        peer.request().await;
        peer.say(
            "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 99999999999\r\n\r\n",
        )
        .await;
        peer.request().await;
        peer.say(ok("")).await;
    };
    against_with(Client::builder, script, async |client, url| {
        let answer = client.head(url).send().await.unwrap();
        assert_eq!(answer.content_length(), Some(99_999_999_999));
        assert_eq!(answer.header("content-encoding"), Some("gzip"));
        assert!(answer.bytes().await.unwrap().is_empty(), "no limit is met by what does not come");
        client.get(url).send().await.unwrap();
        assert_eq!(client.connections().live, 1);
    });
}

#[test]
fn a_prepared_request_has_one_host_whoever_sets_it() {
    let client = Client::builder().header("host", "venue.example").build();
    let prepared = |host: Option<&str>| {
        let request = client.prepare(Method::GET, "http://10.0.0.1/");
        let request = match host {
            Some(host) => request.header("host", host),
            None => request,
        };
        String::from_utf8(request.build().unwrap().as_bytes().to_vec()).unwrap()
    };
    for (host, expected) in [(None, "venue.example"), (Some("other.example"), "other.example")] {
        let text = prepared(host);
        assert_eq!(count(&text, "host"), 1, "{text}");
        assert_eq!(header(&text, "host"), Some(expected));
    }
    let two = client.prepare(Method::GET, "http://a/").header("host", "a").header("host", "b");
    assert!(two.build().unwrap_err().is_not_sent());
}
