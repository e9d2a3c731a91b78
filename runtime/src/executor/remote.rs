//! Inbox and doorbell: how other threads reach a core.
//!
//! The inbox is a lock-free stack of tasks that the owner takes whole and turns around, so wakes
//! run in the order in which they came. The doorbell is rung only while the owner sleeps or is
//! about to, and once for each sleep.
//!
//! Invariant (no lost wake): a waker pushes, then exchanges `parked`; the owner exchanges `parked`,
//! then reads the inbox. Of two exchanges the later sees all that was done before the earlier: so
//! the waker finds the owner parked, or the owner finds the mail. That takes `parked` to be changed
//! by exchanges only, never by a store.
//! Cost: a spinning owner pays one load a turn.

use std::os::fd::{AsFd, BorrowedFd};
use std::ptr::NonNull;
use std::sync::atomic::Ordering;

use super::core::try_current;
use super::doorbell::Doorbell;
use super::header::Header;
use crate::threads::{AtomicBool, AtomicPtr};

/// Marks an inbox whose owner has ended.
const CLOSED: *mut Header = std::ptr::without_provenance_mut(1);

/// The part of a core that other threads may touch.
#[derive(Debug)]
pub(crate) struct Remote {
    inbox: AtomicPtr<Header>,
    parked: AtomicBool,
    pub(super) doorbell: Doorbell,
}

// SAFETY: the inbox hands tasks over to the owner, and foreign threads touch only the parts of a
// header that are made for it.
unsafe impl Send for Remote {}
// SAFETY: as above; all fields are atomics or a descriptor.
unsafe impl Sync for Remote {}

impl Remote {
    pub(crate) fn new() -> std::io::Result<Self> {
        Ok(Self {
            inbox: AtomicPtr::new(std::ptr::null_mut()),
            parked: AtomicBool::new(false),
            doorbell: Doorbell::new()?,
        })
    }

    /// Puts a task into the inbox; `false` when the owner has ended.
    ///
    /// # Safety
    ///
    /// The task is not in the inbox and stays alive until the owner has taken it.
    pub(crate) unsafe fn push(&self, task: NonNull<Header>) -> bool {
        // `Acquire`: who finds the inbox closed sees all that the owner did to its tasks before,
        // and may free them.
        let mut head = self.inbox.load(Ordering::Acquire);
        loop {
            if head == CLOSED {
                return false;
            }
            // SAFETY: until the exchange succeeds the task is this thread's alone.
            unsafe { task.as_ref() }.remote_next.set(NonNull::new(head));
            // `Release`: who takes the task sees its link, and all that led to the wake.
            match self.inbox.compare_exchange_weak(
                head,
                task.as_ptr(),
                Ordering::Release,
                Ordering::Acquire,
            ) {
                Ok(_) => return true,
                Err(now) => head = now,
            }
        }
    }

    /// Rings the doorbell, if the owner sleeps and nobody rang before. The core that runs on this
    /// thread counts it.
    pub(crate) fn ring(&self) {
        let sleeps = self.parked.swap(false, Ordering::AcqRel);
        if sleeps {
            self.doorbell.ring();
        }
        if let Some(core) = try_current() {
            let counters = &core.counters;
            if sleeps {
                counters.wakes_sent.increment();
                counters.syscalls.increment();
            } else {
                counters.wakes_coalesced.increment();
            }
        }
    }

    /// Whether there may be mail. For the owner.
    #[inline]
    pub(crate) fn has_mail(&self) -> bool {
        !self.inbox.load(Ordering::Relaxed).is_null()
    }

    /// Takes all mail, in order of arrival. For the owner.
    pub(crate) fn take(&self) -> Mail {
        Self::turn_around(self.inbox.swap(std::ptr::null_mut(), Ordering::Acquire))
    }

    /// Takes all mail and refuses any more. For the owner, at its end.
    pub(crate) fn close(&self) -> Mail {
        // `Release`: who finds it closed may free tasks.
        Self::turn_around(self.inbox.swap(CLOSED, Ordering::AcqRel))
    }

    fn turn_around(newest: *mut Header) -> Mail {
        let mut next = if newest == CLOSED { None } else { NonNull::new(newest) };
        let mut oldest = None;
        while let Some(task) = next {
            // SAFETY: tasks in the inbox are alive, and the swap made this thread their owner.
            next = unsafe { task.as_ref() }.remote_next.replace(oldest);
            oldest = Some(task);
        }
        Mail { next: oldest }
    }

    /// Announces sleep; `false` when mail came in the meantime and the owner must not sleep.
    pub(crate) fn park(&self) -> bool {
        self.parked.swap(true, Ordering::AcqRel);
        if self.inbox.load(Ordering::Acquire).is_null() {
            return true;
        }
        self.unpark();
        false
    }

    pub(crate) fn unpark(&self) {
        self.parked.swap(false, Ordering::AcqRel);
    }

    /// What a driver does while its core sleeps.
    #[cfg(all(test, loom))]
    pub(crate) fn sleep(&self) {
        self.doorbell.wait();
    }

    pub(crate) fn doorbell(&self) -> BorrowedFd<'_> {
        self.doorbell.as_fd()
    }
}

/// Tasks taken from the inbox, oldest first.
#[derive(Debug)]
pub(crate) struct Mail {
    next: Option<NonNull<Header>>,
}

impl Iterator for Mail {
    type Item = NonNull<Header>;

    fn next(&mut self) -> Option<NonNull<Header>> {
        let task = self.next?;
        // SAFETY: taken from the inbox, alive, and this thread's alone until it is handled.
        self.next = unsafe { task.as_ref() }.remote_next.take();
        Some(task)
    }
}
