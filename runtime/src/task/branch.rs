//! One child of a combinator.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

pin_project_lite::pin_project! {
    /// A child: its future while that runs, then its output until it is taken.
    ///
    /// The future is dropped as soon as it has ended.
    #[project = Projected]
    pub(super) enum Branch<F: Future> {
        Running {
            #[pin]
            future: F,
        },
        Ended {
            output: Option<F::Output>,
        },
    }
}

impl<F: Future> Branch<F> {
    pub(super) fn new(future: F) -> Self {
        Self::Running { future }
    }

    /// Polls the child unless it has ended; whether it ended by this poll.
    #[inline]
    pub(super) fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> bool {
        let Projected::Running { future } = self.as_mut().project() else {
            return false;
        };
        let Poll::Ready(output) = future.poll(context) else {
            return false;
        };
        self.set(Self::Ended { output: Some(output) });
        true
    }

    /// Where the output is kept, once the child has ended.
    #[inline]
    fn output(self: Pin<&mut Self>) -> Option<&mut Option<F::Output>> {
        match self.project() {
            Projected::Running { .. } => None,
            Projected::Ended { output } => Some(output),
        }
    }

    /// The output of a child that has ended.
    ///
    /// # Panics
    ///
    /// Where it has not ended, or the output was taken.
    #[inline]
    pub(super) fn take(self: Pin<&mut Self>) -> F::Output {
        let output = self.output().and_then(Option::take);
        output.expect("a child's output is taken once, after its end")
    }
}

impl<F: Future<Output = Result<T, E>>, T, E> Branch<F> {
    /// Whether the child has ended, and with an error.
    #[inline]
    pub(super) fn has_failed(self: Pin<&mut Self>) -> bool {
        matches!(self.output(), Some(Some(Err(_))))
    }

    /// The error of a child that has failed.
    pub(super) fn take_error(self: Pin<&mut Self>) -> E {
        match self.take() {
            Err(error) => error,
            Ok(_) => unreachable!("asked for the error of a child that succeeded"),
        }
    }

    /// The value of a child that has succeeded.
    #[inline]
    pub(super) fn take_value(self: Pin<&mut Self>) -> T {
        match self.take() {
            Ok(value) => value,
            Err(_) => unreachable!("asked for the value of a child that failed"),
        }
    }
}

impl<F: Future> fmt::Debug for Branch<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Running { .. } => "Running",
            Self::Ended { output: Some(_) } => "Ended",
            Self::Ended { output: None } => "Taken",
        })
    }
}
