//! The one place that decides who does a file operation: the driver where it can, else a thread of
//! the blocking pool.
//!
//! On io_uring nearly all goes to the ring; what its kernel has no operation for, and with epoll
//! all, goes to the pool. Either way a wait whose task is cancelled ends at once, and the operation
//! stays whole with whoever works on it.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use super::operation::{FileOperation, Outcome};
use crate::blocking::{OffCore, off_core};
use crate::cancelled::Cancelled;
use crate::driver::{Backend, Operation};
use crate::executor::{Core, current};
use crate::io::InFlight;
use crate::task::{Shield, shield};

/// Does an operation, unless the task was cancelled before.
pub(crate) async fn perform(operation: FileOperation) -> Outcome {
    let core = current().handle();
    if let Err(cancelled) = poll_fn(|context| core.checkpoint(context)).await {
        return refused(cancelled.into(), operation);
    }
    let mut performing = Performing::start(core, operation);
    let ended = poll_fn(|context| performing.poll(context)).await;
    ended.unwrap_or_else(|cancelled| lost(cancelled.into()))
}

/// Does blocking work on a thread of the pool; a cancel ends the wait for it.
pub(crate) async fn in_pool<T, F>(work: F) -> io::Result<T>
where
    T: Send + 'static,
    F: FnOnce() -> io::Result<T> + Send + 'static,
{
    let core = current().handle();
    poll_fn(|context| core.checkpoint(context)).await?;
    let mut call = PoolCall::new(core, work);
    poll_fn(|context| call.poll(context)).await??
}

/// Work on a thread of the pool. Dropping it lets the work run on.
pub(crate) struct PoolCall<T> {
    core: Rc<Core>,
    work: Shield<OffCore<T>>,
}

impl<T: Send + 'static> PoolCall<T> {
    pub(crate) fn new(core: Rc<Core>, work: impl FnOnce() -> T + Send + 'static) -> Self {
        // A cancel ends the wait below, and not the one within, which has to stay for the result.
        Self { core, work: shield(off_core(work)) }
    }

    /// What came of the work. In a cancelled task the wait ends, the work goes on, and it can be
    /// polled again.
    pub(crate) fn poll(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Result<io::Result<T>, Cancelled>> {
        // A result may come at any moment, and a dump must not take it.
        if !self.core.attention.is_tracing()
            && let Poll::Ready(result) = Pin::new(&mut self.work).poll(context)
        {
            return Poll::Ready(Ok(result));
        }
        ready!(self.core.checkpoint(context))?;
        Poll::Pending
    }
}

/// An operation that is under way. Dropping it gives the operation up.
pub(crate) struct Performing {
    core: Rc<Core>,
    way: Way,
}

enum Way {
    Driver(InFlight),
    Pool(PoolCall<Outcome>),
    /// Refused before it began.
    Refused(Option<Outcome>),
}

impl Performing {
    /// Begins an operation; a refusal is told by the first poll, and gives the operation back.
    pub(crate) fn start(core: Rc<Core>, operation: FileOperation) -> Self {
        let way = Way::choose(&core, operation);
        Self { core, way }
    }

    /// How it ended. In a cancelled task the wait ends, the operation goes on, and it can be polled
    /// again.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<Outcome, Cancelled>> {
        loop {
            match ready!(self.way.poll(context))? {
                Outcome { result: Err(error), operation: Some(operation) }
                    if error.kind() == io::ErrorKind::Interrupted =>
                {
                    self.way = Way::choose(&self.core, operation);
                }
                outcome => return Poll::Ready(Ok(outcome)),
            }
        }
    }
}

impl Way {
    fn choose(core: &Rc<Core>, operation: FileOperation) -> Self {
        if !core.driver.borrow().performs(&operation) {
            return Self::Pool(PoolCall::new(Rc::clone(core), move || operation.run()));
        }
        // Asked before, because a refusal by `start` would keep the operation's buffer.
        let room = core.driver.borrow().room();
        if let Err(error) = room {
            return Self::Refused(Some(refused(error, operation)));
        }
        match InFlight::start(Rc::clone(core), Operation::File(operation)) {
            Ok(in_flight) => Self::Driver(in_flight),
            Err(error) => Self::Refused(Some(lost(error))),
        }
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<Outcome, Cancelled>> {
        match self {
            Self::Driver(in_flight) => {
                let completed = ready!(in_flight.poll_completed(context))?;
                let operation = match completed.operation {
                    Some(Operation::File(operation)) => Some(operation),
                    _ => None,
                };
                Poll::Ready(Ok(Outcome { result: completed.result, operation }))
            }
            Self::Pool(call) => {
                let worked = ready!(call.poll(context))?;
                Poll::Ready(Ok(worked.unwrap_or_else(lost)))
            }
            Self::Refused(outcome) => {
                Poll::Ready(Ok(outcome.take().expect("an operation is not polled after its end")))
            }
        }
    }
}

fn refused(error: io::Error, operation: FileOperation) -> Outcome {
    Outcome { result: Err(error), operation: Some(operation) }
}

fn lost(error: io::Error) -> Outcome {
    Outcome { result: Err(error), operation: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::ActiveDriver;
    use crate::fs::{self, File};

    #[test]
    fn what_a_ring_has_no_operation_for_goes_to_the_pool() {
        let builder = crate::Runtime::builder().driver(crate::Driver::Uring);
        let Ok(runtime) = builder.build() else {
            return eprintln!("SKIPPED: no io_uring here");
        };
        let path = std::env::temp_dir().join(format!("taut-perform-{}", std::process::id()));
        runtime.block_on(async {
            let use_files = async || {
                fs::write(&path, b"0123456789".to_vec()).await.unwrap();
                let mut file = File::options().read(true).write(true).open(&path).await.unwrap();
                file.set_len(8).await.unwrap();
                file.write_vectored_at(vec![vec![b'a'], vec![b'b']], 1).await.0.unwrap();
                file.read_vectored_at(Vec::from([(); 2].map(|()| Vec::with_capacity(1))), 1)
                    .await
                    .0
                    .unwrap();
                let mut text = String::new();
                file.read_to_string(&mut text).await.unwrap();
                assert_eq!((text.as_str(), file.metadata().await.unwrap().len()), ("0ab34567", 8));
                file.sync_data().await.unwrap();
                file.close().await.unwrap();
                fs::remove_file(&path).await.unwrap();
            };
            let before = crate::counters();
            use_files().await;
            let by_the_ring = crate::counters().since(&before);
            match &mut *current().driver.borrow_mut() {
                ActiveDriver::Uring(uring) => uring.forget_file_operations(),
                _ => unreachable!("io_uring was forced"),
            }
            let before = crate::counters();
            use_files().await;
            let by_the_pool = crate::counters().since(&before);
            assert_eq!(by_the_ring.blocking_submitted, 0);
            assert_eq!(by_the_pool.operations_started, 0);
            assert_eq!(by_the_pool.blocking_submitted, by_the_ring.operations_started);
        });
    }
}
