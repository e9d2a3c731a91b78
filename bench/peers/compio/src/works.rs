//! Tasks and timers of compio. It has no channels and no function that gives way.
//!
//! The works run in `block_on` itself, as `compio::main` runs a program: in a task of its own the
//! joined task wakes the driver through an eventfd, at many times the cost.

use std::future::pending;
use std::time::Duration;

use compio::runtime::{Runtime, spawn};
use compio::time::sleep;
use subject::{About, Executor, serve_works, task, yield_by_waking};

struct Compio<'a>(&'a Runtime);

impl Executor for Compio<'_> {
    fn run<F: Future<Output = Vec<u64>> + 'static>(&self, future: F) -> Vec<u64> {
        self.0.block_on(future)
    }
}

pub(crate) fn serve(runtime: &Runtime, about: &About) {
    let compio = Compio(runtime);
    let works = [
        ("spawn_join", task(&compio, spawn_join)),
        ("spawn_many", task(&compio, spawn_many)),
        ("yield", task(&compio, give_way)),
        ("spawn_cancel", task(&compio, spawn_cancel)),
        ("sleep_50us", task(&compio, sleep_50us)),
    ];
    serve_works(about, &works);
}

async fn spawn_join(operations: u64) {
    for number in 0..operations {
        assert_eq!(spawn(async move { number }).await.expect("not cancelled"), number);
    }
}

async fn spawn_many(operations: u64) {
    let tasks: Vec<_> = (0..operations).map(|number| spawn(async move { number })).collect();
    for (number, task) in (0..).zip(tasks) {
        assert_eq!(task.await.expect("not cancelled"), number);
    }
}

async fn give_way(operations: u64) {
    for _ in 0..operations {
        yield_by_waking().await;
    }
}

async fn spawn_cancel(operations: u64) {
    for _ in 0..operations {
        let task = spawn(pending::<()>());
        yield_by_waking().await;
        assert_eq!(task.cancel().await, None);
    }
}

async fn sleep_50us(operations: u64) {
    for _ in 0..operations {
        sleep(Duration::from_micros(50)).await;
    }
}
