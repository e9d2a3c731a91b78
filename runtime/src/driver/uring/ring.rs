//! The two queues of an io_uring and the one system call that moves them.
//!
//! Invariants: an entry that is pushed reaches the kernel, also when the queue is full: it then
//! waits in the backlog, in order. The queues' indices wrap; only the `io-uring` crate computes
//! with them. Cost of looking without finding anything: three loads, no store, so that the cache
//! line that the kernel's flag lives on stays ours to read.

use std::collections::VecDeque;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::time::Duration;
use std::{fmt, io};

use io_uring::types::{CancelBuilder, SubmitArgs, Timespec};
use io_uring::{EnterFlags, IoUring, Submitter, cqueue, squeue};

use super::registered::RingName;
use crate::counters::CounterCells;
use crate::driver::Deadline;

/// Room for the completions that are taken at once.
pub(crate) type Batch = [MaybeUninit<cqueue::Entry>; 32];

/// What tells an `enter` that its time is a point in time, on `CLOCK_MONOTONIC` (Linux 6.12).
pub(crate) const SLEEP_UNTIL: EnterFlags = EnterFlags::EXT_ARG.union(EnterFlags::ABS_TIMER);

/// See the module's documentation.
pub(crate) struct Ring {
    /// Dropped by `close`; leaked where the kernel still uses memory that is ours.
    ring: ManuallyDrop<IoUring>,
    name: RingName,
    /// Entries for which the submission queue had no room.
    backlog: VecDeque<squeue::Entry>,
    /// Entries in the submission queue that the kernel has not taken.
    queued: u32,
    /// The kernel takes the point in time until which it sleeps, not only how long.
    sleeps_until: bool,
    /// Not yet closed, and to be closed by its owner.
    open: bool,
}

impl Ring {
    pub(crate) fn new(ring: IoUring, name: RingName, sleeps_until: bool) -> Self {
        Self {
            ring: ManuallyDrop::new(ring),
            name,
            backlog: VecDeque::new(),
            queued: 0,
            sleeps_until,
            open: true,
        }
    }

    /// For registrations.
    pub(crate) fn submitter(&self) -> Submitter<'_> {
        self.ring.submitter()
    }

    /// Queues an entry; it reaches the kernel with the next `enter`.
    ///
    /// # Safety
    ///
    /// What the entry points to stays valid, and unused by others, until its final completion.
    pub(crate) unsafe fn push(&mut self, entry: squeue::Entry, counters: &CounterCells) {
        // SAFETY: by contract.
        if self.backlog.is_empty() && unsafe { self.push_now(&entry) } {
            return;
        }
        counters.submission_queue_full.increment();
        self.backlog.push_back(entry);
    }

    /// # Safety
    ///
    /// As for `push`.
    unsafe fn push_now(&mut self, entry: &squeue::Entry) -> bool {
        // SAFETY: by contract.
        let pushed = unsafe { self.ring.submission().push(entry) }.is_ok();
        self.queued += u32::from(pushed);
        pushed
    }

    /// Whether entries wait for the kernel.
    #[inline]
    pub(crate) fn has_backlog(&self) -> bool {
        self.queued > 0 || !self.backlog.is_empty()
    }

    /// Whether the next `enter` submits all that waits. Otherwise the thread must not sleep in it.
    pub(crate) fn fits(&mut self) -> bool {
        self.refill();
        self.backlog.is_empty()
    }

    #[inline]
    pub(crate) fn has_completions(&self) -> bool {
        // SAFETY: this thread is the only one that uses the ring, and nothing else borrows the
        // queue. Not dropping the view only leaves out a store of the head that changed nothing.
        let queue = ManuallyDrop::new(unsafe { self.ring.completion_shared() });
        !queue.is_empty()
    }

    /// Whether entries wait for the kernel, or the kernel has deferred work for this thread.
    #[inline]
    pub(crate) fn needs_enter(&self) -> bool {
        if self.has_backlog() {
            return true;
        }
        // SAFETY: as in `has_completions`, for the other queue.
        let queue = ManuallyDrop::new(unsafe { self.ring.submission_shared() });
        queue.taskrun() || queue.cq_overflow()
    }

    /// Whether an `enter` is needed only for work that the kernel deferred.
    #[inline]
    pub(crate) fn only_deferred_work(&self) -> bool {
        // SAFETY: as in `has_completions`, for the other queue.
        let queue = ManuallyDrop::new(unsafe { self.ring.submission_shared() });
        let overflowed = queue.cq_overflow();
        self.queued == 0 && self.backlog.is_empty() && !overflowed && !self.has_completions()
    }

    /// Takes completions, as many as the batch holds, and gives their places back to the kernel.
    #[inline]
    pub(crate) fn take<'a>(
        &mut self,
        batch: &'a mut Batch,
        counters: &CounterCells,
    ) -> &'a [cqueue::Entry] {
        if !self.has_completions() {
            return &[];
        }
        let mut queue = self.ring.completion();
        counters.completions_ready_max.raise_to(queue.len() as u64);
        queue.fill(batch)
    }

    /// Submits what waits and runs what the kernel deferred; does not sleep.
    pub(crate) fn enter(&mut self, counters: &CounterCells) {
        self.call(0, EnterFlags::GETEVENTS, None, counters);
    }

    /// Like `enter`, and sleeps until a completion comes or the deadline passes.
    pub(crate) fn enter_and_wait(&mut self, until: Option<Deadline>, counters: &CounterCells) {
        counters.enters_blocking.increment();
        let flags = EnterFlags::GETEVENTS;
        let Some(until) = until else {
            return self.call(1, flags, None, counters);
        };
        let (time, flags) = match self.sleeps_until {
            true => (Duration::from_nanos(until.at_ns), flags | SLEEP_UNTIL),
            false => (until.timeout, flags | EnterFlags::EXT_ARG),
        };
        let timespec = Timespec::from(time);
        let arguments = SubmitArgs::new().timespec(&timespec);
        self.call(1, flags, Some(&arguments), counters);
    }

    fn call(
        &mut self,
        completions_min: u32,
        flags: EnterFlags,
        arguments: Option<&SubmitArgs<'_, '_>>,
        counters: &CounterCells,
    ) {
        self.refill();
        counters.enters.increment();
        counters.syscalls.increment();
        // SAFETY: the ring is ours and open; the flags say what kind of argument it is. What the
        // entries point to is valid by `push`.
        let outcome = unsafe { self.name.enter(self.queued, completions_min, flags, arguments) };
        if let Err(error) = outcome {
            match error.raw_os_error() {
                // A signal, the timeout, or a kernel short of memory or of room for completions:
                // the next turn tries again.
                Some(libc::EINTR | libc::ETIME | libc::EAGAIN | libc::EBUSY) => {}
                _ => panic!("io_uring_enter failed, the ring is unusable: {error}"),
            }
        }
        let queue = self.ring.submission();
        // The queue itself says what was taken, also where the call ended with an error.
        let left = queue.len() as u32;
        counters.submissions.add(u64::from(self.queued - left));
        self.queued = left;
        if queue.taskrun() {
            counters.task_work_limit_hit.increment();
        }
        if queue.cq_overflow() {
            counters.completion_overflows.increment();
        }
    }

    fn refill(&mut self) {
        while let Some(entry) = self.backlog.pop_front() {
            // SAFETY: the contract was `push`'s.
            if !unsafe { self.push_now(&entry) } {
                self.backlog.push_front(entry);
                break;
            }
        }
    }

    /// Cancels all that is in flight, at once.
    pub(crate) fn cancel_all(&self) {
        let none = Timespec::new();
        // Nothing found, or not all cancelled yet: the caller counts what is in flight.
        let _ = self.ring.submitter().register_sync_cancel(Some(none), CancelBuilder::any());
    }

    /// Closes the ring: nothing may be in flight.
    pub(crate) fn close(&mut self) {
        if std::mem::replace(&mut self.open, false) {
            // Explicitly, because the kernel tears a closed ring down later and by itself.
            let _ = self.ring.submitter().unregister_buf_ring(super::provided::GROUP);
            let _ = self.ring.submitter().unregister_buffers();
            self.name.unregister(&self.ring);
            // SAFETY: once only, and the ring is not used after its end.
            unsafe { ManuallyDrop::drop(&mut self.ring) };
        }
    }

    /// Never closes the ring.
    pub(crate) fn leak(&mut self) {
        self.open = false;
    }
}

impl fmt::Debug for Ring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ring").field("queued", &self.queued).finish_non_exhaustive()
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        self.close();
    }
}

/// Why a registration was refused, as a reason for the feature table.
pub(crate) fn refusal(outcome: io::Result<()>) -> Result<(), String> {
    outcome.map_err(|error| match error.raw_os_error() {
        Some(libc::EINVAL | libc::ENOSYS | libc::EOPNOTSUPP) => {
            format!("{error}: this kernel does not have it")
        }
        Some(libc::ENOMEM) => format!("{error}; raise `ulimit -l` (RLIMIT_MEMLOCK)"),
        _ => error.to_string(),
    })
}
