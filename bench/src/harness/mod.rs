//! What every workload of this tool stands on.
//!
//! A workload names its series and gives a function that runs one *slice* of one series; the
//! harness decides the order of the slices, keeps the figures, judges the run and writes the
//! report. Invariant: a number that the samples can't support is absent, never guessed, and a run
//! that can't be trusted says so in its status.

pub(crate) mod clock;
pub(crate) mod cores;
pub(crate) mod counters;
pub(crate) mod duration;
pub(crate) mod environment;
pub(crate) mod host;
pub(crate) mod options;
pub(crate) mod plan;
pub(crate) mod progress;
pub(crate) mod rounds;
pub(crate) mod series;
pub(crate) mod session;
pub(crate) mod sla;
pub(crate) mod statistics;
pub(crate) mod verdict;
