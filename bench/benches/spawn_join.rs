//! What it costs to spawn an empty task and to join it, beside awaiting the same block inline.

use std::hint::black_box;
use std::time::Instant;

use criterion::Criterion;
use taut::Runtime;

fn main() {
    let runtime = match Runtime::builder().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("no runtime on this host, nothing to measure: {error}");
            std::process::exit(1);
        }
    };
    let mut criterion = Criterion::default().configure_from_args();
    criterion.bench_function("spawn_join", |bencher| {
        bencher.iter_custom(|count| {
            runtime.block_on(async move {
                let started = Instant::now();
                for number in 0..count {
                    let joined = taut::spawn(async move { black_box(number) }).await;
                    assert_eq!(joined.ok(), Some(number), "an empty task neither panics nor ends");
                }
                started.elapsed()
            })
        });
    });
    criterion.bench_function("await_inline", |bencher| {
        bencher.iter_custom(|count| {
            runtime.block_on(async move {
                let started = Instant::now();
                for number in 0..count {
                    let awaited = async move { black_box(number) }.await;
                    assert_eq!(awaited, number);
                }
                started.elapsed()
            })
        });
    });
    criterion.final_summary();
}
