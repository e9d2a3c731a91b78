//! A connection that is made anew when it breaks, with the fate of every message told.
//!
//! | file | idea |
//! |---|---|
//! | `stream` | the stream: what is sent, what comes in, what is lost |
//! | `builder` | its limits and hooks |
//! | `establish` | the attempts, from a break to the next connection |
//! | `attempts` | how often, and for how long, is tried |
//! | `backoff` | how long to wait before each |
//! | `outbox` | messages that nobody has acknowledged |
//! | `error` | why a message was not sent, and why no more is tried |
//!
//! Invariant: no message is sent twice. TCP can't tell what the peer has read, so a message that
//! was given to a connection, whole or in part, is kept until the user acknowledges it, by what the
//! peer's protocol says; when the connection breaks before, it is *uncertain* and handed back. A
//! message of which nothing was given to a connection is handed back at once. What becomes of
//! either is the user's to decide, since only the protocol knows: nothing is sent again by itself.
//!
//! The work is done inside of the futures that the user awaits: there is no task, and dropping the
//! stream leaves nothing.

mod attempts;
mod backoff;
mod builder;
mod error;
mod establish;
mod outbox;
mod stream;

pub use attempts::{Attempt, AttemptLimits, Attempts, Outage};
pub use backoff::Backoff;
pub use builder::ReconnectingBuilder;
pub use error::{GaveUp, SendError};
pub use outbox::{Ticket, Uncertain};
pub use stream::{Incoming, ReconnectingStream};
