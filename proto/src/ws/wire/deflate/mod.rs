//! Compressed messages: permessage-deflate (RFC 7692).
//!
//! | module | idea |
//! |---|---|
//! | `options` | what an end wants |
//! | `negotiation` | what both agree on, as parameters of the extension |
//! | `inflate` | received DEFLATE data to messages |
//! | `deflate` | messages to DEFLATE data that is to be sent |
//!
//! Each direction goes by its own agreement. Where a direction keeps its context from one message
//! to the next, the connection has a stream of its own for it; where it does not, there is one on
//! the core for all connections, and an idle connection holds nothing.
//!
//! DEFLATE data of a message ends with an empty block, whose last four bytes are left out on the
//! way (section 7.2.1).

#[expect(clippy::module_inception, reason = "the counterpart of inflate, as the field names it")]
mod deflate;
mod inflate;
mod negotiation;
mod options;

pub use deflate::Deflate;
pub(crate) use inflate::Inflate;
pub use negotiation::{DeflateAgreement, DeflateRefusal};
pub use options::DeflateOptions;

/// The end of the empty block that ends a message's data; not sent.
const TAIL: [u8; 4] = [0x00, 0x00, 0xFF, 0xFF];
