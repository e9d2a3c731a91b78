//! Channels: between tasks of one core, and to and from other threads.
//!
//! | channel | from | to | each item | where it is full |
//! |---|---|---|---|---|
//! | [`mpsc`] | many | one, or tasks that share it | once, in order | senders wait |
//! | [`oneshot`] | one | one | the only one | |
//! | [`broadcast`] | many | many | to every receiver, in order | the oldest is lost, and counted |
//! | [`watch`] | many | many | the latest | it takes the place of the one before |
//! | [`conflate`] | many | one, or tasks that share it | the latest of each key | a new key waits |
//! | [`shared`] | many, any thread | many, any thread | once, in order | senders wait |
//!
//! All but `shared` belong to one thread and have no atomics. All waits are fair, and cancel-safe:
//! they can be dropped at any point, and nothing is lost, nobody is left asleep. An error that
//! refuses an item gives it back. Nothing is allocated in steady state.
//!
//! | file | idea |
//! |---|---|
//! | `gate` | what there is for the taking, and the line of those who wait |
//! | `state` | a bounded channel: a buffer between two gates |
//! | `ring`, `keyed` | the buffers |
//! | `local` | the two ends of a channel of one core |
//! | `news`, `audience` | lines in which all are told at once |
//! | `questions` | what can be asked of both ends |
//! | `error` | why a send or a receive failed |

#[macro_use]
mod questions;

mod audience;
mod error;
mod gate;
mod keyed;
mod local;
mod news;
mod ring;
mod state;

pub mod broadcast;
pub mod conflate;
pub mod mpsc;
pub mod oneshot;
pub mod shared;
pub mod watch;

pub use error::{
    RecvError, RecvTimeoutError, SendError, SendTimeoutError, TryRecvError, TrySendError,
};
