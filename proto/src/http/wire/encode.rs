//! Heads as bytes.
//!
//! What users give is checked where it is written: a CR, LF or NUL in a name, a value or a target
//! would let whoever chose that text add headers, or whole messages. What the types of `http` hold
//! has been checked before.

use std::fmt;

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version};

use super::characters::{TEXT, TOKEN, first_outside};

/// Which part of a head the caller gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The request target.
    Target,
    /// The name of a header.
    HeaderName,
    /// The value of a header.
    HeaderValue,
}

/// A part of a head is empty, or holds a byte that it can't hold. Nothing of it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EncodeError {
    /// Which part.
    pub part: Part,
    /// Where in it the byte stands.
    pub offset: usize,
    /// The byte; nothing where the part is empty.
    pub byte: Option<u8>,
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (part, allowed) = match self.part {
            Part::Target => ("request target", "visible ASCII characters"),
            Part::HeaderName => ("name of a header", "letters, digits and !#$%&'*+-.^_`|~"),
            Part::HeaderValue => ("value of a header", "no control character but the tab"),
        };
        match self.byte {
            None => write!(f, "the {part} is empty"),
            Some(byte) => write!(
                f,
                "the {part} has the byte 0x{byte:02x} at offset {}: it takes {allowed}",
                self.offset
            ),
        }
    }
}

impl std::error::Error for EncodeError {}

impl Part {
    fn check(self, bytes: &[u8], outside: Option<usize>) -> Result<(), EncodeError> {
        match outside {
            Some(offset) => Err(EncodeError { part: self, offset, byte: Some(bytes[offset]) }),
            None => Ok(()),
        }
    }

    fn check_not_empty(self, bytes: &[u8]) -> Result<(), EncodeError> {
        match bytes {
            [] => Err(EncodeError { part: self, offset: 0, byte: None }),
            _ => Ok(()),
        }
    }
}

/// Whether this can be the name of a header: a token (RFC 9110 section 5.1).
///
/// # Errors
///
/// Says which byte can't stand there.
pub fn check_header_name(name: &[u8]) -> Result<(), EncodeError> {
    Part::HeaderName.check_not_empty(name)?;
    Part::HeaderName.check(name, first_outside(name, TOKEN))
}

/// Whether this can be the value of a header: no control character but the tab (RFC 9110
/// section 5.5).
///
/// # Errors
///
/// Says which byte can't stand there.
#[inline]
pub fn check_header_value(value: &[u8]) -> Result<(), EncodeError> {
    Part::HeaderValue.check(value, first_outside(value, TEXT))
}

/// Whether this can be a request target: visible ASCII, and not empty.
///
/// # Errors
///
/// Says which byte can't stand there.
pub fn check_target(target: &[u8]) -> Result<(), EncodeError> {
    Part::Target.check_not_empty(target)?;
    Part::Target.check(target, target.iter().position(|byte| !byte.is_ascii_graphic()))
}

/// Appends `method target HTTP/1.x` and the line's end: 1.0 for [`Version::HTTP_10`], else 1.1. On
/// an error `out` is as it was.
///
/// # Errors
///
/// Where the target holds what it can't.
pub fn write_request_line(
    out: &mut Vec<u8>,
    method: &Method,
    target: &[u8],
    version: Version,
) -> Result<(), EncodeError> {
    check_target(target)?;
    out.extend_from_slice(method.as_str().as_bytes());
    out.push(b' ');
    out.extend_from_slice(target);
    out.push(b' ');
    out.extend_from_slice(name_of(version));
    write_head_end(out);
    Ok(())
}

/// Appends `HTTP/1.x status reason` with the reason phrase that the status usually has: 1.0 for
/// [`Version::HTTP_10`], else 1.1.
#[inline]
pub fn write_status_line(out: &mut Vec<u8>, version: Version, status: StatusCode) {
    if version != Version::HTTP_10 && status == StatusCode::OK {
        out.extend_from_slice(b"HTTP/1.1 200 OK\r\n");
        return;
    }
    out.extend_from_slice(name_of(version));
    out.push(b' ');
    out.extend_from_slice(status.as_str().as_bytes());
    // The space stays where there is no reason (RFC 9112 section 4).
    out.push(b' ');
    out.extend_from_slice(status.canonical_reason().unwrap_or_default().as_bytes());
    write_head_end(out);
}

/// Appends `name: value`. On an error `out` is as it was.
///
/// ```
/// use taut_proto::http::wire::write_header;
///
/// let mut head = Vec::new();
/// write_header(&mut head, b"x-order", b"17")?;
/// assert_eq!(head, b"x-order: 17\r\n");
/// let injected = write_header(&mut head, b"x-order", b"18\r\nhost: elsewhere").unwrap_err();
/// assert_eq!((injected.offset, injected.byte), (2, Some(b'\r')));
/// assert_eq!(head, b"x-order: 17\r\n");
/// # Ok::<(), taut_proto::http::wire::EncodeError>(())
/// ```
///
/// # Errors
///
/// Where the name or the value holds what it can't.
pub fn write_header(out: &mut Vec<u8>, name: &[u8], value: &[u8]) -> Result<(), EncodeError> {
    check_header_name(name)?;
    check_header_value(value)?;
    push_line(out, name, value);
    Ok(())
}

/// Appends `name: value`; the types can't hold what would break a line.
#[inline]
pub fn write_typed_header(out: &mut Vec<u8>, name: &HeaderName, value: &HeaderValue) {
    push_line(out, name.as_str().as_bytes(), value.as_bytes());
}

/// Appends all headers of a map, as [`write_typed_header`].
pub fn write_headers(out: &mut Vec<u8>, headers: &HeaderMap) {
    for (name, value) in headers {
        write_typed_header(out, name, value);
    }
}

/// Appends `content-length: N`.
#[inline]
pub fn write_content_length(out: &mut Vec<u8>, body_bytes: u64) {
    out.extend_from_slice(b"content-length: ");
    write_decimal(out, body_bytes);
    out.extend_from_slice(b"\r\n");
}

#[inline]
fn write_decimal(out: &mut Vec<u8>, number: u64) {
    if number < 10 {
        return out.push(b'0' + number as u8);
    }
    if number < 100 {
        return out.extend_from_slice(&[b'0' + (number / 10) as u8, b'0' + (number % 10) as u8]);
    }
    let mut digits = [0; 20];
    let mut start = digits.len();
    let mut left = number;
    while left > 0 {
        start -= 1;
        digits[start] = b'0' + (left % 10) as u8;
        left /= 10;
    }
    out.extend_from_slice(&digits[start..]);
}

/// Appends the empty line that ends a head.
#[inline]
pub fn write_head_end(out: &mut Vec<u8>) {
    out.extend_from_slice(b"\r\n");
}

#[inline]
fn push_line(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    out.reserve(name.len() + value.len() + 4);
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

fn name_of(version: Version) -> &'static [u8] {
    if version == Version::HTTP_10 { b"HTTP/1.0" } else { b"HTTP/1.1" }
}
