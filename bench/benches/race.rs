//! What structured concurrency costs: combinators of futures that are ready, and asking a task that
//! waits to stop, beside awaiting the same futures and aborting the same task.

mod common;

use std::future::ready;
use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::Criterion;
use taut::task::{OneOf2, all, race};
use taut::time::sleep;
use taut::{JoinHandle, Runtime, spawn, yield_now};

/// Longer than any measurement.
const FOREVER: Duration = Duration::from_secs(24 * 3600);

/// Measures so many rounds of the work on one runtime.
fn bench(criterion: &mut Criterion, runtime: &Runtime, name: &str, work: impl AsyncFn(u64)) {
    criterion.bench_function(name, |bencher| {
        bencher.iter_custom(|count| {
            runtime.block_on(async {
                let started = Instant::now();
                for number in 0..count {
                    work(black_box(number)).await;
                }
                started.elapsed()
            })
        });
    });
}

/// A task that waits, asked to stop in whatever way, and joined.
async fn stop(how: impl FnOnce(&JoinHandle<Result<(), taut::Cancelled>>)) {
    let task = spawn(sleep(FOREVER));
    yield_now().await;
    how(&task);
    let ended = task.await;
    assert!(!matches!(ended, Ok(Ok(()))), "it sleeps for ever");
}

fn main() {
    common::measure(|criterion, runtime| {
        bench(criterion, runtime, "await_two_ready", async |number| {
            assert_eq!((ready(number).await, ready(number).await), (number, number));
        });
        bench(criterion, runtime, "race_of_two_ready", async |number| {
            assert_eq!(race((ready(number), ready(0))).await.into_inner(), number);
        });
        bench(criterion, runtime, "all_of_two_ready", async |number| {
            let both = all((ready(Ok::<_, ()>(number)), ready(Ok(number))));
            assert_eq!(both.await, Ok((number, number)));
        });
        bench(criterion, runtime, "race_of_ready_and_sleep", async |number| {
            let winner = race((sleep(FOREVER), ready(number))).await;
            assert_eq!(winner, OneOf2::Second(number));
        });
        bench(criterion, runtime, "spawn_cancel_join", async |_| {
            stop(|task| assert!(task.cancel())).await;
        });
        bench(criterion, runtime, "spawn_abort_join", async |_| stop(JoinHandle::abort).await);
    });
}
