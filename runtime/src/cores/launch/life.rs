//! The thread of one core, from its runtime's start to its end.

use std::error::Error;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use rustix::thread::gettid;

use super::board::Board;
use super::context::CoreContext;
use super::crew::{Crew, StopCause};
use super::error::{BoxError, CoreFailure, Fault};
use super::gate::Gate;
use super::plan::Planned;
use crate::builder::Builder;
use crate::cancelled::{has_cause, is_cancelled};
use crate::cores::{Reception, SubmitError};
use crate::executor::{JoinError, JoinHandle, PanicPayload, contain, spawn};
use crate::runtime::{Runtime, dump};
use crate::time::timeout;

/// What a core runs, made on its own thread.
pub(super) type Work<T> = Box<dyn FnOnce(CoreContext) -> LocalFuture<T> + Send>;

type LocalFuture<T> = Pin<Box<dyn Future<Output = Result<T, BoxError>>>>;

/// Hides the types of a future and of its error.
pub(super) fn work<F, R, T, E>(future: F) -> Work<T>
where
    F: FnOnce(CoreContext) -> R + Send + 'static,
    R: Future<Output = Result<T, E>>,
    T: 'static,
    E: Into<BoxError>,
{
    // The closure is called inside of the task, too, so that its panic is the task's.
    Box::new(|context| Box::pin(async move { future(context).await.map_err(Into::into) }))
}

/// What the threads of a run share.
pub(super) struct Run<T> {
    pub(super) crew: Arc<Crew>,
    pub(super) board: Board<T>,
    pub(super) gate: Gate,
    /// How long a core that was told to stop is left alone before it tells what it waits for.
    pub(super) patience: Duration,
}

impl<T: Send + 'static> Run<T> {
    /// Lives the life of one core on the calling thread.
    pub(super) fn live(&self, planned: Planned, work: Work<T>, inbox: Reception) {
        let Planned { info, builder } = planned;
        let index = info.index();
        let runtime = match build(builder) {
            Ok(runtime) => runtime,
            Err(fault) => {
                contain(|| drop(work));
                return self.gate.fail(CoreFailure::new(info, fault));
            }
        };
        if !self.gate.arrive() {
            contain(|| drop((work, runtime)));
            return self.gate.leave();
        }
        let features = runtime.features().clone();
        self.board.begins(index, gettid(), features.clone());
        let context = CoreContext::new(Arc::clone(&self.crew), features, index);
        let future = self.see_to_its_end(context, work, inbox);
        let end = catch_unwind(AssertUnwindSafe(|| runtime.block_on(future)))
            .unwrap_or_else(|payload| Err(Fault::Panic(PanicPayload::new(payload))));
        let has_failed = end.is_err();
        self.board.ended(index, end);
        if has_failed {
            self.crew.ask_to_stop(StopCause::Failure(index));
        }
        let counters = runtime.counters();
        contain(|| drop(runtime));
        self.board.gone(index, counters);
        self.crew.bell.ring();
    }

    /// Runs the core's future as a task, and cancels that when the cores are asked to stop.
    async fn see_to_its_end(
        &self,
        context: CoreContext,
        work: Work<T>,
        inbox: Reception,
    ) -> Result<Option<T>, Fault> {
        let index = context.index();
        self.crew.directory.install();
        // It goes on until the runtime ends, also while the core's own task is being stopped.
        drop(spawn(inbox.serve()).named("inbox"));
        let mut task = spawn(work(context.clone())).named(context.name());
        let joined = match join_or_stop(&mut task, &self.crew).await {
            Some(joined) => joined,
            None => {
                self.board.was_told(index);
                task.cancel();
                match timeout(self.patience, &mut task).await {
                    Ok(joined) => joined,
                    Err(_patience_is_over) => {
                        self.board.waits(index, dump().to_string());
                        task.await
                    }
                }
            }
        };
        match joined {
            Ok(Ok(value)) => Ok(Some(value)),
            Ok(Err(error)) if self.crew.stop.is_cancelled() && was_stopped(error.as_ref()) => {
                Ok(None)
            }
            Ok(Err(error)) => Err(Fault::Error(error)),
            Err(error) => Err(match error.try_into_panic() {
                Ok(payload) => Fault::Panic(PanicPayload::new(payload)),
                Err(error) => Fault::Error(error.into()),
            }),
        }
    }
}

/// Whether a future ended because it was asked to stop, or because another core was, which it had
/// submitted work to and which was quicker to end.
fn was_stopped(error: &(dyn Error + 'static)) -> bool {
    is_cancelled(error)
        || has_cause(error, |cause| cause.downcast_ref().is_some_and(SubmitError::is_end_of_core))
}

/// The task's end, or nothing where the stop comes first.
async fn join_or_stop<T>(task: &mut JoinHandle<T>, crew: &Crew) -> Option<Result<T, JoinError>> {
    let mut stop = pin!(crew.stop.cancelled());
    poll_fn(|context| match Pin::new(&mut *task).poll(context) {
        Poll::Ready(joined) => Poll::Ready(Some(joined)),
        Poll::Pending => stop.as_mut().poll(context).map(|_| None),
    })
    .await
}

fn build(builder: Builder) -> Result<Runtime, Fault> {
    match catch_unwind(|| builder.build()) {
        Ok(built) => built.map_err(Fault::Build),
        Err(payload) => Err(Fault::Panic(PanicPayload::new(payload))),
    }
}
