//! A connection keeps its reader, and a server lends those of its connections to others: what was
//! read before, taken or refused, shows in nothing that is read after it.

use http::{Method, Version};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use taut_proto::http::wire::{HeadIndex, HeadLimits, HeadScanner, Reject, RequestHead};

use crate::differences::{REQUESTS, RESPONSES, damaged};
use crate::pieces::{Verdict, request, request_into, response, response_into};
use crate::properties::{cuts, soup};

/// Pieces of bytes, each with places to cut it at.
fn several(
    bytes: impl Strategy<Value = Vec<u8>>,
) -> impl Strategy<Value = Vec<(Vec<u8>, Vec<Index>)>> {
    vec((bytes, vec(any::<Index>(), 0..4)), 1..6)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(5_000))]

    #[test]
    fn a_kept_reader_of_requests_reads_as_a_new_one(
        heads in several(prop_oneof![soup(), damaged(&REQUESTS)]),
    ) {
        let limits = HeadLimits::default();
        let mut kept = RequestHead::new();
        for (bytes, positions) in &heads {
            let verdict = request_into(&mut kept, bytes, &cuts(bytes, positions), &limits);
            prop_assert_eq!(&verdict, &request(bytes, &[], &limits));
            prop_assert!(verdict == Verdict::Partial || !kept.is_partial());
            // The connection ends here, and the server keeps its reader if it may.
            if kept.is_partial() {
                kept = RequestHead::new();
            }
        }
    }

    #[test]
    fn a_kept_reader_of_responses_reads_as_a_new_one(
        heads in several(prop_oneof![soup(), damaged(&RESPONSES)]),
    ) {
        let (limits, method) = (HeadLimits::default(), Method::GET);
        let (mut scanner, mut index) = (HeadScanner::response(), HeadIndex::new());
        for (bytes, positions) in &heads {
            let cuts = cuts(bytes, positions);
            let verdict =
                response_into(&mut scanner, &mut index, bytes, &cuts, &method, &limits);
            prop_assert_eq!(&verdict, &response(bytes, &[], &method, &limits));
            if verdict == Verdict::Partial {
                scanner.reset();
            }
            prop_assert_eq!(scanner, HeadScanner::response());
        }
    }
}

#[test]
fn the_method_is_that_of_the_request_and_not_of_the_one_before() {
    let limits = HeadLimits::default();
    let long = "X".repeat(40);
    let methods = ["GET", "GE", "GETT", "get", "POST", &long, &long[1..], "P", "PUT", "PUT", "GET"];
    let mut kept = RequestHead::new();
    for method in methods {
        let text = format!("{method} / HTTP/1.1\r\nHost: a\r\n\r\n");
        kept.read(text.as_bytes(), &limits).unwrap().unwrap();
        assert_eq!(kept.method.as_str(), method);
        // Without a method it does not have the one before either.
        let refused = kept.read(b" / HTTP/1.1\r\nHost: a\r\n\r\n", &limits);
        assert_eq!(refused, Err(Reject::LineStartsWithSpace));
    }
}

#[test]
fn nothing_of_a_refused_head_is_in_the_next_one() {
    let limits = HeadLimits::default();
    let first = b"OPTIONS http://a:1/b?c HTTP/1.0\r\nHost: d\r\nConnection: keep-alive\r\n\
        Expect: 100-continue\r\nUpgrade: e\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n";
    let next = b"GET / HTTP/1.1\r\nHost: f\r\n\r\n";
    for cut in 0..first.len() {
        let mut kept = RequestHead::new();
        let verdict = request_into(&mut kept, first, &[cut], &limits);
        assert_eq!(verdict, Verdict::Refused(Reject::ContentLengthRepeated));
        assert_eq!(kept.read(next, &limits), Ok(Some(next.len())));
        let mut new = RequestHead::new();
        new.read(next, &limits).unwrap();
        assert_eq!(kept, new);
        assert_eq!((kept.version, kept.target.query), (Version::HTTP_11, None));
        assert_eq!(kept.index().len(), 1);
    }
}

#[test]
fn a_reader_knows_whether_a_head_was_begun() {
    let limits = HeadLimits::default();
    let text = b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n";
    let mut head = RequestHead::new();
    for end in 0..text.len() {
        assert_eq!(head.read(&text[..end], &limits), Ok(None));
        assert_eq!(head.is_partial(), end > 1, "behind {end} bytes");
    }
    assert_eq!(head.read(text, &limits), Ok(Some(text.len())));
    assert!(!head.is_partial());
    // A CR that proves to begin no empty line.
    assert_eq!(head.read(b"\r", &limits), Ok(None));
    assert_eq!(head.read(b"\rG", &limits), Err(Reject::BareCarriageReturn));
    assert_eq!(head.read(text, &limits), Ok(Some(text.len())));
    // One that the connection ended behind.
    assert_eq!(head.read(b"\r", &limits), Ok(None));
    assert_eq!(head.read(&text[2..], &limits), Ok(Some(text.len() - 2)));
}

#[test]
fn a_refusal_leaves_the_reader_ready_for_another_head() {
    let limits = HeadLimits::default();
    let mut head = RequestHead::new();
    let (mut scanner, mut index) = (HeadScanner::response(), HeadIndex::new());
    let broken = b"HTTP/1.1 200 OK\r\nServer: a\r\n b\r\n\r\n";
    for cut in 0..broken.len() {
        let verdict =
            response_into(&mut scanner, &mut index, broken, &[cut], &Method::GET, &limits);
        assert_eq!(verdict, Verdict::Refused(Reject::LineStartsWithSpace));
        assert_eq!(scanner, HeadScanner::response());
        let folded = b"GET / HTTP/1.1\r\nHost: a\r\n\tb\r\n\r\n";
        let verdict = request_into(&mut head, folded, &[cut.min(folded.len())], &limits);
        assert_eq!(verdict, Verdict::Refused(Reject::LineStartsWithSpace));
        assert!(!head.is_partial());
    }
}
