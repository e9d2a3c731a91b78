//! Submitted work as a task of its core.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::thread;

use crate::blocking::Teller;
use crate::executor::current;
use crate::task::UntilCancelled;

pin_project_lite::pin_project! {
    /// Runs the work, and tells what came of it. Where it is dropped instead, with its runtime, it
    /// tells that there will be nothing.
    pub(super) struct Served<F: Future> {
        #[pin]
        future: F,
        teller: Option<Teller<thread::Result<F::Output>>>,
        cancel: UntilCancelled,
        told: bool,
    }
}

impl<F: Future> Served<F> {
    pub(super) fn new(
        future: F,
        teller: Teller<thread::Result<F::Output>>,
        cancel: UntilCancelled,
    ) -> Self {
        Self { future, teller: Some(teller), cancel, told: false }
    }
}

impl<F: Future> Future for Served<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        // The whole task is cancelled, as by its handle, so that it counts as one that should end.
        if !*this.told && this.cancel.is_thrown_for_task(context) {
            *this.told = true;
            current().cancel_running();
        }
        let future = this.future;
        let outcome = match catch_unwind(AssertUnwindSafe(|| future.poll(context))) {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(output)) => Ok(output),
            Err(payload) => Err(payload),
        };
        if let Some(teller) = this.teller.take() {
            teller.tell(outcome);
        }
        Poll::Ready(())
    }
}
