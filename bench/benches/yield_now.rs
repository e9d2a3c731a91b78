//! What it costs a task to go to the end of the queue and to be polled again.

use std::time::{Duration, Instant};

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
    // One task finds the queue empty; with eight, each yield passes the others.
    for tasks in [1_u64, 8] {
        criterion.bench_function(&format!("yield_now/{tasks}"), |bencher| {
            bencher.iter_custom(|count| runtime.block_on(yields(tasks, count)));
        });
    }
    criterion.final_summary();
}

/// The time of `count` yields in all, shared by so many tasks.
async fn yields(tasks: u64, count: u64) -> Duration {
    let started = Instant::now();
    let each = count.div_ceil(tasks);
    let tasks: Vec<_> = (0..tasks)
        .map(|_| {
            taut::spawn(async move {
                for _ in 0..each {
                    taut::yield_now().await;
                }
            })
        })
        .collect();
    for task in tasks {
        assert!(task.await.is_ok(), "a task that only yields does not panic");
    }
    started.elapsed()
}
