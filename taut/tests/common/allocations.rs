//! An allocator that counts, for the tests that install it.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// The system's allocator, which counts the calls and the bytes of each thread.
pub(crate) struct Counting;

thread_local! {
    static CALLS: Cell<u64> = const { Cell::new(0) };
    static LIVE_BYTES: Cell<isize> = const { Cell::new(0) };
}

fn count(allocated: usize, freed: usize) {
    CALLS.set(CALLS.get() + 1);
    LIVE_BYTES.set(LIVE_BYTES.get() + allocated as isize - freed as isize);
}

// SAFETY: every call goes to the system's allocator; the counters are plain cells of the thread.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 0);
        // SAFETY: as the caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size, layout.size());
        // SAFETY: as the caller.
        unsafe { System.realloc(block, layout, size) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        count(0, layout.size());
        // SAFETY: as the caller.
        unsafe { System.dealloc(block, layout) }
    }
}

/// Calls of the allocator that the work makes on this thread.
pub(crate) async fn allocations(work: impl Future<Output = ()>) -> u64 {
    let before = CALLS.get();
    work.await;
    CALLS.get() - before
}

/// The work's calls of the allocator when it runs for the second time.
pub(crate) async fn in_steady_state(work: impl AsyncFn()) -> u64 {
    work().await;
    allocations(work()).await
}

/// Bytes that this thread allocated and nobody has freed on it.
pub(crate) fn live_bytes() -> isize {
    LIVE_BYTES.get()
}
