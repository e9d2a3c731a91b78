//! What a message from one task of a core to another costs.

use super::micro::{Definition, Work};
use crate::report::Unit;

pub(crate) const DEFINITION: Definition = Definition {
    name: "channels",
    measures: "ns per message, one thread, batches of 1 000",
    unit: Unit::Picoseconds,
    works: &[
        Work { name: "channel", operations: 1_000, batches: 50, expected_ns: 0 },
        Work { name: "channel_try", operations: 1_000, batches: 50, expected_ns: 0 },
        Work { name: "channel_ping_pong", operations: 1_000, batches: 20, expected_ns: 0 },
        Work { name: "oneshot", operations: 1_000, batches: 50, expected_ns: 0 },
    ],
    pairs: &[],
    notes: &[
        "a sample is the time of a batch of 1 000 messages divided by 1 000: percentiles are those \
         of batches, not of single messages.",
        "channel: send and receive by await, in one task, never full nor empty; channel_try: by \
         the forms that do not wait; channel_ping_pong: there and back between two tasks.",
        "the floor is a ring of values without waiting, closing or wakers. Peers made for threads \
         (crossbeam-channel, kanal, rtrb) pay for atomics that one thread does not need.",
    ],
};
