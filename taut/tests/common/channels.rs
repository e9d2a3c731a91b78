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
