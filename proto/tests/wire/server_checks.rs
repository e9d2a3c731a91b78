//! The 33 things that a small suite of checks asks of a server, as vectors from the standards:
//! which messages are taken and which are refused, each cut at every byte.

use taut_proto::http::wire::{ChunkLimits, Reject};

use crate::pieces::{chunked, same_at_every_cut};
use crate::request_heads::read;

/// A check: the section that decides it, the head, and why it is refused, if it is.
type Check = (&'static str, &'static [u8], Option<Reject>);

const HEADS: [Check; 22] = [
    // What is taken.
    ("RFC 9112 3.2.1", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", None),
    ("RFC 9112 2.2, an empty line first", b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", None),
    ("RFC 9112 3.2.2, absolute form", b"GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", None),
    ("RFC 9112 3.2.4, asterisk form", b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", None),
    ("RFC 9112 5.1, no space behind the colon", b"GET / HTTP/1.1\r\nHost:a\r\n\r\n", None),
    ("RFC 9110 5.5, an empty value", b"GET / HTTP/1.1\r\nHost: a\r\nX:\r\n\r\n", None),
    ("RFC 9110 5.1, names in any case", b"GET / HTTP/1.1\r\nhOST: a\r\n\r\n", None),
    (
        "RFC 9110 10.1.1",
        b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n",
        None,
    ),
    // What is refused.
    ("RFC 9112 3, no version", b"GET /\r\nHost: a\r\n\r\n", Some(Reject::RequestLine)),
    ("RFC 9112 2.3, lower case", b"GET / http/1.1\r\nHost: a\r\n\r\n", Some(Reject::RequestLine)),
    ("RFC 9110 2.5, version", b"GET / HTTP/9.9\r\nHost: a\r\n\r\n", Some(Reject::Version)),
    ("RFC 9112 2.2, space first", b" GET / HTTP/1.1\r\n\r\n", Some(Reject::LineStartsWithSpace)),
    (
        "RFC 9112 2.2, bare CR",
        b"GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n",
        Some(Reject::HeaderValue),
    ),
    ("RFC 9112 2.2, bare LF", b"GET / HTTP/1.1\nHost: a\n\n", Some(Reject::BareLineFeed)),
    ("RFC 9112 3.2, no Host", b"GET / HTTP/1.1\r\n\r\n", Some(Reject::HostMissing)),
    (
        "RFC 9112 3.2, two Hosts",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        Some(Reject::HostRepeated),
    ),
    (
        "RFC 9110 5.6.2, a name that is no token",
        b"GET / HTTP/1.1\r\nHost: a\r\nX[]: b\r\n\r\n",
        Some(Reject::HeaderName),
    ),
    (
        "RFC 9110 5.5, a control character",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: b\x07\r\n\r\n",
        Some(Reject::HeaderValue),
    ),
    (
        "RFC 9110 8.6, negative",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        Some(Reject::ContentLengthInvalid),
    ),
    (
        "RFC 9110 8.6, negative and beyond 64 bits",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -99999999999999999999\r\n\r\n",
        Some(Reject::ContentLengthInvalid),
    ),
    (
        "RFC 9110 8.6, not a number",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: abc\r\n\r\n",
        Some(Reject::ContentLengthInvalid),
    ),
    (
        "RFC 9112 6.1, both lengths",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n",
        Some(Reject::TwoLengths),
    ),
];

const BODIES: [Check; 8] = [
    ("RFC 9112 7.1", b"5\r\nhello\r\n0\r\n\r\n", None),
    ("RFC 9112 7.1.1, an extension", b"5;a=b\r\nhello\r\n0\r\n\r\n", None),
    ("RFC 9112 7.1.2, a trailer", b"5\r\nhello\r\n0\r\nX: y\r\n\r\n", None),
    ("RFC 9112 7.1, a size that is no number", b"Z\r\nhello\r\n0\r\n\r\n", Some(Reject::ChunkSize)),
    ("RFC 9112 7.1, a prefix", b"0x5\r\nhello\r\n0\r\n\r\n", Some(Reject::ChunkSize)),
    ("RFC 9112 7.1, beyond 64 bits", b"10000000000000000\r\n", Some(Reject::ChunkSizeOverflow)),
    ("RFC 9112 7.1, too short a size", b"2\r\nhello\r\n0\r\n\r\n", Some(Reject::ChunkEnd)),
    ("RFC 9112 2.2, bare LF", b"5\nhello\n0\n\n", Some(Reject::BareLineFeed)),
];

#[test]
fn heads_and_bodies_are_taken_or_refused_as_the_standard_says() {
    for (section, text, reject) in HEADS {
        let verdict = read(text);
        assert_eq!(verdict.refusal(), reject, "{section}");
        assert_eq!(verdict.is_whole(), reject.is_none(), "{section}");
    }
    for (section, text, reject) in BODIES {
        let body = same_at_every_cut(text, |cuts| chunked(text, cuts, ChunkLimits::default()));
        assert_eq!(body.outcome, reject.map_or(Ok(true), Err), "{section}");
    }
}

/// RFC 9112 section 2.1: a message in fragments is the message. Method, target and version; names
/// and values of headers; the empty line: each is cut at every byte by `read`.
#[test]
fn fragments_of_a_message_are_no_message_yet() {
    let text = b"POST /a/b?c HTTP/1.1\r\nHost: a\r\nX-Name: value\r\nContent-Length: 5\r\n\r\n";
    for end in 0..text.len() {
        let verdict = read(&text[..end]);
        assert!(verdict.refusal().is_none() && !verdict.is_whole(), "{end}");
    }
    assert!(read(text).is_whole());
}

/// RFC 9112 section 9.3.2: the requests of a pipeline are read one after the other, and one that
/// breaks a rule ends it.
#[test]
fn a_pipeline_is_read_up_to_its_error() {
    let one = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    let pipeline = [&one[..], one, b"GET / HTTP/1.1\r\n\r\n", one].concat();
    let mut rest = &pipeline[..];
    let mut whole = 0;
    let reject = loop {
        match read(rest) {
            crate::pieces::Verdict::Whole { head_bytes, .. } => {
                whole += 1;
                rest = &rest[head_bytes..];
            }
            verdict => break verdict.refusal(),
        }
    };
    assert_eq!((whole, reject), (2, Some(Reject::HostMissing)));
}

/// RFC 9112 section 6.3: the body ends where its length says, and the next request starts there.
#[test]
fn what_follows_a_body_is_the_next_request() {
    let head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n";
    let text = [&head[..], b"hello", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"].concat();
    let crate::pieces::Verdict::Whole { head: parsed, head_bytes, .. } = read(&text) else {
        panic!("refused")
    };
    let taut_proto::http::wire::BodyLength::Length(5) = parsed.framing.body else {
        panic!("{parsed:?}")
    };
    assert!(read(&text[head_bytes + 5..]).is_whole());
}
