//! Pinning a thread to its core, and giving the thread its old cores back.

use std::io;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// The calling thread's affinity before it was pinned; dropping it restores that affinity.
#[derive(Debug)]
pub(crate) struct Pinned {
    before: CpuSet,
}

impl Pinned {
    /// Pins the calling thread to `core` and reads the kernel's word back.
    pub(crate) fn new(core: usize) -> io::Result<Self> {
        if core >= CpuSet::MAX_CPU {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("core {core} is beyond the {} that the kernel call names", CpuSet::MAX_CPU),
            ));
        }
        let before = sched_getaffinity(None)?;
        let mut wanted = CpuSet::new();
        wanted.set(core);
        sched_setaffinity(None, &wanted)?;
        if sched_getaffinity(None)? == wanted {
            Ok(Self { before })
        } else {
            drop(Self { before });
            Err(io::Error::other("the kernel accepted the affinity but did not keep it"))
        }
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        // The old set may be gone by now (a cpuset that shrank): the thread then stays where it is.
        let _ = sched_setaffinity(None, &self.before);
    }
}

/// Moves the calling thread off a pinned core, so that it can't steal time from it: to the cores
/// of `process_main`, the thread whose affinity nobody pinned, without `core` where any is left.
pub(crate) fn avoid(core: Option<usize>) {
    let Some(core) = core else { return };
    let Ok(mut cores) = sched_getaffinity(Some(rustix::process::getpid())) else {
        return;
    };
    if cores.count() == 1 {
        // The first thread is itself pinned: any core that the system allows but our own.
        cores = CpuSet::new();
        for index in 0..online_cores() {
            cores.set(index);
        }
    }
    cores.unset(core);
    if cores.count() > 0 {
        // A refusal leaves the thread where it is, which is slower but right.
        let _ = sched_setaffinity(None, &cores);
    }
}

fn online_cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get).max(
        // `available_parallelism` counts the calling thread's own affinity, one core here.
        std::fs::read_to_string("/sys/devices/system/cpu/online")
            .ok()
            .and_then(|list| list.trim().rsplit(['-', ',']).next()?.parse::<usize>().ok())
            .map_or(1, |last| last + 1),
    )
}
