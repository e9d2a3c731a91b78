//! Tasks and timers inside of tokio-uring's runtime, where they are tokio's.

use std::future::pending;
use std::time::Duration;

use subject::{About, Executor, serve_works, task};
use tokio::task::yield_now;
use tokio::time::sleep;
use tokio_uring::{Runtime, spawn};

struct TokioUring<'a>(&'a Runtime);

impl Executor for TokioUring<'_> {
    fn run<F: Future<Output = Vec<u64>> + 'static>(&self, future: F) -> Vec<u64> {
        self.0.block_on(async { spawn(future).await.expect("a work does not panic") })
    }
}

pub(crate) fn serve(runtime: &Runtime, about: &About) {
    let tokio_uring = TokioUring(runtime);
    let works = [
        ("spawn_join", task(&tokio_uring, spawn_join)),
        ("spawn_many", task(&tokio_uring, spawn_many)),
        ("yield", task(&tokio_uring, give_way)),
        ("spawn_cancel", task(&tokio_uring, spawn_cancel)),
        ("sleep_50us", task(&tokio_uring, sleep_50us)),
    ];
    serve_works(about, &works);
}

async fn spawn_join(operations: u64) {
    for number in 0..operations {
        let joined = spawn(async move { number }).await;
        assert_eq!(joined.expect("not aborted"), number);
    }
}

async fn spawn_many(operations: u64) {
    let tasks: Vec<_> = (0..operations).map(|number| spawn(async move { number })).collect();
    for (number, task) in (0..).zip(tasks) {
        assert_eq!(task.await.expect("not aborted"), number);
    }
}

async fn give_way(operations: u64) {
    for _ in 0..operations {
        yield_now().await;
    }
}

async fn spawn_cancel(operations: u64) {
    for _ in 0..operations {
        let task = spawn(pending::<()>());
        yield_now().await;
        task.abort();
        assert!(task.await.is_err_and(|error| error.is_cancelled()));
    }
}

async fn sleep_50us(operations: u64) {
    for _ in 0..operations {
        sleep(Duration::from_micros(50)).await;
    }
}
