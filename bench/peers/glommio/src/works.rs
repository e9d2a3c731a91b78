//! Tasks, timers and local channels of glommio. It has no `try_recv` and no oneshot channel.

use std::future::pending;
use std::time::Duration;

use glommio::channels::local_channel::new_bounded;
use glommio::timer::sleep;
use glommio::{LocalExecutor, executor, spawn_local};
use subject::{About, Executor, serve_works, task};

const CAPACITY: usize = 1024;

struct Glommio<'a>(&'a LocalExecutor);

impl Executor for Glommio<'_> {
    fn run<F: Future<Output = Vec<u64>> + 'static>(&self, future: F) -> Vec<u64> {
        self.0.run(future)
    }
}

pub(crate) fn serve(executor: &LocalExecutor, about: &About) {
    let glommio = Glommio(executor);
    let works = [
        ("spawn_join", task(&glommio, spawn_join)),
        ("spawn_many", task(&glommio, spawn_many)),
        ("yield", task(&glommio, give_way)),
        ("spawn_cancel", task(&glommio, spawn_cancel)),
        ("channel", task(&glommio, channel)),
        ("channel_ping_pong", task(&glommio, channel_ping_pong)),
        ("sleep_50us", task(&glommio, sleep_50us)),
    ];
    serve_works(about, &works);
}

async fn spawn_join(operations: u64) {
    for number in 0..operations {
        assert_eq!(spawn_local(async move { number }).await, number);
    }
}

async fn spawn_many(operations: u64) {
    let tasks: Vec<_> = (0..operations).map(|number| spawn_local(async move { number })).collect();
    for (number, task) in (0..).zip(tasks) {
        assert_eq!(task.await, number);
    }
}

async fn give_way(operations: u64) {
    let executor = executor();
    for _ in 0..operations {
        executor.yield_now().await;
    }
}

async fn spawn_cancel(operations: u64) {
    let executor = executor();
    for _ in 0..operations {
        let task = spawn_local(pending::<()>());
        executor.yield_now().await;
        assert_eq!(task.cancel().await, None);
    }
}

async fn channel(operations: u64) {
    let (sender, receiver) = new_bounded(CAPACITY);
    for number in 0..operations {
        sender.send(number).await.expect("the receiver lives");
        assert_eq!(receiver.recv().await, Some(number));
    }
}

async fn channel_ping_pong(operations: u64) {
    let (there, arrivals) = new_bounded(1);
    let (back, returns) = new_bounded(1);
    let other = spawn_local(async move {
        while let Some(number) = arrivals.recv().await {
            back.send(number).await.expect("the receiver lives");
        }
    });
    for number in 0..operations {
        there.send(number).await.expect("the receiver lives");
        assert_eq!(returns.recv().await, Some(number));
    }
    drop(there);
    other.await;
}

async fn sleep_50us(operations: u64) {
    for _ in 0..operations {
        sleep(Duration::from_micros(50)).await;
    }
}
