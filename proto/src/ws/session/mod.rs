//! What a trading engine needs above one connection: that there is one.
//!
//! | file | idea |
//! |---|---|
//! | `session` | messages, and what becomes of their connections, in one order |
//! | `steps` | what it does next, and who takes over from whom |
//! | `builder` | its limits and hooks |
//! | `event` | what it tells, and how connections fail |
//! | `plan` | the attempts, from a loss to the next connection |
//! | `fresh` | a connection before anything of it is handed out |
//! | `links` | the connections that there are |
//! | `overlap` | two connections at once: when the newer takes over, and what both bring |
//! | `sender` | sending on whichever connection there is |
//! | `arbitrated` | one stream out of several sessions that carry it, first copy wins |
//! | `rate` | how often connections are made and messages sent |
//!
//! Invariants: nothing is sent that was not asked for on this very connection; nothing is told out
//! of order. There is no task: all work is done inside of the futures that the user awaits, and
//! what they begin is the session's. A message costs a look at two options beyond what its
//! connection costs, and no allocation.

mod arbitrated;
mod builder;
mod event;
mod fresh;
mod links;
mod overlap;
mod plan;
mod rate;
mod sender;
#[expect(clippy::module_inception, reason = "the file that has the type of this name")]
mod session;
mod steps;

pub use arbitrated::{ArbitratedEvent, ArbitratedSessions};
pub use builder::SessionBuilder;
pub use event::{Event, Failure, GaveUp, GaveUpReason, Position, Retry};
pub use fresh::Fresh;
pub use rate::{RATE_PERMITS_MAX, RateLimit, TooSoon};
pub use sender::{SendError, Sender};
pub use session::Session;
