//! What a client of the HTTP server gets: one response a request, in order, framed as the standard
//! says, on connections that stay.

mod common;

use common::http::{Client, get, header, limits, mirror, post, status_of, with_server};
use taut::http::header::{CONTENT_LENGTH, DATE, HeaderName, HeaderValue};
use taut::http::{Request, Response, Router, StatusCode};

#[test]
fn requests_of_one_connection_are_answered_on_it() {
    with_server(
        limits(),
        || mirror,
        async |running| {
            let mut client = running.client().await;
            for index in 0..20 {
                client.send(get(&format!("/{index}"))).await;
                assert_eq!(client.expect(200).await, format!("GET /{index} "));
                client.send(post("/order", &index.to_string())).await;
                assert_eq!(client.expect(200).await, format!("POST /order {index}"));
            }
            let counters = running.server.counters();
            assert_eq!((counters.connections_accepted, counters.requests), (1, 40));
            assert_eq!((counters.responses_2xx, counters.connections_live), (40, 1));
        },
    );
}

#[test]
fn a_pipeline_is_answered_in_order_however_it_is_cut() {
    let requests: String = (0..200).map(|index| post("/p", &index.to_string())).collect();
    let cuts = [1, 7, 61, 1000, usize::MAX];
    with_server(
        limits(),
        || mirror,
        async |running| {
            for cut in cuts {
                let mut client = running.client().await;
                let read = async |client: &mut Client| {
                    for index in 0..200 {
                        assert_eq!(client.expect(200).await, format!("POST /p {index}"));
                    }
                };
                for piece in requests.as_bytes().chunks(cut) {
                    client.send(piece).await;
                    if cut < 100 {
                        common::turns(1).await;
                    }
                }
                read(&mut client).await;
            }
        },
    );
}

#[test]
fn a_batch_leaves_in_one_write() {
    with_server(
        limits(),
        || async |_: Request<'_>| "ok",
        async |running| {
            let mut client = running.client().await;
            client.send(get("/").repeat(16)).await;
            for _ in 0..16 {
                client.expect(200).await;
            }
            let before = taut::counters();
            client.send(get("/").repeat(16)).await;
            for _ in 0..16 {
                client.expect(200).await;
            }
            // One send is the client's.
            assert_eq!(taut::counters().since(&before).sends, 2);
        },
    );
}

#[test]
fn answers_that_are_there_do_not_wait_for_a_handler_that_is_not() {
    let gate = std::rc::Rc::new(taut::sync::Event::new());
    let opened = std::rc::Rc::clone(&gate);
    let service = move || {
        let gate = std::rc::Rc::clone(&gate);
        async move |request: Request<'_>| {
            if request.path() == "/slow" {
                gate.wait().await.unwrap();
            }
            Response::text(request.path().to_owned())
        }
    };
    with_server(limits(), service, async |running| {
        opened.reset();
        let mut client = running.client().await;
        client.send(get("/quick") + &get("/slow") + &get("/after")).await;
        assert_eq!(client.expect(200).await, "/quick");
        common::turns(20).await;
        assert_eq!(client.so_far(), "");
        opened.set();
        assert_eq!(client.expect(200).await, "/slow");
        assert_eq!(client.expect(200).await, "/after");
    });
}

#[test]
fn head_is_answered_with_the_head_of_get() {
    let service = || {
        async |request: Request<'_>| match request.path() {
            "/stream" => Response::ok(taut::http::Body::stream(
                futures_util::stream::iter([Ok::<_, std::io::Error>(b"chunk".to_vec())]),
                None,
            )),
            "/long" => Response::ok(vec![7; 100_000]),
            _ => Response::text("hello"),
        }
    };
    with_server(limits(), service, async |running| {
        let mut client = running.client().await;
        let expected = [
            ("/", "content-length", "5"),
            ("/long", "content-length", "100000"),
            ("/stream", "transfer-encoding", "chunked"),
        ];
        for (path, name, value) in expected {
            client.send(get(path).replace("GET", "HEAD")).await;
            let head = client.up_to("\r\n\r\n").await;
            assert_eq!((status_of(&head), header(&head, name)), (200, Some(value)));
        }
        client.send(get("/")).await;
        assert_eq!(client.expect(200).await, "hello", "nothing stands between");
    });
}

#[test]
fn a_status_without_body_has_none() {
    let service = || {
        async |request: Request<'_>| {
            let status: u16 = request.path()[1..].parse().unwrap();
            Response::text("not to be seen").status(StatusCode::from_u16(status).unwrap())
        }
    };
    with_server(limits(), service, async |running| {
        let mut client = running.client().await;
        for status in [204, 304] {
            client.send(get(&format!("/{status}"))).await;
            let head = client.up_to("\r\n\r\n").await;
            assert_eq!((status_of(&head), header(&head, "content-length")), (status, None));
        }
        client.send(get("/404")).await;
        client.expect(404).await;
        // An interim status is no answer.
        let answer = running.answers(get("/102")).await;
        assert_eq!(status_of(&answer), 500);
    });
}

#[test]
fn every_response_has_a_date_and_one_length() {
    const OLD: HeaderValue = HeaderValue::from_static("Sun, 06 Nov 1994 08:49:37 GMT");
    let service = || {
        async |request: Request<'_>| {
            let response =
                Response::text("x").header(CONTENT_LENGTH, HeaderValue::from_static("999"));
            match request.path() {
                "/old" => response.header(DATE, OLD),
                _ => response.header(HeaderName::from_static("x-1"), HeaderValue::from_static("y")),
            }
        }
    };
    with_server(limits(), service, async |running| {
        let mut client = running.client().await;
        client.send(get("/")).await;
        let (head, _) = client.response().await;
        assert_eq!(head.matches("content-length").count(), 1);
        let date = header(&head, "date").unwrap();
        assert!(date.len() == 29 && date.ends_with(" GMT") && date.contains(", "), "{date}");
        assert_eq!(header(&head, "x-1"), Some("y"));
        client.send(get("/old")).await;
        let (head, _) = client.response().await;
        assert_eq!(header(&head, "date"), OLD.to_str().ok());
        assert_eq!(head.matches("date: ").count(), 1);
    });
}

#[test]
fn connections_stay_as_their_version_and_their_header_say() {
    with_server(
        limits(),
        || mirror,
        async |running| {
            let request = |version: &str, connection: &str| {
                format!("GET / HTTP/{version}\r\nhost: e\r\nconnection: {connection}\r\n\r\n")
            };
            for (version, connection) in [("1.1", "close"), ("1.0", "x"), ("1.1", "x, Close")] {
                let answer = running.answers(request(version, connection)).await;
                assert_eq!(header(&answer, "connection"), Some("close"), "{version} {connection}");
            }
            let mut client = running.client().await;
            for _ in 0..3 {
                client.send(request("1.0", "Keep-Alive")).await;
                let (head, _) = client.response().await;
                assert_eq!(header(&head, "connection"), Some("keep-alive"));
                client.send(request("1.1", "x")).await;
                let (head, _) = client.response().await;
                assert_eq!(header(&head, "connection"), None);
            }
        },
    );
}

#[test]
fn a_connection_carries_as_many_requests_as_it_may() {
    let limits = limits().requests_per_connection_max(3);
    with_server(
        limits,
        || mirror,
        async |running| {
            let answers = running.answers(get("/").repeat(5)).await;
            assert_eq!(answers.matches("HTTP/1.1 200").count(), 3);
            assert_eq!(answers.matches("connection: close").count(), 1);
        },
    );
}

#[test]
fn routes_find_their_handlers_and_say_what_else_there_is() {
    let service = || {
        Router::new()
            .get("/health", async |_: Request<'_>| "up")
            .get("/orders/{id}", async |request: Request<'_>| {
                Response::text(format!("order {}", request.param("id").unwrap()))
            })
            .delete("/orders/{id}", async |_: Request<'_>| StatusCode::NO_CONTENT)
            .post("/files/{*path}", async |request: Request<'_>| {
                Response::text(request.param("path").unwrap().to_owned())
            })
    };
    with_server(limits(), service, async |running| {
        let mut client = running.client().await;
        client.send(get("/health?verbose")).await;
        assert_eq!(client.expect(200).await, "up");
        client.send(get("/orders/7%2F8")).await;
        assert_eq!(client.expect(200).await, "order 7%2F8");
        client.send(post("/files/a/b", "")).await;
        assert_eq!(client.expect(200).await, "a/b");
        client.send(get("/orders/7").replace("GET", "DELETE")).await;
        client.expect(204).await;
        client.send("GET http://elsewhere/health HTTP/1.1\r\nhost: e\r\n\r\n").await;
        assert_eq!(client.expect(200).await, "up");
        client.send(get("/nowhere")).await;
        client.expect(404).await;
        client.send(get("/health").replace("GET", "HEAD")).await;
        assert_eq!(status_of(&client.up_to("\r\n\r\n").await), 200);
        for (method, status, allow) in [
            ("PUT", 405, "DELETE, GET, HEAD, OPTIONS"),
            ("OPTIONS", 204, "DELETE, GET, HEAD, OPTIONS"),
        ] {
            client.send(get("/orders/1").replace("GET", method)).await;
            let (head, _) = client.response().await;
            assert_eq!((status_of(&head), header(&head, "allow")), (status, Some(allow)));
        }
        client.send("OPTIONS * HTTP/1.1\r\nhost: e\r\n\r\n").await;
        let (head, _) = client.response().await;
        assert_eq!(header(&head, "allow"), Some("DELETE, GET, HEAD, OPTIONS, POST"));
    });
}

#[test]
#[should_panic(expected = "has a handler of GET already")]
fn a_route_that_is_given_twice_panics() {
    let twice = async |_: Request<'_>| "x";
    let _ = Router::new().get("/a", twice).get("/a", twice);
}
