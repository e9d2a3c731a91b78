//! Line ends, request lines, names and values of headers, `Host`: RFC 9112 sections 2, 3 and 5.

use http::{Method, Version};
use taut_proto::http::wire::{HeadLimits, Reject, RequestHead};

use crate::pieces::{Verdict, request, same_at_every_cut};

type Read = Verdict<RequestHead>;

pub(crate) fn read(text: &[u8]) -> Read {
    let limits = HeadLimits::default();
    same_at_every_cut(text, |cuts| request(text, cuts, &limits))
}

/// Asserts for each request what it is refused for, if at all.
pub(crate) fn judge(section: &str, vectors: &[(&[u8], Option<Reject>)]) {
    for (text, reject) in vectors {
        let verdict = read(text);
        let what = format!("{section}: {}", text.escape_ascii());
        assert_eq!(verdict.refusal(), *reject, "{what}");
        assert!(reject.is_some() || verdict.is_whole(), "{what}");
    }
}

#[test]
fn a_plain_request_is_read() {
    let text =
        b"GET /prices?last=1 HTTP/1.1\r\nHost: taut:8080\r\nAccept:\t*/* \r\nX-Empty:\r\n\r\nrest";
    let Verdict::Whole { head, head_bytes, fields } = read(text) else { panic!("refused") };
    assert_eq!(&text[head_bytes..], b"rest");
    assert_eq!((&head.method, head.version), (&Method::GET, Version::HTTP_11));
    assert_eq!(head.target.path.of(text), b"/prices");
    assert_eq!(head.target.query.unwrap().of(text), b"last=1");
    assert_eq!(head.target.authority.of(text), b"taut:8080");
    let fields: Vec<_> = fields.iter().map(|(name, value)| (&name[..], &value[..])).collect();
    assert_eq!(fields, [("Host", &b"taut:8080"[..]), ("Accept", b"*/*"), ("X-Empty", b"")]);
}

#[test]
fn every_line_ends_in_cr_lf() {
    judge(
        "RFC 9112 section 2.2",
        &[
            (b"GET / HTTP/1.1\nHost: a\r\n\r\n", Some(Reject::BareLineFeed)),
            (b"GET / HTTP/1.1\r\nHost: a\n\r\n", Some(Reject::BareLineFeed)),
            (b"GET / HTTP/1.1\r\nHost: a\r\n\n", Some(Reject::BareLineFeed)),
            (b"\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", Some(Reject::BareLineFeed)),
            (b"GET / HTTP/1.1\r\nHost: a\n\n", Some(Reject::BareLineFeed)),
            (b"GET / HTTP/1.1\rHost: a\r\n\r\n", Some(Reject::RequestLine)),
            (b"GET / HTTP/1.1\r\rHost: a\r\n\r\n", Some(Reject::RequestLine)),
            (b"GET / HTTP/1.1\r\r\nHost: a\r\n\r\n", Some(Reject::RequestLine)),
            (b"GET / HTTP/1.1\r\nHost: a\r\n\rX: b\r\n\r\n", Some(Reject::BareCarriageReturn)),
            (b"\rGET / HTTP/1.1\r\nHost: a\r\n\r\n", Some(Reject::BareCarriageReturn)),
            (b"GET / HTTP/1.1\r\nHost: a\r\nX: b\rY: c\r\n\r\n", Some(Reject::HeaderValue)),
            (b"GET / HTTP/1.1\r\nHost: a\r\nX: b\r\r\n\r\n", Some(Reject::HeaderValue)),
            (b"GET / HTTP/1.1\r\nHost: a\r\nX\r: b\r\n\r\n", Some(Reject::HeaderName)),
        ],
    );
}

#[test]
fn one_empty_line_may_precede_a_request() {
    judge(
        "RFC 9112 section 2.2",
        &[
            (b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", None),
            (b"\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", Some(Reject::EmptyLineFirst)),
            (b"\r\n\r\n", Some(Reject::EmptyLineFirst)),
        ],
    );
    assert_eq!(read(b"\r\n"), Verdict::Partial);
}

#[test]
fn white_space_starts_no_line() {
    judge(
        "RFC 9112 sections 2.2 and 5.2",
        &[
            (b" GET / HTTP/1.1\r\nHost: a\r\n\r\n", Some(Reject::LineStartsWithSpace)),
            (b"GET / HTTP/1.1\r\n Host: a\r\n\r\n", Some(Reject::LineStartsWithSpace)),
            (b"GET / HTTP/1.1\r\n\tHost: a\r\n\r\n", Some(Reject::LineStartsWithSpace)),
            (b"GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n", Some(Reject::LineStartsWithSpace)),
            (b"GET / HTTP/1.1\r\nHost: a\r\nX:\r\n\tc\r\n\r\n", Some(Reject::LineStartsWithSpace)),
            (b"GET / HTTP/1.1\r\nHost: a\r\n \r\n\r\n", Some(Reject::LineStartsWithSpace)),
        ],
    );
}

#[test]
fn what_can_not_be_http_is_refused_at_its_first_byte() {
    // The first byte of a TLS handshake, and others that start no token.
    for first in [0x16, 0, b'(', b'/', b':', 0x7f, 0x80, 0xff] {
        assert_eq!(read(&[first]), Verdict::Refused(Reject::NotHttp), "{first:#x}");
    }
}

#[test]
fn a_request_line_has_three_words_and_single_spaces() {
    let refused = Some(Reject::RequestLine);
    judge(
        "RFC 9112 section 3",
        &[
            (b"GET /\r\nHost: a\r\n\r\n", refused),
            (b"GET\r\nHost: a\r\n\r\n", refused),
            (b"GET / \r\nHost: a\r\n\r\n", refused),
            (b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", refused),
            (b"GET /  HTTP/1.1\r\nHost: a\r\n\r\n", refused),
            (b"GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", refused),
            (b"GET /\tHTTP/1.1\r\nHost: a\r\n\r\n", refused),
            (b"GET / HTTP/1.1 \r\nHost: a\r\n\r\n", refused),
            (b"GET / x HTTP/1.1\r\nHost: a\r\n\r\n", refused),
            (b"GET HTTP/1.1\r\nHost: a\r\n\r\n", refused),
            (b"G@T / HTTP/1.1\r\nHost: a\r\n\r\n", refused),
            (b"GET\0 / HTTP/1.1\r\nHost: a\r\n\r\n", refused),
            (b"GET / HTTP/1.1\0\r\nHost: a\r\n\r\n", refused),
            (b"GET : HTTP/1.1\r\nHost: a\r\n\r\n", Some(Reject::TargetForm)),
            // Any token is a method, in the case that it has (RFC 9110 section 9.1).
            (b"get / HTTP/1.1\r\nHost: a\r\n\r\n", None),
            (b"X-!#$%&'*+.^_`|~09 / HTTP/1.1\r\nHost: a\r\n\r\n", None),
        ],
    );
}

#[test]
fn a_higher_minor_version_is_read_as_the_highest_known() {
    let text = b"POST / HTTP/1.7\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    let Verdict::Whole { head, head_bytes, .. } = read(text) else { panic!("refused") };
    assert_eq!((head.version, head_bytes), (Version::HTTP_11, text.len()));
    assert!(head.framing.keep_alive && !head.framing.body.is_empty());
}

#[test]
fn major_versions_other_than_1_are_refused() {
    judge(
        "RFC 9110 section 2.5, RFC 9112 section 2.3",
        &[
            (b"GET / HTTP/1.0\r\n\r\n", None),
            (b"GET / HTTP/0.9\r\nHost: a\r\n\r\n", Some(Reject::Version)),
            // A higher minor version is read as the highest there is.
            (b"GET / HTTP/1.2\r\nHost: a\r\n\r\n", None),
            (b"GET / HTTP/1.9\r\nHost: a\r\n\r\n", None),
            (b"\r\nGET / HTTP/1.2\r\nHost: a\r\n\r\n", None),
            (b"GET / HTTP/1.2\r\n\r\n", Some(Reject::HostMissing)),
            (b"GET / HTTP/1.2 \r\nHost: a\r\n\r\n", Some(Reject::RequestLine)),
            (b"GET / HTTP/1.2\nHost: a\r\n\r\n", Some(Reject::BareLineFeed)),
            (b"GET / HTTP/1.:\r\nHost: a\r\n\r\n", Some(Reject::RequestLine)),
            (b"GET / HTTP/1.20\r\nHost: a\r\n\r\n", Some(Reject::RequestLine)),
            (b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", Some(Reject::Version)),
            (b"GET / HTTP/9.9\r\nHost: a\r\n\r\n", Some(Reject::Version)),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Some(Reject::Version)),
            (b"\r\nGET / HTTP/2.0\r\n\r\n", Some(Reject::Version)),
            (b"GET / http/1.1\r\nHost: a\r\n\r\n", Some(Reject::RequestLine)),
            (b"GET / HTTP/1.10\r\nHost: a\r\n\r\n", Some(Reject::RequestLine)),
            (b"GET / HTTP/01.1\r\nHost: a\r\n\r\n", Some(Reject::RequestLine)),
            (b"GET / HTTP/1\r\nHost: a\r\n\r\n", Some(Reject::RequestLine)),
            (b"GET / HTTP/1,1\r\nHost: a\r\n\r\n", Some(Reject::RequestLine)),
            (b"GET / HTPP/1.1\r\nHost: a\r\n\r\n", Some(Reject::RequestLine)),
            (b"GET / HTTP /1.1\r\nHost: a\r\n\r\n", Some(Reject::RequestLine)),
        ],
    );
}

#[test]
fn a_name_is_a_token_right_in_front_of_its_colon() {
    let refused = Some(Reject::HeaderName);
    judge(
        "RFC 9112 section 5.1",
        &[
            (b"GET / HTTP/1.1\r\nHost : a\r\n\r\n", refused),
            (b"GET / HTTP/1.1\r\nHost\t: a\r\n\r\n", refused),
            (b"GET / HTTP/1.1\r\nHost: a\r\nX Y: b\r\n\r\n", refused),
            (b"GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n", refused),
            (b"GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n", refused),
            (b"GET / HTTP/1.1\r\nHost: a\r\nX\0: b\r\n\r\n", refused),
            (b"GET / HTTP/1.1\r\nHost: a\r\nX(: b\r\n\r\n", refused),
            (b"GET / HTTP/1.1\r\nHost: a\r\n\xc3\xa9: b\r\n\r\n", refused),
            (b"GET / HTTP/1.1\r\nHost: a\r\n\x0bX: b\r\n\r\n", refused),
            (b"GET / HTTP/1.1\r\nHost: a\r\n!#$%&'*+-.^_`|~09aZ: b\r\n\r\n", None),
        ],
    );
}

#[test]
fn every_byte_is_judged_in_names_and_values() {
    for byte in 0..=255_u8 {
        let is_token = byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        let name = [b"GET / HTTP/1.1\r\nHost: a\r\nX", &[byte][..], b"Y: b\r\n\r\n"].concat();
        // `X:Y: b` is a header named X.
        assert_eq!(read(&name).is_whole(), is_token || byte == b':', "{byte:#x} in a name");
        let is_text = byte == b'\t' || (byte >= b' ' && byte != 0x7f);
        let value = [b"GET / HTTP/1.1\r\nHost: a\r\nX: b", &[byte][..], b"c\r\n\r\n"].concat();
        assert_eq!(read(&value).is_whole(), is_text, "{byte:#x} in a value");
    }
}

#[test]
fn every_name_and_value_fits_the_types_of_http() {
    let text = b"GET / HTTP/1.1\r\nHost: a\r\n!#$%&'*+-.^_`|~09aZ: \xff\tb\r\nX: 1\r\nx: 2\r\n\r\n";
    let mut head = RequestHead::new();
    head.read(text, &HeadLimits::default()).unwrap().unwrap();
    let index = head.index();
    let map = index.to_map(text);
    assert_eq!(map["!#$%&'*+-.^_`|~09aZ"].as_bytes(), b"\xff\tb");
    let values: Vec<_> = map.get_all("x").iter().collect();
    assert_eq!(values, ["1", "2"]);
    assert_eq!(index.get_all(text, "x").collect::<Vec<_>>(), [b"1", b"2"]);
    assert_eq!(index.get(text, "hOST"), Some(&b"a"[..]));
    assert_eq!(index.get(text, "hos"), None);
}

#[test]
fn http_1_1_has_exactly_one_host() {
    judge(
        "RFC 9112 section 3.2",
        &[
            (b"GET / HTTP/1.1\r\n\r\n", Some(Reject::HostMissing)),
            (b"GET / HTTP/1.0\r\n\r\n", None),
            (b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", Some(Reject::HostRepeated)),
            (b"GET / HTTP/1.1\r\nHost: a\r\nhost: b\r\n\r\n", Some(Reject::HostRepeated)),
            (b"GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n", Some(Reject::HostRepeated)),
            (b"GET http://a/ HTTP/1.1\r\n\r\n", Some(Reject::HostMissing)),
        ],
    );
}

#[test]
fn a_host_is_a_name_or_an_address_with_an_optional_port() {
    let valid: [&[u8]; 10] = [
        b"",
        b"a",
        b"a:80",
        b"a:",
        b"a.example:65535",
        b"127.0.0.1:1",
        b"[::1]",
        b"[2001:db8::7]:443",
        b"a_b-c~!$&'()*+,;=",
        b"A",
    ];
    for host in valid {
        let text = [b"GET / HTTP/1.1\r\nHost: ", host, b"\r\n\r\n"].concat();
        assert!(read(&text).is_whole(), "{}", host.escape_ascii());
    }
    let invalid: [&[u8]; 25] = [
        b"a b",
        b"a/b",
        b"a?b",
        b"a#b",
        b"a@b",
        b"user:pw@a",
        b"a:b",
        b"a:80:80",
        b"a:-1",
        b"a:+80",
        b"a:65536",
        b"a:99999999999999999999",
        b"[::1",
        b"::1",
        b"[::1]a",
        b"[::1%25eth0]",
        b"[v1.a]",
        b"[]",
        b"a\\b",
        b"a%",
        b"a%2",
        b"a%zz",
        b"a%2db",
        b"\xff",
        b"http://a",
    ];
    for host in invalid {
        let text = [b"GET / HTTP/1.1\r\nHost: ", host, b"\r\n\r\n"].concat();
        assert_eq!(read(&text).refusal(), Some(Reject::HostInvalid), "{}", host.escape_ascii());
    }
}
