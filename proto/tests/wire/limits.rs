//! Limits of heads: what is just allowed, and the first byte beyond, however it comes.

use http::Method;
use taut_proto::http::wire::{HeadLimits, Reject, RequestHead};

use crate::pieces::{Verdict, request, response, same_at_every_cut};

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

#[test]
fn an_empty_line_first_counts_as_part_of_the_head_only() {
    let text = b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n";
    let limits = HeadLimits {
        head_bytes_max: text.len(),
        start_line_bytes_max: 14,
        header_line_bytes_max: 7,
        headers_max: 1,
    };
    assert!(read(text, &limits).is_whole());
    assert!(read(&[text, &b"the next"[..]].concat(), &limits).is_whole());
    let shorter = HeadLimits { head_bytes_max: text.len() - 1, ..limits };
    refused_early(text, text.len() - 1, &shorter, Reject::HeadTooLong);
    let shorter = HeadLimits { start_line_bytes_max: 13, ..limits };
    refused_early(text, 2 + 13 + 2, &shorter, Reject::StartLineTooLong);
    let shorter = HeadLimits { header_line_bytes_max: 6, ..limits };
    refused_early(text, 2 + 16 + 6 + 2, &shorter, Reject::HeaderLineTooLong);
}

#[test]
fn the_white_space_around_a_value_counts_as_part_of_its_line() {
    let text = b"GET / HTTP/1.1\r\nHost: \t a\t \r\n\r\n";
    let limits = HeadLimits { header_line_bytes_max: 11, ..HeadLimits::default() };
    assert!(read(text, &limits).is_whole());
    let shorter = HeadLimits { header_line_bytes_max: 10, ..limits };
    refused_early(text, 16 + 10 + 2, &shorter, Reject::HeaderLineTooLong);
}

#[test]
fn a_response_has_the_same_limits() {
    let text = b"HTTP/1.1 200 OK\r\nServer: a\r\n\r\n";
    let limits = HeadLimits {
        head_bytes_max: text.len(),
        start_line_bytes_max: 15,
        header_line_bytes_max: 9,
        headers_max: 1,
    };
    let refusal = |limits: HeadLimits| {
        let read = |cuts: &[usize]| response(text, cuts, &Method::GET, &limits);
        same_at_every_cut(text, read).refusal()
    };
    assert_eq!(refusal(limits), None);
    for (shorter, reject) in [
        (HeadLimits { head_bytes_max: text.len() - 1, ..limits }, Reject::HeadTooLong),
        (HeadLimits { start_line_bytes_max: 14, ..limits }, Reject::StartLineTooLong),
        (HeadLimits { header_line_bytes_max: 8, ..limits }, Reject::HeaderLineTooLong),
        (HeadLimits { headers_max: 0, ..limits }, Reject::TooManyHeaders),
    ] {
        assert_eq!(refusal(shorter), Some(reject));
    }
}

#[test]
fn without_a_limit_a_long_value_is_read_whole() {
    let max = usize::MAX;
    let limits = HeadLimits {
        head_bytes_max: max,
        start_line_bytes_max: max,
        header_line_bytes_max: max,
        headers_max: max,
    };
    let value = vec![b'v'; 1 << 20];
    let text = [b"GET / HTTP/1.1\r\nHost: a\r\nX: ", &value[..], b"\r\nY: z\r\n\r\n"].concat();
    for cuts in [&[][..], &[1], &[text.len() - 1]] {
        let Verdict::Whole { fields, .. } = request(&text, cuts, &limits) else { panic!() };
        assert_eq!(fields[1], ("X".to_owned(), value.clone()));
        assert_eq!(fields[2], ("Y".to_owned(), b"z".to_vec()));
    }
}
