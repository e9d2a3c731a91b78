//! TCP ping-pong over loopback: what one round trip costs on each kind of server.
//!
//! One raw spinning client sends a message and waits for its echo, one message in flight in total,
//! so every sample is a closed-loop round trip without queueing. All servers live in this process,
//! each on a thread of its own that is pinned to the server core and sleeps while it is not its
//! turn; every slice warms up again before it is recorded. The runtime's servers keep their
//! runtime, its ring and its sockets for the whole run.

mod client;
mod describe;
mod message;
mod options;
mod raw_epoll;
mod raw_spin;
mod server;
mod slots;
mod taut_server;
mod workload;

pub(crate) use options::Options;
pub(crate) use workload::run;
