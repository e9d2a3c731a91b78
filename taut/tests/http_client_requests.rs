//! What goes out: heads, and bodies of every kind, read back by the peer.

mod common;

use std::task::{Context, Poll};

use bytes::Bytes;
use common::http_peer::{Peer, against, body_of, header, ok};
use common::turns;
use taut::fs::File;
use taut::http::client::{Body, Cause, Client, Fault, Form, Part, RequestBuilder};
use taut::net::TcpListener;

/// What the peer of a request reads.
fn sent(make: impl AsyncFn(&Client, &str) -> RequestBuilder, check: impl Fn(&str)) {
    let script = async |listener: &TcpListener| {
        let mut peer = Peer::accept(listener).await;
        check(&peer.request().await);
        peer.say(ok("")).await;
    };
    against(script, async |client, url| {
        let answer = make(&client, url).await.send().await.unwrap();
        assert_eq!(answer.status(), 200);
    });
}

fn pieces(
    pieces: &'static [&'static str],
) -> impl FnMut(&mut Context<'_>) -> Poll<Option<std::io::Result<Bytes>>> {
    let mut left = pieces.iter();
    move |_| Poll::Ready(left.next().map(|piece| Ok(Bytes::from(*piece))))
}

#[test]
fn a_get_says_what_it_must_and_no_more() {
    sent(
        async |client, url| {
            client.get(format!("{url}/a/b?x=1#part")).query([("y", "a b&c"), ("z", "é")])
        },
        |request| {
            let (line, rest) = request.split_once("\r\n").unwrap();
            assert_eq!(line, "GET /a/b?x=1&y=a+b%26c&z=%C3%A9 HTTP/1.1");
            assert!(rest.starts_with("host: 127.0.0.1:"), "the host comes first");
            for absent in ["content-length", "transfer-encoding", "connection", "cookie"] {
                assert_eq!(header(request, absent), None);
            }
            assert!(header(request, "user-agent").unwrap().starts_with("taut/"));
        },
    );
}

#[test]
fn bodies_have_their_length_and_their_type() {
    sent(
        async |client, url| client.post(url).form([("a", "1 2"), ("b", "=&")]),
        |request| {
            assert_eq!(header(request, "content-type"), Some("application/x-www-form-urlencoded"));
            assert_eq!(header(request, "content-length"), Some("14"));
            assert_eq!(body_of(request), "a=1+2&b=%3D%26");
        },
    );
    sent(
        async |client, url| client.put(url).json(&serde_json::json!({"a": [1, "é"]})),
        |request| {
            assert_eq!(header(request, "content-type"), Some("application/json"));
            assert_eq!(header(request, "content-length"), Some("14"));
        },
    );
    sent(
        async |client, url| client.post(url),
        |request| assert_eq!(header(request, "content-length"), Some("0")),
    );
    sent(
        async |client, url| client.patch(url).body(Body::stream_of(6, pieces(&["abc", "", "def"]))),
        |request| {
            assert_eq!(
                (header(request, "content-length"), body_of(request)),
                (Some("6"), "abcdef")
            );
        },
    );
    sent(
        async |client, url| {
            client.post(url).body(Body::stream(pieces(&["abc", "", "0123456789abcdef"])))
        },
        |request| {
            assert_eq!(header(request, "transfer-encoding"), Some("chunked"));
            assert_eq!(body_of(request), "3\r\nabc\r\n10\r\n0123456789abcdef\r\n0\r\n\r\n");
        },
    );
}

#[test]
fn credentials_of_the_url_and_of_the_caller_are_sent_as_headers() {
    sent(
        async |client, url| client.get(url.replace("//", "//desk:p%40ss@")),
        |request| {
            assert_eq!(header(request, "authorization"), Some("Basic ZGVzazpwQHNz"));
            assert!(request.starts_with("GET / HTTP/1.1\r\nhost: 127.0.0.1:"));
        },
    );
    sent(
        async |client, url| client.get(url).bearer_auth("a.b-c"),
        |request| assert_eq!(header(request, "authorization"), Some("Bearer a.b-c")),
    );
}

#[test]
fn a_form_of_parts_is_read_back_as_it_was_with_a_file_in_it() {
    let directory = common::directory::Directory::new();
    let path = directory.join("fills.csv");
    std::fs::write(&path, "ABC,100\r\n".repeat(20_000)).unwrap();
    sent(
        async |client, url| {
            let file = File::open(&path).await.unwrap();
            let file = Part::file("fills", "fi\"lls.csv", file).await.unwrap();
            client.post(url).multipart(Form::new().text("account", "desk 7").part(file))
        },
        |request| {
            let kind = header(request, "content-type").unwrap();
            let boundary = kind.strip_prefix("multipart/form-data; boundary=").unwrap();
            let length: usize = header(request, "content-length").unwrap().parse().unwrap();
            assert_eq!(body_of(request).len(), length);
            let delimiter = format!("--{boundary}");
            let parts: Vec<&str> = body_of(request).split(&delimiter).collect();
            assert_eq!((parts.len(), parts[0], parts[3]), (4, "", "--\r\n"));
            assert!(parts[1].ends_with("name=\"account\"\r\n\r\ndesk 7\r\n"), "{}", parts[1]);
            let (head, content) = parts[2].split_once("\r\n\r\n").unwrap();
            assert!(head.contains("name=\"fills\"; filename=\"fi%22lls.csv\""), "{head}");
            assert!(head.contains("Content-Type: application/octet-stream"), "{head}");
            assert_eq!(content, "ABC,100\r\n".repeat(20_000) + "\r\n");
        },
    );
}

#[test]
fn a_source_that_breaks_its_word_ends_the_message_and_never_a_wrong_frame() {
    let failing = || {
        let mut left = pieces(&["abc"]);
        move |context: &mut Context<'_>| match left(context) {
            Poll::Ready(None) => Poll::Ready(Some(Err(std::io::Error::other("the disk is gone")))),
            piece => piece,
        }
    };
    let bodies: [(&dyn Fn() -> Body, &str); 4] = [
        (&|| Body::stream_of(5, pieces(&["abc"])), "\r\n\r\nabc"),
        (&|| Body::stream_of(5, pieces(&["abc", "defg"])), "\r\n\r\nabc"),
        (&|| Body::stream_of(5, failing()), "\r\n\r\nabc"),
        (&|| Body::stream(failing()), "3\r\nabc\r\n"),
    ];
    for (body, said) in bodies {
        let script = async |listener: &TcpListener| {
            let mut peer = Peer::accept(listener).await;
            let all = peer.up_to(b"never").await;
            assert!(all.ends_with(said), "{all}");
        };
        against(script, async |client, url| {
            let error = client.post(url).body(body()).send().await.unwrap_err();
            assert!(matches!(error.cause(), Cause::BodySource(_)), "{error}");
            assert!(error.is_written_no_answer() && error.fault() == Fault::Caller);
        });
    }
}

#[test]
fn a_body_waits_for_continue_and_stays_where_the_peer_refuses_the_head() {
    let script = async |listener: &TcpListener| {
        let mut peer = Peer::accept(listener).await;
        let head = peer.up_to(b"\r\n\r\n").await;
        assert_eq!(header(&head, "expect"), Some("100-continue"));
        turns(5).await;
        peer.say("HTTP/1.1 100 Continue\r\n\r\n").await;
        assert_eq!(peer.up_to(b"order").await, "order");
        peer.say(ok("done")).await;
        peer.up_to(b"\r\n\r\n").await;
        peer.say("HTTP/1.1 417 No\r\nContent-Length: 0\r\n\r\n").await;
        assert_eq!(peer.up_to(b"order").await, "", "the body was not sent");
    };
    against(script, async |client, url| {
        for status in [200, 417] {
            let answer = client.post(url).body("order").expect_continue().send().await.unwrap();
            assert_eq!(answer.status(), status);
        }
        assert_eq!(client.connections().live, 0, "half a request can't be followed by another");
    });
}

#[test]
fn a_refusal_before_the_end_of_the_body_is_heard() {
    for closes in [false, true] {
        let script = async |listener: &TcpListener| {
            let mut peer = Peer::accept(listener).await;
            peer.up_to(b"\r\n\r\n").await;
            peer.say("HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig").await;
            if closes {
                drop(peer);
            } else {
                turns(50).await;
            }
        };
        against(script, async |client, url| {
            // What comes of it where the peer resets the connection depends on who is faster.
            match client.post(url).body(vec![0; 32 << 20]).send().await {
                Ok(answer) => assert_eq!(answer.status(), 413),
                Err(error) => assert!(closes && error.is_written_no_answer(), "{error}"),
            }
        });
    }
}

#[test]
fn injections_are_refused_and_nothing_is_sent() {
    let refused = |request: RequestBuilder| async {
        let error = request.send().await.unwrap_err();
        assert!(error.is_not_sent(), "{error}");
        assert!(matches!(error.cause(), Cause::InvalidRequest(_)), "{error}");
        assert_eq!(error.fault(), Fault::Caller);
    };
    against(
        async |_| {},
        async |client, url| {
            let get = || client.get(url);
            refused(client.get(format!("{url}/\r\nX: y"))).await;
            refused(client.get(format!("{url}/\0"))).await;
            refused(client.get("http://ho\r\nst/")).await;
            refused(client.get("no url")).await;
            refused(get().header("x", "y\r\nz: 1")).await;
            refused(get().header("x\r\ny", "z")).await;
            refused(get().header("host", "a\r\nb")).await;
            refused(get().header("content-length", "3")).await;
            refused(get().upgrade("a\r\nb: c")).await;
            refused(get().bearer_auth("a\r\nb")).await;
            refused(get().basic_auth("a\r\nb", "c")).await;
            refused(get().multipart(Form::new().text("a\r\nb", "c"))).await;
            refused(client.request(taut::http::Method::CONNECT, url)).await;
            assert!(taut::http::Method::from_bytes(b"GET /\r\n").is_err());
            refused(Client::builder().header("x", "y\nz").build().get(url)).await;
            assert_eq!(client.connections().live, 0);
        },
    );
}

#[test]
fn a_stream_of_buffers_goes_out_in_chunks_or_with_its_length() {
    for length in [None, Some(7)] {
        sent(
            async |client, url| {
                let items = ["one ", "", "two"].map(std::io::Result::Ok);
                let body = Body::from_stream(futures_util::stream::iter(items), length);
                client.post(url).body(body)
            },
            |request| match length {
                None => assert_eq!(body_of(request), "4\r\none \r\n3\r\ntwo\r\n0\r\n\r\n"),
                Some(_) => assert_eq!(body_of(request), "one two"),
            },
        );
    }
}

#[test]
fn a_stream_that_fails_ends_the_message_with_its_error() {
    let script = async |listener: &TcpListener| {
        let mut peer = Peer::accept(listener).await;
        assert!(!peer.request().await.ends_with("0\r\n\r\n"), "the message has no end");
    };
    against(script, async |client, url| {
        let items = [Ok("one"), Err("the disk is gone")];
        let body = Body::from_stream(futures_util::stream::iter(items), None);
        let error = client.post(url).body(body).send().await.unwrap_err();
        assert!(matches!(error.cause(), Cause::BodySource(_)), "{error}");
        assert!(error.is_written_no_answer() && error.to_string().contains("the disk is gone"));
    });
}
