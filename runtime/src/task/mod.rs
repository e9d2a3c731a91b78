//! Structured concurrency: what tasks and futures do together, and how they are asked to stop.
//!
//! | file | idea |
//! |---|---|
//! | `combine` | `all`, `any`, `race`, `all_settled` |
//! | `children`, `tuple`, `branch` | what they run: the futures of an iterator or of a tuple |
//! | `group` | a set of tasks whose number changes |
//! | `token` | asking code to stop that is no task |
//! | `shield` | a section that a cancel does not reach |
//! | `waiting` | the name and place of a wait |
//! | `dump` | the picture of all tasks and what they wait for |

mod branch;
mod children;
mod combine;
mod dump;
mod group;
mod shield;
mod token;
mod tuple;
mod waiting;

pub use children::{Attempts, Children, Choice, IntoChildren, Iterated, List};
pub use combine::{All, AllSettled, Any, AnyError, Race, all, all_settled, any, race};
pub use dump::{Dump, TaskDump, TaskState, Wait};
pub use group::TaskGroup;
pub use shield::{Shield, is_cancelled, shield};
pub use token::{CancelToken, RunUnder, UntilCancelled};
pub use tuple::{Eight, Five, Four, Seven, Six, Three, Tuple, Two};
pub use tuple::{OneOf2, OneOf3, OneOf4, OneOf5, OneOf6, OneOf7, OneOf8};
pub use waiting::{Waiting, waiting};

pub use crate::executor::Flatten;
