//! One pinned runtime per core: start, stop and results.
//!
//! | file | idea |
//! |---|---|
//! | `select` | what a user may name cores by |
//! | `builder` | what is to run where |
//! | `plan` | which cores that are, and whether they can be used |
//! | `gate` | all runtimes are built before any future starts |
//! | `crew` | what the cores of one run share: who they are, and the stop |
//! | `context` | the same, as a core's future sees it |
//! | `life` | the thread of one core |
//! | `board` | how far each core is, and how it ended |
//! | `running` | starting, and the thread that sees the run to its end |
//! | `outcome`, `error` | what came of it |
//!
//! Invariant: from the stop on, whoever waits for the run has its outcome within the stop deadline,
//! whatever the cores do. A core's thread is never killed, and what it may still use stays alive.
//!
//! Each core serves a reception from its start to the end of its runtime, so the cores can submit
//! work to one another. An inbox where nothing comes in costs a core no look.
//!
//! A stop goes: the token of the crew is thrown, by whoever is first; that wakes a small future on
//! each core, which cancels the core's own task from within, and so reaches every leaf that it
//! waits at. A running core pays nothing for it: its task is not polled through that future.

mod board;
mod builder;
mod context;
mod crew;
mod error;
mod gate;
mod life;
mod outcome;
mod plan;
mod running;
mod select;

pub use builder::{Alike, ByRole, Cores, cores};
pub use context::CoreContext;
pub use crew::{CoreInfo, StopCause};
pub use error::{CoreFailure, CoresError, CoresErrorKind};
pub use outcome::{CoreEnd, Outcome};
pub use plan::CoreKey;
pub use running::Running;
pub use select::{CoreSelection, isolated, node};
