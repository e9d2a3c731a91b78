//! What a message through the other channels costs, where nobody has to wait; `taut-bench channels`
//! has mpsc and oneshot.

mod common;

use std::hint::black_box;
use std::time::{Duration, Instant};

use taut::Runtime;
use taut::channel::{broadcast, conflate, shared, watch};

fn main() {
    common::measure(|criterion, runtime| {
        let mut bench = |name: &str, work: fn(&Runtime, u64) -> Duration| {
            criterion.bench_function(name, |bencher| {
                bencher.iter_custom(|count| work(runtime, count));
            });
        };
        bench("channel/conflate/send_recv", |runtime, count| {
            let (sender, receiver) = conflate::channel(64);
            runtime.block_on(timed(count, async |number| {
                let key = black_box(number % 50);
                sender.send(key, number).await.is_ok() && receiver.recv().await == Ok((key, number))
            }))
        });
        bench("channel/broadcast/send_recv", |runtime, count| {
            let (sender, mut receiver) = broadcast::channel(64);
            runtime.block_on(timed(count, async |number| {
                sender.send(black_box(number)).is_ok() && receiver.recv().await == Ok(number)
            }))
        });
        bench("channel/watch/send_changed", |runtime, count| {
            let (sender, mut receiver) = watch::channel(0);
            runtime.block_on(timed(count, async |number| {
                sender.send(black_box(number)).is_ok()
                    && receiver.changed().await.is_ok()
                    && *receiver.borrow() == number
            }))
        });
        bench("channel/shared/send_recv", |runtime, count| {
            let (sender, receiver) = shared::channel(64);
            runtime.block_on(timed(count, async |number| {
                sender.send(black_box(number)).await.is_ok() && receiver.recv().await == Ok(number)
            }))
        });
    });
}

/// The time of so many rounds, each of which has to succeed.
async fn timed(count: u64, mut round: impl AsyncFnMut(u64) -> bool) -> Duration {
    let started = Instant::now();
    for number in 0..count {
        assert!(round(number).await, "the channel is open, and its items are the ones sent");
    }
    started.elapsed()
}
