//! The exact number of system calls that another process makes, counted by the kernel.
//!
//! The tracepoint `raw_syscalls:sys_enter` slows every system call of the host while somebody
//! counts it, so this is for slices whose times nobody keeps. Needs the right to use tracepoints
//! (root, or `CAP_PERFMON` and a readable tracefs).

use std::fs;
use std::io::{self, Read};
use std::os::fd::{FromRawFd, OwnedFd};
use std::path::PathBuf;

/// Where the kernel tells the tracepoint's number, by the two places tracefs is mounted at.
const NUMBERS: [&str; 2] = [
    "/sys/kernel/tracing/events/raw_syscalls/sys_enter/id",
    "/sys/kernel/debug/tracing/events/raw_syscalls/sys_enter/id",
];
const PERF_TYPE_TRACEPOINT: u32 = 2;
const PERF_FLAG_FD_CLOEXEC: libc::c_ulong = 8;
/// The flag `inherit` of the attributes: threads that start later are counted too.
const INHERIT: u64 = 1 << 1;

/// The first version of the kernel's `perf_event_attr`, which is all that is needed.
#[derive(Debug, Default)]
#[repr(C)]
struct Attributes {
    kind: u32,
    size: u32,
    config: u64,
    sample_period: u64,
    sample_type: u64,
    read_format: u64,
    flags: u64,
    wakeup_events: u32,
    breakpoint_type: u32,
    breakpoint_address: u64,
}
const _: () = assert!(size_of::<Attributes>() == 64, "PERF_ATTR_SIZE_VER0");

/// Counts for as long as it lives.
#[derive(Debug)]
pub(crate) struct SyscallTrace {
    counters: Vec<fs::File>,
}

impl SyscallTrace {
    /// Starts to count the system calls of those threads and of all that they start.
    pub(crate) fn begin(threads: impl Iterator<Item = u32>) -> io::Result<Self> {
        let number = NUMBERS
            .iter()
            .find_map(|path| fs::read_to_string(PathBuf::from(path)).ok()?.trim().parse().ok())
            .ok_or(io::ErrorKind::PermissionDenied)?;
        let counters = threads.map(|thread| open(number, thread)).collect::<io::Result<_>>()?;
        Ok(Self { counters })
    }

    /// The system calls so far.
    pub(crate) fn count(&mut self) -> io::Result<u64> {
        let mut sum = 0;
        for counter in &mut self.counters {
            let mut bytes = [0; 8];
            counter.read_exact(&mut bytes)?;
            sum += u64::from_ne_bytes(bytes);
        }
        Ok(sum)
    }
}

fn open(tracepoint: u64, thread: u32) -> io::Result<fs::File> {
    let attributes = Attributes {
        kind: PERF_TYPE_TRACEPOINT,
        size: size_of::<Attributes>() as u32,
        config: tracepoint,
        flags: INHERIT,
        ..Attributes::default()
    };
    let (any_core, no_group): (libc::c_int, libc::c_int) = (-1, -1);
    // SAFETY: the kernel reads `size` bytes of the attributes and writes nothing.
    let descriptor = unsafe {
        libc::syscall(
            libc::SYS_perf_event_open,
            &raw const attributes,
            thread,
            any_core,
            no_group,
            PERF_FLAG_FD_CLOEXEC,
        )
    };
    match i32::try_from(descriptor) {
        // SAFETY: the kernel has just given us this descriptor, and nobody else knows it.
        Ok(descriptor) if descriptor >= 0 => Ok(unsafe { OwnedFd::from_raw_fd(descriptor) }.into()),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_of_this_thread_are_counted_exactly_where_tracing_is_allowed() {
        let thread = rustix::thread::gettid().as_raw_nonzero().get().unsigned_abs();
        let Ok(mut trace) = SyscallTrace::begin(std::iter::once(thread)) else {
            println!("skipped: tracepoints may not be used here");
            return;
        };
        let before = trace.count().unwrap();
        for _ in 0..100 {
            let _ = rustix::process::getppid();
        }
        let counted = trace.count().unwrap() - before;
        // Reading the count is a call of its own.
        assert_eq!(counted, 101);
    }

    #[test]
    fn a_thread_that_does_not_exist_is_an_error() {
        assert!(SyscallTrace::begin(std::iter::once(u32::MAX >> 1)).is_err());
    }
}
