//! What a core counts, and where: on the heap, or in a counter file that others read live.
//!
//! | file | idea |
//! |---|---|
//! | `set` | every counter by name, kind and unit, and the snapshot of all |
//! | `io` | counting what was received, sent and failed |
//! | `place` | the memory that the counters stand in |

mod io;
mod place;
mod set;

pub use set::Counters;

pub(crate) use place::CounterPlace;
pub(crate) use set::CounterCells;

/// Outside of `block_on`.
pub(crate) const STATE_OUTSIDE: u64 = 0;
/// The loop turns.
pub(crate) const STATE_TURNING: u64 = 1;
/// The core sleeps in the kernel.
pub(crate) const STATE_ASLEEP: u64 = 2;
/// The runtime has ended.
pub(crate) const STATE_ENDED: u64 = 3;
