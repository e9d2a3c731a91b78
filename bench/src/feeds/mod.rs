//! Datagrams to groups, from the client's core to a receiver on the server's.
//!
//! A slice starts its receiver anew, as a thread of this program with its own sockets and, where it
//! is of ours, its own runtime; so that nothing waits of the slice before, the kernel's counts
//! begin at zero, and memory lies elsewhere each time. The receiver's thread may enter another
//! network namespace, so that datagrams cross a device.
//!
//! Invariant: each datagram sent is accounted for: received, dropped by the kernel at the socket,
//! or lost elsewhere; the last two by what the kernel tells and by the numbers that did not come.
//!
//! | file | idea |
//! |---|---|
//! | `route` | groups and interfaces, and the socket that sends |
//! | `listener`, `members` | the kinds of receiver, the thread of one, those of a run |
//! | `shared` | what both threads look at |
//! | `raw`, `on_taut` | the loops that receive |
//! | `bursts` | bursts: what is sent, and what is made of each datagram |
//! | `seen` | which numbers came |
//! | `capture_lines` | a capture as two lines |
//! | `replay` | a part of it, sent on time |
//! | `ticks` | what is made of each delivery |

pub(crate) mod bursts;
pub(crate) mod capture_lines;
pub(crate) mod listener;
pub(crate) mod members;
mod on_taut;
mod raw;
pub(crate) mod replay;
pub(crate) mod route;
mod seen;
pub(crate) mod shared;
pub(crate) mod ticks;
