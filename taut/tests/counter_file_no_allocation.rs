//! Counting in a file and recording turns allocate nothing once they are there.

mod common;

use common::allocations::{Counting, allocations};
use common::tasks::FOREVER;
use common::{on_each_driver, turns};
use taut::counter_file::{CounterFile, CounterFileOptions};
use taut::latency::{Limits, Recorder};
use taut::{long_turns, spawn, yield_now};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn counting_in_a_file_and_recording_turns_allocate_nothing() {
    on_each_driver(|builder| {
        let name = format!("test-allocations-{}", std::process::id());
        let options = CounterFileOptions { name, ..Default::default() };
        let file = CounterFile::create(options).unwrap();
        let (orders, open) = (file.counter("orders", "").unwrap(), file.gauge("open", "").unwrap());
        let (stage, _seen) = Recorder::in_file(&file, "stage", Limits::default()).unwrap();
        let runtime = builder.counter_file(&file).turn_budget(FOREVER).build().unwrap();
        runtime.block_on(async {
            let _named = spawn(async {
                loop {
                    yield_now().await;
                }
            })
            .named("busy");
            turns(20).await;
            let before = taut::counters();
            let calls = allocations(async {
                for latency_ns in 0..1_000 {
                    orders.increment();
                    open.set(latency_ns);
                    stage.record_ns(latency_ns);
                    turns(2).await;
                }
            });
            let calls = calls.await;
            // A turn that comes among the longest takes its task's name along: a copy.
            assert!(taut::counters().since(&before).turns >= 2_000);
            assert!(calls <= 2 * 16 * 16, "{calls} in {} turns", 2_000);
            assert_eq!(long_turns().len(), taut::LONG_TURNS_MAX);
        });
    });
}
