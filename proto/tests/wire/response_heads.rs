//! Status lines, and how the body of a response ends: RFC 9112 sections 4, 6.3 and 9.3.

use http::Method;
use taut_proto::http::wire::{BodyLength, HeadLimits, Reject, ResponseFraming, ResponseHead};

use crate::pieces::{Verdict, response, same_at_every_cut};

fn read(method: &Method, text: &[u8]) -> Verdict<ResponseHead> {
    let limits = HeadLimits::default();
    same_at_every_cut(text, |cuts| response(text, cuts, method, &limits))
}

fn framing(method: &Method, status: &str, headers: &str) -> ResponseFraming {
    let text = format!("{status}\r\n{headers}\r\n");
    match read(method, text.as_bytes()) {
        Verdict::Whole { head, .. } => head.framing,
        verdict => panic!("{text}: {verdict:?}"),
    }
}

fn refused(status: &str, headers: &str, reject: Reject) {
    let text = format!("{status}\r\n{headers}\r\n");
    assert_eq!(read(&Method::GET, text.as_bytes()).refusal(), Some(reject), "{text}");
}

#[test]
fn a_status_line_is_read() {
    let text = b"HTTP/1.0 404 Not  Found\t!\r\nServer: a\r\n\r\nbody";
    let Verdict::Whole { head, head_bytes, fields } = read(&Method::GET, text) else { panic!() };
    assert_eq!(head.status.as_u16(), 404);
    assert_eq!(head.reason.of(text), b"Not  Found\t!");
    assert_eq!(head.version, http::Version::HTTP_10);
    assert_eq!(fields, [("Server".to_owned(), b"a".to_vec())]);
    assert_eq!(&text[head_bytes..], b"body");
    for reasonless in ["HTTP/1.1 200", "HTTP/1.1 200 ", "HTTP/1.1 200 \u{e9}"] {
        let text = format!("{reasonless}\r\n\r\n");
        let Verdict::Whole { head, .. } = read(&Method::GET, text.as_bytes()) else { panic!() };
        assert!(head.reason.is_empty());
    }
}

#[test]
fn a_higher_minor_version_is_read_as_the_highest_known() {
    for minor in 2..=9 {
        let text = format!("HTTP/1.{minor} 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        let verdict = read(&Method::GET, text.as_bytes());
        let Verdict::Whole { head, .. } = verdict else { panic!("{text}: {verdict:?}") };
        assert_eq!(head.version, http::Version::HTTP_11);
        assert_eq!(head.framing.body, BodyLength::Chunked);
        assert!(head.framing.keep_alive);
    }
}

#[test]
fn a_malformed_status_line_is_refused() {
    for status in [
        "HTTP/1.1",
        "HTTP/1.1 ",
        "HTTP/1.1 20",
        "HTTP/1.1 2000 OK",
        "HTTP/1.1 099 Low",
        "HTTP/1.1 000",
        "HTTP/1.1 2x0 OK",
        "HTTP/1.1 -20 OK",
        "HTTP/1.1  200 OK",
        "HTTP/1.1\t200 OK",
        "http/1.1 200 OK",
        "HTTP/1.1 200 a\0b",
        "HTTP/1.1 200 a\x7f",
        "HTTP/1.1 200\tOK",
        "ICY 200 OK",
        "HTTP/11 200 OK",
        "200 OK",
    ] {
        refused(status, "", Reject::StatusLine);
    }
    refused("HTTP/2.0 200 OK", "", Reject::Version);
    refused("HTTP/1.: 200 OK", "", Reject::StatusLine);
    refused("HTTP/1.20 200 OK", "", Reject::StatusLine);
    refused("HTTP/1.2\t200 OK", "", Reject::StatusLine);
    refused("HTTP/0.9 200 OK", "", Reject::Version);
    refused("\r\nHTTP/1.1 200 OK", "", Reject::EmptyLineFirst);
    refused(" HTTP/1.1 200 OK", "", Reject::LineStartsWithSpace);
    refused("HTTP/1.1 200 OK", "A: b\r\n c\r\n", Reject::LineStartsWithSpace);
    refused("HTTP/1.1 200 OK", "A : b\r\n", Reject::HeaderName);
    refused("HTTP/1.1 200 OK", "A: b\n", Reject::BareLineFeed);
    refused("HTTP/1.1 200 OK", "A: b\0\r\n", Reject::HeaderValue);
}

#[test]
fn a_body_ends_as_the_headers_say() {
    // RFC 9112 section 6.3, rules 4, 6 and 8.
    let of = |status, headers| framing(&Method::GET, status, headers);
    let plain = of("HTTP/1.1 200 OK", "Content-Length: 5\r\n");
    assert_eq!((plain.body, plain.keep_alive), (BodyLength::Length(5), true));
    let chunked = of("HTTP/1.1 200 OK", "Transfer-Encoding: Chunked\r\n");
    assert_eq!((chunked.body, chunked.keep_alive), (BodyLength::Chunked, true));
    let open = of("HTTP/1.1 200 OK", "");
    assert_eq!((open.body, open.keep_alive), (BodyLength::UntilClose, false));
    let old = of("HTTP/1.0 200 OK", "Content-Length: 5\r\n");
    assert_eq!((old.body, old.keep_alive), (BodyLength::Length(5), false));
    let kept = of("HTTP/1.0 200 OK", "Content-Length: 5\r\nConnection: keep-alive\r\n");
    assert!(kept.keep_alive);
    assert!(!of("HTTP/1.1 200 OK", "Content-Length: 5\r\nConnection: close\r\n").keep_alive);
}

#[test]
fn an_encoding_overrides_a_length_and_closes() {
    // RFC 9112 section 6.3, rule 3.
    for lengths in ["Content-Length: 5\r\n", "Content-Length: x\r\n", "Content-Length: 5, 6\r\n"] {
        let headers = format!("Transfer-Encoding: chunked\r\n{lengths}");
        let both = framing(&Method::GET, "HTTP/1.1 200 OK", &headers);
        assert_eq!((both.body, both.keep_alive), (BodyLength::Chunked, false));
    }
}

#[test]
fn some_responses_have_no_body_whatever_they_say() {
    // RFC 9112 section 6.3, rule 1.
    let headers = "Content-Length: 5\r\n";
    let head = framing(&Method::HEAD, "HTTP/1.1 200 OK", headers);
    assert_eq!((head.body, head.keep_alive), (BodyLength::None, true));
    let head = framing(&Method::HEAD, "HTTP/1.1 200 OK", "Transfer-Encoding: chunked\r\n");
    assert_eq!((head.body, head.keep_alive), (BodyLength::None, true));
    let unmodified = framing(&Method::GET, "HTTP/1.1 304 Not Modified", headers);
    assert_eq!((unmodified.body, unmodified.keep_alive), (BodyLength::None, true));
    let none = framing(&Method::GET, "HTTP/1.1 204 No Content", "");
    assert_eq!((none.body, none.keep_alive), (BodyLength::None, true));
    // What must not claim a body and does may also send it: the connection is not used again.
    for claim in [headers, "Transfer-Encoding: chunked\r\n"] {
        let none = framing(&Method::GET, "HTTP/1.1 204 No Content", claim);
        assert_eq!((none.body, none.keep_alive), (BodyLength::None, false));
    }
    assert!(framing(&Method::GET, "HTTP/1.1 204 No Content", "Content-Length: 0\r\n").keep_alive);
}

#[test]
fn an_interim_response_is_followed_by_another() {
    for status in ["HTTP/1.1 100 Continue", "HTTP/1.1 103 Early Hints", "HTTP/1.1 199 x"] {
        let interim = framing(&Method::GET, status, "");
        assert!(interim.interim && !interim.tunnel && interim.body == BodyLength::None);
    }
    assert!(!framing(&Method::GET, "HTTP/1.1 200 OK", "").interim);
}

#[test]
fn a_tunnel_follows_101_and_a_connect_that_succeeded() {
    // RFC 9112 section 6.3, rule 2; RFC 9110 section 7.8.
    let switched = framing(&Method::GET, "HTTP/1.1 101 Switching Protocols", "Upgrade: a\r\n");
    assert!(switched.tunnel && !switched.interim && !switched.keep_alive);
    for headers in ["", "Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n"] {
        let connected = framing(&Method::CONNECT, "HTTP/1.1 200 OK", headers);
        assert!(connected.tunnel && !connected.keep_alive);
        assert_eq!(connected.body, BodyLength::None);
    }
    let failed = framing(&Method::CONNECT, "HTTP/1.1 407 No", "Content-Length: 5\r\n");
    assert_eq!((failed.tunnel, failed.body), (false, BodyLength::Length(5)));
}

#[test]
fn an_ambiguous_length_is_refused() {
    // RFC 9112 section 6.3, rules 4 and 5.
    let ok = "HTTP/1.1 200 OK";
    refused(ok, "Content-Length: 5\r\nContent-Length: 5\r\n", Reject::ContentLengthRepeated);
    refused(ok, "Content-Length: 5, 5\r\n", Reject::ContentLengthRepeated);
    refused(ok, "Content-Length: +5\r\n", Reject::ContentLengthInvalid);
    refused(ok, "Content-Length: 18446744073709551616\r\n", Reject::ContentLengthOverflow);
    refused(ok, "Transfer-Encoding: gzip\r\n", Reject::TransferEncodingInvalid);
    refused(ok, "Transfer-Encoding: gzip, chunked\r\n", Reject::TransferEncodingUnknown);
    let twice = "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n";
    refused(ok, twice, Reject::TransferEncodingRepeated);
    let old = "HTTP/1.0 200 OK";
    refused(old, "Transfer-Encoding: chunked\r\n", Reject::TransferEncodingVersion);
}
