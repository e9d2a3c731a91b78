//! Chunked bodies: RFC 9112 section 7.1, RFC 9110 section 6.5.

use taut_proto::http::wire::{ChunkDecoder, ChunkLimits, Reject};

use crate::pieces::{Body, chunked, same_at_every_cut};

fn read(text: &[u8]) -> Body {
    read_within(text, ChunkLimits::default())
}

fn read_within(text: &[u8], limits: ChunkLimits) -> Body {
    same_at_every_cut(text, |cuts| chunked(text, cuts, limits))
}

fn refused(texts: &[&[u8]], reject: Reject) {
    for text in texts {
        assert_eq!(read(text).outcome, Err(reject), "{}", text.escape_ascii());
    }
}

#[test]
fn chunks_make_up_a_body() {
    let vectors: [(&[u8], &[u8]); 6] = [
        (b"0\r\n\r\n", b""),
        (b"000\r\n\r\n", b""),
        (b"5\r\nhello\r\n0\r\n\r\n", b"hello"),
        (b"5\r\nhello\r\n001\r\n!\r\n0\r\n\r\n", b"hello!"),
        (b"A\r\n0123456789\r\nb\r\n0123456789a\r\n0\r\n\r\n", b"01234567890123456789a"),
        (b"4\r\n\r\n\r\n\r\n0\r\n\r\n", b"\r\n\r\n"),
    ];
    for (text, payload) in vectors {
        let next = [text, b"GET / HTTP/1.1\r\n"].concat();
        let body = read(&next);
        assert_eq!(body.outcome, Ok(true));
        assert_eq!(body.payload, payload);
        assert_eq!(body.body_bytes, text.len(), "not a byte of the next message");
    }
}

#[test]
fn every_part_of_a_body_lacks_its_end() {
    let text = b"5;a=\"b\\\"\"\r\nhello\r\n0\r\nA: b\r\n\r\n";
    for end in 0..text.len() {
        assert_eq!(read(&text[..end]).outcome, Ok(false), "{end}");
    }
    assert_eq!(read(text).outcome, Ok(true));
}

#[test]
fn a_size_is_a_plain_hexadecimal_number() {
    refused(
        &[
            b"\r\n",
            b";\r\n",
            b"\n",
            b" 5\r\n",
            b"\t5\r\n",
            b"+5\r\n",
            b"-5\r\n",
            b"_5\r\n",
            b"x\r\n",
            b"g\r\n",
            b"\"5\"\r\n",
            b"5\r\nhello\r\n\r\n",
            b"0x5\r\n",
            b"5_0\r\n",
            b"5.\r\n",
            b"5,5\r\n",
            b"5\0\r\n",
            b"5\x0b\r\n",
            b"5g\r\n",
            b"\xff",
        ],
        Reject::ChunkSize,
    );
    // White space in front of the line's end.
    refused(&[b"5 \r\nhello", b"5\t\r\nhello", b"5 5\r\nhello"], Reject::ChunkExtension);
}

#[test]
fn a_size_fits_64_bits() {
    let most = b"ffffffffffffffff\r\nabc";
    assert_eq!(read(most).outcome, Ok(false));
    assert_eq!(read(most).payload, b"abc");
    assert_eq!(read(b"0000000000000000000000001\r\na\r\n0\r\n\r\n").outcome, Ok(true));
    refused(
        &[b"10000000000000000\r\n", b"fffffffffffffffff\r\n", b"100000000000000005\r\nhello\r\n"],
        Reject::ChunkSizeOverflow,
    );
}

#[test]
fn every_line_ends_in_cr_lf() {
    refused(
        &[b"5\nhello\r\n", b"0\n\r\n", b"5;a\nhello\r\n", b"5;a=\"b\n\"\r\n"],
        Reject::BareLineFeed,
    );
    refused(
        &[b"5\rhello\r\n", b"5\r\r\nhello\r\n", b"0\r\n\ra", b"5;a\r;b\r\n", b"0\r\n\r\r\n"],
        Reject::BareCarriageReturn,
    );
    refused(&[b"0\r\nA: b\n\r\n", b"0\r\n\n"], Reject::BareLineFeed);
}

#[test]
fn a_chunk_ends_where_its_size_says() {
    refused(
        &[
            b"5\r\nhello!\r\n",
            b"5\r\nhello\n",
            b"5\r\nhello\rx",
            b"5\r\nhello0\r\n\r\n",
            b"4\r\nhello\r\n",
            b"5\r\nhello\r\r\n",
        ],
        Reject::ChunkEnd,
    );
    // One byte short: the CR is payload, the LF is no end.
    refused(&[b"6\r\nhello\r\n0\r\n\r\n"], Reject::ChunkEnd);
}

#[test]
fn extensions_are_checked_and_passed_over() {
    // RFC 9112 section 7.1.1; white space around `;` and `=` is bad, and taken.
    let valid: [&[u8]; 10] = [
        b";a",
        b";a=b",
        b";a=\"\"",
        b";a=\"b;c=\\\"d\\\\\"",
        b";a;b=c;d",
        b" ;a",
        b"\t; a = b",
        b";a=b ;c",
        b";a ;b",
        b";a=\"\xff\tx\" ;b",
    ];
    for extension in valid {
        let text = [b"3", extension, b"\r\nabc\r\n0", extension, b"\r\n\r\n"].concat();
        let body = read(&text);
        assert_eq!(body.outcome, Ok(true), "{}", extension.escape_ascii());
        assert_eq!(body.payload, b"abc");
    }
    refused(
        &[
            b"3;\r\n",
            b"3;;a\r\n",
            b"3;=b\r\n",
            b"3;a=\r\n",
            b"3;a=;b\r\n",
            b"3;a=b=c\r\n",
            b"3;a b\r\n",
            b"3;a=b c\r\n",
            b"3;a \r\n",
            b"3;a=b \r\n",
            b"3;a=\"b\"c\r\n",
            b"3;a=\"b\r\n",
            b"3;a\"b\"\r\n",
            b"3;a\0\r\n",
            b"3;a=\"\0\"\r\n",
            b"3;a=\"\\\r\n",
            b"3;\xff\r\n",
            b"3;a=\xff\r\n",
            b"3;a=\"b\x7f\"\r\n",
            b"3 a\r\n",
            b"3; \r\n",
        ],
        Reject::ChunkExtension,
    );
}

#[test]
fn lines_and_extensions_have_limits() {
    let limits =
        ChunkLimits { line_bytes_max: 8, extension_bytes_max: 10, ..ChunkLimits::default() };
    let of = |text: &[u8]| read_within(text, limits).outcome;
    assert_eq!(of(b"00000000\r\n\r\n"), Ok(true));
    assert_eq!(of(b"000000000"), Err(Reject::ChunkLineTooLong));
    assert_eq!(of(b"1;234567\r\na\r\n"), Ok(false));
    assert_eq!(of(b"1;2345678"), Err(Reject::ChunkLineTooLong));
    // Over all chunks of the body.
    assert_eq!(of(b"1;2345\r\na\r\n1;2345\r\na\r\n0\r\n\r\n"), Ok(true));
    assert_eq!(of(b"1;2345\r\na\r\n1;23456"), Err(Reject::ChunkExtensionsTooLong));
}

#[test]
fn trailers_are_given_apart() {
    let body = read(b"1\r\na\r\n0\r\nDigest: b \r\nX-Empty:\r\n\r\nGET");
    assert_eq!(body.outcome, Ok(true));
    let fields = [("Digest".to_owned(), b"b".to_vec()), ("X-Empty".to_owned(), b"".to_vec())];
    assert_eq!(body.trailers, fields);
    assert_eq!(body.body_bytes, 6 + 3 + 12 + 10 + 2);
}

#[test]
fn trailers_change_nothing_that_the_head_decided() {
    // RFC 9110 section 6.5.1.
    let text =
        b"0\r\nHost: a\r\ncontent-length: 5\r\nTransfer-Encoding: chunked\r\nAUTHORIZATION: b\r\n\
        Connection: close\r\nSet-Cookie: c\r\nContent-Type: d\r\nTrailer: e\r\nX: y\r\n\r\n";
    assert_eq!(read(text).trailers, [("X".to_owned(), b"y".to_vec())]);
}

#[test]
fn trailers_are_as_strict_as_headers() {
    refused(&[b"0\r\n A: b\r\n", b"0\r\nA: b\r\n c\r\n"], Reject::LineStartsWithSpace);
    refused(&[b"0\r\nA : b\r\n\r\n", b"0\r\nA\r\n\r\n", b"0\r\n: b\r\n\r\n"], Reject::HeaderName);
    refused(&[b"0\r\nA: b\0\r\n\r\n", b"0\r\nA: b\rc\r\n\r\n"], Reject::HeaderValue);
    refused(&[b"0\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"], Reject::HeaderName);
}

#[test]
fn trailers_have_limits() {
    let limits = ChunkLimits { trailer_bytes_max: 14, trailers_max: 2, ..ChunkLimits::default() };
    let of = |text: &[u8]| read_within(text, limits).outcome;
    assert_eq!(of(b"0\r\nA: b\r\nC: d\r\n\r\n"), Ok(true));
    assert_eq!(of(b"0\r\nA: b\r\nC: de\r\n\r\n"), Err(Reject::TrailersTooLong));
    assert_eq!(of(b"0\r\nA: bbbbbbbbbbbbbb"), Err(Reject::TrailersTooLong));
    assert_eq!(of(b"0\r\nA:\r\nB:\r\nC:"), Err(Reject::TooManyTrailers));
    let none = ChunkLimits { trailer_bytes_max: 0, ..limits };
    assert_eq!(read_within(b"0\r\nA", none).outcome, Err(Reject::TrailersTooLong));
    assert_eq!(read_within(b"0\r\n\r\n", none).outcome, Ok(true));
}

#[test]
fn a_decoder_reads_body_after_body() {
    let mut decoder = ChunkDecoder::new(ChunkLimits::default());
    for _ in 0..2 {
        assert!(!decoder.is_done() && decoder.trailers().is_empty());
        let text = b"1;a\r\nx\r\n0\r\nA: b\r\n\r\n";
        let data = decoder.decode(text).unwrap();
        assert_eq!((&text[data.data], data.consumed), (&b"x"[..], 6));
        let end = decoder.decode(&text[6..]).unwrap();
        assert!(end.done && end.data.is_empty());
        assert_eq!(decoder.trailers().get("a"), Some(&b"b"[..]));
        let after = decoder.decode(b"GET").unwrap();
        assert_eq!((after.consumed, after.done), (0, true));
        decoder.reset();
    }
    decoder.decode(b"x").unwrap_err();
    decoder.reset();
    assert!(decoder.decode(b"0\r\n\r\n").unwrap().done);
}
