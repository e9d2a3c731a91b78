//! HTTP/1.1, client and server (RFC 9110, RFC 9112).

pub mod wire;
