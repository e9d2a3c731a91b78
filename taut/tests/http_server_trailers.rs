//! Fields behind the body of a response: for clients that ask for them, whatever the body is made
//! of; for the others the same body without them.

mod common;

use std::cell::Cell;
use std::rc::Rc;

use common::directory::Directory;
use common::http::{Client, get, header, limits, status_of, with_server};
use futures_util::stream;
use taut::http::header::{CONTENT_LENGTH, ETAG, HeaderMap, HeaderName, TRANSFER_ENCODING};
use taut::http::{Body, Request, Response, StatusCode, TrailerError};

const SUM: HeaderName = HeaderName::from_static("x-sum");
const STATUS: HeaderName = HeaderName::from_static("grpc-status");

/// Longer than what is copied beside its chunk's head, and than one read of a file.
const LONG_BYTES: usize = 100_000;

fn asking(path: &str) -> String {
    get(path).replace("host", "te: gzip;q=0.5, Trailers\r\nhost")
}

fn fields() -> HeaderMap {
    HeaderMap::from_iter([(SUM, 7.into()), (STATUS, 0.into()), (ETAG, 9.into())])
}

/// A stream that says at its end how many bytes it gave.
fn counted(length: Option<u64>) -> Result<Response, TrailerError> {
    let sum = Rc::new(Cell::new(0_u64));
    let so_far = Rc::clone(&sum);
    let pieces = [1, 10, 5000].map(move |bytes| {
        so_far.set(so_far.get() + bytes as u64);
        Ok::<_, std::io::Error>(vec![b'p'; bytes])
    });
    let body = Body::stream(stream::iter(pieces), length);
    let fields = move || HeaderMap::from_iter([(SUM, sum.get().into())]);
    Ok(Response::ok(body.with_trailers([SUM], fields)?))
}

async fn answer(request: Request<'_>) -> Result<Response, TrailerError> {
    let with = |body: Body| Ok(Response::ok(body.with_trailers([SUM, STATUS], fields)?));
    match request.path() {
        "/counted" => counted(None),
        "/counted-of-length" => counted(Some(5011)),
        "/static" => with("body".into()),
        "/long" => with(vec![b'l'; LONG_BYTES].into()),
        "/empty" => with(Body::empty()),
        "/none" => with(Body::empty()).map(|response| response.status(StatusCode::NO_CONTENT)),
        "/twice" => with(Body::from("body").with_trailers([ETAG], || panic!("replaced"))?),
        "/nameless" => Ok(Response::ok(Body::from("body").with_trailers([], fields)?)),
        "/panic" => Ok(Response::ok(Body::from("body").with_trailers([SUM], || panic!("sum"))?)),
        "/forbidden" => {
            Ok(Response::ok(Body::from("body").with_trailers([TRANSFER_ENCODING], fields)?))
        }
        _ => Ok(StatusCode::NOT_FOUND.into()),
    }
}

/// The next response, in chunks: its head, its body put together, and what is behind it.
async fn chunked(client: &mut Client) -> (String, String, String) {
    let head = client.up_to("\r\n\r\n").await;
    assert_eq!(header(&head, "transfer-encoding"), Some("chunked"), "{head}");
    assert_eq!(header(&head, "content-length"), None);
    let mut body = String::new();
    loop {
        let line = client.up_to("\r\n").await;
        match usize::from_str_radix(line.trim_end(), 16).unwrap() {
            0 => break,
            bytes => {
                let chunk = client.take(bytes + 2).await;
                body.push_str(chunk.strip_suffix("\r\n").unwrap());
            }
        }
    }
    let mut trailers = String::new();
    loop {
        match client.up_to("\r\n").await.as_str() {
            "\r\n" => return (head, body, trailers),
            line => trailers.push_str(line),
        }
    }
}

#[test]
fn trailers_follow_a_body_of_any_kind_where_they_are_asked_for() {
    with_server(
        limits(),
        || answer,
        async |running| {
            let mut client = running.client().await;
            let long = "l".repeat(LONG_BYTES);
            let given = "p".repeat(5011);
            let both = "x-sum: 7\r\ngrpc-status: 0\r\n";
            for (path, names, body, trailers) in [
                ("/counted", Some("x-sum"), &given[..], "x-sum: 5011\r\n"),
                ("/counted-of-length", Some("x-sum"), &given, "x-sum: 5011\r\n"),
                ("/static", Some("x-sum, grpc-status"), "body", both),
                ("/long", Some("x-sum, grpc-status"), &long, both),
                ("/empty", Some("x-sum, grpc-status"), "", both),
                ("/twice", Some("x-sum, grpc-status"), "body", both),
                ("/nameless", None, "body", ""),
            ] {
                // Pipelined, so that the end of the one is seen to be the start of the other.
                client.send(asking(path).repeat(2)).await;
                for _ in 0..2 {
                    let (head, got, behind) = chunked(&mut client).await;
                    assert_eq!(header(&head, "trailer"), names, "{path}");
                    assert!(got == body, "{path}: {} bytes", got.len());
                    assert_eq!(behind, trailers, "{path}");
                }
            }
        },
    );
}

#[test]
fn who_does_not_ask_gets_the_body_alone() {
    with_server(
        limits(),
        || answer,
        async |running| {
            let mut client = running.client().await;
            for te in ["", "te: gzip\r\n", "te: xtrailers, trailers2\r\n"] {
                client.send(get("/static").replace("host", &format!("{te}host"))).await;
                let (head, body) = client.response().await;
                assert_eq!((header(&head, "content-length"), &body[..]), (Some("4"), "body"));
                assert_eq!(
                    (header(&head, "trailer"), header(&head, "transfer-encoding")),
                    (None, None)
                );
            }
            client.send(get("/counted-of-length")).await;
            assert_eq!(client.expect(200).await.len(), 5011);
            client.send(get("/counted")).await;
            let (head, body, behind) = chunked(&mut client).await;
            assert_eq!((header(&head, "trailer"), body.len(), &behind[..]), (None, 5011, ""));
            // Chunks are beyond a client of HTTP/1.0, whatever it says.
            let old = running.answers(asking("/static").replace("1.1", "1.0")).await;
            assert!(old.ends_with("\r\n\r\nbody"), "{old}");
            assert_eq!(
                (header(&old, "content-length"), header(&old, "trailer")),
                (Some("4"), None)
            );
        },
    );
}

#[test]
fn what_has_no_body_has_nothing_behind_it() {
    with_server(
        limits(),
        || answer,
        async |running| {
            let mut client = running.client().await;
            client.send(asking("/none") + &asking("/static").replace("GET", "HEAD")).await;
            let head = client.up_to("\r\n\r\n").await;
            assert_eq!((status_of(&head), header(&head, "trailer")), (204, None));
            // The head is that of a GET, and nothing follows it.
            let head = client.up_to("\r\n\r\n").await;
            assert_eq!(header(&head, "trailer"), Some("x-sum, grpc-status"));
            client.send(get("/static")).await;
            assert_eq!(client.expect(200).await, "body");
        },
    );
}

#[test]
fn a_body_whose_trailers_panic_is_not_whole() {
    with_server(
        limits(),
        || answer,
        async |running| {
            let mut client = running.client().await;
            client.send(asking("/panic")).await;
            let mut seen = Vec::new();
            while let Ok(bytes) = client.stream.recv().await
                && !bytes.is_empty()
            {
                seen.extend_from_slice(&bytes);
            }
            let seen = String::from_utf8(seen).unwrap();
            assert!(!seen.ends_with("\r\n0\r\n\r\n"), "{seen}");
            let counters = running.server.counters();
            assert_eq!((counters.handler_panics, counters.responses_aborted), (1, 1));
        },
    );
}

#[test]
fn a_file_has_trailers_too() {
    let directory = Directory::new();
    let path = directory.join("prices");
    std::fs::write(&path, vec![b'f'; LONG_BYTES]).unwrap();
    let service = || {
        let path = path.clone();
        async move |_: Request<'_>| {
            let file = taut::fs::File::open(&path).await.unwrap();
            let body = Body::file(file, LONG_BYTES as u64);
            Ok::<_, TrailerError>(Response::ok(body.with_trailers([SUM], fields)?))
        }
    };
    with_server(limits(), service, async |running| {
        let mut client = running.client().await;
        client.send(asking("/") + &get("/")).await;
        let (_, body, behind) = chunked(&mut client).await;
        assert!(body == "f".repeat(LONG_BYTES));
        assert_eq!(behind, "x-sum: 7\r\n");
        assert_eq!(client.expect(200).await.len(), LONG_BYTES);
    });
}

#[test]
fn fields_of_the_framing_are_no_trailers() {
    let refused = Body::empty().with_trailers([SUM, CONTENT_LENGTH], fields).unwrap_err();
    assert_eq!(refused.name(), CONTENT_LENGTH);
    with_server(
        limits(),
        || answer,
        async |running| {
            let mut client = running.client().await;
            client.send(asking("/forbidden")).await;
            let told = client.expect(500).await;
            assert!(told.starts_with("`transfer-encoding` can't be a trailer"), "{told}");
        },
    );
}
