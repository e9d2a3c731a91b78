//! What this host has, and what it grants a runtime beyond its core.
//!
//! | file | idea |
//! |---|---|
//! | `list` | core lists in the kernel's notation |
//! | `topology` | which cores there are, who may use them, which node they belong to |
//! | `settings` | the options of a builder, and what they are answered with |
//! | `priority` | `SCHED_FIFO` for the runtime's thread |
//! | `numa` | memory from the core's own node |
//! | `locked` | all memory of the process locked |
//! | `stack` | the stack's pages touched before they are needed |
//! | `cpu_latency` | how deep the processor may sleep |
//! | `layers` | giving back what a thread had, in whatever order runtimes end |
//! | `sys` | the system calls without a safe form |
//!
//! Invariant: what an option changed is given back when its runtime ends. What was demanded and is
//! not granted is an error, or in degraded mode a row in the features. Costs a few system calls
//! when a runtime is built, nothing afterwards.

mod cpu_latency;
mod layers;
mod list;
mod locked;
mod numa;
mod priority;
mod settings;
mod stack;
mod sys;
mod topology;

pub use list::{CoreList, CoreListError};
pub use numa::NumaMemory;

pub(crate) use locked::LockedMemory;
pub(crate) use settings::{Held, HostOptions};
pub(crate) use topology::Topology;
