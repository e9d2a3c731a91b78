//! What a message of WebSocket costs in memory: a frame decoded, unmasked and validated, or encoded
//! and masked.

use super::micro::{Definition, Work};
use crate::codec::WORKS as LOADS;
use crate::report::Unit;

/// Bytes that a batch goes over, about, and its most messages.
const BATCH_BYTES: u64 = 256 << 10;
const BATCH_MESSAGES_MAX: u64 = 1_000;

const WORKS: [Work; LOADS.len()] = {
    let mut works = [Work { name: "", operations: 0, batches: 10, expected_ns: 0 }; LOADS.len()];
    let mut index = 0;
    while index < LOADS.len() {
        let messages = BATCH_BYTES / LOADS[index].bytes as u64;
        works[index].name = LOADS[index].name;
        works[index].operations =
            if messages < BATCH_MESSAGES_MAX { messages } else { BATCH_MESSAGES_MAX };
        index += 1;
    }
    works
};

pub(crate) const DEFINITION: Definition = Definition {
    name: "ws-codec",
    measures: "ns per message of WebSocket in memory",
    unit: Unit::Picoseconds,
    works: &WORKS,
    pairs: &[],
    notes: &[
        "server_SCRIPT_SIZE: a server parses, unmasks and validates a text message; client_...: a \
         client does the same without a mask; encode_SIZE: a client frames and masks one. A sample \
         is the mean of a batch.",
        "the floor copies the bytes that are decoded, or encoded, and does not look at them; who \
         decodes makes this copy too, which stands for the kernel.",
        "peers whose codec is behind a stream read from memory and are polled by hand, without a \
         runtime; that of sockudo is driven directly.",
    ],
};
