//! What a message of WebSocket costs in memory: a frame decoded, unmasked and validated, or encoded
//! and masked.

use super::micro::{Definition, Work};
use crate::codec::WORKS as LOADS;
use crate::report::Unit;

/// Messages of a batch, about: as many whole chunks as that is, and one at least. A codec may decode
/// a chunk with its first message, so a batch of less would find the work done, or do more than its
/// share.
const BATCH_MESSAGES: usize = 1_000;
const BATCH_CHUNKS_MAX: usize = 4;

const WORKS: [Work; LOADS.len()] = {
    let mut works = [Work { name: "", operations: 0, batches: 10, expected_ns: 0 }; LOADS.len()];
    let mut index = 0;
    while index < LOADS.len() {
        let chunk_messages = LOADS[index].chunk_messages();
        let chunks = match BATCH_MESSAGES / chunk_messages {
            0 => 1,
            chunks if chunks < BATCH_CHUNKS_MAX => chunks,
            _ => BATCH_CHUNKS_MAX,
        };
        works[index].name = LOADS[index].name;
        works[index].operations = (chunks * chunk_messages) as u64;
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
        "a batch is whole chunks of some 64 KiB, since a codec may decode all of a chunk with its first \
         message.",
        "server_SCRIPT_SIZE: a server parses, unmasks and validates a text message; client_...: a \
         client does the same without a mask; encode_SIZE: a client frames and masks one. A sample \
         is the mean of a batch.",
        "the floor copies the bytes that are decoded, or encoded, and does not look at them; who \
         decodes makes this copy too, which stands for the kernel.",
        "peers whose codec is behind a stream read from memory and are polled by hand, without a \
         runtime; that of sockudo is driven directly.",
    ],
};
