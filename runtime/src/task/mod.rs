//! Structured concurrency: what tasks and futures do together, and how they are asked to stop.
//!
//! | file | idea |
//! |---|---|
//! | `shield` | a section that a cancel does not reach |
//! | `waiting` | the name and place of a wait |
//! | `dump` | the picture of all tasks and what they wait for |

mod dump;
mod shield;
mod waiting;

pub use dump::{Dump, TaskDump, TaskState, Wait};
pub use shield::{Shield, is_cancelled, shield};
pub use waiting::{Waiting, waiting};
