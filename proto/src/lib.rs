//! Protocols over the Taut runtime.
//!
//! | module | idea |
//! |---|---|
//! | `tls` | TLS 1.2 and 1.3 over any transport |
//! | [`http`] | HTTP/1.1, client and server |
//! | `hyper` | what hyper asks of a runtime, behind the feature of that name |
//!
//! There is no unsafe code here.

#![forbid(unsafe_code)]

pub mod http;
#[cfg(feature = "hyper")]
pub mod hyper;
#[cfg(feature = "tls")]
pub mod tls;
