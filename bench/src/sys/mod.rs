//! What safe Rust can't say here: the time-stamp counter, what the kernel counted for a thread or a
//! process, memory that two processes share, a trace of system calls, an allocator that counts,
//! what a network driver tells.
//!
//! Invariant: no other folder of this crate has `unsafe`. Cost: a time stamp takes about 10 ns, a
//! usage one system call.

mod allocator;
pub(crate) mod ethtool;
mod number_option;
mod receive_batch;
mod shared_memory;
mod syscall_trace;

use std::mem::MaybeUninit;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use rustix::process::{Signal, set_parent_process_death_signal};

pub(crate) use allocator::{CountingAllocator, process_allocations};
pub(crate) use number_option::set_number_option;
pub(crate) use receive_batch::{ReceiveBatch, socket_drops, stamp_received};
pub(crate) use shared_memory::{SharedMemory, create_shared_memory, map_shared_memory};
pub(crate) use syscall_trace::SyscallTrace;

/// Has freed memory stay with the process: an allocator that gives it to the kernel and takes it back
/// again and again would be what is measured.
#[cfg(target_env = "gnu")]
pub(crate) fn keep_freed_memory() {
    // SAFETY: it takes numbers and is called before there is a second thread.
    unsafe { libc::mallopt(libc::M_TRIM_THRESHOLD, i32::MAX) };
}

/// Of other C libraries nothing is known here.
#[cfg(not(target_env = "gnu"))]
pub(crate) fn keep_freed_memory() {}

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

/// Has the kernel kill the process that `command` starts when the calling *thread* ends, however it
/// ends: a process that is stopped would not notice by itself.
pub(crate) fn die_with_this_thread(command: &mut Command) {
    let arrange = || {
        set_parent_process_death_signal(Some(Signal::KILL))?;
        Ok(())
    };
    // SAFETY: between fork and exec only calls that are safe in a signal handler may be made. This
    // is one system call by way of rustix, which neither allocates nor locks.
    unsafe { command.pre_exec(arrange) };
}

/// The kernel's own limit (`PID_MAX_LIMIT`).
const PID_MAX: libc::pid_t = 1 << 22;

/// The time that all threads of a process have spent on a core so far, to the nanosecond; 0 for a
/// process that is gone.
pub(crate) fn process_cpu_ns(id: u32) -> u64 {
    // The kernel makes a clock's number of the process's; a greater one would be another clock.
    let Some(id) = libc::pid_t::try_from(id).ok().filter(|id| *id <= PID_MAX) else { return 0 };
    let mut clock: libc::clockid_t = 0;
    // SAFETY: the pointer is valid for one clock id.
    if unsafe { libc::clock_getcpuclockid(id, &raw mut clock) } != 0 {
        return 0;
    }
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is valid for one `timespec`; an id that means no clock is an error.
    if unsafe { libc::clock_gettime(clock, &raw mut time) } != 0 {
        return 0;
    }
    let part = |value: i64| u64::try_from(value).unwrap_or(0);
    part(time.tv_sec) * 1_000_000_000 + part(time.tv_nsec)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usage_sees_a_page_fault() {
        let before = thread_usage();
        // More than malloc ever keeps for reuse (32 MiB), so these pages are new.
        let pages = std::hint::black_box(vec![1_u8; 40 << 20]);
        assert!(thread_usage().page_faults > before.page_faults);
        drop(pages);
    }

    #[test]
    fn a_process_that_is_gone_has_spent_nothing() {
        assert!(process_cpu_ns(std::process::id()) > 0);
        assert_eq!(process_cpu_ns(u32::MAX), 0);
        assert_eq!(process_cpu_ns(u32::MAX >> 1), 0);
    }
}
