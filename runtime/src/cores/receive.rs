//! How a receiving end waits, whatever it receives from.

use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use crate::cancelled::Cancelled;
use crate::channel::{RecvError, TryRecvError, broadcast};
use crate::executor::checkpoint_and_give_way;

const WAIT: &str = "ring recv";

/// An end that receives.
pub(crate) trait Source {
    /// Has the task run once something has come after an attempt that found nothing; `Ready` where
    /// it has already, or comes in the moment for which it lingers.
    fn watch(&mut self, context: &Context<'_>, lingers: bool) -> Poll<()>;

    /// Ends what [`watch`](Self::watch) began.
    fn stop_watching(&mut self);

    /// See [`Waiting::has_left_word`](super::waiting::Waiting::has_left_word).
    fn has_left_word(&self) -> bool;
}

/// Why an attempt to receive gave nothing.
pub(crate) trait Failure {
    /// The same for those who wait.
    type Last: From<Cancelled>;

    /// `None` where something may come later.
    fn last(self) -> Option<Self::Last>;
}

impl Failure for TryRecvError {
    type Last = RecvError;

    #[inline]
    fn last(self) -> Option<RecvError> {
        match self {
            Self::Empty => None,
            Self::Closed => Some(RecvError::Closed),
        }
    }
}

impl Failure for broadcast::TryRecvError {
    type Last = broadcast::RecvError;

    #[inline]
    fn last(self) -> Option<broadcast::RecvError> {
        match self {
            Self::Empty => None,
            Self::Closed => Some(broadcast::RecvError::Closed),
            Self::Lagged(lost) => Some(broadcast::RecvError::Lagged(lost)),
        }
    }
}

/// Waits until an attempt gives something.
pub(crate) struct Receive<'a, S: Source, A> {
    source: &'a mut S,
    attempt: A,
    waits: bool,
    location: &'static Location<'static>,
}

impl<'a, S: Source, A> Receive<'a, S, A> {
    #[inline]
    #[track_caller]
    pub(crate) fn new(source: &'a mut S, attempt: A) -> Self {
        Self { source, attempt, waits: false, location: Location::caller() }
    }
}

impl<S: Source, A> Unpin for Receive<'_, S, A> {}

impl<S, A, R, F> Future for Receive<'_, S, A>
where
    S: Source,
    A: FnMut(&mut S) -> Result<R, F>,
    F: Failure,
{
    type Output = Result<R, F::Last>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { source, attempt, waits, location } = &mut *self;
        let checked = ready!(checkpoint_and_give_way(context, WAIT, location));
        // A wait that begins in a cancelled task fails; one that has its item gives it.
        if !*waits {
            checked?;
        }
        loop {
            let done = match attempt(source) {
                Ok(received) => Some(Ok(received)),
                Err(failure) => failure.last().map(Err),
            };
            if let Some(done) = done {
                // A watch has most likely fired; if not, the next wait takes it over.
                *waits &= source.has_left_word();
                return Poll::Ready(done);
            }
            checked?;
            let lingers = !std::mem::replace(waits, true);
            ready!(source.watch(context, lingers));
        }
    }
}

impl<S: Source, A> Drop for Receive<'_, S, A> {
    #[inline]
    fn drop(&mut self) {
        if self.waits {
            self.source.stop_watching();
        }
    }
}
