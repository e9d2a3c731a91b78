//! Asking a task to stop.
//!
//! A cancel marks the task and runs it: its leaves then resolve with
//! [`Cancelled`](crate::Cancelled), see `attention`. A leaf that waits behind a combinator with
//! wakers of its own is woken through them, see `foreign`. There is no tree to walk: a task that
//! awaits another one passes the cancel on when it is polled.
//!
//! Invariant: a task is in the list `dying`, and not in `tasks`, from its cancel until it is
//! complete. That list is looked through every `cancel_grace` while it is not empty; who is met
//! twice is overdue.

use std::ptr::NonNull;

use super::core::{Core, Errand};
use super::header::{AGED, CANCELLED, COMPLETE, FOREIGN_WAITS, Header, OVERDUE};
use crate::time::NEVER_NS;

impl Core {
    /// Asks a task of this core to stop; `false` where it has ended or was asked before.
    pub(crate) fn cancel(&self, task: NonNull<Header>) -> bool {
        // SAFETY: the caller holds a reference.
        let header = unsafe { task.as_ref() };
        if header.has(COMPLETE | CANCELLED) || self.ended.get() {
            return false;
        }
        header.set(CANCELLED);
        self.counters.tasks_cancelled.increment();
        // SAFETY: a task that is not complete is alive and, until its cancel, in `tasks`; it now
        // moves to `dying`, where it stays until it is complete.
        unsafe {
            self.tasks.remove(task);
            self.dying.push(task);
        }
        if self.dying_check_ns.get() == NEVER_NS {
            self.schedule_dying_check();
        }
        if self.attention.task() == Some(task) {
            self.attention.update();
        }
        self.wake_foreign_waits(task);
        self.schedule(task);
        true
    }

    /// The running task is asked to stop from within.
    pub(crate) fn cancel_running(&self) {
        if let Some(task) = self.attention.task() {
            self.cancel(task);
        }
    }

    /// A part of the running task was asked to stop: its leaves are polled soon, also those that
    /// the task would not poll by itself.
    pub(crate) fn part_cancelled(&self) {
        if let Some(task) = self.attention.task() {
            self.wake_foreign_waits(task);
        }
    }

    fn wake_foreign_waits(&self, task: NonNull<Header>) {
        // SAFETY: the caller holds a reference, or the task runs.
        if unsafe { task.as_ref() }.has(FOREIGN_WAITS) {
            for waker in self.foreign_waits.of(task) {
                self.defer(Errand::Wake(waker));
            }
        }
    }

    fn schedule_dying_check(&self) {
        let grace_ns = u64::try_from(self.config.cancel_grace.as_nanos()).unwrap_or(u64::MAX);
        self.dying_check_ns.set(self.clock.now_ns().saturating_add(grace_ns));
    }

    /// Looks for tasks that do not heed their cancel.
    #[cold]
    pub(crate) fn check_dying(&self) {
        for task in self.dying.iter() {
            // SAFETY: listed tasks are alive.
            let header = unsafe { task.as_ref() };
            if !header.has(AGED) {
                header.set(AGED);
            } else if !header.has(OVERDUE) {
                header.set(OVERDUE);
                self.counters.cancels_overdue.increment();
            }
        }
        match self.dying.is_empty() {
            true => self.dying_check_ns.set(NEVER_NS),
            false => self.schedule_dying_check(),
        }
    }
}
