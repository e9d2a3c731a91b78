//! The record layer: what happens to bytes after the handshake, in the memory where they are.
//!
//! | file | idea |
//! |---|---|
//! | `layer` | a connection after its handshake: data sealed and opened, the close of each direction |
//! | `control` | what peers say to each other beside data: alerts, tickets, new keys |
//! | `protection` | one direction: records by number, under one key |
//! | `cipher` | the ciphers of either library |
//! | `bare` | a key alone, for benchmarks |
//! | `secrets` | where the keys come from, and the next ones |
//! | `fatal` | how a connection ends by an error |
//!
//! Without I/O, so that it can be measured and fuzzed by itself. rustls does the handshake, makes
//! the secrets and keeps the tickets; every record after the handshake is opened and sealed here.
//! Whoever would hand the keys to a kernel or a network card finds them in `secrets`.

#[cfg(feature = "tls-designs")]
mod bare;
mod cipher;
mod control;
mod fatal;
mod layer;
mod protection;
mod secrets;
#[cfg(test)]
pub(super) mod tests;

#[cfg(feature = "tls-designs")]
pub(crate) use bare::BareKey;
pub use control::{
    EMPTY_RECORDS_MAX, HANDSHAKE_MESSAGE_BYTES_MAX, KEY_UPDATES_MAX, WARNING_ALERTS_MAX,
};
pub use layer::{Opened, RecordLayer};
pub use protection::{RECORD_HEADER_BYTES, RECORD_PLAINTEXT_BYTES_MAX};

pub(crate) use secrets::Secrets;
