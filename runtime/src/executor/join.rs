//! The handle of a spawned task, and why a join can fail.

use std::any::Any;
use std::fmt;
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::ptr::NonNull;
use std::rc::Rc;
use std::task::{Context, Poll};

use super::contain::PanicPayload;
use super::core::{Core, try_current};
use super::header::{ABORTED, CANCEL_ON_DROP, COMPLETE, Header, JOINABLE, TAKEN, release_local};

/// Awaits, aborts or, when dropped, detaches a task.
///
/// Awaiting gives the task's output, or a [`JoinError`] where it panicked or was aborted. Awaiting
/// is cancel-safe: a dropped `&mut handle` future loses nothing.
pub struct JoinHandle<T> {
    task: NonNull<Header>,
    _output: PhantomData<*mut T>,
}

impl<T> JoinHandle<T> {
    /// # Safety
    ///
    /// `task` has output `T` and its `JOINABLE` reference passes to the handle.
    pub(crate) unsafe fn new(task: NonNull<Header>) -> Self {
        Self { task, _output: PhantomData }
    }

    fn header(&self) -> &Header {
        // SAFETY: the handle's reference keeps the task alive.
        unsafe { self.task.as_ref() }
    }

    /// Whether the task has ended, in whatever way.
    pub fn is_finished(&self) -> bool {
        self.header().has(COMPLETE)
    }

    /// Asks the task to stop; `false` where it has ended or was asked before.
    ///
    /// Cooperative: the await at which the task stands, and each one that it begins afterwards,
    /// resolves with [`Cancelled`](crate::Cancelled), or for I/O with `ECANCELED`. A wait that has
    /// its result already gives it; the next one then fails. What the task awaits is asked in turn:
    /// the leaves of a combinator, other tasks by their handles, the members of a group. The task
    /// may clean up, in a [`shield`](crate::task::shield) if that has to wait, and ends with an
    /// output of its own, which joining it gives.
    ///
    /// A task that has not ended after [`Builder::cancel_grace`](crate::Builder::cancel_grace) is
    /// counted in [`Counters::cancels_overdue`](crate::Counters::cancels_overdue).
    pub fn cancel(&self) -> bool {
        self.header().owner().is_some_and(|core| core.cancel(self.task))
    }

    /// Cancels the task when this handle is dropped, instead of letting it go on by itself.
    #[must_use = "the task is cancelled when this is dropped"]
    pub fn cancel_on_drop(self) -> Self {
        self.header().set(CANCEL_ON_DROP);
        self
    }

    /// Gives the task a name for [dumps](crate::Runtime::dump). Costs an allocation.
    #[must_use = "dropping the handle detaches the task, which may be meant"]
    pub fn named(self, name: impl Into<Rc<str>>) -> Self {
        if !self.is_finished() {
            self.header().identity.name.set(Some(name.into()));
        }
        self
    }

    /// Drops the task's future where it stands, at the task's next turn in its run queue.
    ///
    /// Joining it then gives [`JoinError::is_aborted`]. A task that has ended stays as it is.
    pub fn abort(&self) {
        let header = self.header();
        if header.has(COMPLETE) {
            return;
        }
        header.set(ABORTED);
        if let Some(core) = header.owner() {
            core.schedule(self.task);
        }
    }

    /// Whoever awaits this handle was cancelled, and passes it on; or a dump is taken.
    #[cold]
    fn interrupted(&self, core: &Core) {
        if core.attention.is_tracing() {
            self.note_join();
        } else {
            self.cancel();
        }
    }

    /// Notes in the dump that is taken that somebody awaits this task.
    pub(crate) fn note_join(&self) {
        if let Some(core) = try_current()
            && !self.is_finished()
        {
            core.trace.join(self.header());
        }
    }

    /// The outcome of a finished task.
    ///
    /// # Panics
    ///
    /// Where the task has not finished or its output was taken.
    pub(crate) fn into_outcome(self) -> Result<T, JoinError> {
        assert!(self.is_finished() && !self.header().has(TAKEN));
        // SAFETY: just checked.
        unsafe { self.take() }
    }

    /// # Safety
    ///
    /// The task is complete and its output not taken.
    unsafe fn take(&self) -> Result<T, JoinError> {
        let mut outcome = MaybeUninit::<Result<T, JoinError>>::uninit();
        let header = self.header();
        header.set(TAKEN);
        // SAFETY: by contract the output is there; it is of this type, see `new`, and initialises
        // `outcome`.
        unsafe {
            (header.vtable.take_output)(self.task, outcome.as_mut_ptr().cast());
            outcome.assume_init()
        }
    }
}

impl<T, E: From<JoinError>> JoinHandle<Result<T, E>> {
    /// The task's own result, where a panic or an abort becomes an error of the same type: for `?`
    /// and for [`all`](crate::task::all) and [`any`](crate::task::any), which want one error type.
    ///
    /// ```
    /// use std::io;
    /// use taut_runtime::{spawn, task::all};
    ///
    /// taut_runtime::run(async {
    ///     let tasks = (1..=2).map(|number| spawn(async move { Ok::<_, io::Error>(number) }));
    ///     assert_eq!(all(tasks.map(|task| task.flatten())).await?, [1, 2]);
    ///     Ok::<(), io::Error>(())
    /// })??;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn flatten(self) -> Flatten<T, E> {
        Flatten { handle: self }
    }
}

/// The future of [`JoinHandle::flatten`].
#[derive(Debug)]
#[must_use = "dropping it lets the task go on by itself"]
pub struct Flatten<T, E> {
    handle: JoinHandle<Result<T, E>>,
}

impl<T, E: From<JoinError>> Future for Flatten<T, E> {
    type Output = Result<T, E>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.handle).poll(context).map(|joined| joined?)
    }
}

impl<T> Future for JoinHandle<T> {
    type Output = Result<T, JoinError>;

    /// # Panics
    ///
    /// When polled again after it gave the output.
    #[inline]
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let header = self.header();
        if !header.has(COMPLETE) {
            header.joiner.register(context);
            if let Some(core) = try_current()
                && core.attention.is_interrupted()
            {
                self.interrupted(core);
            }
            return Poll::Pending;
        }
        assert!(!header.has(TAKEN), "a JoinHandle was polled after it gave its output");
        // SAFETY: just checked.
        Poll::Ready(unsafe { self.take() })
    }
}

impl<T> Drop for JoinHandle<T> {
    fn drop(&mut self) {
        // Given up last, also where the output's destructor panics.
        let _reference = Reference(self.task);
        let header = self.header();
        header.clear(JOINABLE);
        if header.has(CANCEL_ON_DROP) {
            self.cancel();
        }
        if header.has(COMPLETE) {
            if !header.has(TAKEN) {
                // SAFETY: just checked. Dropped here, since `T` belongs to this thread.
                drop(unsafe { self.take() });
            }
        } else {
            header.joiner.clear();
        }
    }
}

/// The reference of a handle that is being dropped.
struct Reference(NonNull<Header>);

impl Drop for Reference {
    fn drop(&mut self) {
        // SAFETY: the handle's reference ends here, on the owner thread: handles are not `Send`.
        unsafe { release_local(self.0) };
    }
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinHandle").field("finished", &self.is_finished()).finish()
    }
}

/// Why a task has no output: it panicked, or it was aborted.
///
/// By `?` it comes inside of an [`io::Error`](std::io::Error);
/// [`io::Error::downcast`](std::io::Error::downcast) takes it out.
///
/// ```
/// use std::io;
/// use taut_runtime::{JoinError, spawn};
///
/// taut_runtime::run(async {
///     let quote = spawn(async { panic!("no such venue") });
///     let error: io::Error = quote.await.unwrap_err().into();
///     assert_eq!(error.to_string(), "the task panicked: no such venue");
///     assert!(error.downcast::<JoinError>().unwrap().is_panic());
/// })?;
/// # Ok::<(), taut_runtime::BuildError>(())
/// ```
pub struct JoinError(Cause);

enum Cause {
    Aborted,
    /// Boxed, so that every task's outcome is a word shorter.
    Panicked(Box<PanicPayload>),
}

impl JoinError {
    pub(crate) fn aborted() -> Self {
        Self(Cause::Aborted)
    }

    pub(crate) fn panicked(payload: Box<dyn Any + Send>) -> Self {
        Self(Cause::Panicked(Box::new(PanicPayload::new(payload))))
    }

    /// Whether the task was aborted, by its handle or by the end of the runtime.
    pub fn is_aborted(&self) -> bool {
        matches!(self.0, Cause::Aborted)
    }

    /// Whether the task panicked: the bug is in the task's own code.
    pub fn is_panic(&self) -> bool {
        matches!(self.0, Cause::Panicked(_))
    }

    /// The payload of the task's panic, for [`std::panic::resume_unwind`].
    ///
    /// # Errors
    ///
    /// The error itself, where the task did not panic.
    pub fn try_into_panic(self) -> Result<Box<dyn Any + Send>, Self> {
        match self.0 {
            Cause::Panicked(payload) => Ok(payload.into_inner()),
            Cause::Aborted => Err(self),
        }
    }
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Cause::Aborted => f.write_str("the task was aborted"),
            Cause::Panicked(payload) => write!(f, "the task panicked: {payload}"),
        }
    }
}

impl fmt::Debug for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JoinError({self})")
    }
}

impl std::error::Error for JoinError {}

impl From<JoinError> for std::io::Error {
    fn from(error: JoinError) -> Self {
        Self::other(error)
    }
}
