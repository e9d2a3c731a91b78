//! Memory that lies somewhere else each time.
//!
//! Which set of the caches, and which slice of the last one, a line falls into depends on its
//! address; an allocator that is asked the same twice answers the same twice.

use std::cell::Cell;
use std::hint::black_box;

/// Bytes of a cache line.
const LINE_BYTES: u64 = 64;
/// Lines by which the memory that follows is moved, at most: 16 pages.
const LINES: u64 = 1_024;

/// Shifts what is allocated while it lives.
#[derive(Debug)]
pub(super) struct Scatter {
    _shift: Vec<u8>,
}

impl Scatter {
    pub(super) fn new() -> Self {
        thread_local!(static STATE: Cell<u64> = const { Cell::new(0x9e37_79b9_7f4a_7c15) });
        // Marsaglia's xorshift: all that matters is that neighbours differ.
        let mut state = STATE.get();
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        STATE.set(state);
        let bytes = (1 + state % LINES) * LINE_BYTES;
        Self { _shift: black_box(Vec::with_capacity(bytes as usize)) }
    }
}
