//! What tasks cost: spawned and joined, giving way, cancelled.

use super::micro::{Definition, Work};
use crate::report::Unit;

pub(crate) const DEFINITION: Definition = Definition {
    name: "tasks",
    measures: "ns per operation, one thread, batches of 1 000",
    unit: Unit::Picoseconds,
    works: &[
        Work { name: "spawn_join", operations: 1_000, batches: 50, expected_ns: 0 },
        Work { name: "spawn_many", operations: 1_000, batches: 50, expected_ns: 0 },
        Work { name: "yield", operations: 1_000, batches: 50, expected_ns: 0 },
        Work { name: "spawn_cancel", operations: 1_000, batches: 20, expected_ns: 0 },
    ],
    pairs: &[],
    notes: &[
        "a sample is the time of a batch of 1 000 operations divided by 1 000: percentiles are \
         those of batches, not of single operations.",
        "the floor is the same block awaited in place: no task, no queue, no allocation.",
    ],
};
