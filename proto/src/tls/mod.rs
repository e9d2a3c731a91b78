//! TLS 1.2 and 1.3, client and server, over any transport (RFC 8446, RFC 5246).
//!
//! | file | idea |
//! |---|---|
//! | `endpoint`, `builder` | the connector and the acceptor of a core, and how they are set up |
//! | `trust` | whom to trust, who we are |
//! | `provider`, `version` | ciphers, key exchange, versions |
//! | `handshake` | the handshake, by rustls |
//! | [`record`] | the records after it: sealed and opened in the memory where they are |
//! | `stream` | both over a [`Transport`](taut_net::Transport), which the result is again |
//! | `error` | what went wrong, and whose fault it is |
//!
//! Invariants: the end of the stream is what the peer said, never what a network made of it; no
//! received byte is handed out that was not authenticated. Cost of a record: one call of the
//! cipher, and nothing allocated; what is received is opened in the slot that the kernel filled,
//! what is sent is copied once.

#[cfg(not(any(feature = "ring", feature = "aws-lc-rs")))]
compile_error!("TLS needs ciphers: enable the feature `ring` or `aws-lc-rs`");

mod builder;
mod endpoint;
mod error;
mod handshake;
mod provider;
mod stream;
mod trust;
mod version;

#[cfg(feature = "tls-designs")]
#[doc(hidden)]
pub mod designs;
pub mod record;

pub use builder::{Client, SESSIONS_MAX, Server, TICKETS_PER_CONNECTION, TlsBuilder};
pub use endpoint::{TlsAcceptor, TlsConnector};
pub use error::{Fault, TlsError, TlsErrorKind};
pub use handshake::{Agreed, Finished, HANDSHAKE_TIMEOUT, Handshake};
pub use provider::{KeyExchangeGroup, Provider};
pub use stream::{TlsReadHalf, TlsStream, TlsWriteHalf, WRITE_BYTES_MAX};
pub use trust::{Identity, Roots};
pub use version::TlsVersion;

use record::RecordLayer;
