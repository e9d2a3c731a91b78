//! Wakers of combinators: how a cancel reaches a leaf that its task would not poll.
//!
//! `FuturesUnordered` and its like poll only the children whose own waker was called. So a leaf
//! that waits with a waker which is not its task's is noted here, by task. Costs an allocation and
//! a lookup for each such wait; waits with the task's own waker never come here.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::ptr::NonNull;
use std::sync::{Arc, Weak};
use std::task::{Context, Waker};

use super::core::{Core, try_current};
use super::header::{FOREIGN_WAITS, Header};
use super::waker::local_task;

/// The foreign wakers that wait, by the task that they lead to.
#[derive(Default)]
pub(crate) struct ForeignWaits(RefCell<HashMap<NonNull<Header>, Vec<Weak<Waker>>>>);

impl ForeignWaits {
    /// The wakers with which leaves of a task wait.
    pub(crate) fn of(&self, task: NonNull<Header>) -> Vec<Arc<Waker>> {
        match self.0.borrow().get(&task) {
            Some(wakers) => wakers.iter().filter_map(Weak::upgrade).collect(),
            None => Vec::new(),
        }
    }

    /// Forgets a task that is complete.
    #[cold]
    pub(crate) fn forget(&self, task: NonNull<Header>) {
        self.0.borrow_mut().remove(&task);
    }

    fn note(&self, task: NonNull<Header>, waker: &Arc<Waker>) {
        let mut waits = self.0.borrow_mut();
        let wakers = waits.entry(task).or_default();
        if wakers.len() == wakers.capacity() {
            wakers.retain(|waker| waker.strong_count() > 0);
            // Room for as many again, or the next one would look through all of them, too.
            wakers.reserve(wakers.len() + 1);
        }
        wakers.push(Arc::downgrade(waker));
    }
}

impl Core {
    /// Notes that a leaf of the running task waits with a waker that is not the task's.
    pub(crate) fn note_foreign_wait(&self, waker: &Arc<Waker>) {
        if let Some(task) = self.attention.task() {
            // SAFETY: the running task is alive.
            unsafe { task.as_ref() }.set(FOREIGN_WAITS);
            self.foreign_waits.note(task, waker);
        }
    }
}

/// Held by a leaf that may be sent to other threads, and so can't hold a
/// [`WakeSlot`](super::WakeSlot).
#[derive(Debug, Default)]
pub(crate) struct ForeignWait(Option<Arc<Waker>>);

impl ForeignWait {
    /// Notes the waker of `context` as what the leaf waits with, unless it is a task's own.
    pub(crate) fn note(&mut self, context: &Context<'_>) {
        let waker = context.waker();
        if local_task(waker).is_some() || self.0.as_ref().is_some_and(|is| is.will_wake(waker)) {
            return;
        }
        if let Some(core) = try_current() {
            core.note_foreign_wait(self.0.insert(Arc::new(waker.clone())));
        }
    }
}

impl fmt::Debug for ForeignWaits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ForeignWaits").field("tasks", &self.0.borrow().len()).finish()
    }
}
