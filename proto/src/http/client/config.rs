//! What a client may take: time by phase, bytes and connections by name.

use std::time::Duration;

/// How long each phase of a request may take. Every field can be set on its own:
///
/// ```
/// use std::time::Duration;
/// use taut_proto::http::client::Timeouts;
///
/// let timeouts = Timeouts { head: Duration::from_millis(800), ..Timeouts::default() };
/// assert_eq!(timeouts.connect, Duration::from_secs(5));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// Waiting for a connection while all that are allowed are in use. Default: 5 s.
    pub pool: Duration,
    /// Finding the name's addresses and connecting, with what a proxy wants before. Default: 5 s.
    pub connect: Duration,
    /// The handshake of TLS. Default: 5 s.
    pub tls: Duration,
    /// Between two pieces of the request that the peer's side takes, also while its answer comes in
    /// already. What the body's source takes is not counted, unless the answer is over. Default:
    /// 10 s.
    pub write: Duration,
    /// From the request's last byte to the end of the answer's head, interim answers included.
    /// Default: 10 s.
    pub head: Duration,
    /// Between two pieces of the answer's body, once the request is sent. Default: 10 s.
    pub body_idle: Duration,
    /// From the call to the last byte of the answer's body, redirects included. Default: none.
    pub total: Option<Duration>,
    /// How long a body waits for `100 Continue` before it is sent all the same, as RFC 9110 10.1.1
    /// has it. Default: 1 s.
    pub expect_continue: Duration,
    /// How long a connection is kept without work. Shorter than what servers grant (nginx 75 s,
    /// Node 5 s, Go 120 s), so that the client is the one that closes. Default: 4 s.
    pub idle: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            pool: Duration::from_secs(5),
            connect: Duration::from_secs(5),
            tls: Duration::from_secs(5),
            write: Duration::from_secs(10),
            head: Duration::from_secs(10),
            body_idle: Duration::from_secs(10),
            total: None,
            expect_continue: Duration::from_secs(1),
            idle: Duration::from_secs(4),
        }
    }
}

/// How much a client takes and keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of an answer's head, of each interim one, and of the trailers. Default: 16 KiB.
    pub head_bytes_max: usize,
    /// Headers of an answer; never more than 256. Default: 100.
    pub headers_max: usize,
    /// Interim answers (1xx) in a row. Default: 16.
    pub interim_answers_max: usize,
    /// Bytes of a body that is gathered by `bytes`, `text`, `json` and by prepared requests.
    /// Default: 16 MiB.
    pub body_bytes_max: u64,
    /// Bytes that a body may be once it is decoded, also where it is read by chunks. Default:
    /// 64 MiB.
    pub decoded_bytes_max: u64,
    /// Connections to one origin. Default: 64.
    pub connections_per_origin_max: usize,
    /// Connections in all. Default: 1 024.
    pub connections_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head_bytes_max: 16 << 10,
            headers_max: 100,
            interim_answers_max: 16,
            body_bytes_max: 16 << 20,
            decoded_bytes_max: 64 << 20,
            connections_per_origin_max: 64,
            connections_max: 1024,
        }
    }
}
