//! HTTP/1.1, client and server (RFC 9110, RFC 9112).
//!
//! | module | idea |
//! |---|---|
//! | [`client`] | requests, answers, kept connections, prepared requests |
//! | [`server`] | connections answered by handlers |
//! | [`wire`] | heads and bodies as bytes, without I/O |
//!
//! The types of requests and responses at the top are the server's; the client's are in [`client`].

mod body;
pub mod client;
pub(crate) mod date;
pub mod server;
pub mod wire;

pub use ::http::{HeaderMap, Method, StatusCode, Uri, Version, header};
pub use client::Client;
pub use server::{
    Body, BodyError, Limits, Listener, Peer, Request, Response, Router, Routes, Secured, Server,
    ServerBuilder, ServerCounters, Service, TrailerError, Upgraded, serve,
};
