//! What both cores did while batches were timed: system calls, allocations, switches, faults.
//!
//! The far core leaves its counts when a message asks for it; every other message costs it one
//! comparison for that, which the floor pays as well. What is counted begins behind the last
//! message of the warm-up and ends behind the last message of a batch that nobody times, so the
//! counts are exact to the message.

use std::fs::OpenOptions;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::harness::counters::Counters;
use crate::sys::{self, SharedMemory};

/// The request for the counts since the last one.
pub(super) const COUNTS: &str = "counts";

/// On a message: the far core leaves its counts.
pub(super) const MARK: u64 = 1 << 63;
/// On a message: the far core says that it has come so far.
pub(super) const LAST: u64 = 1 << 62;
/// What the far core says when it is gone.
const GONE: u64 = u64::MAX;

/// System calls, allocations, voluntary and involuntary switches, page faults.
type Row = [u64; 5];

/// Places on the page: a cache line, and its prefetched neighbour, for each writer's doing.
const REACHED: usize = 0;
const FAR: usize = 16;

/// What the far core tells the near one beside the rings: on a page of its own, so that the far
/// core may be another process's.
#[derive(Debug)]
pub(super) struct Marks {
    /// The last message that was to be told of; then the far core's counts. One writer, and a
    /// message or the first word orders the counts before the reader.
    page: SharedMemory,
    file: OwnedFd,
    /// The system calls that the calling thread has made on behalf of what is measured.
    syscalls: fn() -> u64,
    /// Whether the far core's allocations are not the near one's as well.
    is_opened: bool,
}

/// A word in a cache line of its own, and the prefetched neighbour of it.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(super) struct Line(pub(super) AtomicU64);

impl Marks {
    pub(super) fn new(syscalls: fn() -> u64) -> Result<Self, String> {
        let (file, page) = sys::create_shared_memory("taut-bench marks")
            .map_err(|error| format!("a page of shared memory could not be made: {error}"))?;
        Ok(Self { page, file, syscalls, is_opened: false })
    }

    /// Those of another process, for the far core.
    pub(super) fn open(path: &Path, syscalls: fn() -> u64) -> Result<Self, String> {
        let problem =
            |error: std::io::Error| format!("the page {} can't be mapped: {error}", path.display());
        let file = OpenOptions::new().read(true).write(true).open(path).map_err(problem)?;
        let page = sys::map_shared_memory(&file).map_err(problem)?;
        Ok(Self { page, file: file.into(), syscalls, is_opened: true })
    }

    /// What another process opens.
    pub(super) fn file(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }

    /// For the far core.
    #[cold]
    pub(super) fn leave_counts(&self) {
        // Allocations are the whole process's: in one process they are the near core's to tell.
        let allocations = if self.is_opened { sys::process_allocations() } else { 0 };
        for (cell, value) in self.page[FAR..].iter().zip(self.row(allocations)) {
            cell.store(value, Ordering::Relaxed);
        }
    }

    /// For the far core: it has received the message of that number.
    #[inline(always)]
    pub(super) fn reach(&self, number: u64) {
        self.page[REACHED].store(number, Ordering::Release);
    }

    /// For the near core, spinning: until the far one has received that message.
    #[inline(always)]
    pub(super) fn await_reached(&self, number: u64) -> Result<(), String> {
        loop {
            match self.page[REACHED].load(Ordering::Acquire) {
                GONE => return Err("the far core stopped before the last message".to_owned()),
                reached if reached == number => return Ok(()),
                _ => std::hint::spin_loop(),
            }
        }
    }

    /// The counts of both cores so far, to be called on the near one.
    pub(super) fn now(&self) -> Row {
        let mut sum = self.row(sys::process_allocations());
        for (value, cell) in sum.iter_mut().zip(&self.page[FAR..]) {
            *value += cell.load(Ordering::Relaxed);
        }
        sum
    }

    fn row(&self, allocations: u64) -> Row {
        let thread = Counters::of_this_thread();
        [
            (self.syscalls)(),
            allocations,
            thread.voluntary_switches,
            thread.involuntary_switches,
            thread.page_faults,
        ]
    }
}

/// Tells the near core, when the far one ends in any way.
#[derive(Debug)]
pub(super) struct Farewell<'a>(pub(super) &'a Marks);

impl Drop for Farewell<'_> {
    fn drop(&mut self) {
        self.0.reach(GONE);
    }
}

/// All counts since they were last asked for.
#[derive(Debug, Default)]
pub(super) struct Tally {
    operations: u64,
    sums: Row,
}

impl Tally {
    pub(super) fn add(&mut self, operations: u64, before: &Row, after: &Row) {
        self.operations += operations;
        for ((sum, before), after) in self.sums.iter_mut().zip(before).zip(after) {
            *sum += after.saturating_sub(*before);
        }
    }

    /// The operations, then the row; all begin again at zero.
    pub(super) fn take(&mut self) -> [u64; 6] {
        let Self { operations, sums: [calls, allocations, voluntary, involuntary, faults] } =
            std::mem::take(self);
        [operations, calls, allocations, voluntary, involuntary, faults]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_of_both_cores_add_up_and_begin_again_when_taken() {
        let marks = Marks::new(|| 7).unwrap();
        let before = marks.now();
        std::thread::scope(|scope| {
            scope.spawn(|| marks.leave_counts());
        });
        let after = marks.now();
        let mut tally = Tally::default();
        tally.add(10, &before, &after);
        let taken = tally.take();
        assert_eq!((taken[0], taken[1]), (10, 7), "the far core's calls are new");
        assert_eq!(tally.take(), [0; 6]);
    }

    #[test]
    fn a_far_core_that_ends_is_noticed() {
        let marks = Marks::new(|| 0).unwrap();
        marks.reach(3);
        assert_eq!(marks.await_reached(3), Ok(()));
        drop(Farewell(&marks));
        assert!(marks.await_reached(4).unwrap_err().contains("stopped"));
    }
}
