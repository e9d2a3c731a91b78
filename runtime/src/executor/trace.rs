//! What tasks wait for, found by polling them while a dump is taken.
//!
//! In a dump each task that waits is polled once with every leaf told to stay as it is; on the way
//! down, the waits that have a name note it here. So a wait costs nothing until somebody asks. Code
//! between the leaves does run in such a poll, as it may in any poll without news. Where it comes
//! to another leaf, that one is told to stay as it is, too: so the task is polled again in the next
//! turn, and begins that wait then.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::panic::Location;
use std::ptr::NonNull;

use super::attention::Scope;
use super::core::{Core, Current, Errand};
use super::header::{BACKGROUND, CANCELLED, COMPLETE, Header, NOTIFIED, OVERDUE, QUEUED, RUNNING};
use super::wake::TaskRef;
use crate::task::{Dump, TaskDump, TaskState, Wait};

/// Collects the waits of the task that is polled for a dump.
#[derive(Default)]
pub(crate) struct Trace {
    waits: RefCell<Vec<Wait>>,
    depth: Cell<usize>,
}

impl Trace {
    /// Notes a wait that contains those noted until the result is dropped.
    pub(crate) fn wait(&self, what: &str, location: &'static Location<'static>) -> Within<'_> {
        let depth = self.depth.get();
        self.waits.borrow_mut().push(Wait::named(depth, what, location));
        self.depth.set(depth + 1);
        Within(self)
    }

    /// Notes the end of another task as what is waited for.
    pub(crate) fn join(&self, task: &Header) {
        let depth = self.depth.get();
        self.waits.borrow_mut().push(Wait::join(depth, task.identity.number));
    }
}

/// A wait that is being looked into.
pub(crate) struct Within<'a>(&'a Trace);

impl Drop for Within<'_> {
    fn drop(&mut self) {
        self.0.depth.set(self.0.depth.get() - 1);
    }
}

impl Core {
    /// All tasks and what they wait for.
    pub(crate) fn dump(&self) -> Dump {
        let _current = Current::new(self);
        // The polls below may end tasks or spawn some: each is kept by a reference meanwhile.
        let tasks: Vec<_> = self.tasks.iter().chain(self.dying.iter()).map(Kept::new).collect();
        let mut dump: Vec<_> = tasks.iter().filter_map(|task| self.dump_task(task.0)).collect();
        dump.sort_by_key(TaskDump::number);
        Dump::new(dump)
    }

    fn dump_task(&self, task: NonNull<Header>) -> Option<TaskDump> {
        // SAFETY: the caller keeps the task.
        let header = unsafe { task.as_ref() };
        if header.has(COMPLETE) {
            return None;
        }
        let state = match () {
            () if header.has(RUNNING) => TaskState::Running,
            () if header.has(QUEUED) => TaskState::Ready,
            // A destructor asks at the end of the runtime: nothing is polled any more.
            () if self.ended.get() => TaskState::Waiting(Vec::new()),
            () => TaskState::Waiting(self.trace_task(task)),
        };
        let identity = &header.identity;
        Some(TaskDump {
            number: identity.number,
            name: identity.name().map(|name| name.to_string()),
            spawned_at: identity.spawned_at,
            background: header.has(BACKGROUND),
            cancelled: header.has(CANCELLED),
            cancel_overdue: header.has(OVERDUE),
            state,
        })
    }

    /// Polls a waiting task with its leaves told to stay as they are.
    fn trace_task(&self, task: NonNull<Header>) -> Vec<Wait> {
        // SAFETY: the caller keeps the task.
        let header = unsafe { task.as_ref() };
        // Whoever asked for the dump may be a task, also one that is polled for another dump.
        let _running_task = self.attention.set_aside();
        let outer = (self.trace.waits.take(), self.trace.depth.take());
        header.set(RUNNING);
        self.attention.begin(task, header.has(CANCELLED));
        // Leaves behind a combinator with its own wakers are polled only when woken.
        let foreign = self.foreign_waits.of(task);
        foreign.iter().for_each(|waker| waker.wake_by_ref());
        let ended = {
            let _tracing = self.attention.enter(Scope::Tracing);
            // SAFETY: not complete, not running and not queued: the future is there, and waits.
            unsafe { (header.vtable.poll)(task) }
        };
        if !ended {
            header.clear(NOTIFIED);
            foreign.into_iter().for_each(|waker| self.defer(Errand::Wake(waker)));
            self.defer(Errand::Run(TaskRef::new(task)));
        }
        // SAFETY: just polled.
        unsafe { self.polled(task, ended) };
        self.trace.depth.set(outer.1);
        self.trace.waits.replace(outer.0)
    }
}

/// A reference to a task that is looked at.
struct Kept(NonNull<Header>);

impl Kept {
    fn new(task: NonNull<Header>) -> Self {
        // SAFETY: listed tasks are alive.
        unsafe { task.as_ref() }.retain_local();
        Self(task)
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        // SAFETY: the reference counted in `new`, on the same thread.
        unsafe { super::header::release_local(self.0) };
    }
}

impl fmt::Debug for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trace").field("waits", &self.waits).finish()
    }
}
