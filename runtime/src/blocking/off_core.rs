//! Awaiting work on another thread.
//!
//! Invariant: the future owns its work until its first poll, and takes it back, if no thread has
//! begun with it, when it is cancelled or dropped. What is taken back is dropped right there, on
//! the runtime's thread.

use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::{fmt, io, mem, thread};

use super::answer::Answer;
use super::cancel_flag::CancelFlag;
use super::panicked::WorkPanicked;
use super::pool::{Work, start_thread};
use super::queue::Ticket;
use crate::cancelled::Cancelled;
use crate::error::runtime_ended;
use crate::executor::{Core, WakeSlot, contain, current};

/// Runs a closure on a thread that may block, off the pinned cores, and gives its result.
///
/// The closure goes to one of the runtime's blocking threads when the future is first polled, and
/// waits in line while all of them have work: [`Builder::blocking_threads_max`],
/// [`Builder::blocking_queue_max`]. For work that goes on for long, which would keep others
/// waiting, there is [`on_own_thread`].
///
/// When the task is cancelled, or the future dropped, a closure that no thread has begun with is
/// dropped there and then, on this thread. One that runs is not disturbed: nobody waits for it any
/// more, and its result is dropped on its thread. [`off_core_with`] can tell it to stop.
///
/// At the end of the runtime closures that wait are dropped; one that runs goes on by itself. The
/// threads inherit the scheduling policy of the runtime's thread, but not a
/// [`fifo_priority`](crate::Builder::fifo_priority), and use any core that no runtime of the
/// process is pinned to, or, where there is none, any at all.
///
/// # Errors
///
/// * `ECANCELED` where the task was cancelled before the result was there;
/// * [`WorkPanicked`] where the closure panicked;
/// * [`ResourceBusy`](io::ErrorKind::ResourceBusy) where too much work waits already;
/// * what the system says where no thread could be started;
/// * [`BrokenPipe`](io::ErrorKind::BrokenPipe) where the runtime has ended.
///
/// A closure that was refused, as in the last three, is dropped.
///
/// # Panics
///
/// When polled first outside of a runtime.
///
/// ```
/// taut_runtime::run(async {
///     let lines = taut_runtime::off_core(|| std::fs::read_to_string("/proc/cpuinfo")).await??;
///     assert!(!lines.is_empty());
///     Ok::<(), std::io::Error>(())
/// })??;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// [`Builder::blocking_threads_max`]: crate::Builder::blocking_threads_max
/// [`Builder::blocking_queue_max`]: crate::Builder::blocking_queue_max
#[track_caller]
pub fn off_core<T, F>(work: F) -> OffCore<T>
where
    T: Send + 'static,
    F: FnOnce() -> T + Send + 'static,
{
    const KIND: Kind = Kind { name: "off_core", tells: false };
    OffCore::new(Place::Pool, &KIND, Location::caller(), move |_| work())
}

/// Like [`off_core`], for work that can be told to stop.
///
/// When the task is cancelled while the closure runs, its [`CancelFlag`] is raised, and the future
/// waits for the closure's own result, whatever that is then: so the work is over, and nothing of
/// it is lost, when the cancelled task goes on. Dropping the future raises the flag, too, and waits
/// for nothing.
///
/// # Errors
///
/// As for [`off_core`]; `ECANCELED` only where the closure has not begun.
///
/// # Panics
///
/// When polled first outside of a runtime.
///
/// ```
/// use taut_runtime::{off_core_with, spawn, yield_now};
///
/// taut_runtime::run(async {
///     let search = spawn(off_core_with(|stop| {
///         let mut tried = 0_u64;
///         while !stop.is_cancelled() {
///             tried += 1;
///         }
///         tried
///     }));
///     yield_now().await;
///     search.cancel();
///     match search.await? {
///         Ok(tried) => println!("stopped after {tried}"),
///         Err(error) => assert!(taut_runtime::is_cancelled(&error)), // had not begun
///     }
///     Ok::<(), taut_runtime::JoinError>(())
/// })??;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[track_caller]
pub fn off_core_with<T, F>(work: F) -> OffCore<T>
where
    T: Send + 'static,
    F: FnOnce(&CancelFlag) -> T + Send + 'static,
{
    const KIND: Kind = Kind { name: "off_core_with", tells: true };
    OffCore::new(Place::Pool, &KIND, Location::caller(), work)
}

/// Runs a closure on a thread of its own, off the pinned cores, and gives its result: for work that
/// goes on for as long as the program, or so long that it would keep the work of others waiting.
///
/// The thread is started when the future is first polled, and ends with the closure. The system
/// shows the first 15 bytes of its name. A cancelled task, or a dropped future, raises the
/// [`CancelFlag`] as [`off_core_with`] does; the flag's
/// [`wait_timeout`](CancelFlag::wait_timeout) is an example. There is no limit on such threads but
/// the system's own.
///
/// # Errors
///
/// As for [`off_core_with`], without a line to be full; and
/// [`InvalidInput`](io::ErrorKind::InvalidInput) for a name with a zero byte.
///
/// # Panics
///
/// When polled first outside of a runtime.
#[track_caller]
pub fn on_own_thread<T, F>(name: impl Into<String>, work: F) -> OffCore<T>
where
    T: Send + 'static,
    F: FnOnce(&CancelFlag) -> T + Send + 'static,
{
    const KIND: Kind = Kind { name: "on_own_thread", tells: true };
    OffCore::new(Place::OwnThread(name.into()), &KIND, Location::caller(), work)
}

/// The future of [`off_core`], [`off_core_with`] and [`on_own_thread`].
#[must_use = "futures do nothing unless awaited"]
pub struct OffCore<T> {
    answer: Arc<Answer<thread::Result<T>>>,
    stage: Stage,
    kind: &'static Kind,
    flag: CancelFlag,
    /// For a cancel to find its way here through wakers that are not the task's own.
    waiter: WakeSlot,
    location: &'static Location<'static>,
}

struct Kind {
    name: &'static str,
    /// Whether a cancel waits for work that runs, which can be told to stop.
    tells: bool,
}

enum Stage {
    New(Place, Work),
    /// The ticket is there while the work may still be in line.
    Submitted(Rc<Core>, Option<Ticket>),
    Ended,
}

enum Place {
    Pool,
    OwnThread(String),
}

impl Place {
    fn submit(self, core: &Core, work: Work) -> io::Result<Option<Ticket>> {
        match self {
            Self::Pool => core.blocking.submit(core, work).map(Some),
            Self::OwnThread(name) => {
                start_thread(core, name, || contain(work))?;
                Ok(None)
            }
        }
    }
}

impl<T: Send + 'static> OffCore<T> {
    fn new(
        place: Place,
        kind: &'static Kind,
        location: &'static Location<'static>,
        work: impl FnOnce(&CancelFlag) -> T + Send + 'static,
    ) -> Self {
        let (answer, teller) = Answer::new();
        let flag = CancelFlag::new();
        let its_flag = flag.clone();
        let work = move || teller.tell(catch_unwind(AssertUnwindSafe(|| work(&its_flag))));
        let stage = Stage::New(place, Box::new(work));
        Self { answer, stage, kind, flag, waiter: WakeSlot::new(), location }
    }
}

impl<T> OffCore<T> {
    fn core(&self) -> Rc<Core> {
        match &self.stage {
            Stage::New(..) => current().handle(),
            Stage::Submitted(core, _) => Rc::clone(core),
            Stage::Ended => panic!("a future of off_core was polled after it gave its result"),
        }
    }

    /// A result that is there wins over a cancel.
    fn poll_answer(
        &mut self,
        context: &Context<'_>,
        heeded: Result<(), Cancelled>,
    ) -> Poll<io::Result<T>> {
        if let Poll::Ready(answer) = self.answer.poll(context.waker()) {
            self.stage = Stage::Ended;
            self.waiter.clear();
            return Poll::Ready(match answer {
                Some(Ok(result)) => Ok(result),
                Some(Err(payload)) => Err(WorkPanicked::new(payload).into()),
                None => Err(runtime_ended()),
            });
        }
        if let Err(cancelled) = heeded {
            let work = self.take_back();
            if work.is_some() || !self.kind.tells {
                self.leave();
                return Poll::Ready(Err(cancelled.into()));
            }
            self.flag.raise();
        }
        self.waiter.register(context);
        Poll::Pending
    }

    /// The work, where no thread has begun with it.
    fn take_back(&mut self) -> Option<Work> {
        let Stage::Submitted(core, ticket) = &mut self.stage else { return None };
        core.blocking.take_back(core, ticket.take()?)
    }

    /// Nobody waits for the result any more.
    fn leave(&mut self) {
        self.stage = Stage::Ended;
        self.waiter.clear();
        self.answer.forget_waiter();
        self.flag.raise();
    }
}

impl<T> Future for OffCore<T> {
    type Output = io::Result<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        let this = &mut *self;
        let core = this.core();
        let heeded = ready!(core.checkpoint_at(context, this.kind.name, this.location));
        if let Stage::New(..) = this.stage
            && let Stage::New(place, work) = mem::replace(&mut this.stage, Stage::Ended)
        {
            heeded?;
            let ticket = place.submit(&core, work)?;
            this.stage = Stage::Submitted(core, ticket);
        }
        this.poll_answer(context, heeded)
    }
}

impl<T> Drop for OffCore<T> {
    fn drop(&mut self) {
        let work = self.take_back();
        self.leave();
        drop(work);
    }
}

impl<T> fmt::Debug for OffCore<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stage = match self.stage {
            Stage::New(..) => "new",
            Stage::Submitted(..) => "submitted",
            Stage::Ended => "ended",
        };
        f.debug_struct(self.kind.name).field("stage", &stage).finish()
    }
}
