//! The three things that safe Rust can't say here: one thread's resource usage, the time-stamp
//! counter, and an allocator that counts.
//!
//! Invariant: no other file of this crate has `unsafe`. Cost: the counter adds one thread-local
//! load and store to an allocation, a time stamp costs about 10 ns, a usage one system call.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::mem::MaybeUninit;

/// Whether [`time_stamp`] counts anything on this architecture.
pub(crate) const HAS_TIME_STAMP: bool = cfg!(target_arch = "x86_64");

/// The time-stamp counter; always 0 where [`HAS_TIME_STAMP`] is false.
#[inline(always)]
pub(crate) fn time_stamp() -> u64 {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: every x86-64 processor has RDTSC, and Linux leaves it enabled for user code unless a
    // process asks for PR_TSC_SIGSEGV, which this one does not.
    return unsafe { core::arch::x86_64::_rdtsc() };
    #[cfg(not(target_arch = "x86_64"))]
    0
}

/// What the kernel counted for one thread since it started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ThreadUsage {
    pub(crate) voluntary_switches: u64,
    pub(crate) involuntary_switches: u64,
    pub(crate) page_faults: u64,
}

/// The calling thread's usage; all zero in the (undocumented) case that the kernel refuses.
pub(crate) fn thread_usage() -> ThreadUsage {
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: the pointer is valid for one `rusage`, and the kernel writes nothing else.
    let outcome = unsafe { libc::getrusage(libc::RUSAGE_THREAD, usage.as_mut_ptr()) };
    if outcome != 0 {
        return ThreadUsage::default();
    }
    // SAFETY: `rusage` is plain integers: zeroed above, and filled by the kernel on success.
    let usage = unsafe { usage.assume_init() };
    let count = |value: libc::c_long| u64::try_from(value).unwrap_or(0);
    ThreadUsage {
        voluntary_switches: count(usage.ru_nvcsw),
        involuntary_switches: count(usage.ru_nivcsw),
        page_faults: count(usage.ru_minflt) + count(usage.ru_majflt),
    }
}

/// The system's allocator, with a count of allocations for each thread.
#[derive(Debug)]
pub(crate) struct CountingAllocator;

thread_local! {
    // Constant and without a destructor: reading it can neither allocate nor register anything.
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

/// How often the calling thread has allocated or reallocated since it started.
pub(crate) fn thread_allocations() -> u64 {
    ALLOCATIONS.with(Cell::get)
}

fn count_allocation() {
    // Without a destructor the value outlives every user, so the error can't occur.
    let _ = ALLOCATIONS.try_with(|count| count.set(count.get().wrapping_add(1)));
}

// SAFETY: every call goes to `System` unchanged, and counting neither allocates nor unwinds.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count_allocation();
        // SAFETY: the caller's promises are the ones that `System` asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count_allocation();
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        count_allocation();
        // SAFETY: as above; the pointer came from `System` through this allocator.
        unsafe { System.realloc(pointer, layout, new_size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_allocation_is_counted_on_its_own_thread_only() {
        let before = thread_allocations();
        let boxed = std::hint::black_box(Box::new(7_u64));
        assert_eq!(thread_allocations(), before + 1);
        drop(boxed);
        assert_eq!(thread_allocations(), before + 1);
        let other = std::thread::spawn(|| {
            let own = thread_allocations();
            let vector = std::hint::black_box(vec![1_u8; 4096]);
            assert_eq!(thread_allocations(), own + 1);
            vector.len()
        });
        let handed_over = thread_allocations();
        assert_eq!(other.join().ok(), Some(4096));
        assert_eq!(thread_allocations(), handed_over);
    }

    #[test]
    fn usage_sees_a_page_fault() {
        let before = thread_usage();
        let pages = std::hint::black_box(vec![1_u8; 8 << 20]);
        assert!(thread_usage().page_faults > before.page_faults);
        drop(pages);
    }
}
