//! The intrusive lists of tasks: the FIFO of runnable ones and the list of all.
//!
//! Invariant: a task is in a run queue exactly while its header says `QUEUED`, and in the list of
//! all from its spawn until its memory is freed. Both cost a few plain stores and no allocation.

use std::cell::Cell;
use std::ptr::NonNull;

use super::header::Header;

/// Runnable tasks, first in first out.
#[derive(Debug, Default)]
pub(crate) struct RunQueue {
    head: Cell<Option<NonNull<Header>>>,
    tail: Cell<Option<NonNull<Header>>>,
}

impl RunQueue {
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.head.get().is_none()
    }

    /// # Safety
    ///
    /// The task is alive until popped, and in no queue.
    #[inline]
    pub(crate) unsafe fn push(&self, task: NonNull<Header>) {
        // SAFETY: by contract.
        unsafe { task.as_ref() }.queue_next.set(None);
        match self.tail.replace(Some(task)) {
            // SAFETY: queued tasks are alive.
            Some(tail) => unsafe { tail.as_ref() }.queue_next.set(Some(task)),
            None => self.head.set(Some(task)),
        }
    }

    #[inline]
    pub(crate) fn pop(&self) -> Option<NonNull<Header>> {
        let task = self.head.get()?;
        // SAFETY: queued tasks are alive.
        let next = unsafe { task.as_ref() }.queue_next.get();
        self.head.set(next);
        if next.is_none() {
            self.tail.set(None);
        }
        Some(task)
    }
}

/// All tasks of a core whose memory is in use.
#[derive(Debug, Default)]
pub(crate) struct TaskList {
    head: Cell<Option<NonNull<Header>>>,
}

impl TaskList {
    /// # Safety
    ///
    /// The task is alive until removed, and not in the list.
    #[inline]
    pub(crate) unsafe fn push(&self, task: NonNull<Header>) {
        // SAFETY: by contract.
        let header = unsafe { task.as_ref() };
        let head = self.head.replace(Some(task));
        header.list_next.set(head);
        header.list_previous.set(None);
        if let Some(head) = head {
            // SAFETY: listed tasks are alive.
            unsafe { head.as_ref() }.list_previous.set(Some(task));
        }
    }

    /// Takes a task out of the list.
    ///
    /// # Safety
    ///
    /// The task is alive and in this list.
    #[inline]
    pub(crate) unsafe fn remove(&self, task: NonNull<Header>) {
        // SAFETY: by contract.
        let header = unsafe { task.as_ref() };
        let (previous, next) = (header.list_previous.take(), header.list_next.take());
        match previous {
            // SAFETY: listed tasks are alive.
            Some(previous) => unsafe { previous.as_ref() }.list_next.set(next),
            None => self.head.set(next),
        }
        if let Some(next) = next {
            // SAFETY: listed tasks are alive.
            unsafe { next.as_ref() }.list_previous.set(previous);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.head.get().is_none()
    }

    /// All tasks, newest first. The list must not change meanwhile.
    pub(crate) fn iter(&self) -> impl Iterator<Item = NonNull<Header>> {
        let mut next = self.head.get();
        std::iter::from_fn(move || {
            let task = next?;
            // SAFETY: listed tasks are alive.
            next = unsafe { task.as_ref() }.list_next.get();
            Some(task)
        })
    }

    pub(crate) fn pop(&self) -> Option<NonNull<Header>> {
        let task = self.head.get()?;
        // SAFETY: the head is alive and in this list.
        unsafe { self.remove(task) };
        Some(task)
    }
}
