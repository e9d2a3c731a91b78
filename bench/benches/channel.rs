//! What it costs to pass a message between tasks of one core, where nobody has to wait and where
//! each message means a wait, and between a core and itself through the channel for threads.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::Criterion;
use taut::Runtime;
use taut::channel::{broadcast, conflate, mpsc, oneshot, shared, watch};

fn main() {
    let runtime = match Runtime::builder().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("no runtime on this host, nothing to measure: {error}");
            std::process::exit(1);
        }
    };
    let mut criterion = Criterion::default().configure_from_args();
    let mut bench = |name: &str, work: fn(&Runtime, u64) -> Duration| {
        criterion.bench_function(name, |bencher| {
            bencher.iter_custom(|count| work(&runtime, count));
        });
    };
    bench("channel/mpsc/try_send_try_recv", |runtime, count| {
        let (sender, receiver) = mpsc::channel(64);
        runtime.block_on(timed(count, async |number| {
            sender.try_send(black_box(number)).is_ok() && receiver.try_recv() == Ok(number)
        }))
    });
    bench("channel/mpsc/send_recv", |runtime, count| {
        let (sender, receiver) = mpsc::channel(64);
        runtime.block_on(timed(count, async |number| {
            sender.send(black_box(number)).await.is_ok() && receiver.recv().await == Ok(number)
        }))
    });
    bench("channel/mpsc/ping_pong", |runtime, count| runtime.block_on(ping_pong(count)));
    bench("channel/oneshot/make_send_recv", |runtime, count| {
        runtime.block_on(timed(count, async |number| {
            let (sender, receiver) = oneshot::channel();
            sender.send(black_box(number)).is_ok() && receiver.await == Ok(number)
        }))
    });
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
    criterion.final_summary();
}

/// The time of so many rounds, each of which has to succeed.
async fn timed(count: u64, mut round: impl AsyncFnMut(u64) -> bool) -> Duration {
    let started = Instant::now();
    for number in 0..count {
        assert!(round(number).await, "the channel is open, and its items are the ones sent");
    }
    started.elapsed()
}

/// The time of so many messages to another task, each answered before the next: both wait each
/// time.
async fn ping_pong(count: u64) -> Duration {
    let (ping, pings) = mpsc::channel(1);
    let (pong, pongs) = mpsc::channel(1);
    let answers = taut::spawn(async move {
        while let Ok(number) = pings.recv().await {
            if pong.send(number).await.is_err() {
                return;
            }
        }
    });
    let elapsed = timed(count, async |number| {
        ping.send(number).await.is_ok() && pongs.recv().await == Ok(number)
    })
    .await;
    drop(ping);
    assert!(answers.await.is_ok(), "a task that only answers does not panic");
    elapsed
}
