//! What it costs to record a latency: beyond the reading of the clock, which ends every stage, and
//! without it.

mod common;

use std::hint::black_box;
use std::time::Duration;

use taut::latency::Recorder;
use taut::time::Instant;

fn main() {
    common::measure(|criterion, runtime| {
        let mut bench = |name: &str, time: fn(u64) -> Duration| {
            criterion.bench_function(name, |bencher| {
                bencher.iter_custom(|count| runtime.block_on(async { time(count) }));
            });
        };
        bench("recorder/clock_alone", clock_alone);
        bench("recorder/record", record);
        bench("recorder/record_ns", record_ns);
    });
}

fn clock_alone(count: u64) -> Duration {
    let started = Instant::now();
    for _ in 0..count {
        black_box(Instant::now());
    }
    started.elapsed()
}

/// From a start that falls behind the clock, so that the values wander through all magnitudes.
fn record(count: u64) -> Duration {
    let (recorder, mut snapshots) = Recorder::new();
    let started = Instant::now();
    for number in 0..count {
        let start_ns = started.as_nanos() + number * 16;
        black_box(&recorder).record(Instant::from_nanos(black_box(start_ns)));
    }
    let elapsed = started.elapsed();
    assert_eq!(snapshots.snapshot().len(), count);
    elapsed
}

fn record_ns(count: u64) -> Duration {
    let (recorder, mut snapshots) = Recorder::new();
    let started = Instant::now();
    for number in 0..count {
        black_box(&recorder).record_ns(black_box(1_000 + number % 64 * 37));
    }
    let elapsed = started.elapsed();
    assert_eq!(snapshots.snapshot().len(), count);
    elapsed
}
