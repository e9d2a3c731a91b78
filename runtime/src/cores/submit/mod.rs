//! Running a future on another core, and having its result back.
//!
//! | file | idea |
//! |---|---|
//! | `reception` | a core's inbox for work, and the task that serves it |
//! | `handle` | the way to a reception from any thread |
//! | `submitted` | awaiting, cancelling or detaching what was submitted |
//! | `served` | the task that it is on its core |
//! | `directory` | the handles of several cores, by number and name |
//! | `error` | why there is no result |
//!
//! The closure goes over a bounded channel and is called on the other core, where its future
//! becomes a task like any other; only the closure and the result pass between threads. The channel
//! is a [`shared`](crate::channel::shared) one, not a ring of this module: a core looks at each
//! ring that it awaits in every turn, and an inbox that is seldom used should cost the hot loop
//! nothing.
//!
//! Invariant: whoever waits for a result hears of the end of the work, or of the core that had it:
//! the right to answer travels with the work, and is given up with it wherever that is dropped.
//! Costs four allocations and two short locks for each piece of work, the task itself, and a system
//! call where one of the two cores sleeps. This is for what is asked now and then; what flows goes
//! over a ring of its own.

mod directory;
mod error;
mod handle;
mod reception;
mod served;
mod submitted;

pub use directory::{Directory, submit_to};
pub use error::{SubmitError, SubmitErrorKind};
pub use handle::CoreHandle;
pub use reception::{Reception, reception};
pub use submitted::Submitted;
