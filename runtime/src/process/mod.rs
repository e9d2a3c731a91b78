//! Child processes and pseudo-terminals.
//!
//! | file | idea |
//! |---|---|
//! | `command` | what to run, and how it is started away from the core |
//! | `child` | the running process and its streams |
//! | `output` | reading both streams at once, up to a limit |
//! | `pidfd` | a process by a descriptor, which is never reused for another |
//! | `reaper` | children that nobody waits for |
//! | `pty` | terminals for children that want one |
//!
//! A child is known by a descriptor (pidfd): its exit is readiness, its status and its signals go
//! through it. No handler of `SIGCHLD`, no thread that waits, no race with reused process numbers.
//! Invariant: every child that was started here is reaped, also when its future or its handle was
//! dropped.

mod child;
mod command;
mod output;
mod pidfd;
mod pty;
mod reaper;

pub use child::{Child, FromStdError};
pub use command::Command;
pub use pty::Pty;
pub use std::process::{ExitStatus, Output, Stdio};
