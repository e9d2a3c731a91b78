//! What the tests of many cores share.

use rustix::thread::{CpuSet, sched_getaffinity};
use taut::cores::{Alike, Cores};
use taut::{Builder, WaitStrategy};

/// The cores that this thread may run on.
pub(crate) fn allowed() -> Vec<usize> {
    let affinity = sched_getaffinity(None).unwrap();
    (0..CpuSet::MAX_CPU).filter(|core| affinity.is_set(*core)).collect()
}

/// So many cores, out of two at most: what runs there shares them, on every host.
pub(crate) fn two_cores_for(count: usize) -> Vec<usize> {
    allowed().into_iter().take(2).cycle().take(count).collect()
}

/// Settings for runtimes that share cores, with little memory each.
pub(crate) fn small(builder: Builder) -> Builder {
    builder
        .wait(WaitStrategy::Park)
        .submission_entries(16)
        .completion_entries(64)
        .receive_buffers(8)
        .receive_buffer_bytes(4096)
        .hot_buffers(2)
        .send_buffers(4)
        .send_buffer_bytes(4096)
}

/// So many cores that share what there is, and leave the signals to the other tests.
pub(crate) fn sharing(builder: &Builder, count: usize) -> Cores<Alike> {
    taut::cores(two_cores_for(count))
        .allow_shared_cores(true)
        .runtime(small(builder.clone()))
        .stop_on([])
}
