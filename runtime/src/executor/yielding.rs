//! Giving way to the other tasks.

use std::pin::Pin;
use std::task::{Context, Poll};

/// Goes to the back of the task's run queue, so that every other runnable task of its lane runs
/// first. I/O and timers make progress at the latest after
/// [`Builder::poll_budget`](crate::Builder::poll_budget) polls.
///
/// ```
/// taut_runtime::run(async {
///     for _ in 0..3 {
///         taut_runtime::yield_now().await;
///     }
/// })?;
/// # Ok::<(), taut_runtime::BuildError>(())
/// ```
#[must_use = "futures do nothing unless awaited"]
pub fn yield_now() -> YieldNow {
    YieldNow { yielded: false }
}

/// The future of [`yield_now`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct YieldNow {
    yielded: bool,
}

impl Future for YieldNow {
    type Output = ();

    #[inline]
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.yielded {
            return Poll::Ready(());
        }
        self.yielded = true;
        context.waker().wake_by_ref();
        Poll::Pending
    }
}
