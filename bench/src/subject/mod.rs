//! The programs that are measured: child processes, each alone on the server core.
//!
//! `bench/SUBJECTS.md` is the contract between them and this tool; servers of ours and of others
//! keep the same one. Invariant: of all subjects of a run at most one is not stopped, so that they
//! cost each other nothing; and none outlives the run: each ends with its standard input, and the
//! kernel kills it if this program is killed.

mod announcement;
mod crew;
mod lines;
mod manifest;
mod page;
mod process;
mod servers;
mod usage;
mod watcher;

pub(crate) use announcement::Announcement;
pub(crate) use crew::{Crew, Member};
pub(crate) use lines::{answer_lines, spaced};
pub(crate) use page::Attendant;
pub(crate) use process::{Awake, Subject};
pub(crate) use servers::{Running, Server, Servers, check_names, this_program};
