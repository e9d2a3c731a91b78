//! The core of [Taut](https://docs.rs/taut): one single-threaded executor per pinned core, and the
//! drivers, buffers and timers that it stands on.
//!
//! Users depend on the `taut` crate, which re-exports this one. What lives here:
//!
//! | module | idea |
//! |---|---|
//! | `driver` | the seam between operations and the kernel: io_uring and epoll |
//! | `executor` | tasks, lanes, wakers, the turn of the loop |
//! | [`buffer`] | received data without copies, registered buffers for sends |
//! | [`channel`] | channels between the tasks of a core, and to and from plain threads |
//! | [`mod@cores`] | many cores: one pinned runtime on each, and what passes between them |
//! | [`fs`] | files and directories |
//! | `host` | what the host has and grants beyond a core |
//! | [`io`] | what protocol crates build on: descriptors, inbound data, accepted sockets, sends |
//! | [`process`] | child processes and pseudo-terminals |
//! | [`signal`] | signals of the operating system, awaited |
//! | [`sync`] | locks and signals between tasks |
//! | [`task`] | structured concurrency and cancellation |
//! | [`time`] | clock, timer wheel, `sleep`, `timeout`, `interval` |
//!
//! Invariant of the whole crate: whatever the kernel may still touch is owned by the driver until
//! the kernel has given it back, so every future can be dropped at every point.

#[cfg(not(target_os = "linux"))]
compile_error!("taut runs on Linux only");

pub mod buffer;
pub mod channel;
pub mod cores;
pub mod fs;
pub mod io;
pub mod process;
pub mod signal;
pub mod sync;
pub mod task;
pub mod time;

mod blocking;
mod builder;
mod cancelled;
mod config;
mod counters;
mod driver;
mod error;
mod executor;
mod features;
mod host;
mod pin;
mod random;
mod runtime;
mod slack;
mod slots;
mod threads;

pub use blocking::{CancelFlag, OffCore, WorkPanicked, off_core, off_core_with, on_own_thread};
pub use builder::Builder;
pub use cancelled::{Cancelled, is_cancelled};
pub use config::{Driver, WaitStrategy};
pub use cores::launch::cores;
pub use counters::Counters;
pub use error::{BuildError, BuildErrorKind};
pub use executor::{
    JoinError, JoinHandle, YieldNow, is_inside_runtime, spawn, spawn_background, yield_now,
};
pub use executor::{LONG_TURNS_MAX, LongTurn};
pub use executor::{Poller, PollerHandle, add_poller};
pub use features::{Feature, Features};
pub use host::NumaMemory;
pub use random::{random_u64, secure_random_bytes, secure_random_u32};
pub use runtime::{Runtime, counters, dump, features, long_turns, run};
