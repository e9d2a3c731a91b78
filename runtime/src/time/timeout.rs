//! A limit on how long a future may take.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use std::{fmt, io};

use super::{Instant, Sleep, sleep, sleep_until};
use crate::executor::{Scope, current};

/// Gives the future's output, or [`Elapsed`] when it has none after `duration`.
///
/// Returns at the deadline, also where the future is slow to die: the future is dropped with the
/// `Timeout`, and what it had in flight ends in the background. A future given as `&mut` is only
/// let go, and can be awaited again. A task given by its handle goes on, unless the handle says
/// [`cancel_on_drop`](crate::JoinHandle::cancel_on_drop): the task is then asked to stop, and dies
/// in the background. Cancel-safe if the future is.
///
/// ```
/// use std::time::Duration;
/// use taut_runtime::time::{sleep, timeout};
///
/// taut_runtime::run(async {
///     let slow = sleep(Duration::from_secs(3600));
///     assert!(timeout(Duration::from_micros(50), slow).await.is_err());
///     assert_eq!(timeout(Duration::from_secs(1), async { 7 }).await, Ok(7));
/// })?;
/// # Ok::<(), taut_runtime::BuildError>(())
/// ```
///
/// # Panics
///
/// Outside of a runtime, when called.
#[track_caller]
pub fn timeout<F: Future>(duration: Duration, future: F) -> Timeout<F> {
    Timeout { future, sleep: sleep(duration) }
}

/// Gives the future's output, or [`Elapsed`] when it has none at `deadline`.
#[track_caller]
pub fn timeout_at<F: Future>(deadline: Instant, future: F) -> Timeout<F> {
    Timeout { future, sleep: sleep_until(deadline) }
}

pin_project_lite::pin_project! {
    /// The future of [`timeout`] and [`timeout_at`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless awaited"]
    pub struct Timeout<F> {
        #[pin]
        future: F,
        sleep: Sleep,
    }
}

impl<F: Future> Future for Timeout<F> {
    type Output = Result<F::Output, Elapsed>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let core = current();
        let traced = core.attention.is_tracing();
        let _within = traced.then(|| core.trace.wait("timeout", this.sleep.location()));
        // The future first: one that is ready at its deadline was in time.
        if let Poll::Ready(output) = this.future.poll(context) {
            return Poll::Ready(Ok(output));
        }
        if traced {
            return Poll::Pending;
        }
        // A cancel is the future's to answer, and the deadline holds even if it does not.
        let _shielded = core.attention.enter(Scope::Shielded);
        ready!(Pin::new(this.sleep).poll(context)).expect("a shielded sleep is not cancelled");
        Poll::Ready(Err(Elapsed(())))
    }
}

/// The time was up before the future had an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Elapsed(());

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the deadline passed")
    }
}

impl std::error::Error for Elapsed {}

impl From<Elapsed> for io::Error {
    fn from(elapsed: Elapsed) -> Self {
        Self::new(io::ErrorKind::TimedOut, elapsed)
    }
}
