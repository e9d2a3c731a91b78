//! Work that blocks, on threads of its own, away from the pinned cores.
//!
//! | file | idea |
//! |---|---|
//! | `off_core` | the futures: what is awaited, and what a cancel does |
//! | `pool` | the threads: when they start, what they are called, where they run |
//! | `queue` | the line of work, shared by a runtime and its threads |
//! | `answer` | the place where a thread leaves its result |
//! | `cancel_flag` | how running work learns that it should stop |
//! | `panicked` | the error of work that panicked |
//!
//! Each runtime has its own threads, so its settings are its own, its work never waits behind
//! another runtime's, and none of it outlives the runtime in the line. What is kept for the process
//! is where the threads run: off the core of every runtime, see `pin`. No thread is started before
//! it is needed.
//!
//! Costs the core three allocations and two short locks for each piece of work, and a system call
//! where a thread sleeps: this is for what takes long, such as files, name resolution, compression.

mod answer;
mod cancel_flag;
#[cfg(all(test, loom))]
mod models;
mod off_core;
mod panicked;
mod pool;
mod queue;

pub use cancel_flag::CancelFlag;
pub use off_core::{OffCore, off_core, off_core_with, on_own_thread};
pub use panicked::WorkPanicked;

pub(crate) use answer::{Answer, Teller};
pub(crate) use pool::Pool;
