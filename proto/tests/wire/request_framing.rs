//! How the body of a request ends, and whether the connection stays: RFC 9112 sections 6 and 9,
//! RFC 9110 sections 7.6.1, 7.8 and 10.1.1.

use taut_proto::http::wire::{BodyLength, Reject, RequestFraming};

use crate::pieces::Verdict;
use crate::request_heads::{judge, read};

fn framing(version: &str, headers: &str) -> RequestFraming {
    let text = format!("POST / {version}\r\nHost: a\r\n{headers}\r\n");
    match read(text.as_bytes()) {
        Verdict::Whole { head, .. } => head.framing,
        verdict => panic!("{headers}: {verdict:?}"),
    }
}

fn refused(headers: &[&str], reject: Reject) {
    for headers in headers {
        let text = format!("POST / HTTP/1.1\r\nHost: a\r\n{headers}\r\n");
        assert_eq!(read(text.as_bytes()).refusal(), Some(reject), "{headers}");
    }
}

#[test]
fn a_request_without_a_length_has_no_body() {
    // RFC 9112 section 6.3, rule 7.
    assert_eq!(framing("HTTP/1.1", "").body, BodyLength::None);
    assert_eq!(framing("HTTP/1.0", "").body, BodyLength::None);
}

#[test]
fn a_content_length_is_a_plain_number() {
    // RFC 9110 section 8.6.
    let body = |headers| framing("HTTP/1.1", headers).body;
    assert_eq!(body("Content-Length: 0\r\n"), BodyLength::Length(0));
    assert_eq!(body("content-length:\t42 \r\n"), BodyLength::Length(42));
    assert_eq!(body("Content-Length: 0042\r\n"), BodyLength::Length(42));
    let most = "Content-Length: 18446744073709551615\r\n";
    assert_eq!(body(most), BodyLength::Length(u64::MAX));
    refused(
        &[
            "Content-Length: +5\r\n",
            "Content-Length: -5\r\n",
            "Content-Length: -18446744073709551616\r\n",
            "Content-Length: \r\n",
            "Content-Length: 5 5\r\n",
            "Content-Length: 0x5\r\n",
            "Content-Length: 5a\r\n",
            "Content-Length: 1_000\r\n",
            "Content-Length: 5.0\r\n",
            "Content-Length: 1e3\r\n",
            "Content-Length: \"5\"\r\n",
            "Content-Length: five\r\n",
            "Content-Length: \u{665}\r\n",
        ],
        Reject::ContentLengthInvalid,
    );
    refused(
        &[
            "Content-Length: 18446744073709551616\r\n",
            "Content-Length: 99999999999999999999999\r\n",
        ],
        Reject::ContentLengthOverflow,
    );
}

#[test]
fn a_content_length_is_given_once() {
    // RFC 9112 section 6.3, rule 5: a list of the same value may be taken; it is not.
    refused(
        &[
            "Content-Length: 5\r\nContent-Length: 6\r\n",
            "Content-Length: 5\r\ncontent-length: 5\r\n",
            "Content-Length: 5, 5\r\n",
            "Content-Length: 5,6\r\n",
            "Content-Length: ,5\r\n",
        ],
        Reject::ContentLengthRepeated,
    );
}

#[test]
fn a_transfer_encoding_is_exactly_chunked() {
    // RFC 9112 sections 6.1 and 6.3, rule 4.
    assert_eq!(framing("HTTP/1.1", "Transfer-Encoding: chunked\r\n").body, BodyLength::Chunked);
    assert_eq!(framing("HTTP/1.1", "transfer-encoding:\tCHUNKED \r\n").body, BodyLength::Chunked);
    refused(
        &[
            "Transfer-Encoding: \r\n",
            "Transfer-Encoding: identity\r\n",
            "Transfer-Encoding: xchunked\r\n",
            "Transfer-Encoding: chunkedx\r\n",
            "Transfer-Encoding: chunked, gzip\r\n",
            "Transfer-Encoding: chunked, chunked\r\n",
            "Transfer-Encoding: gzip, chunked, chunked\r\n",
            "Transfer-Encoding: chunked,\r\n",
            "Transfer-Encoding: ,chunked\r\n",
            "Transfer-Encoding: chunked;a=b\r\n",
            "Transfer-Encoding: \"chunked\"\r\n",
            "Transfer-Encoding: chunked chunked\r\n",
            "Transfer-Encoding: gzip chunked\r\n",
        ],
        Reject::TransferEncodingInvalid,
    );
    refused(
        &["Transfer-Encoding: gzip, chunked\r\n", "Transfer-Encoding: gzip , deflate,chunked\r\n"],
        Reject::TransferEncodingUnknown,
    );
    refused(
        &[
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n",
        ],
        Reject::TransferEncodingRepeated,
    );
    // Control characters that some readers trim.
    refused(
        &["Transfer-Encoding: \x0bchunked\r\n", "Transfer-Encoding: chunked\x0c\r\n"],
        Reject::HeaderValue,
    );
}

#[test]
fn two_ways_to_end_a_body_are_refused() {
    // RFC 9112 section 6.1: the request that smuggles another.
    refused(
        &[
            "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
            "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
            "Content-Length: 0\r\nTransfer-Encoding: identity\r\n",
            "Content-Length: 5\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        ],
        Reject::TwoLengths,
    );
}

#[test]
fn http_1_0_has_no_transfer_encoding() {
    judge(
        "RFC 9112 section 6.1",
        &[(
            b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
            Some(Reject::TransferEncodingVersion),
        )],
    );
}

#[test]
fn connect_has_no_body() {
    judge(
        "RFC 9110 section 9.3.6",
        &[
            (b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\nContent-Length: 0\r\n\r\n", None),
            (
                b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\nContent-Length: 1\r\n\r\n",
                Some(Reject::ConnectBody),
            ),
            (
                b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\nTransfer-Encoding: chunked\r\n\r\n",
                Some(Reject::ConnectBody),
            ),
        ],
    );
}

#[test]
fn the_connection_stays_as_version_and_options_say() {
    // RFC 9112 section 9.3.
    let stays = |version, headers| framing(version, headers).keep_alive;
    assert!(stays("HTTP/1.1", ""));
    assert!(stays("HTTP/1.1", "Connection: keep-alive\r\n"));
    assert!(stays("HTTP/1.1", "Connection: closed, not-close\r\n"));
    assert!(!stays("HTTP/1.1", "Connection: close\r\n"));
    assert!(!stays("HTTP/1.1", "Connection: CLOSE\r\n"));
    assert!(!stays("HTTP/1.1", "Connection: upgrade ,\tClose,, x\r\n"));
    assert!(!stays("HTTP/1.1", "Connection: keep-alive\r\nConnection: close\r\n"));
    assert!(!stays("HTTP/1.0", ""));
    assert!(stays("HTTP/1.0", "Connection: Keep-Alive\r\n"));
    assert!(!stays("HTTP/1.0", "Connection: keep-alive, close\r\n"));
    assert!(!stays("HTTP/1.0", "Keep-Alive: timeout=5\r\n"));
}

#[test]
fn a_client_waits_for_100_continue_only_with_a_body_to_send() {
    // RFC 9110 section 10.1.1.
    let waits = |version, headers| framing(version, headers).expects_continue;
    assert!(waits("HTTP/1.1", "Expect: 100-continue\r\nContent-Length: 1\r\n"));
    assert!(waits("HTTP/1.1", "expect: 100-CONTINUE\r\nTransfer-Encoding: chunked\r\n"));
    assert!(!waits("HTTP/1.1", "Expect: 100-continue\r\n"));
    assert!(!waits("HTTP/1.1", "Expect: 100-continue\r\nContent-Length: 0\r\n"));
    assert!(!waits("HTTP/1.0", "Expect: 100-continue\r\nContent-Length: 1\r\n"));
    assert!(!waits("HTTP/1.0", "Expect: something\r\nContent-Length: 1\r\n"));
    refused(
        &["Expect: 200-ok\r\n", "Expect: 100-continue, else\r\n", "Expect: 100-continue;a=b\r\n"],
        Reject::Expectation,
    );
}

#[test]
fn an_upgrade_is_asked_for_in_two_headers() {
    // RFC 9110 section 7.8.
    let upgrades = |version, headers| framing(version, headers).upgrade;
    assert!(upgrades("HTTP/1.1", "Connection: Upgrade\r\nUpgrade: websocket\r\n"));
    assert!(upgrades("HTTP/1.1", "Upgrade: a\r\nConnection: keep-alive, upgrade\r\n"));
    assert!(!upgrades("HTTP/1.1", "Upgrade: websocket\r\n"));
    assert!(!upgrades("HTTP/1.1", "Connection: Upgrade\r\n"));
    assert!(!upgrades("HTTP/1.1", "Connection: Upgrade\r\nUpgrade:\r\n"));
    assert!(!upgrades("HTTP/1.0", "Connection: Upgrade\r\nUpgrade: websocket\r\n"));
}

#[test]
fn each_refusal_has_the_status_that_the_standard_names() {
    let statuses = [
        (Reject::BareLineFeed, 400),
        (Reject::TwoLengths, 400),
        (Reject::HostMissing, 400),
        (Reject::TransferEncodingUnknown, 501),
        (Reject::Version, 505),
        (Reject::StartLineTooLong, 414),
        (Reject::HeadTooLong, 431),
        (Reject::TooManyHeaders, 431),
        (Reject::TrailersTooLong, 431),
        (Reject::Expectation, 417),
        (Reject::TimedOut, 408),
        (Reject::BodyTooLong, 413),
        (Reject::ChunkExtensionsTooLong, 413),
    ];
    for (reject, status) in statuses {
        assert_eq!(reject.status().as_u16(), status, "{reject}");
        assert!(reject.to_string().contains("(RFC 9"), "{reject}");
    }
}
