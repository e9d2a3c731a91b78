//! Neither end of a latency recorder allocates once it is there.

mod common;

use common::allocations::{Counting, allocations};
use common::{block_on, on_each_driver};
use taut::latency::{Limits, Recorder};
use taut::time::Instant;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn recording_and_taking_snapshots_allocate_nothing() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let limits = Limits { highest_ns: 1_000_000, ..Limits::default() };
            let (recorder, mut snapshots) = Recorder::with_limits(limits).unwrap();
            let mut interval = snapshots.empty();
            let calls = allocations(async {
                for latency_ns in 0..100_000 {
                    let start = Instant::now();
                    recorder.record(start);
                    recorder.record_between(start, Instant::now());
                    // Some of them above the highest.
                    recorder.record_ns(latency_ns * 11);
                    if latency_ns % 10_000 == 0 {
                        snapshots.snapshot_into(&mut interval);
                    }
                }
            });
            assert_eq!(calls.await, 0);
            assert!(snapshots.saturated() > 0);
        });
    });
}
