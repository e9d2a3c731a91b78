//! Limits of heads: what is just allowed, and the first byte beyond, however it comes.

use taut_proto::http::wire::{HeadLimits, Reject, RequestHead};

use crate::pieces::{Verdict, request, same_at_every_cut};

fn read(text: &[u8], limits: &HeadLimits) -> Verdict<RequestHead> {
    same_at_every_cut(text, |cuts| request(text, cuts, limits))
}

/// Asserts that what has not come yet makes no difference.
fn refused_early(text: &[u8], first_bytes: usize, limits: &HeadLimits, reject: Reject) {
    assert_eq!(read(text, limits).refusal(), Some(reject));
    assert_eq!(read(&text[..first_bytes], limits).refusal(), Some(reject));
    assert_eq!(read(&text[..first_bytes - 1], limits), Verdict::Partial);
}

#[test]
fn a_request_line_has_a_limit() {
    let limits = HeadLimits { start_line_bytes_max: 20, ..HeadLimits::default() };
    assert!(read(b"GET /3456 HTTP/1.1\r\nHost: a\r\n\r\n", &limits).is_whole());
    assert!(read(b"GET /345678 HTTP/1.1\r\nHost: a\r\n\r\n", &limits).is_whole());
    let long = b"GET /3456789 HTTP/1.1\r\nHost: a\r\n\r\n";
    refused_early(long, 22, &limits, Reject::StartLineTooLong);
}

#[test]
fn a_header_line_has_a_limit() {
    let limits = HeadLimits { header_line_bytes_max: 10, ..HeadLimits::default() };
    assert!(read(b"GET / HTTP/1.1\r\nHost: 6789\r\n\r\n", &limits).is_whole());
    let long = b"GET / HTTP/1.1\r\nHost: 67890\r\n\r\n";
    refused_early(long, 16 + 12, &limits, Reject::HeaderLineTooLong);
}

#[test]
fn a_head_has_a_limit() {
    let text = b"GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n\r\n";
    for head_bytes_max in 1..text.len() {
        let limits = HeadLimits { head_bytes_max, ..HeadLimits::default() };
        refused_early(text, head_bytes_max, &limits, Reject::HeadTooLong);
    }
    let limits = HeadLimits { head_bytes_max: text.len(), ..HeadLimits::default() };
    assert!(read(text, &limits).is_whole());
}

#[test]
fn the_limit_that_is_broken_first_is_named() {
    let limits =
        HeadLimits { head_bytes_max: 30, header_line_bytes_max: 20, ..HeadLimits::default() };
    let text = b"GET / HTTP/1.1\r\nHost: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n\r\n";
    refused_early(text, 30, &limits, Reject::HeadTooLong);
    let limits = HeadLimits { head_bytes_max: 60, ..limits };
    refused_early(text, 16 + 22, &limits, Reject::HeaderLineTooLong);
}

#[test]
fn headers_have_a_limit_in_number() {
    let text = b"GET / HTTP/1.1\r\nHost: a\r\nA: b\r\nC: d\r\n\r\n";
    for (headers_max, is_whole) in [(0, false), (1, false), (2, false), (3, true), (4, true)] {
        let limits = HeadLimits { headers_max, ..HeadLimits::default() };
        let verdict = read(text, &limits);
        assert_eq!(verdict.is_whole(), is_whole);
        assert_eq!(verdict.refusal(), (!is_whole).then_some(Reject::TooManyHeaders));
    }
    let limits = HeadLimits { headers_max: 2, ..HeadLimits::default() };
    refused_early(text, 16 + 9 + 6 + 1, &limits, Reject::TooManyHeaders);
}

#[test]
fn a_head_without_end_is_looked_at_once() {
    // One byte at a time up to the limit: a scanner that started over would look at 8 million.
    let limits = HeadLimits { start_line_bytes_max: usize::MAX, ..HeadLimits::default() };
    let text = vec![b'a'; limits.head_bytes_max];
    let mut scanner = taut_proto::http::wire::HeadScanner::request();
    for end in 0..text.len() {
        assert_eq!(scanner.find_end(&text[..end], &limits), Ok(None));
    }
    assert_eq!(scanner.find_end(&text, &limits), Err(Reject::HeadTooLong));
}
