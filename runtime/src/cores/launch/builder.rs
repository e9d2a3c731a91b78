//! What is to run where, and how the run ends.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::context::CoreContext;
use super::error::{BoxError, CoresError};
use super::life::{Work, work};
use super::outcome::Outcome;
use super::plan::{Change, CoreKey, Planned, Wish, plan};
use super::running::{Running, start};
use super::select::CoreSelection;
use crate::builder::Builder;
use crate::host::Topology;
use crate::runtime::Runtime;
use crate::signal::SignalKind;

/// The same future on each of these cores, see [`Cores`].
///
/// ```
/// # let set = rustix::thread::sched_getaffinity(None)?;
/// # let list: Vec<usize> =
/// #     (0..rustix::thread::CpuSet::MAX_CPU).filter(|core| set.is_set(*core)).collect();
/// use taut_runtime::{Runtime, WaitStrategy};
///
/// let outcome = taut_runtime::cores(&list) // [2, 3, 4], 2..=4, "2-4", "isolated", node(1)
///     .runtime(Runtime::builder().wait(WaitStrategy::Park))
///     .run(|core| async move { Ok::<_, std::io::Error>(core.core()) })?;
/// assert_eq!(outcome.into_values(), list.into_iter().map(Some).collect::<Vec<_>>());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn cores(cores: impl Into<CoreSelection>) -> Cores<Alike> {
    Cores::with(Alike(cores.into()))
}

/// One pinned runtime on each of several cores: what is to run where, and how it ends.
///
/// Made by [`cores`], for the same future on each core, or by [`Cores::new`], for a role each.
/// Futures are made on their core's own thread, and need not be `Send`; closures and results go
/// between threads and are. A future gives a `Result`, of any error type that becomes a
/// `Box<dyn Error + Send + Sync>`.
///
/// # Start
///
/// All or nothing: the cores are checked, each one's thread is pinned and its runtime built, and
/// only when all are there the futures start. Threads are named after the role, or `core-3`; the
/// system shows 15 bytes of that.
///
/// # Stop
///
/// The run ends when all futures have. All are asked to stop by the first error or panic, by a
/// signal of [`stop_on`](Self::stop_on), and by [`CoreContext::stop`] and [`Running::stop`]: each
/// core's future is cancelled, as [`JoinHandle::cancel`](crate::JoinHandle::cancel) does, and
/// [`CoreContext::stopping`] is there for code that waits for it. A future that then ends with an
/// error that [is a cancel](crate::is_cancelled) was stopped, and has not failed; nor has one whose
/// error is that a core it had [submitted](crate::cores::submit_to) work to has ended. Its core's
/// other tasks end with the runtime, as always. A core that has not ended after
/// [`stop_deadline`](Self::stop_deadline) is an error that names it; its thread is left behind.
///
/// # Cost
///
/// While it runs, nothing: one more thread sleeps off the pinned cores and waits for the end.
#[must_use = "nothing starts until `run` or `start`"]
pub struct Cores<W> {
    what: W,
    settings: Settings,
}

/// Each core of a selection runs the same.
#[derive(Debug)]
pub struct Alike(CoreSelection);

/// Each core has a role of its own.
pub struct ByRole<T>(Vec<(String, usize, Work<T>)>);

pub(super) struct Settings {
    template: Builder,
    changes: Vec<Change>,
    shared_cores_allowed: bool,
    pub(super) stop_deadline: Duration,
    pub(super) stop_on: Vec<SignalKind>,
    pub(super) thread_stack_bytes: Option<usize>,
    pub(super) inbox_capacity: usize,
}

impl<W> Cores<W> {
    fn with(what: W) -> Self {
        let settings = Settings {
            template: Runtime::builder(),
            changes: Vec::new(),
            shared_cores_allowed: false,
            stop_deadline: Duration::from_secs(5),
            stop_on: vec![SignalKind::INT, SignalKind::TERM],
            thread_stack_bytes: None,
            inbox_capacity: 256,
        };
        Self { what, settings }
    }

    /// The settings of every core's runtime; the core itself is put in. Default:
    /// [`Runtime::builder`]. With [`Builder::allow_degraded`] a core that can't be pinned to is no
    /// error either.
    pub fn runtime(mut self, builder: Builder) -> Self {
        self.settings.template = builder;
        self
    }

    /// Changes the settings of one core, by its number or its role's name. Changes are made in the
    /// order in which they are given, whatever the order of the roles.
    pub fn configure(
        mut self,
        which: impl Into<CoreKey>,
        change: impl Fn(Builder) -> Builder + 'static,
    ) -> Self {
        self.settings.changes.push((which.into(), Box::new(change)));
        self
    }

    /// Lets several runtimes share a core. Default: false, where a core that is listed twice is an
    /// error. Runtimes that share should park, not spin.
    pub fn allow_shared_cores(mut self, allowed: bool) -> Self {
        self.settings.shared_cores_allowed = allowed;
        self
    }

    /// How long the cores may take to end once they were asked to stop. Default: 5 s.
    pub fn stop_deadline(mut self, deadline: Duration) -> Self {
        self.settings.stop_deadline = deadline;
        self
    }

    /// The signals that stop the run. Default: `SIGINT` (Ctrl-C) and `SIGTERM`; an empty list
    /// leaves all signals alone.
    ///
    /// A second one of them, 100 ms after the first or later, does what it does where nobody
    /// listens: it ends the process. Once the run has ended they are ignored, as
    /// [`signal`](crate::signal::signal) says, unless somebody else listens.
    pub fn stop_on(mut self, signals: impl IntoIterator<Item = SignalKind>) -> Self {
        self.settings.stop_on = signals.into_iter().collect();
        self
    }

    /// How many pieces of work, from [`submit_to`](crate::cores::submit_to), may wait at each core.
    /// Default: 256.
    ///
    /// # Panics
    ///
    /// For none.
    pub fn inbox_capacity(mut self, pieces: usize) -> Self {
        assert!(pieces > 0, "a core without an inbox could not be submitted to");
        self.settings.inbox_capacity = pieces;
        self
    }

    /// The size of each thread's stack. Default: that of the standard library, 2 MiB.
    pub fn thread_stack_bytes(mut self, bytes: usize) -> Self {
        self.settings.thread_stack_bytes = Some(bytes);
        self
    }
}

impl Cores<Alike> {
    /// Runs a future on each core, and waits until all have ended.
    ///
    /// Each core calls a clone of the closure. Blocks the calling thread, which belongs on none of
    /// the cores.
    ///
    /// # Errors
    ///
    /// Where the cores can't be had, a runtime can't be built, or where a core failed, panicked, or
    /// did not stop in time: all of it, the first cause first. Values are then dropped;
    /// [`start`](Self::start) with [`Running::join_all`] keeps them.
    pub fn run<F, R, T, E>(self, future: F) -> Result<Outcome<T>, CoresError>
    where
        F: FnOnce(CoreContext) -> R + Clone + Send + 'static,
        R: Future<Output = Result<T, E>>,
        T: Send + 'static,
        E: Into<BoxError>,
    {
        self.start(future)?.join()
    }

    /// Like [`run`](Self::run), but returns once all runtimes are built and the futures start.
    ///
    /// # Errors
    ///
    /// Where the cores can't be had or a runtime can't be built: nothing then runs.
    pub fn start<F, R, T, E>(self, future: F) -> Result<Running<T>, CoresError>
    where
        F: FnOnce(CoreContext) -> R + Clone + Send + 'static,
        R: Future<Output = Result<T, E>>,
        T: Send + 'static,
        E: Into<BoxError>,
    {
        let host = topology()?;
        let cores = self.what.0.resolve(&host)?;
        let wishes: Vec<_> = cores.into_iter().map(|core| Wish { role: None, core }).collect();
        let works = wishes.iter().map(|_| work(future.clone())).collect();
        start(self.settings.plan(wishes, &host)?, works, self.settings)
    }
}

impl<T: Send + 'static> Cores<ByRole<T>> {
    /// No roles yet.
    #[allow(clippy::new_without_default, reason = "a run of no cores is no default of anything")]
    pub fn new() -> Self {
        Self::with(ByRole(Vec::new()))
    }

    /// Adds a role: what runs on a core, by name. All roles give values of one type, each has
    /// errors of its own.
    pub fn role<F, R, E>(mut self, name: impl Into<String>, core: usize, future: F) -> Self
    where
        F: FnOnce(CoreContext) -> R + Send + 'static,
        R: Future<Output = Result<T, E>>,
        E: Into<BoxError>,
    {
        self.what.0.push((name.into(), core, work(future)));
        self
    }

    /// Runs each role on its core, and waits until all have ended. Blocks the calling thread, which
    /// belongs on none of the cores.
    ///
    /// # Errors
    ///
    /// As for [`run`](Cores::<Alike>::run) of the same future on each core.
    pub fn run(self) -> Result<Outcome<T>, CoresError> {
        self.start()?.join()
    }

    /// Like [`run`](Self::run), but returns once all runtimes are built and the futures start.
    ///
    /// # Errors
    ///
    /// Where the cores can't be had or a runtime can't be built: nothing then runs.
    pub fn start(self) -> Result<Running<T>, CoresError> {
        if self.what.0.is_empty() {
            return Err(CoresError::choice("there is no role to run: add one".to_owned()));
        }
        let (wishes, works) = self
            .what
            .0
            .into_iter()
            .map(|(name, core, work)| (Wish { role: Some(Arc::from(name)), core }, work))
            .unzip();
        start(self.settings.plan(wishes, &topology()?)?, works, self.settings)
    }
}

impl Settings {
    fn plan(&self, wishes: Vec<Wish>, host: &Topology) -> Result<Vec<Planned>, CoresError> {
        plan(wishes, &self.template, &self.changes, self.shared_cores_allowed, host)
    }
}

fn topology() -> Result<Topology, CoresError> {
    Topology::of_this_host().map_err(|error| {
        CoresError::system("the kernel does not tell where this thread may run", error)
    })
}

impl<W: fmt::Debug> fmt::Debug for Cores<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cores").field("what", &self.what).finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for ByRole<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.0.iter().map(|(name, core, _)| (name, core))).finish()
    }
}
