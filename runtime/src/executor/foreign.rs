//! Wakers of combinators: how a cancel reaches a leaf that its task would not poll.
//!
//! `FuturesUnordered` and its like poll only the children whose own waker was called. So a leaf
//! that waits with a waker which is not its task's is noted here, by task. Costs an allocation and
//! a lookup for each such wait; waits with the task's own waker never come here.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::ptr::NonNull;
use std::rc::{Rc, Weak};
use std::task::Waker;

use super::core::{Core, Errand};
use super::header::{FOREIGN_WAITS, Header};

/// The foreign wakers that wait, by the task that they lead to.
#[derive(Default)]
pub(crate) struct ForeignWaits(RefCell<HashMap<NonNull<Header>, Vec<Weak<Waker>>>>);

impl ForeignWaits {
    /// Calls the wakers of a task when nothing is borrowed.
    pub(crate) fn wake(&self, core: &Core, task: NonNull<Header>) {
        for waker in self.of(task) {
            core.defer(Errand::Wake(waker));
        }
    }

    /// Calls the wakers of a task; nothing is borrowed.
    pub(crate) fn wake_now(&self, task: NonNull<Header>) {
        for waker in self.of(task) {
            waker.wake_by_ref();
        }
    }

    fn of(&self, task: NonNull<Header>) -> Vec<Rc<Waker>> {
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

    fn note(&self, task: NonNull<Header>, waker: &Rc<Waker>) {
        let mut waits = self.0.borrow_mut();
        let wakers = waits.entry(task).or_default();
        if wakers.len() == wakers.capacity() {
            wakers.retain(|waker| waker.strong_count() > 0);
        }
        wakers.push(Rc::downgrade(waker));
    }
}

impl Core {
    /// Notes that a leaf of the running task waits with a waker that is not the task's.
    pub(crate) fn note_foreign_wait(&self, waker: &Rc<Waker>) {
        if let Some(task) = self.attention.task() {
            // SAFETY: the running task is alive.
            unsafe { task.as_ref() }.set(FOREIGN_WAITS);
            self.foreign_waits.note(task, waker);
        }
    }
}

impl fmt::Debug for ForeignWaits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ForeignWaits").field("tasks", &self.0.borrow().len()).finish()
    }
}
