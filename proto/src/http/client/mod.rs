//! The client: requests over kept connections, one pool for each client, one client for each core.
//!
//! What it never does by itself: send a request a second time that the peer may have acted on. Only
//! an idempotent one (RFC 9110 9.2.2) whose kept connection turned out to be dead before a single
//! byte of an answer came is sent again, once, over a fresh connection.
//!
//! | module | idea |
//! |---|---|
//! | `builder`, `config`, `destination` | what a client is told: options, limits, URLs |
//! | `request`, `multipart`, `auth` | a request as the caller makes it |
//! | `send`, `head` | from there to an answer: cookies, redirects, the one retry; the bytes of it |
//! | `connection`, `sending`, `received` | one exchange over one connection |
//! | `incoming`, `response`, `decode`, `save` | the answer: pieces where they landed, decoded, gathered, saved |
//! | `prepared`, `prepared_layout`, `template`, `answer` | requests whose bytes are ready but for a few fields |
//! | `pool`, `watch`, `dial` | kept connections: how many, how long, how they are made |
//! | `proxy`, `proxies`, `socks`, `transport` | what a connection goes through and over |
//! | `error`, `limit_time` | how it fails, by what the sender must know; time by phase |
//! | `redirect`, `cookies` | what the next request of a redirect is; what servers had us keep |
//!
//! ```
//! use taut_net::TcpListener;
//! use taut_proto::http::client::Client;
//!
//! taut_runtime::run(async {
//!     let listener = TcpListener::bind("127.0.0.1:0".parse().unwrap())?;
//!     let url = format!("http://{}/time", listener.local_addr()?);
//!     let venue = taut_runtime::spawn(async move {
//!         let mut stream = listener.accept().await?;
//!         assert!(stream.recv().await?.starts_with(b"GET /time HTTP/1.1\r\n"));
//!         stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n12:00").await
//!     });
//!     let client = Client::new();
//!     let answer = client.get(&url).send().await?.error_for_status()?;
//!     assert_eq!(answer.text().await?, "12:00");
//!     venue.await.unwrap()?;
//!     Ok::<(), Box<dyn std::error::Error>>(())
//! })??;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod answer;
mod auth;
mod builder;
mod config;
mod connection;
#[cfg(feature = "cookies")]
mod cookies;
mod decode;
mod destination;
mod dial;
mod error;
mod head;
mod incoming;
mod limit_time;
mod multipart;
mod pool;
mod prepared;
mod prepared_layout;
mod proxies;
mod proxy;
mod received;
mod redirect;
mod request;
mod response;
mod save;
mod send;
mod sending;
mod socks;
mod template;
mod transport;
mod watch;

use std::rc::Rc;

use http::Method;

pub use crate::http::body::{Body, BodySource};
pub use answer::Answer;
pub use builder::ClientBuilder;
pub use config::{Limits, Timeouts};
pub use error::{Cause, Error, Failure, Fault, Phase};
pub use multipart::{Form, Part};
pub use prepared::{Field, PreparedRequest};
pub use prepared_layout::PreparedBuilder;
pub use proxy::{InvalidProxy, Proxy};
pub use request::RequestBuilder;
pub use response::{Response, Upgraded};
pub use template::Template;
pub use transport::ClientTransport;

use builder::Shared;

/// Sends requests. Clones share one pool of connections; a core has its own client, since nothing
/// in it passes between threads.
///
/// Dropping the last clone closes what is idle; answers that are still read go on.
#[derive(Clone, Debug)]
pub struct Client {
    shared: Rc<Shared>,
}

/// How many connections a client has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connections {
    /// In use, idle, and being made.
    pub live: usize,
    /// Ready for a request.
    pub idle: usize,
}

impl Client {
    /// A client with the defaults of [`Timeouts`] and [`Limits`], that follows no redirects, keeps
    /// no cookies and uses no proxy.
    #[must_use]
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// To say otherwise.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::default()
    }

    /// A request. What is wrong with the URL is told by [`send`](RequestBuilder::send).
    pub fn request(&self, method: Method, url: impl AsRef<str>) -> RequestBuilder {
        RequestBuilder::new(Rc::clone(&self.shared), method, url.as_ref())
    }

    /// As [`request`](Self::request), with GET.
    pub fn get(&self, url: impl AsRef<str>) -> RequestBuilder {
        self.request(Method::GET, url)
    }

    /// As [`request`](Self::request), with HEAD.
    pub fn head(&self, url: impl AsRef<str>) -> RequestBuilder {
        self.request(Method::HEAD, url)
    }

    /// As [`request`](Self::request), with POST.
    pub fn post(&self, url: impl AsRef<str>) -> RequestBuilder {
        self.request(Method::POST, url)
    }

    /// As [`request`](Self::request), with PUT.
    pub fn put(&self, url: impl AsRef<str>) -> RequestBuilder {
        self.request(Method::PUT, url)
    }

    /// As [`request`](Self::request), with PATCH.
    pub fn patch(&self, url: impl AsRef<str>) -> RequestBuilder {
        self.request(Method::PATCH, url)
    }

    /// As [`request`](Self::request), with DELETE.
    pub fn delete(&self, url: impl AsRef<str>) -> RequestBuilder {
        self.request(Method::DELETE, url)
    }

    /// A request whose bytes are made once and patched from then on; see [`PreparedRequest`].
    pub fn prepare(&self, method: Method, url: impl AsRef<str>) -> PreparedBuilder {
        PreparedBuilder::new(Rc::clone(&self.shared), method, url.as_ref())
    }

    /// Keeps so many connections to the URL's origin ready, beside those in use, from now on: the
    /// first of them now, and others in the background as they are taken, grow old
    /// ([`Timeouts::idle`]) or are closed by the peer. 0 ends it.
    ///
    /// Dropping the future leaves the making to the background.
    ///
    /// # Errors
    ///
    /// The failure of the first connection; the background goes on trying twice a second.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    pub async fn keep_warm(&self, url: impl AsRef<str>, count: usize) -> Result<(), Error> {
        send::keep_warm(&self.shared, url.as_ref(), count).await
    }

    /// How many connections there are.
    pub fn connections(&self) -> Connections {
        let pool = &self.shared.pool;
        Connections { live: pool.live(), idle: pool.idle() }
    }
}

impl Default for Client {
    fn default() -> Self {
        Self::new()
    }
}
