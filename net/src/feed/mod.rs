//! Feed arbitration: one feed out of the lines that carry it twice.
//!
//! A venue sends its market data on two multicast groups, A and B, through different hardware. Each
//! packet says which messages it holds by their numbers. An [`Arbiter`] delivers each message once,
//! from whichever line has it first, tells of holes and of what fills them, and gives up what no
//! line has brought in time.
//!
//! Invariants: every number from the first to the last is delivered or told as lost, once; in
//! order, if that was asked for. Memory is bounded by the [`ArbiterOptions`] whatever the packets
//! say, nothing is allocated after the beginning, and no number makes a loop longer than the holes
//! that are open. Cost of a packet while nothing is missing: the extractor, a comparison with the
//! feed's next number and one with its line's, and one line of memory to remember its time.
//!
//! | file | idea |
//! |---|---|
//! | `numbers` | where a packet stands in its feed |
//! | `options` | every limit and choice |
//! | `event`, `statistics` | what the user is told, and what is counted |
//! | `arbiter` | the state of the feed: what is new, held back, given up |
//! | `line` | the state of one line |
//! | `holes` | what a sequence lacks |
//! | `recent` | how far lines are behind each other |
//! | `restart` | a feed that is numbered anew |
//! | `udp` | an arbiter over UDP sockets: [`ArbitratedFeed`] |

mod arbiter;
mod event;
mod holes;
mod line;
mod numbers;
mod options;
mod recent;
mod restart;
mod statistics;
mod udp;

pub use arbiter::Arbiter;
pub use event::{Arrival, Delivery, Event};
pub use numbers::{MOLD_UDP64_HEADER_BYTES, Numbers, SequenceWidth, mold_udp64};
pub use options::{ArbiterOptions, Deliver, LINES_MAX, Restart};
pub use statistics::{FeedStatistics, LineStatistics};
pub use udp::{ArbitratedFeed, LineError};
