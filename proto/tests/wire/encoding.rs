//! Heads and chunks as bytes, and what can't be made to stand in them.

use http::{HeaderMap, HeaderValue, Method, StatusCode, Version, header};
use taut_proto::http::wire::{
    ChunkHead, EncodeError, LAST_CHUNK, Part, check_header_name, check_header_value, check_target,
    write_chunk, write_content_length, write_head_end, write_header, write_headers,
    write_last_chunk, write_request_line, write_status_line,
};

#[test]
fn a_request_is_written() {
    let mut out = Vec::new();
    write_request_line(&mut out, &Method::POST, b"/a?b", Version::HTTP_11).unwrap();
    write_header(&mut out, b"Host", b"taut").unwrap();
    write_header(&mut out, b"X-Empty", b"").unwrap();
    write_content_length(&mut out, 0);
    write_content_length(&mut out, u64::MAX);
    let mut headers = HeaderMap::new();
    headers.insert(header::ACCEPT, HeaderValue::from_static("*/*"));
    write_headers(&mut out, &headers);
    write_head_end(&mut out);
    let expected = b"POST /a?b HTTP/1.1\r\nHost: taut\r\nX-Empty: \r\ncontent-length: 0\r\n\
        content-length: 18446744073709551615\r\naccept: */*\r\n\r\n";
    assert_eq!(out.escape_ascii().to_string(), expected.escape_ascii().to_string());
}

#[test]
fn a_status_line_keeps_its_spaces() {
    let line = |version, code| {
        let mut out = Vec::new();
        write_status_line(&mut out, version, StatusCode::from_u16(code).unwrap());
        String::from_utf8(out).unwrap()
    };
    assert_eq!(line(Version::HTTP_11, 200), "HTTP/1.1 200 OK\r\n");
    assert_eq!(line(Version::HTTP_10, 200), "HTTP/1.0 200 OK\r\n");
    assert_eq!(line(Version::HTTP_11, 404), "HTTP/1.1 404 Not Found\r\n");
    assert_eq!(line(Version::HTTP_11, 799), "HTTP/1.1 799 \r\n");
}

#[test]
fn nothing_can_be_injected() {
    let error = |part, offset, byte| Err(EncodeError { part, offset, byte });
    for byte in [b'\r', b'\n', 0] {
        let value = [b"a", &[byte][..], b"Host: b"].concat();
        let mut out = b"before".to_vec();
        let written = write_header(&mut out, b"x", &value);
        assert_eq!(written, error(Part::HeaderValue, 1, Some(byte)));
        let written = write_header(&mut out, &value, b"x");
        assert_eq!(written, error(Part::HeaderName, 1, Some(byte)));
        let written = write_request_line(&mut out, &Method::GET, &value, Version::HTTP_11);
        assert_eq!(written, error(Part::Target, 1, Some(byte)));
        let trailers = [(&b"fine"[..], &b"fine"[..]), (b"x", &value)];
        assert_eq!(write_last_chunk(&mut out, trailers), error(Part::HeaderValue, 1, Some(byte)));
        assert_eq!(out, b"before", "nothing was written");
    }
}

#[test]
fn every_byte_is_judged_in_every_part() {
    for byte in 0..=255_u8 {
        let text = [b'a', byte];
        let is_token = byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        assert_eq!(check_header_name(&text).is_ok(), is_token, "{byte:#x}");
        let is_text = byte == b'\t' || (byte >= b' ' && byte != 0x7f);
        assert_eq!(check_header_value(&text).is_ok(), is_text, "{byte:#x}");
        let is_visible = (0x21..=0x7e).contains(&byte);
        assert_eq!(check_target(&text).is_ok(), is_visible, "{byte:#x}");
    }
    assert!(check_header_value(b"").is_ok());
    assert_eq!(check_header_name(b"").unwrap_err().byte, None);
    assert_eq!(check_target(b"").unwrap_err().byte, None);
}

#[test]
fn an_error_says_what_and_where() {
    let error = check_header_value(b"17\r\nx: y").unwrap_err().to_string();
    assert!(error.contains("value of a header"), "{error}");
    assert!(error.contains("0x0d") && error.contains("offset 2"), "{error}");
    assert!(check_target(b"").unwrap_err().to_string().contains("empty"));
}

#[test]
fn chunks_are_written() {
    let mut out = Vec::new();
    write_chunk(&mut out, b"");
    assert!(out.is_empty(), "an empty chunk would end the body");
    write_chunk(&mut out, b"hello");
    write_chunk(&mut out, &[b'x'; 0x1f]);
    write_last_chunk(&mut out, [(&b"a"[..], &b"b"[..])]).unwrap();
    let expected = format!("5\r\nhello\r\n1f\r\n{}\r\n0\r\na: b\r\n\r\n", "x".repeat(0x1f));
    assert_eq!(String::from_utf8(out).unwrap(), expected);
    let mut end = Vec::new();
    write_last_chunk(&mut end, []).unwrap();
    assert_eq!(end, LAST_CHUNK);
    assert_eq!(ChunkHead::new(1).as_bytes(), b"1\r\n");
    assert_eq!(ChunkHead::new(usize::MAX).as_bytes(), b"ffffffffffffffff\r\n");
}

#[test]
#[should_panic(expected = "an empty chunk ends the body")]
fn an_empty_chunk_has_no_head() {
    let _ = ChunkHead::new(0);
}
