//! The workloads: one file each, on the harness.

pub(crate) mod echo;
