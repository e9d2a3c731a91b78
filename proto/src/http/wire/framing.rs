//! How long a body is, and whether the connection stays (RFC 9112 sections 6 and 9).

/// How the end of a body is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyLength {
    /// There is no body.
    None,
    /// So many bytes follow the head; may be zero.
    Length(u64),
    /// Chunks follow: see [`ChunkDecoder`](super::ChunkDecoder).
    Chunked,
    /// All that follows, up to the end of the stream. Responses only.
    UntilClose,
}

/// What the head of a request says about its body and its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestFraming {
    /// How the end of the body is found. Never [`BodyLength::UntilClose`].
    pub body: BodyLength,
    /// Whether the client would send another request on this connection. A client of HTTP/1.0 must
    /// be told in the response (`Connection: keep-alive`) that it may.
    pub keep_alive: bool,
    /// Whether the client waits for `100 Continue` before it sends the body.
    pub expects_continue: bool,
    /// Whether the client would change to the protocol that the `Upgrade` header names.
    pub upgrade: bool,
}

/// What the head of a response says about its body and its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResponseFraming {
    /// How the end of the body is found.
    pub body: BodyLength,
    /// Whether the connection can carry another request after the body.
    pub keep_alive: bool,
    /// Whether this is an interim response (1xx other than 101): the final one follows.
    pub interim: bool,
    /// Whether what follows the head is another protocol: after 101, and after 2xx to CONNECT.
    pub tunnel: bool,
}
