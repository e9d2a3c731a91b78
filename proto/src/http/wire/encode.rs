//! Heads as bytes.

use std::fmt;

use http::{HeaderMap, Method, StatusCode, Version};

/// Which part of a head the caller gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The request target.
    Target,
    /// The reason phrase.
    Reason,
    /// The name of a header.
    HeaderName,
    /// The value of a header.
    HeaderValue,
}

/// A part of a head holds a byte that it can't hold: it would start another line, or another
/// message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EncodeError {
    /// Which part.
    pub part: Part,
    /// Where in it. Its length, if it is empty or ends too early.
    pub offset: usize,
    /// The byte; nothing where one is missing.
    pub byte: Option<u8>,
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}", self.part, self.offset)
    }
}

impl std::error::Error for EncodeError {}

/// Whether this can be the name of a header: a token.
///
/// # Errors
///
/// Says which byte can't stand there.
pub fn check_header_name(name: &[u8]) -> Result<(), EncodeError> {
    let _ = name;
    unimplemented!()
}

/// Whether this can be the value of a header: no control character but the tab.
///
/// # Errors
///
/// Says which byte can't stand there.
pub fn check_header_value(value: &[u8]) -> Result<(), EncodeError> {
    let _ = value;
    unimplemented!()
}

/// Whether this can be a request target: visible ASCII, and not empty.
///
/// # Errors
///
/// Says which byte can't stand there.
pub fn check_target(target: &[u8]) -> Result<(), EncodeError> {
    let _ = target;
    unimplemented!()
}

/// Appends `method target HTTP/1.x` and the line's end. On an error `out` is as it was.
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
    let _ = (out, method, target, version);
    unimplemented!()
}

/// Appends `HTTP/1.x status reason` with the reason phrase that the status usually has.
pub fn write_status_line(out: &mut Vec<u8>, version: Version, status: StatusCode) {
    let _ = (out, version, status);
}

/// Appends `name: value`. On an error `out` is as it was.
///
/// # Errors
///
/// Where the name or the value holds what it can't.
pub fn write_header(out: &mut Vec<u8>, name: &[u8], value: &[u8]) -> Result<(), EncodeError> {
    let _ = (out, name, value);
    unimplemented!()
}

/// Appends all headers of a map; its types can't hold what would break a line.
pub fn write_headers(out: &mut Vec<u8>, headers: &HeaderMap) {
    let _ = (out, headers);
}

/// Appends `content-length: N`.
pub fn write_content_length(out: &mut Vec<u8>, body_bytes: u64) {
    let _ = (out, body_bytes);
}

/// Appends the empty line that ends a head.
pub fn write_head_end(out: &mut Vec<u8>) {
    out.extend_from_slice(b"\r\n");
}
