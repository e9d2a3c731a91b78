//! What servers had the client keep (RFC 6265), by the crate `cookie_store`.
//!
//! Invariant: it stays within the limits that RFC 6265 6.1 asks a client to grant at least, so no
//! server fills the memory. What is beyond them is passed over; a cookie that is there can always
//! be replaced or removed.

use std::cell::RefCell;

use cookie_store::{CookieStore, RawCookie};
use http::header::SET_COOKIE;
use http::{HeaderMap, HeaderValue};
use url::Url;

/// Bytes of a cookie with its attributes: 4 096.
const COOKIE_BYTES_MAX: usize = 4096;

/// Cookies that go to one URL: 50.
const COOKIES_PER_URL_MAX: usize = 50;

/// Cookies of a client: 3 000.
const COOKIES_MAX: usize = 3000;

/// The cookies of one client. Nothing is written to disk.
#[derive(Debug, Default)]
pub(super) struct Jar(RefCell<CookieStore>);

impl Jar {
    /// The value of `Cookie` for a URL, if there are any.
    pub(super) fn header(&self, url: &Url) -> Option<HeaderValue> {
        let store = self.0.borrow();
        let pairs = store.get_request_values(url).map(|(name, value)| format!("{name}={value}"));
        let pairs = pairs.collect::<Vec<_>>().join("; ");
        // What a server had set came in a header, so it can stand in one.
        HeaderValue::from_str(&pairs).ok().filter(|value| !value.is_empty())
    }

    /// Keeps what an answer from a URL sets. What is no cookie is passed over.
    pub(super) fn keep(&self, url: &Url, headers: &HeaderMap) {
        let values = headers.get_all(SET_COOKIE).iter().filter_map(|value| value.to_str().ok());
        let values = values.filter(|text| text.len() <= COOKIE_BYTES_MAX);
        let mut store = self.0.borrow_mut();
        for cookie in values.filter_map(|text| RawCookie::parse(text.to_owned()).ok()) {
            let here = store.matches(url);
            let has_room = here.len() < COOKIES_PER_URL_MAX
                && store.iter_any().count() < COOKIES_MAX
                || here.iter().any(|known| known.name() == cookie.name());
            if has_room {
                store.store_response_cookies(std::iter::once(cookie), url);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keep(jar: &Jar, url: &Url, cookie: &str) {
        let headers = [(SET_COOKIE, HeaderValue::from_str(cookie).unwrap())];
        jar.keep(url, &HeaderMap::from_iter(headers));
    }

    #[test]
    fn a_server_that_sets_without_end_fills_neither_the_memory_nor_a_request() {
        let url = Url::parse("http://venue.example/").unwrap();
        let jar = Jar::default();
        for number in 0..2 * COOKIES_PER_URL_MAX {
            keep(&jar, &url, &format!("c{number}=1"));
        }
        let sent = |url| jar.header(url).unwrap().to_str().unwrap().to_owned();
        assert_eq!(sent(&url).split("; ").count(), COOKIES_PER_URL_MAX);
        keep(&jar, &url, "c0=2");
        assert!(sent(&url).contains("c0=2"), "what is there can be replaced");
        keep(&jar, &url, "c0=2; Max-Age=0");
        keep(&jar, &url, &format!("long={}", "x".repeat(COOKIE_BYTES_MAX)));
        keep(&jar, &url, "another=1");
        let sent = sent(&url);
        assert!(!sent.contains("c0=") && !sent.contains("long=") && sent.contains("another=1"));

        for number in 0..COOKIES_MAX {
            let url = Url::parse(&format!("http://venue{number}.example/")).unwrap();
            keep(&jar, &url, "session=1");
        }
        assert_eq!(jar.0.borrow().iter_any().count(), COOKIES_MAX);
    }
}
