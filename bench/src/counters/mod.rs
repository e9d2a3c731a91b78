//! Exact instructions for each operation, by valgrind's callgrind.
//!
//! A clock on a shared host tells how busy its neighbours are; a count of instructions does not
//! move. Each work runs twice in a process of its own under valgrind, with N and with 2 N
//! operations, and the difference divided by N is what one operation costs: start-up, set-up and
//! tear-down cancel out. Since io_uring does not exist under valgrind, everything runs on the epoll
//! driver, parked, so that no idle turn is counted.
//!
//! Invariant: what is counted is what this program and its libraries execute in the work itself,
//! never the kernel, and the number of instructions of a work does not depend on how long it takes.
//! All works count the same to the instruction in every run, on a busy host and in another
//! environment too, except the timers: where a neighbour takes the core for so long that the
//! runtime stops trusting the time-stamp counter, its clock takes another path, which moves them by
//! about a percent. Cost: about half a second for each work.

mod baseline;
mod callgrind;
mod echo;
mod options;
mod run;
mod works;

pub(crate) use options::{CountOptions, Options};
pub(crate) use run::{count, run};
