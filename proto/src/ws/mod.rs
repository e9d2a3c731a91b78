//! WebSocket, client and server (RFC 6455, RFC 7692).
//!
//! | module | idea |
//! |---|---|
//! | [`wire`] | frames and messages as bytes, without I/O |
//! | `connection`, `clocks` | both directions over a transport, and what time does to them |
//! | `outbox` | what is to be sent |
//! | `stream`, `split`, `operations` | a connection for its user, and as two halves |
//! | `message` | what is handed out |
//! | `handshake` | from an HTTP request to a connection, client and server |
//! | `session` | what outlives one connection |
//! | `options`, `error` | how a connection behaves, and how it fails |
//!
//! A message that lies in one receive buffer is unmasked, validated and handed out there. What is
//! sent is copied once, behind what is queued; all that is queued in one turn leaves with one
//! write.

mod clocks;
mod connection;
mod error;
mod handshake;
mod message;
mod operations;
mod options;
mod outbox;
mod session;
mod split;
mod stream;
pub mod wire;

pub use error::{Error, ErrorKind, Wait};
pub use handshake::{
    Acceptor, Connector, Extension, Handshake, HandshakeError, HandshakeViolation, Refusal, accept,
    connect, upgrade,
};
pub use message::{Frame, Item, Message, Text};
pub use options::{Keepalive, Options, TextPing};
pub use outbox::Outbox;
pub use session::{
    ArbitratedEvent, ArbitratedSessions, Event, Failure, Fresh, GaveUp, GaveUpReason, Position,
    RATE_PERMITS_MAX, RateLimit, Retry, SendError, Sender, Session, SessionBuilder, TooSoon,
};
pub use split::{ReadHalf, WriteHalf};
pub use stream::WebSocket;
pub use wire::{
    CLOSE_REASON_BYTES_MAX, CONTROL_PAYLOAD_BYTES_MAX, CloseCode, CloseFrame, ControlPayload,
    DeflateAgreement, DeflateOptions, DeflateRefusal, MessageLimits, Opcode, Role, Room, Violation,
};
