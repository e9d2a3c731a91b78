//! The head of a request as bytes. Whatever would start another line, or another message, is
//! refused: in the target, in names and in values.

use http::header::{
    CONNECTION, CONTENT_LENGTH, COOKIE, EXPECT, HOST, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Version};
use url::Url;

use super::destination::{host_header, target};
use super::error::Cause;
use crate::http::body::Body;
use crate::http::wire::{
    write_content_length, write_head_end, write_header, write_headers, write_request_line,
};

/// A header that a caller may set.
pub(super) fn header(name: &[u8], value: &[u8]) -> Result<(HeaderName, HeaderValue), Cause> {
    let name = header_name(name)?;
    let value = HeaderValue::from_bytes(value).map_err(|_| {
        Cause::invalid(format!("the value of {name} has a line end or another control character"))
    })?;
    if name == HOST && (value.is_empty() || value.as_bytes().iter().any(|&byte| is_no_host(byte))) {
        return Err(Cause::invalid("the value of host is no host"));
    }
    Ok((name, value))
}

/// The name of such a header.
pub(super) fn header_name(name: &[u8]) -> Result<HeaderName, Cause> {
    let shown = || String::from_utf8_lossy(name).into_owned();
    let name = HeaderName::from_bytes(name)
        .map_err(|_| Cause::invalid(format!("{:?} is no header's name", shown())))?;
    let advice = match name {
        CONTENT_LENGTH | TRANSFER_ENCODING | TRAILER | TE => "it follows from the body",
        EXPECT => "use `expect_continue`",
        UPGRADE => "use `upgrade`",
        CONNECTION => "use `close` or `upgrade`",
        _ => return Ok(name),
    };
    Err(Cause::invalid(format!("{name} can't be set: {advice}")))
}

fn is_no_host(byte: u8) -> bool {
    byte <= b' ' || byte >= 0x7F || b"/?#@\\\",<>".contains(&byte)
}

/// What a head says beside the caller's headers.
#[derive(Clone, Debug, Default)]
pub(super) struct Extras {
    pub(super) closes: bool,
    pub(super) expects_continue: bool,
    pub(super) upgrade: Option<HeaderValue>,
    pub(super) proxy_authorization: Option<HeaderValue>,
    pub(super) cookie: Option<HeaderValue>,
    pub(super) wants_absolute: bool,
}

/// Replaces `out` with the whole head.
pub(super) fn write_head(
    out: &mut Vec<u8>,
    method: &Method,
    url: &Url,
    headers: &HeaderMap,
    body: &Body,
    extras: &Extras,
) -> Result<(), Cause> {
    out.clear();
    write_start(out, method, target(url, extras.wants_absolute))?;
    // First, as RFC 9110 7.2 would have it.
    match headers.get(HOST) {
        None => write_header(out, b"host", host_header(url).as_bytes()).map_err(invalid)?,
        Some(host) => write_header(out, b"host", host.as_bytes()).map_err(invalid)?,
    }
    match headers.contains_key(HOST) || headers.contains_key(COOKIE) {
        false => write_headers(out, headers),
        true => {
            for (name, value) in headers.iter().filter(|(name, _)| ![HOST, COOKIE].contains(name)) {
                write_header(out, name.as_ref(), value.as_bytes()).map_err(invalid)?;
            }
        }
    }
    write_cookies(out, headers, extras)?;
    if let Some(value) = &extras.proxy_authorization {
        write_header(out, b"proxy-authorization", value.as_bytes()).map_err(invalid)?;
    }
    if let Some(protocol) = &extras.upgrade {
        out.extend_from_slice(b"connection: upgrade\r\n");
        write_header(out, b"upgrade", protocol.as_bytes()).map_err(invalid)?;
    } else if extras.closes {
        out.extend_from_slice(b"connection: close\r\n");
    }
    if extras.expects_continue && !body.is_empty() {
        out.extend_from_slice(b"expect: 100-continue\r\n");
    }
    write_framing(out, method, body);
    write_head_end(out);
    Ok(())
}

/// The caller's cookies and those that were kept: one line, as RFC 6265 5.4 wants it.
fn write_cookies(out: &mut Vec<u8>, headers: &HeaderMap, extras: &Extras) -> Result<(), Cause> {
    let cookies = headers.get_all(COOKIE).iter().chain(&extras.cookie);
    let cookies = cookies.map(HeaderValue::as_bytes).collect::<Vec<_>>();
    match cookies.is_empty() {
        true => Ok(()),
        false => write_header(out, b"cookie", &cookies.join(&b"; "[..])).map_err(invalid),
    }
}

pub(super) fn write_start(out: &mut Vec<u8>, method: &Method, target: &str) -> Result<(), Cause> {
    write_request_line(out, method, target.as_bytes(), Version::HTTP_11).map_err(invalid)
}

fn write_framing(out: &mut Vec<u8>, method: &Method, body: &Body) {
    // Methods that mean something to be sent say so also where it is nothing (RFC 9110 8.6).
    let expects_body = [Method::POST, Method::PUT, Method::PATCH].contains(method);
    match body.length() {
        Some(0) if !expects_body => {}
        Some(length) => write_content_length(out, length),
        None => out.extend_from_slice(b"transfer-encoding: chunked\r\n"),
    }
}

fn invalid(error: impl std::fmt::Display) -> Cause {
    Cause::invalid(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_start_another_line_is_refused() {
        for (name, value) in [
            ("x\r\ny", "z"),
            ("x y", "z"),
            ("", "z"),
            ("x:", "z"),
            ("x\0", "z"),
            ("x", "y\r\nz: 1"),
            ("x", "y\n"),
            ("x", "y\0"),
            ("host", "a\r\nb"),
            ("host", "a b"),
            ("host", "a/b"),
            ("host", ""),
        ] {
            let refused = header(name.as_bytes(), value.as_bytes());
            assert!(matches!(refused, Err(Cause::InvalidRequest(_))), "{name:?}: {value:?}");
        }
        assert!(header(b"x", b"tab\there, \xFFobs-text").is_ok());
    }

    #[test]
    fn what_decides_about_framing_is_not_the_callers() {
        for name in ["content-length", "Transfer-Encoding", "connection", "upgrade", "expect", "te"]
        {
            assert!(header(name.as_bytes(), b"1").is_err(), "{name}");
        }
    }
}
