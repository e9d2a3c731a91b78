//! Rings in shared memory, as several test files make them.

use taut::cores::shared_memory::{Kind, Options, Reader, Ring, Writer};

pub(crate) const KINDS: [Kind; 3] = [Kind::Spsc, Kind::Broadcast, Kind::BroadcastLossy];

pub(crate) fn ring(kind: Kind, slot_bytes: usize, capacity: usize) -> Ring {
    Ring::create_unnamed(&Options::new(kind, slot_bytes, capacity)).unwrap()
}

pub(crate) fn ends(kind: Kind, slot_bytes: usize, capacity: usize) -> (Writer, Reader) {
    let ring = ring(kind, slot_bytes, capacity);
    (ring.writer().unwrap(), ring.reader().unwrap())
}
