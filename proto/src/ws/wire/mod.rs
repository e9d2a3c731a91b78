//! The codec of WebSocket (RFC 6455): bytes to messages, and back. No I/O, no clock, no task.
//!
//! | module | idea |
//! |---|---|
//! | `header`, `close` | what stands before a payload, what a close frame says |
//! | `decoder`, `unread` | received bytes to messages, in place |
//! | `encoder` | messages to bytes that are to be sent |
//! | `mask`, `utf8` | the two passes over a payload, which are one where text is ASCII |
//! | `deflate` | compressed messages (RFC 7692), behind the feature of that name |
//! | `violation`, `limits` | what a peer may not do, and how much it may |
//!
//! The verdict on a stream depends on its bytes alone, never on how they were cut on the way. What
//! came before a mistake is handed out first.

mod close;
mod decoder;
#[cfg_attr(not(feature = "deflate"), path = "deflate_absent.rs")]
mod deflate;
mod encoder;
mod header;
mod limits;
mod mask;
mod unread;
mod utf8;
mod violation;

pub use close::{CLOSE_REASON_BYTES_MAX, CloseCode, CloseFrame, ControlPayload};
pub use decoder::{Data, Decoded, Decoder, Unit};
pub use deflate::{Deflate, DeflateAgreement, DeflateOptions, DeflateRefusal};
pub use encoder::{Encoder, Room};
pub use header::{CONTROL_PAYLOAD_BYTES_MAX, FrameHeader, HEADER_BYTES_MAX, Opcode, Role};
pub use limits::MessageLimits;
pub use mask::apply_mask;
pub use utf8::Utf8;
pub use violation::Violation;

pub(crate) use close::close_payload;
