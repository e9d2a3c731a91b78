//! The workloads: one file each, on the harness.

pub(crate) mod channels;
pub(crate) mod clock;
pub(crate) mod echo;
pub(crate) mod jitter;
pub(crate) mod micro;
pub(crate) mod stream;
pub(crate) mod tasks;
pub(crate) mod timers;
