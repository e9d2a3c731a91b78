//! What was submitted, as whoever submitted it has it.
//!
//! Invariant: a cancel of the task that waits is passed on to the other core, and the outcome there
//! is waited for, as it is for a task of one's own; only work that still waits for room is dropped
//! instead.

use std::fmt;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::thread;
use std::time::Duration;

use super::error::SubmitError;
use super::reception::Job;
use super::served::Served;
use crate::blocking::Answer;
use crate::channel::SendError;
use crate::executor::{ForeignWait, block_on, checkpoint_at, current};
use crate::task::CancelToken;

const WAIT: &str = "submit to a core";
const ENDED: &str = "what was submitted is not polled after it gave its result";

/// Awaits, cancels or, when dropped, detaches work on another core.
///
/// Awaiting gives the work's output, or a [`SubmitError`]. Where the awaiting task is cancelled,
/// the work is, and its outcome is awaited. Awaiting is cancel-safe: a dropped `&mut submitted`
/// future loses nothing. Dropping this lets the work go on by itself, and its output be dropped on
/// its core; where it still waits for room in the inbox, the work is dropped instead, unbegun.
#[must_use = "dropping it detaches the work, or drops it where it still waits for room"]
pub struct Submitted<T> {
    stage: Stage,
    order: Order<T>,
    foreign: ForeignWait,
    cancel_on_drop: bool,
    core: Arc<str>,
    location: &'static Location<'static>,
}

/// What both sides share.
pub(super) struct Order<T> {
    answer: Arc<Answer<thread::Result<T>>>,
    cancel: CancelToken,
}

type Sending = Pin<Box<dyn Future<Output = Result<(), SendError<Job>>> + Send>>;

enum Stage {
    Waiting(Sending),
    Sent,
    Refused(SubmitError),
    Ended,
}

/// Makes a closure into what can be sent to a core. The task will be known by this place.
pub(super) fn work<F, R>(make: F, location: &'static Location<'static>) -> (Job, Order<R::Output>)
where
    F: FnOnce() -> R + Send + 'static,
    R: Future + 'static,
    R::Output: Send + 'static,
{
    let (answer, teller) = Answer::new();
    let cancel = CancelToken::new();
    let thrown = cancel.cancelled();
    // The closure is called inside of the task, too, so that its panic is the task's.
    let job: Job = Box::new(move |lane| {
        let task = Served::new(async move { make().await }, teller, thrown);
        drop(current().spawn_at(task, lane, location));
    });
    (job, Order { answer, cancel })
}

impl<T> Submitted<T> {
    fn new(
        stage: Stage,
        order: Order<T>,
        core: Arc<str>,
        location: &'static Location<'static>,
    ) -> Self {
        let foreign = ForeignWait::default();
        Self { stage, order, foreign, cancel_on_drop: false, core, location }
    }

    pub(super) fn sent(
        order: Order<T>,
        core: Arc<str>,
        location: &'static Location<'static>,
    ) -> Self {
        Self::new(Stage::Sent, order, core, location)
    }

    pub(super) fn waiting(
        order: Order<T>,
        sending: Sending,
        core: Arc<str>,
        location: &'static Location<'static>,
    ) -> Self {
        Self::new(Stage::Waiting(sending), order, core, location)
    }

    pub(super) fn refused(
        order: Order<T>,
        error: SubmitError,
        core: Arc<str>,
        location: &'static Location<'static>,
    ) -> Self {
        Self::new(Stage::Refused(error), order, core, location)
    }

    /// Work for a core that there is not.
    pub(super) fn nowhere(error: SubmitError, location: &'static Location<'static>) -> Self {
        let (answer, _no_teller) = Answer::new();
        let (order, core) = (Order { answer, cancel: CancelToken::new() }, error.core().into());
        Self::refused(order, error, core, location)
    }

    /// Asks the work to stop, as [`JoinHandle::cancel`](crate::JoinHandle::cancel) does a task: it
    /// is reached where it waits, may clean up, and gives an output of its own. Work that has not
    /// begun begins cancelled. From any thread; again is no change.
    pub fn cancel(&self) {
        self.order.cancel.cancel();
    }

    /// Cancels the work when this is dropped, instead of letting it go on by itself.
    #[must_use = "the work is cancelled when this is dropped"]
    pub fn cancel_on_drop(mut self) -> Self {
        self.cancel_on_drop = true;
        self
    }

    /// Whether the outcome is there.
    pub fn is_finished(&self) -> bool {
        match self.stage {
            Stage::Waiting(_) => false,
            Stage::Sent => self.order.answer.is_settled(),
            Stage::Refused(_) | Stage::Ended => true,
        }
    }

    /// The outcome; the thread sleeps until it is there.
    ///
    /// # Errors
    ///
    /// Where there is no result, see [`SubmitErrorKind`](super::SubmitErrorKind).
    ///
    /// # Panics
    ///
    /// On a thread that runs a core just now.
    #[track_caller]
    pub fn wait(mut self) -> Result<T, SubmitError> {
        block_on(&mut self, None).expect("no limit was set")
    }

    /// The outcome; the thread sleeps until it is there, but no longer than `limit`. `None` where
    /// the time was up: the work goes on.
    ///
    /// # Panics
    ///
    /// On a thread that runs a core just now; where the outcome was taken before.
    #[track_caller]
    pub fn wait_timeout(&mut self, limit: Duration) -> Option<Result<T, SubmitError>> {
        block_on(self, Some(limit))
    }

    /// Gets the work to its core; that may have been refused.
    fn poll_sent(&mut self, context: &mut Context<'_>) -> Poll<Result<(), SubmitError>> {
        if let Stage::Waiting(sending) = &mut self.stage {
            let sent = ready!(sending.as_mut().poll(context));
            self.stage = match sent {
                Ok(()) => Stage::Sent,
                Err(error) => {
                    let core = Arc::clone(&self.core);
                    Stage::Refused(match error {
                        SendError::Closed(_) => SubmitError::closed(core),
                        SendError::Cancelled(_) => SubmitError::cancelled(core),
                    })
                }
            };
        }
        match std::mem::replace(&mut self.stage, Stage::Ended) {
            Stage::Refused(error) => Poll::Ready(Err(error)),
            Stage::Ended => panic!("{ENDED}"),
            stage => {
                self.stage = stage;
                Poll::Ready(Ok(()))
            }
        }
    }
}

impl<T> Future for Submitted<T> {
    type Output = Result<T, SubmitError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        ready!(this.poll_sent(context))?;
        let heeded = ready!(checkpoint_at(context, WAIT, this.location));
        if heeded.is_err() {
            this.order.cancel.cancel();
        }
        if let Poll::Ready(answer) = this.order.answer.poll(context.waker()) {
            this.stage = Stage::Ended;
            let core = Arc::clone(&this.core);
            return Poll::Ready(match answer {
                Some(Ok(output)) => Ok(output),
                Some(Err(payload)) => Err(SubmitError::panicked(core, payload)),
                None => Err(SubmitError::ended(core, this.order.cancel.is_cancelled())),
            });
        }
        this.foreign.note(context);
        Poll::Pending
    }
}

impl<T> Drop for Submitted<T> {
    fn drop(&mut self) {
        if self.cancel_on_drop {
            self.cancel();
        }
        self.order.answer.forget_waiter();
    }
}

impl<T> fmt::Debug for Submitted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Submitted")
            .field("core", &self.core)
            .field("finished", &self.is_finished())
            .finish_non_exhaustive()
    }
}
