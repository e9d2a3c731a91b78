//! What a runtime and its process hold: afterwards it must be what it was before.

use taut::Runtime;

use super::open_descriptors;

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Held {
    tasks: u64,
    operations: u64,
    receive_buffers: usize,
    send_buffers: usize,
    pub(crate) descriptors: usize,
}

impl Held {
    pub(crate) fn now(runtime: &Runtime) -> Self {
        let counters = runtime.counters();
        // Taken, counted and given back.
        let send_buffers: Vec<_> = std::iter::from_fn(|| runtime.tx_buf().ok()).collect();
        Self {
            tasks: counters.tasks_live,
            operations: counters.operations_in_flight,
            receive_buffers: runtime.receive_buffers_idle(),
            send_buffers: send_buffers.len(),
            descriptors: open_descriptors(),
        }
    }
}
