//! Naming what a task waits for, and where in the program.

use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::executor::try_current;

/// Names a wait for [dumps](crate::Runtime::dump), with the caller's place in the source.
///
/// Every wait of this crate is named; a name of one's own stands above those that it contains.
/// Costs nothing but its 24 bytes and a load a poll.
///
/// ```
/// use std::time::Duration;
/// use taut_runtime::{Runtime, spawn, task::waiting, time::sleep, yield_now};
///
/// let runtime = Runtime::new()?;
/// runtime.block_on(async {
///     spawn(async { waiting("opening auction", sleep(Duration::from_secs(3600))).await });
///     yield_now().await;
/// });
/// assert!(runtime.dump().to_string().contains("opening auction"));
/// # Ok::<(), taut_runtime::BuildError>(())
/// ```
#[track_caller]
pub fn waiting<F: IntoFuture>(what: &'static str, future: F) -> Waiting<F::IntoFuture> {
    Waiting { future: future.into_future(), what, location: Location::caller() }
}

pin_project_lite::pin_project! {
    /// The future of [`waiting`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless awaited"]
    pub struct Waiting<F> {
        #[pin]
        future: F,
        what: &'static str,
        location: &'static Location<'static>,
    }
}

impl<F: Future> Future for Waiting<F> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        match try_current() {
            Some(core) if core.attention.is_tracing() => {
                let _within = core.trace.wait(this.what, this.location);
                this.future.poll(context)
            }
            _ => this.future.poll(context),
        }
    }
}
