//! Where we and httparse differ: over soups of meaningful bytes, over damaged heads, over all that
//! the fuzz targets have kept; and each difference once by name.

use http::Method;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use taut_proto::http::wire::{ChunkLimits, HeadLimits, Reject};

use crate::corpus::inputs;
use crate::properties::soup;
use crate::second_opinion::{Opinion, on_request, on_response, on_trailers};

pub(crate) const REQUESTS: [&[u8]; 6] = [
    b"GET /prices?last=1&match[]=up HTTP/1.1\r\nHost: taut:8080\r\nAccept:\t*/* \r\nX:\r\n\r\nrest",
    b"\r\nPOST /orders HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\nExpect: 100-continue\r\n\r\n",
    b"PUT http://a.example:80/b%20c?d HTTP/1.0\r\nConnection: keep-alive, x\r\n\r\n",
    b"CONNECT [::1]:443 HTTP/1.1\r\nHost: [::1]:443\r\nX-Text: \xe9\xff\ta  b\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nhost:\r\nTransfer-Encoding: gzip , chunked\r\n\r\n0\r\n\r\n",
    b"X-!#$%&'*+.^_`|~09 /a HTTP/1.1\r\nHost:a\r\n!#$%&'*+-.^_`|~09aZ: 0123456789abcdef\r\n\r\n",
];

pub(crate) const RESPONSES: [&[u8]; 5] = [
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nServer: a\r\n\r\nhello",
    b"HTTP/1.0 404 Not  Found\t!\r\nConnection: keep-alive\r\n\r\n",
    b"HTTP/1.1 100\r\n\r\n",
    b"HTTP/1.1 999 caf\xe9\r\nTransfer-Encoding: chunked\r\nX: \t a\t \r\n\r\n",
    b"HTTP/1.1 204 \r\n\r\n",
];

const TRAILERS: [&[u8]; 3] = [
    b"X-Sum: 0123456789abcdef\r\nETag: \"a b\"\r\n\r\n",
    b"\r\nnext",
    b"Host: a\r\nX-\xff: b\r\nExpires: 0\r\nx:\t\r\n\r\n",
];

/// What is put in somewhere, or in the place of some bytes.
fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let words = select(vec![
        &b""[..],
        b"\r\n",
        b"\r",
        b"\n",
        b" ",
        b"\t",
        b"\0",
        b"\x7f",
        b"\x80",
        b"\x1f",
        b":",
        b",",
        b"%",
        b"\r\n\r\n",
        b"\r\n ",
        b"Host: b\r\n",
        b"Content-Length: 5\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"HTTP/1.0",
        b"aaaaaaaaaaaaaaaaa",
    ]);
    prop_oneof![words.prop_map(<[u8]>::to_vec), any::<u8>().prop_map(|byte| vec![byte])]
}

/// One of these, in which up to three places were changed.
pub(crate) fn damaged(valid: &'static [&'static [u8]]) -> impl Strategy<Value = Vec<u8>> {
    let change = (any::<Index>(), 0..4_usize, pieces());
    (select(valid), vec(change, 0..4)).prop_map(|(valid, changes)| {
        let mut bytes = valid.to_vec();
        for (at, replaced, piece) in changes {
            let at = at.index(bytes.len() + 1);
            let end = bytes.len().min(at + replaced);
            bytes.splice(at..end, piece);
        }
        bytes
    })
}

fn methods() -> impl Strategy<Value = Method> {
    select(vec![Method::GET, Method::HEAD, Method::CONNECT])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn httparse_reads_requests_alike(bytes in prop_oneof![soup(), damaged(&REQUESTS)]) {
        on_request(&bytes, &HeadLimits::default());
    }

    #[test]
    fn httparse_reads_responses_alike(
        bytes in prop_oneof![soup(), damaged(&RESPONSES)],
        method in methods(),
    ) {
        on_response(&bytes, &method, &HeadLimits::default());
    }

    #[test]
    fn httparse_reads_trailers_alike(bytes in prop_oneof![soup(), damaged(&TRAILERS)]) {
        on_trailers(&bytes, ChunkLimits::default());
    }
}

#[test]
fn httparse_reads_all_that_was_kept_alike() {
    let limits = HeadLimits::default();
    let mut requests = inputs("request_head", 1);
    requests.extend(REQUESTS.map(<[u8]>::to_vec));
    let mut responses = inputs("response_head", 2);
    responses.extend(RESPONSES.map(<[u8]>::to_vec));
    let opinions = requests.iter().map(|text| on_request(text, &limits));
    let both = opinions.filter(|&opinion| opinion == Opinion::Both).count();
    assert!(both >= 15, "of the requests both take {both}");
    let opinions = responses.iter().map(|text| on_response(text, &Method::GET, &limits));
    let both = opinions.filter(|&opinion| opinion == Opinion::Both).count();
    assert!(both >= 15, "of the responses both take {both}");
}

#[test]
fn each_request_that_httparse_alone_takes_has_its_reason() {
    let limits = HeadLimits::default();
    let long_line = [&b"GET /"[..], &[b'a'; 8 << 10], b" HTTP/1.1\r\nHost: a\r\n\r\n"].concat();
    let long_header = [&b"GET / HTTP/1.1\r\nX: "[..], &[b'a'; 8 << 10], b"\r\n\r\n"].concat();
    let many = [&b"GET / HTTP/1.1\r\n"[..], &b"X: a\r\n".repeat(101), b"\r\n"].concat();
    let line = [&b"X: "[..], &[b'a'; 8000], b"\r\n"].concat();
    let long = [b"GET / HTTP/1.1\r\n", &line[..], &line, &line, b"\r\n"].concat();
    for (text, reason) in [
        (&b"GET / HTTP/1.1\nHost: a\r\n\r\n"[..], Reject::BareLineFeed),
        (b"GET / HTTP/1.1\r\nHost: a\n\n", Reject::BareLineFeed),
        (b"\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", Reject::BareLineFeed),
        (b"\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", Reject::EmptyLineFirst),
        (&long_line, Reject::StartLineTooLong),
        (&long_header, Reject::HeaderLineTooLong),
        (&many, Reject::TooManyHeaders),
        (&long, Reject::HeadTooLong),
        (b"GET /\"<> HTTP/1.1\r\nHost: a\r\n\r\n", Reject::TargetCharacter),
        ("GET /\u{e9} HTTP/1.1\r\nHost: a\r\n\r\n".as_bytes(), Reject::TargetCharacter),
        (b"GET a HTTP/1.1\r\nHost: a\r\n\r\n", Reject::TargetForm),
        (b"GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", Reject::TargetScheme),
        (b"CONNECT a HTTP/1.1\r\nHost: a\r\n\r\n", Reject::TargetAuthority),
        (b"GET / HTTP/1.1\r\n\r\n", Reject::HostMissing),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", Reject::HostRepeated),
        (b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", Reject::HostInvalid),
        (b"GET / HTTP/1.1\r\nHost: a\r\nExpect: b\r\n\r\n", Reject::Expectation),
        (b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n", Reject::ConnectBody),
    ] {
        let what = text.escape_ascii();
        assert_eq!(on_request(text, &limits), Opinion::Deliberate(reason), "{what}");
    }
}

#[test]
fn each_framing_that_httparse_alone_takes_has_its_reason() {
    let limits = HeadLimits::default();
    for (headers, reason) in [
        ("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n", Reject::TwoLengths),
        ("Content-Length: 1\r\nContent-Length: 1\r\n", Reject::ContentLengthRepeated),
        ("Content-Length: +1\r\n", Reject::ContentLengthInvalid),
        ("Content-Length: 18446744073709551616\r\n", Reject::ContentLengthOverflow),
        ("Transfer-Encoding: a\r\n", Reject::TransferEncodingInvalid),
        ("Transfer-Encoding: a, chunked\r\n", Reject::TransferEncodingUnknown),
        ("Transfer-Encoding: a\r\nTransfer-Encoding: b\r\n", Reject::TransferEncodingRepeated),
    ] {
        let text = format!("GET / HTTP/1.1\r\nHost: a\r\n{headers}\r\n");
        assert_eq!(on_request(text.as_bytes(), &limits), Opinion::Deliberate(reason), "{text}");
        // Of a response the encoding decides.
        let text = format!("HTTP/1.1 200 OK\r\n{headers}\r\n");
        let expected = match reason {
            Reject::TwoLengths => Opinion::Both,
            reason => Opinion::Deliberate(reason),
        };
        assert_eq!(on_response(text.as_bytes(), &Method::GET, &limits), expected, "{text}");
    }
    let old = b"GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n";
    let reason = Opinion::Deliberate(Reject::TransferEncodingVersion);
    assert_eq!(on_request(old, &limits), reason);
}

#[test]
fn each_response_and_trailer_that_httparse_alone_takes_has_its_reason() {
    for (text, reason) in [
        (&b"HTTP/1.1 200 OK\n\r\n"[..], Reject::BareLineFeed),
        (b"\r\nHTTP/1.1 200 OK\r\n\r\n", Reject::EmptyLineFirst),
        (b"HTTP/1.1 099 Low\r\n\r\n", Reject::StatusLine),
    ] {
        let opinion = on_response(text, &Method::GET, &HeadLimits::default());
        assert_eq!(opinion, Opinion::Deliberate(reason), "{}", text.escape_ascii());
    }
    let limits = ChunkLimits { trailer_bytes_max: 64, trailers_max: 2, ..ChunkLimits::default() };
    let long = [&b"X: "[..], &[b'a'; 64], b"\r\n\r\n"].concat();
    for (text, reason) in [
        (&b"X: a\n\r\n"[..], Reject::BareLineFeed),
        (&long, Reject::TrailersTooLong),
        (b"X: a\r\nX: a\r\nX: a\r\n\r\n", Reject::TooManyTrailers),
    ] {
        let opinion = on_trailers(text, limits);
        assert_eq!(opinion, Opinion::Deliberate(reason), "{}", text.escape_ascii());
    }
}
