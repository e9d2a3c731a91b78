//! Holding a cancel off, and asking whether there is one.

use std::pin::Pin;
use std::task::{Context, Poll};

use crate::executor::{Scope, try_current};

/// Holds a cancel off: within `future` awaits go on as if there was none. It takes effect at the
/// first await after the shield.
///
/// For clean-up that has to wait, and for steps that must not be torn apart. Dropping the shield
/// drops the future, and so does [`abort`](crate::JoinHandle::abort).
///
/// ```
/// use taut_runtime::{is_cancelled, spawn, task::shield, time::sleep, yield_now};
/// use std::time::Duration;
///
/// taut_runtime::run(async {
///     let order = spawn(async {
///         let error = sleep(Duration::from_secs(3600)).await.unwrap_err();
///         assert!(is_cancelled(&error));
///         shield(sleep(Duration::from_micros(10))).await.expect("not cancelled in here");
///         "cleaned up"
///     });
///     yield_now().await;
///     order.cancel();
///     assert_eq!(order.await?, "cleaned up");
///     Ok::<(), taut_runtime::JoinError>(())
/// })??;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn shield<F: IntoFuture>(future: F) -> Shield<F::IntoFuture> {
    Shield { future: future.into_future() }
}

pin_project_lite::pin_project! {
    /// The future of [`shield`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless awaited"]
    pub struct Shield<F> {
        #[pin]
        future: F,
    }
}

impl<F: Future> Future for Shield<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let future = self.project().future;
        match try_current() {
            Some(core) => {
                let _shielded = core.attention.enter(Scope::Shielded);
                future.poll(context)
            }
            None => future.poll(context),
        }
    }
}

/// Whether the running task, or the part of it that a combinator runs, was asked to stop: for loops
/// that compute and seldom wait. True within a [`shield`], too; false outside of a runtime.
///
/// To ask an error whether it means a cancel, there is [`is_cancelled`](crate::is_cancelled).
pub fn is_cancelled() -> bool {
    try_current().is_some_and(|core| core.attention.is_cancelled())
}
