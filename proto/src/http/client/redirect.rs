//! What a redirect asks for (RFC 9110 section 15.4).

use std::borrow::Cow;

use http::header::{
    AUTHORIZATION, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LOCATION, CONTENT_TYPE, COOKIE,
    HOST, LOCATION, PROXY_AUTHORIZATION,
};
use http::{HeaderMap, Method, StatusCode};

use super::destination::{Origin, join};
use super::error::Cause;
use super::request::{Request, take_credentials};
use super::response::Response;

/// The next request, where the answer redirects. Takes what it needs from the one before.
pub(super) fn next(request: &mut Request, response: &Response) -> Result<Option<Request>, Cause> {
    let status = response.status();
    if !matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let Some(location) = response.headers().get(LOCATION) else { return Ok(None) };
    let no = |why: &str| Cause::Redirect(why.to_owned());
    let location = location.to_str().map_err(|_| no("its Location is no URL"))?;
    let is_websocket = request.extras.upgrade.as_ref().is_some_and(|name| name == "websocket");
    let location = if is_websocket { http_location(location) } else { location.into() };
    let mut url = join(&request.url, &location).map_err(|cause| no(&cause.to_string()))?;
    url.set_fragment(None);
    if is_websocket && request.url.scheme() == "https" && url.scheme() == "http" {
        return Err(no("it leads a WebSocket connection from TLS to none"));
    }
    let credentials = take_credentials(&mut url).map_err(|cause| no(&cause.to_string()))?;
    let same_origin = Origin::of(&request.url).ok() == Origin::of(&url).ok();
    let changes_method = changes_method(status, &request.method);
    if !changes_method && request.body.as_bytes().is_none() {
        return Err(no("the body was brought by a source, once, and can't be sent again"));
    }
    let mut headers = std::mem::take(&mut request.headers);
    if !same_origin {
        drop_private(&mut headers);
    }
    if let Some(value) = credentials {
        headers.insert(AUTHORIZATION, value);
    }
    let mut method = request.method.clone();
    let mut body = std::mem::take(&mut request.body);
    let mut extras = request.extras.clone();
    if changes_method {
        (method, body) = (Method::GET, Default::default());
        extras.expects_continue = false;
        for name in [CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LOCATION, CONTENT_TYPE] {
            headers.remove(name);
        }
    }
    Ok(Some(Request { method, url, headers, body, timeouts: request.timeouts, extras }))
}

/// Servers of WebSocket write its schemes, which are those of HTTP (RFC 6455 section 3).
fn http_location(location: &str) -> Cow<'_, str> {
    match location.split_once("://") {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("ws") => {
            format!("http://{rest}").into()
        }
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("wss") => {
            format!("https://{rest}").into()
        }
        _ => location.into(),
    }
}

/// Whether the next request is a GET without a body, whatever this one was.
fn changes_method(status: StatusCode, method: &Method) -> bool {
    match status {
        StatusCode::SEE_OTHER => ![Method::GET, Method::HEAD].contains(method),
        StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND => *method == Method::POST,
        _ => false,
    }
}

/// Drops what is meant for one origin alone.
fn drop_private(headers: &mut HeaderMap) {
    for name in [AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION, HOST] {
        headers.remove(name);
    }
    let sensitive = headers.iter().filter(|(_, value)| value.is_sensitive());
    let sensitive: Vec<_> = sensitive.map(|(name, _)| name.clone()).collect();
    for name in sensitive {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemes_of_websocket_are_those_of_http() {
        for (location, expected) in [
            ("ws://a/b?c", "http://a/b?c"),
            ("WSS://a:1", "https://a:1"),
            ("http://a", "http://a"),
            ("/b?to=ws://a", "/b?to=ws://a"),
            ("//a/b", "//a/b"),
        ] {
            assert_eq!(http_location(location), expected);
        }
    }

    #[test]
    fn methods_change_as_the_rfc_has_it() {
        for (status, method, changes) in [
            (301, Method::POST, true),
            (302, Method::POST, true),
            (301, Method::PUT, false),
            (302, Method::DELETE, false),
            (303, Method::PUT, true),
            (303, Method::HEAD, false),
            (307, Method::POST, false),
            (308, Method::POST, false),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(changes_method(status, &method), changes, "{status} {method}");
        }
    }
}
