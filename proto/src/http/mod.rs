//! HTTP/1.1, client and server (RFC 9110, RFC 9112).

pub mod wire;

pub(crate) mod date;
pub mod server;

pub use ::http::{HeaderMap, Method, StatusCode, Uri, Version, header};
pub use server::{
    Body, BodyError, Limits, Listener, Peer, Request, Response, Router, Routes, Server,
    ServerBuilder, ServerCounters, Service, Upgraded, serve,
};
