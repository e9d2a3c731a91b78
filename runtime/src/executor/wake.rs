//! What an operation stores to resume whoever waits for it: the task to run, not a waker.
//!
//! Storing a task costs two plain stores and waking it a push to the run queue. Only where a
//! foreign executor or combinator polls with a waker of its own is that waker cloned.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::ptr::NonNull;
use std::sync::Arc;
use std::task::{Context, Waker};

use super::core::{Errand, try_current};
use super::header::{CANCELLED, Header, release_local};
use super::waker::local_task;

/// Whoever waits.
#[derive(Debug, Default)]
pub(crate) enum Wake {
    #[default]
    Nobody,
    Task(TaskRef),
    Foreign(Arc<Waker>),
}

impl Wake {
    /// The waker's task, where it is one of the core on this thread; else the waker itself.
    #[inline]
    fn of(waker: &Waker) -> Self {
        match local_task(waker) {
            Some(task) => Self::Task(TaskRef::new(task)),
            None => Self::foreign(waker),
        }
    }

    #[cold]
    fn foreign(waker: &Waker) -> Self {
        let waker = Arc::new(waker.clone());
        if let Some(core) = try_current() {
            core.note_foreign_wait(&waker);
        }
        Self::Foreign(waker)
    }

    #[inline]
    fn is_of(&self, waker: &Waker) -> bool {
        match self {
            Self::Nobody => false,
            Self::Task(known) => local_task(waker) == Some(known.0),
            Self::Foreign(known) => known.will_wake(waker),
        }
    }

    /// Resumes whoever waits.
    ///
    /// A task goes to its run queue at once. A foreign waker may run any code, so while a core runs
    /// on this thread it is called at the end of the turn, when nothing is borrowed.
    #[inline]
    pub(crate) fn fire(self) {
        match self {
            Self::Nobody => {}
            Self::Task(task) => task.schedule(),
            Self::Foreign(waker) => match try_current() {
                Some(core) => core.defer(Errand::Wake(waker)),
                None => waker.wake_by_ref(),
            },
        }
    }

    /// Whether this is a task that was asked to stop. Of a foreign waker nothing is known.
    #[inline]
    fn is_cancelled(&self) -> bool {
        match self {
            Self::Task(task) => task.is_cancelled(),
            Self::Nobody | Self::Foreign(_) => false,
        }
    }

    /// Forgets whoever waits. A foreign waker's destructor, too, may run any code.
    #[inline]
    fn discard(self) {
        if let Self::Foreign(waker) = self
            && let Some(core) = try_current()
        {
            core.defer(Errand::Drop(waker));
        }
    }
}

/// A counted reference to a task, for its owner thread.
pub(crate) struct TaskRef(NonNull<Header>);

impl TaskRef {
    /// The caller keeps the task alive meanwhile.
    pub(super) fn new(task: NonNull<Header>) -> Self {
        // SAFETY: by contract: a waker named the task, or the executor's list.
        unsafe { task.as_ref() }.retain_local();
        Self(task)
    }

    #[inline]
    fn is_cancelled(&self) -> bool {
        // SAFETY: this reference keeps the task alive.
        unsafe { self.0.as_ref() }.has(CANCELLED)
    }

    #[inline]
    pub(super) fn schedule(&self) {
        // SAFETY: this reference keeps the task alive.
        if let Some(core) = unsafe { self.0.as_ref() }.owner() {
            core.schedule(self.0);
        }
    }
}

impl Drop for TaskRef {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: this reference ends here, on the owner thread: `TaskRef` is not `Send`.
        unsafe { release_local(self.0) };
    }
}

impl fmt::Debug for TaskRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TaskRef({:p})", self.0)
    }
}

/// A place for one [`Wake`].
#[derive(Default)]
pub(crate) struct WakeSlot(Cell<Wake>);

impl WakeSlot {
    pub(crate) const fn new() -> Self {
        Self(Cell::new(Wake::Nobody))
    }

    /// Remembers the task, or else the waker, of `context`, in place of the one before.
    #[inline]
    pub(crate) fn register(&self, context: &Context<'_>) {
        let (before, waker) = (self.0.take(), context.waker());
        if before.is_of(waker) {
            return self.0.set(before);
        }
        before.discard();
        self.0.set(Wake::of(waker));
    }

    /// Resumes whoever waits, once.
    #[inline]
    pub(crate) fn fire(&self) {
        self.0.take().fire();
    }

    #[inline]
    pub(crate) fn clear(&self) {
        self.0.take().discard();
    }

    pub(crate) fn is_waiting(&self) -> bool {
        self.look(|wake| !matches!(wake, Wake::Nobody))
    }

    /// Whether a task waits that was asked to stop.
    #[inline]
    pub(crate) fn is_of_cancelled(&self) -> bool {
        self.look(Wake::is_cancelled)
    }

    #[inline]
    fn look<R>(&self, look: impl FnOnce(&Wake) -> R) -> R {
        let wake = self.0.take();
        let seen = look(&wake);
        self.0.set(wake);
        seen
    }
}

impl fmt::Debug for WakeSlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WakeSlot").field("waiting", &self.is_waiting()).finish()
    }
}

/// A place for all who wait for one source, to be resumed together: for few tasks, where a wake in
/// vain is cheaper than an order among them.
#[derive(Debug, Default)]
pub(crate) struct WakeList(RefCell<Vec<Wake>>);

impl WakeList {
    /// Remembers the task, or else the waker, of `context`, once.
    pub(crate) fn register(&self, context: &Context<'_>) {
        let waker = context.waker();
        if !self.0.borrow().iter().any(|known| known.is_of(waker)) {
            let wake = Wake::of(waker);
            self.0.borrow_mut().push(wake);
        }
    }

    /// Resumes all who wait.
    pub(crate) fn fire(&self) {
        self.empty(Wake::fire);
    }

    pub(crate) fn clear(&self) {
        self.empty(Wake::discard);
    }

    /// The list is whole while `each` runs, and keeps its memory.
    fn empty(&self, each: impl Fn(Wake)) {
        let mut waiting = self.0.take();
        waiting.drain(..).for_each(each);
        let came_meanwhile = self.0.replace(waiting);
        self.0.borrow_mut().extend(came_meanwhile);
    }
}
