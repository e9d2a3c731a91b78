//! What servers had the client keep (RFC 6265), by the crate `cookie_store`.

use std::cell::RefCell;

use cookie_store::{CookieStore, RawCookie};
use http::header::SET_COOKIE;
use http::{HeaderMap, HeaderValue};
use url::Url;

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
        let cookies = values.filter_map(|text| RawCookie::parse(text.to_owned()).ok());
        self.0.borrow_mut().store_response_cookies(cookies, url);
    }
}
