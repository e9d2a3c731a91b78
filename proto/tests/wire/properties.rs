//! Properties of the codec over random input: nothing panics, what is written is read again, and
//! the scanner finds what a naive one finds.

use http::{Method, Version};
use proptest::collection::vec;
use proptest::prelude::*;
use taut_proto::http::wire::{
    BodyLength, ChunkLimits, HeadLimits, HeadScanner, LAST_CHUNK, Reject, write_chunk,
    write_head_end, write_header, write_request_line,
};

use crate::pieces::{Verdict, chunked, find_end, request, response};

/// Small, so that random input meets them.
const TIGHT: HeadLimits = HeadLimits {
    head_bytes_max: 48,
    start_line_bytes_max: 12,
    header_line_bytes_max: 10,
    headers_max: 3,
};

/// Bytes that often mean something.
pub(crate) fn soup() -> impl Strategy<Value = Vec<u8>> {
    let words = prop::sample::select(vec![
        &b"\r\n"[..],
        b"\r",
        b"\n",
        b" ",
        b"\t",
        b":",
        b"\0",
        b"a",
        b"GET",
        b" / ",
        b"HTTP/1.1",
        b"Host:",
        b"0",
        b"5",
        b";",
        b"=",
        b"\"",
        b"\\",
        b"\xff",
        b"GET / HTTP/1.1\r\nHost: a\r\n",
        b"Content-Length: 1",
        b"Transfer-Encoding: chunked",
        b"HTTP/1.1 200 OK\r\n",
        b"\r\n\r\n",
    ]);
    vec(words, 0..24).prop_map(|words| words.concat())
}

pub(crate) fn cuts(bytes: &[u8], positions: &[prop::sample::Index]) -> Vec<usize> {
    let mut cuts: Vec<_> = positions.iter().map(|at| at.index(bytes.len() + 1)).collect();
    cuts.sort_unstable();
    cuts
}

/// The scanner's rules, looked at byte by byte and from the start each time.
fn naive_end(bytes: &[u8], limits: &HeadLimits) -> Result<Option<usize>, Reject> {
    let mut line_start = 0;
    let mut lines = 0;
    let mut skipped = false;
    for end in 1..=bytes.len() {
        let at = end - 1;
        let (byte, line) = (bytes[at], &bytes[line_start..end]);
        if at >= limits.head_bytes_max {
            return Err(Reject::HeadTooLong);
        }
        if at == line_start {
            match byte {
                b' ' | b'\t' => return Err(Reject::LineStartsWithSpace),
                b'\r' | b'\n' => {}
                _ if lines == 0 && !(byte.is_ascii_alphanumeric()) => return Err(Reject::NotHttp),
                _ if lines > limits.headers_max => return Err(Reject::TooManyHeaders),
                _ => {}
            }
        }
        if line.len() == 2 && line[0] == b'\r' && byte != b'\n' {
            return Err(Reject::BareCarriageReturn);
        }
        if byte == b'\n' {
            match line {
                b"\r\n" if lines > 0 => return Ok(Some(end)),
                b"\r\n" if skipped => return Err(Reject::EmptyLineFirst),
                b"\r\n" => skipped = true,
                _ if line.ends_with(b"\r\n") => lines += 1,
                _ => return Err(Reject::BareLineFeed),
            }
            line_start = end;
        } else {
            let (max, beyond) = match lines {
                0 => (limits.start_line_bytes_max, Reject::StartLineTooLong),
                _ => (limits.header_line_bytes_max, Reject::HeaderLineTooLong),
            };
            if line.len() == max + 2 {
                return Err(beyond);
            }
        }
        // The last byte that the head may have, and it is not its end.
        if end == limits.head_bytes_max {
            return Err(Reject::HeadTooLong);
        }
    }
    Ok(None)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn the_scanner_finds_what_a_naive_one_finds(
        bytes in soup(),
        positions in vec(any::<prop::sample::Index>(), 0..4),
    ) {
        for limits in [TIGHT, HeadLimits::default()] {
            let cuts = cuts(&bytes, &positions);
            let found = find_end(HeadScanner::request(), &bytes, &cuts, &limits);
            prop_assert_eq!(found, naive_end(&bytes, &limits));
        }
    }

    #[test]
    fn random_bytes_get_one_verdict(
        bytes in prop_oneof![soup(), vec(any::<u8>(), 0..200)],
        positions in vec(any::<prop::sample::Index>(), 0..4),
    ) {
        let cuts = cuts(&bytes, &positions);
        for limits in [TIGHT, HeadLimits::default()] {
            prop_assert_eq!(request(&bytes, &cuts, &limits), request(&bytes, &[], &limits));
            let of = |cuts: &[usize]| response(&bytes, cuts, &Method::GET, &limits);
            prop_assert_eq!(of(&cuts), of(&[]));
        }
        let of = |cuts: &[usize]| chunked(&bytes, cuts, ChunkLimits::default());
        prop_assert_eq!(of(&cuts), of(&[]));
    }

    #[test]
    fn a_head_that_is_written_is_read_again(
        path in "/[!$-;=?-Z_a-z~]{0,40}".prop_filter("percent signs", |path| !path.contains('%')),
        fields in vec(("X-[!#$%&'*+.^_`|~0-9A-Za-z-]{1,12}", "([!-~][ -~\t]{0,20}[!-~])?"), 0..20),
        length in any::<u64>(),
        positions in vec(any::<prop::sample::Index>(), 0..4),
    ) {
        let mut text = Vec::new();
        write_request_line(&mut text, &Method::PUT, path.as_bytes(), Version::HTTP_11).unwrap();
        write_header(&mut text, b"Host", b"taut:80").unwrap();
        for (name, value) in &fields {
            write_header(&mut text, name.as_bytes(), value.as_bytes()).unwrap();
        }
        taut_proto::http::wire::write_content_length(&mut text, length);
        write_head_end(&mut text);
        let verdict = request(&text, &cuts(&text, &positions), &HeadLimits::default());
        let Verdict::Whole { head, head_bytes, fields: read } = verdict else {
            panic!("{verdict:?}: {}", text.escape_ascii());
        };
        prop_assert_eq!(head_bytes, text.len());
        prop_assert_eq!(head.target.text.of(&text), path.as_bytes());
        prop_assert_eq!(head.framing.body, BodyLength::Length(length));
        prop_assert_eq!(read.len(), fields.len() + 2);
        for ((name, value), (read_name, read_value)) in fields.iter().zip(&read[1..]) {
            prop_assert_eq!((name, value.as_bytes()), (read_name, &read_value[..]));
        }
    }

    #[test]
    fn chunks_that_are_written_are_read_again(
        chunks in vec(vec(any::<u8>(), 0..300), 0..12),
        positions in vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let mut text = Vec::new();
        for chunk in &chunks {
            write_chunk(&mut text, chunk);
        }
        text.extend_from_slice(LAST_CHUNK);
        let body_bytes = text.len();
        text.extend_from_slice(b"next");
        let body = chunked(&text, &cuts(&text, &positions), ChunkLimits::default());
        prop_assert_eq!(body.outcome, Ok(true));
        prop_assert_eq!(body.body_bytes, body_bytes);
        prop_assert_eq!(body.payload, chunks.concat());
    }
}
