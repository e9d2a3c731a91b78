//! The system calls about the calling thread that have no safe form elsewhere.
//!
//! All of them answer about, or change, the thread that calls them, by numbers that the kernel
//! checks; none keeps a pointer. So nothing that is done here can break another thread's memory.

use std::io;
use std::mem::MaybeUninit;
use std::ops::Range;

use libc::{c_int, c_long, c_ulong};

/// As many nodes as a kernel can be built for.
const NODES_MAX: usize = 1024;
const WORD_BITS: usize = c_ulong::BITS as usize;

/// A thread's scheduling policy, with its flags, and its real-time priority.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Scheduling {
    pub(super) policy: c_int,
    pub(super) priority: c_int,
}

/// The calling thread's.
pub(super) fn scheduling() -> io::Result<Scheduling> {
    // The calls by number: musl's functions of these names only fail, since they are about
    // threads, where POSIX means processes.
    // SAFETY: takes one number, 0 for the calling thread.
    let policy = checked(unsafe { libc::syscall(libc::SYS_sched_getscheduler, 0) })?;
    let mut parameters = no_parameters();
    // SAFETY: the kernel writes one `sched_param` to the address of one.
    checked(unsafe { libc::syscall(libc::SYS_sched_getparam, 0, &raw mut parameters) })?;
    Ok(Scheduling { policy: policy as c_int, priority: parameters.sched_priority })
}

/// Changes the calling thread's.
pub(super) fn set_scheduling(scheduling: Scheduling) -> io::Result<()> {
    let Scheduling { policy, priority } = scheduling;
    let mut parameters = no_parameters();
    parameters.sched_priority = priority;
    // SAFETY: the kernel reads one `sched_param`, which lives for the call.
    let set = unsafe {
        libc::syscall(libc::SYS_sched_setscheduler, 0, c_long::from(policy), &raw const parameters)
    };
    checked(set).map(drop)
}

/// Made of nothing, since libcs have different fields beside the priority.
fn no_parameters() -> libc::sched_param {
    // SAFETY: a structure of numbers, for which zero is a value.
    unsafe { MaybeUninit::zeroed().assume_init() }
}

/// How a thread's new memory is spread over the nodes: the kernel's mode and set of nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MemoryPolicy {
    mode: c_int,
    nodes: [c_ulong; NODES_MAX / WORD_BITS],
}

impl MemoryPolicy {
    /// `None` where no kernel has such a node.
    pub(super) fn on_node(mode: c_int, node: usize) -> Option<Self> {
        let mut nodes = [0; NODES_MAX / WORD_BITS];
        *nodes.get_mut(node / WORD_BITS)? |= 1 << (node % WORD_BITS);
        Some(Self { mode, nodes })
    }
}

/// The calling thread's.
pub(super) fn memory_policy() -> io::Result<MemoryPolicy> {
    let mut policy = MemoryPolicy { mode: 0, nodes: [0; NODES_MAX / WORD_BITS] };
    // SAFETY: the kernel writes one number to the first address, and no more than `NODES_MAX` bits
    // to the second; it is asked about the thread, and so takes no address to look at.
    checked(unsafe {
        libc::syscall(
            libc::SYS_get_mempolicy,
            &raw mut policy.mode,
            policy.nodes.as_mut_ptr(),
            NODES_MAX as c_ulong,
            std::ptr::null::<u8>(),
            0 as c_ulong,
        )
    })?;
    Ok(policy)
}

/// Changes the calling thread's.
pub(super) fn set_memory_policy(policy: &MemoryPolicy) -> io::Result<()> {
    // SAFETY: the kernel reads `NODES_MAX` bits; it takes their number plus one.
    checked(unsafe {
        libc::syscall(
            libc::SYS_set_mempolicy,
            c_long::from(policy.mode),
            policy.nodes.as_ptr(),
            NODES_MAX as c_ulong + 1,
        )
    })
    .map(drop)
}

/// The addresses of the calling thread's stack.
pub(super) fn stack() -> io::Result<Range<usize>> {
    let mut attributes = MaybeUninit::<libc::pthread_attr_t>::uninit();
    // SAFETY: initialises the attributes, where it succeeds.
    number_checked(unsafe {
        libc::pthread_getattr_np(libc::pthread_self(), attributes.as_mut_ptr())
    })?;
    let (mut start, mut bytes) = (std::ptr::null_mut(), 0);
    // SAFETY: initialised above; writes to two places that live for the call.
    let read = number_checked(unsafe {
        libc::pthread_attr_getstack(attributes.as_ptr(), &raw mut start, &raw mut bytes)
    });
    // SAFETY: initialised above, and not used again.
    unsafe { libc::pthread_attr_destroy(attributes.as_mut_ptr()) };
    read?;
    Ok(start.addr()..start.addr() + bytes)
}

fn checked(result: c_long) -> io::Result<c_long> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// The functions of threads return their error.
fn number_checked(error: c_int) -> io::Result<()> {
    if error == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(error)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on_a_thread<T: Send>(body: impl FnOnce() -> T + Send) -> T {
        std::thread::scope(|scope| scope.spawn(body).join().unwrap())
    }

    #[test]
    fn a_scheduling_that_is_set_is_read_back_and_a_bad_one_refused() {
        on_a_thread(|| {
            let idle = Scheduling { policy: libc::SCHED_IDLE, priority: 0 };
            set_scheduling(idle).unwrap();
            assert_eq!(scheduling().unwrap(), idle);
            let bad = Scheduling { policy: libc::SCHED_FIFO, priority: 1000 };
            let error = set_scheduling(bad).unwrap_err();
            assert_eq!(error.raw_os_error(), Some(libc::EINVAL));
            assert_eq!(scheduling().unwrap(), idle);
        });
    }

    #[test]
    fn a_memory_policy_that_is_set_is_read_back_and_one_for_no_node_refused() {
        on_a_thread(|| {
            let before = match memory_policy() {
                Ok(policy) => policy,
                // A kernel without NUMA, or a filter.
                Err(error) => return eprintln!("SKIPPED: {error}"),
            };
            let preferred = MemoryPolicy::on_node(libc::MPOL_PREFERRED, 0).unwrap();
            set_memory_policy(&preferred).unwrap();
            assert_eq!(memory_policy().unwrap(), preferred);
            let nowhere = MemoryPolicy::on_node(libc::MPOL_BIND, NODES_MAX - 1).unwrap();
            assert!(set_memory_policy(&nowhere).is_err());
            assert_eq!(MemoryPolicy::on_node(libc::MPOL_BIND, NODES_MAX), None);
            set_memory_policy(&before).unwrap();
            assert_eq!(memory_policy().unwrap(), before);
        });
    }

    #[test]
    fn the_stack_is_the_one_that_the_thread_runs_on() {
        for bytes in [256 << 10, 3 << 20] {
            let thread = std::thread::Builder::new().stack_size(bytes).spawn(move || {
                let here = 0_u8;
                let stack = stack().unwrap();
                assert!(stack.contains(&(&raw const here).addr()), "{stack:x?}");
                assert!(stack.len() >= bytes, "{} of {bytes}", stack.len());
            });
            thread.unwrap().join().unwrap();
        }
    }
}
