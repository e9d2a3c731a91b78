//! Content codings: undone where they are whole and small enough, refused where they are not.

mod common;

use std::io::Write;

use common::http_peer::{Peer, against, against_with, header};
use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use taut::http::client::{Cause, Client, Error, Limits};
use taut::net::TcpListener;

fn coded(coding: &str, plain: &[u8]) -> Vec<u8> {
    match coding {
        "gzip" => {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
            encoder.write_all(plain).unwrap();
            encoder.finish().unwrap()
        }
        "deflate" => {
            let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
            encoder.write_all(plain).unwrap();
            encoder.finish().unwrap()
        }
        "zstd" => zstd::stream::encode_all(plain, 3).unwrap(),
        _ => unreachable!("{coding}"),
    }
}

/// `hello world` in brotli: one block that is not compressed, and an empty last one.
const BROTLI: &[u8] = b"\x0b\x05\x80hello world\x03";

fn raw_deflate(plain: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

/// Says a body in this coding, in pieces.
fn saying_coded(coding: &'static str, body: Vec<u8>) -> impl AsyncFn(&TcpListener) {
    async move |listener: &TcpListener| {
        let mut peer = Peer::accept(listener).await;
        let request = peer.request().await;
        assert!(header(&request, "accept-encoding").unwrap().contains(coding), "{request}");
        let length = body.len();
        peer.say(format!(
            "HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\nContent-Length: {length}\r\n\r\n"
        ))
        .await;
        for piece in body.chunks(1 + length / 5) {
            peer.say(piece).await;
            common::turns(2).await;
        }
    }
}

fn plain() -> Vec<u8> {
    let mut random = common::Random::new(7);
    let noise = random.bytes(20_000);
    [&noise[..], &b"abcd".repeat(20_000), &noise].concat()
}

#[test]
fn codings_are_undone_and_not_to_be_seen() {
    let plain = plain();
    let mut members = coded("gzip", &plain[..9]);
    members.extend(coded("gzip", &plain[9..]));
    let mut frames = coded("zstd", &plain[..9]);
    frames.extend(coded("zstd", &plain[9..]));
    for (coding, body) in [
        ("gzip", coded("gzip", &plain)),
        ("gzip", members),
        ("deflate", coded("deflate", &plain)),
        ("deflate", raw_deflate(&plain)),
        ("zstd", coded("zstd", &plain)),
        ("zstd", frames),
    ] {
        against(saying_coded(coding, body), async |client, url| {
            let answer = client.get(url).send().await.unwrap();
            assert_eq!(answer.header("content-encoding"), None);
            assert_eq!(answer.content_length(), None);
            assert!(answer.bytes().await.unwrap() == plain, "{coding}");
        });
    }
}

#[test]
fn brotli_is_undone_limited_and_has_an_end() {
    against(saying_coded("br", BROTLI.to_vec()), async |client, url| {
        let text = client.get(url).send().await.unwrap().text().await.unwrap();
        assert_eq!(text, "hello world");
    });
    let cut = BROTLI[..BROTLI.len() - 1].to_vec();
    against(saying_coded("br", cut), async |client, url| {
        let error = client.get(url).send().await.unwrap().text().await.unwrap_err();
        assert!(matches!(error.cause(), Cause::Undecodable(_)), "{error}");
    });
    let limits = Limits { decoded_bytes_max: 10, ..Limits::default() };
    let client = || Client::builder().limits(limits);
    against_with(client, saying_coded("br", BROTLI.to_vec()), async |client, url| {
        let error = client.get(url).send().await.unwrap().text().await.unwrap_err();
        assert!(matches!(error.cause(), Cause::TooLarge { .. }), "{error}");
    });
}

#[test]
fn a_body_that_is_cut_or_wrong_is_an_error_with_the_answers_status() {
    let plain = plain();
    for coding in ["gzip", "deflate", "zstd"] {
        let whole = coded(coding, &plain);
        let mut wrong = whole.clone();
        wrong[whole.len() / 2] ^= 0xFF;
        let cut = whole[..whole.len() - 3].to_vec();
        for (body, is_cut) in [(cut, true), (wrong, false)] {
            // A zstd frame without a checksum can't tell a wrong literal.
            if coding == "zstd" && !is_cut {
                continue;
            }
            against(saying_coded(coding, body), async |client, url| {
                let error = client.get(url).send().await.unwrap().bytes().await.unwrap_err();
                assert!(matches!(error, Error::Unusable(_)), "{coding}: {error}");
                assert!(matches!(error.cause(), Cause::Undecodable(_)), "{coding}: {error}");
                assert_eq!(error.status().unwrap(), 200);
            });
        }
    }
}

#[test]
fn a_bomb_ends_at_the_limit_and_never_in_memory() {
    let bomb = vec![0; 64 << 20];
    for coding in ["gzip", "deflate", "zstd"] {
        let body = coded(coding, &bomb);
        assert!(body.len() < 100_000);
        let limits = Limits { decoded_bytes_max: 1 << 20, ..Limits::default() };
        let client = || Client::builder().limits(limits);
        against_with(client, saying_coded(coding, body), async |client, url| {
            let mut answer = client.get(url).send().await.unwrap();
            let mut count = 0;
            let error = loop {
                match answer.chunk().await {
                    Ok(piece) => count += piece.expect("the bomb has no end").len(),
                    Err(error) => break error,
                }
            };
            assert!(count <= 1 << 20);
            let named = matches!(error.cause(), Cause::TooLarge { limit: "decoded_bytes_max", .. });
            assert!(named && matches!(error, Error::Unusable(_)), "{coding}: {error}");
        });
    }
}

#[test]
fn what_is_not_known_or_not_wanted_is_handed_out_as_it_is() {
    for (coding, decodes) in [("rot13", true), ("gzip, zstd", true), ("gzip", false)] {
        let script = async |listener: &TcpListener| {
            let mut peer = Peer::accept(listener).await;
            let request = peer.request().await;
            assert_eq!(header(&request, "accept-encoding").is_some(), decodes);
            peer.say(format!(
                "HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\nContent-Length: 3\r\n\r\nabc"
            ))
            .await;
        };
        let client = || Client::builder().decode(decodes);
        against_with(client, script, async |client, url| {
            let answer = client.get(url).send().await.unwrap();
            assert_eq!(answer.header("content-encoding"), Some(coding));
            assert_eq!(answer.text().await.unwrap(), "abc");
        });
    }
}

#[test]
fn what_a_request_accepts_takes_the_place_of_what_is_offered() {
    let script = async |listener: &TcpListener| {
        let mut peer = Peer::accept(listener).await;
        let request = peer.request().await.to_ascii_lowercase();
        assert_eq!(request.matches("\r\naccept-encoding: ").count(), 1, "{request}");
        assert_eq!(header(&request, "accept-encoding"), Some("identity"));
        peer.say("HTTP/1.1 204 No Content\r\n\r\n").await;
    };
    against_with(Client::builder, script, async |client, url| {
        let answer = client.get(url).header("Accept-Encoding", "identity").send().await.unwrap();
        assert_eq!(answer.status(), 204);
    });
}
