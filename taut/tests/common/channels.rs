//! What the tests of channels share.

use taut::{JoinHandle, spawn};

use super::waiters::settle;
use super::{block_on, on_each_driver};

/// Runs a body on each driver.
pub(crate) fn on_each(body: impl AsyncFn()) {
    on_each_driver(|builder| block_on(builder, body()));
}

/// A task that has begun to wait.
pub(crate) async fn waiting<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    let task = spawn(future);
    settle().await;
    assert!(!task.is_finished(), "it should have to wait");
    task
}

/// What a wait gives whose task is cancelled while it waits.
pub(crate) async fn cancelled_in_wait<F>(future: F) -> F::Output
where
    F: Future + 'static,
    F::Output: 'static,
{
    let task = waiting(future).await;
    assert!(task.cancel());
    task.await.unwrap()
}

/// What a wait gives that begins in a cancelled task.
pub(crate) async fn begun_cancelled<F>(future: F) -> F::Output
where
    F: Future + 'static,
    F::Output: 'static,
{
    let task = spawn(future);
    assert!(task.cancel());
    task.await.unwrap()
}

/// A wait that was polled once and dropped when its task is aborted.
pub(crate) async fn abort(task: JoinHandle<impl Sized>) {
    task.abort();
    assert!(task.await.err().is_some_and(|error| error.is_aborted()));
}

/// How many items there were, and their sum.
pub(crate) type Total = (u64, u64);

/// How many items the tests with many producers and consumers exchange: the numbers below it.
pub(crate) const ITEMS: u64 = 100_000;
/// What all consumers together then receive.
pub(crate) const ALL: Total = (ITEMS, ITEMS * (ITEMS - 1) / 2);

pub(crate) fn add(one: Total, other: Total) -> Total {
    (one.0 + other.0, one.1 + other.1)
}

/// What one consumer receives until its channel is closed.
pub(crate) async fn total_until_closed<E>(receive: impl AsyncFn() -> Result<u64, E>) -> Total {
    let mut total = (0, 0);
    while let Ok(item) = receive().await {
        total = add(total, (1, item));
    }
    total
}

/// Each time on a runtime of its own, with a time limit of its own.
pub(crate) fn on_each_with_capacities(body: impl AsyncFn(usize)) {
    for capacity in [1, 2, 7, 64, 1024] {
        eprintln!("capacity {capacity}");
        on_each(async || body(capacity).await);
    }
}
