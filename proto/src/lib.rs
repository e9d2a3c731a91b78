//! Protocols over the Taut runtime.
//!
//! | module | idea |
//! |---|---|
//! | [`tls`] | TLS 1.2 and 1.3 over any transport |
//! | [`http`] | HTTP/1.1, client and server |

pub mod http;
pub mod tls;
