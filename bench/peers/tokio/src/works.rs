//! Tasks, timers and channels of tokio, each used as its documentation shows.

use std::future::pending;
use std::time::Duration;

use subject::{About, Executor, serve_works, task};
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{LocalSet, spawn_local, yield_now};
use tokio::time::sleep;

const CAPACITY: usize = 1024;

struct Tokio<'a>(&'a Runtime, LocalSet);

impl Executor for Tokio<'_> {
    fn run<F: Future<Output = Vec<u64>> + 'static>(&self, future: F) -> Vec<u64> {
        let work = self.1.spawn_local(future);
        self.1.block_on(self.0, work).expect("a work does not panic")
    }
}

pub(crate) fn serve(runtime: &Runtime, about: &About) {
    let tokio = Tokio(runtime, LocalSet::new());
    let works = [
        ("spawn_join", task(&tokio, spawn_join)),
        ("spawn_many", task(&tokio, spawn_many)),
        ("yield", task(&tokio, give_way)),
        ("spawn_cancel", task(&tokio, spawn_cancel)),
        ("channel", task(&tokio, channel)),
        ("channel_try", task(&tokio, channel_try)),
        ("channel_ping_pong", task(&tokio, channel_ping_pong)),
        ("oneshot", task(&tokio, send_once)),
        ("sleep_50us", task(&tokio, sleep_50us)),
    ];
    serve_works(about, &works);
}

async fn spawn_join(operations: u64) {
    for number in 0..operations {
        let joined = spawn_local(async move { number }).await;
        assert_eq!(joined.expect("not aborted"), number);
    }
}

async fn spawn_many(operations: u64) {
    let tasks: Vec<_> = (0..operations).map(|number| spawn_local(async move { number })).collect();
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
        let task = spawn_local(pending::<()>());
        yield_now().await;
        task.abort();
        assert!(task.await.is_err_and(|error| error.is_cancelled()));
    }
}

async fn channel(operations: u64) {
    let (sender, mut receiver) = mpsc::channel(CAPACITY);
    for number in 0..operations {
        sender.send(number).await.expect("the receiver lives");
        assert_eq!(receiver.recv().await, Some(number));
    }
}

async fn channel_try(operations: u64) {
    let (sender, mut receiver) = mpsc::channel(CAPACITY);
    for number in 0..operations {
        sender.try_send(number).expect("the channel is empty");
        assert_eq!(receiver.try_recv(), Ok(number));
    }
}

async fn channel_ping_pong(operations: u64) {
    let (there, mut arrivals) = mpsc::channel(1);
    let (back, mut returns) = mpsc::channel(1);
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
    other.await.expect("not aborted");
}

async fn send_once(operations: u64) {
    for number in 0..operations {
        let (sender, receiver) = oneshot::channel();
        sender.send(number).expect("the receiver lives");
        assert_eq!(receiver.await, Ok(number));
    }
}

async fn sleep_50us(operations: u64) {
    for _ in 0..operations {
        sleep(Duration::from_micros(50)).await;
    }
}
