//! Protocols over the Taut runtime.
//!
//! | module | idea |
//! |---|---|
//! | `tls` | TLS 1.2 and 1.3 over any transport |
//! | [`http`] | HTTP/1.1, client and server |
//! | [`ws`] | WebSocket, client and server |
//! | `hyper` | what hyper asks of a runtime, behind the feature of that name |
//!
//! Unsafe code is in `ws::wire::mask`, for the registers of the CPU, and in `text` and `ws::message`,
//! for text that was validated.

#![deny(unsafe_code)]

mod deadline;
pub mod http;
#[cfg(feature = "hyper")]
pub mod hyper;
mod text;
#[cfg(feature = "tls")]
pub mod tls;
pub mod ws;
