//! Which thread belongs on which core: runtimes on theirs, threads that block on none of those.
//!
//! The process keeps one list of the cores that its runtimes are pinned to, and one of the threads
//! that have to stay off them. Whenever a runtime is pinned or ends, all those threads are moved,
//! also in the middle of their work.
//!
//! Invariant: a guest runs where the process's first thread may, before anybody pinned it, less
//! every pinned core. Where that leaves nothing (a process with as many runtimes as cores), it runs
//! on any of them and shares the core with a runtime. A guest that has a runtime of its own pinned
//! is no guest meanwhile. Costs a system call for each guest when a runtime comes or goes.

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::process::{Pid, getpid};
use rustix::thread::{CpuSet, gettid, sched_getaffinity, sched_setaffinity};

use crate::host::CoreList;

static CORES: Mutex<Cores> = Mutex::new(Cores { pins: Vec::new(), guests: Vec::new(), pinned: 0 });

/// See the module's documentation.
struct Cores {
    /// Oldest first: a thread that builds several runtimes is pinned several times.
    pins: Vec<Pin>,
    guests: Vec<Pid>,
    /// How many pins there ever were, to tell them apart.
    pinned: u64,
}

struct Pin {
    number: u64,
    thread: Pid,
    core: usize,
    /// The thread's affinity without this pin.
    before: CpuSet,
}

impl Cores {
    /// Nothing panics while the lists are locked, so they are always whole.
    fn lock() -> MutexGuard<'static, Self> {
        CORES.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where a thread may run, before anybody pinned it.
    fn unpinned(&self, thread: Pid) -> io::Result<CpuSet> {
        match self.pins.iter().find(|pin| pin.thread == thread) {
            Some(pin) => Ok(pin.before),
            None => Ok(sched_getaffinity(Some(thread))?),
        }
    }

    /// The affinity of every guest.
    fn for_guests(&self) -> io::Result<CpuSet> {
        let allowed = self.unpinned(getpid())?;
        let mut cores = allowed;
        for pin in &self.pins {
            cores.unset(pin.core);
        }
        Ok(if cores.count() > 0 { cores } else { allowed })
    }

    /// Moves guests to where they belong now.
    fn place(&self, guests: &[Pid]) {
        if guests.is_empty() {
            return;
        }
        let Ok(cores) = self.for_guests() else { return };
        for guest in guests {
            if !self.pins.iter().any(|pin| pin.thread == *guest) {
                // A refusal leaves it where it is, which is slower but right.
                let _ = sched_setaffinity(Some(*guest), &cores);
            }
        }
    }
}

/// A thread on a core of its own; dropping it gives the thread its old cores back.
#[derive(Debug)]
pub(crate) struct Pinned {
    number: u64,
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
        if sched_getaffinity(None)? != wanted {
            let _ = sched_setaffinity(None, &before);
            return Err(io::Error::other("the kernel accepted the affinity but did not keep it"));
        }
        let mut cores = Cores::lock();
        cores.pinned += 1;
        let number = cores.pinned;
        cores.pins.push(Pin { number, thread: gettid(), core, before });
        cores.place(&cores.guests);
        Ok(Self { number })
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        let mut cores = Cores::lock();
        let Some(index) = cores.pins.iter().position(|pin| pin.number == self.number) else {
            return;
        };
        let ended = cores.pins.remove(index);
        match cores.pins[index..].iter_mut().find(|pin| pin.thread == ended.thread) {
            // Another runtime of this thread pinned it since: that one's core still counts.
            Some(later) => later.before = ended.before,
            // The old set may be gone by now (a cpuset that shrank): the thread then stays.
            None => drop(sched_setaffinity(Some(ended.thread), &ended.before)),
        }
        cores.place(&cores.guests);
    }
}

/// Where the calling thread may run, less what its runtimes have pinned it to.
pub(crate) fn allowed() -> io::Result<CoreList> {
    let set = Cores::lock().unpinned(gettid())?;
    Ok((0..CpuSet::MAX_CPU).filter(|core| set.is_set(*core)).collect())
}

/// Where threads that help a runtime belong now, see the module's documentation.
pub(crate) fn for_guests() -> io::Result<CpuSet> {
    Cores::lock().for_guests()
}

/// A thread that stays off the pinned cores, for as long as this lives.
#[derive(Debug)]
pub(crate) struct Guest(Pid);

impl Guest {
    /// Moves the calling thread, which inherited the affinity of the thread that started it.
    pub(crate) fn new() -> Self {
        let thread = gettid();
        let mut cores = Cores::lock();
        cores.guests.push(thread);
        cores.place(&[thread]);
        Self(thread)
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        Cores::lock().guests.retain(|guest| *guest != self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tests take turns: the lists belong to the whole process.
    static ALONE: Mutex<()> = Mutex::new(());

    fn core(index: usize) -> CpuSet {
        let mut set = CpuSet::new();
        set.set(index);
        set
    }

    /// Two cores that this thread may be pinned to, where the host has two.
    fn two_cores() -> Option<[usize; 2]> {
        let affinity = sched_getaffinity(None).unwrap();
        let mut cores = (0..CpuSet::MAX_CPU).filter(|index| affinity.is_set(*index));
        Some([cores.next()?, cores.next()?])
    }

    #[test]
    fn a_thread_pinned_twice_gets_its_cores_back_in_whatever_order_the_pins_end() {
        let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let Some([first, second]) = two_cores() else { return };
        let before = sched_getaffinity(None).unwrap();
        let (outer, inner) = (Pinned::new(first).unwrap(), Pinned::new(second).unwrap());
        drop(outer);
        assert_eq!(sched_getaffinity(None).unwrap(), core(second), "the newer pin still counts");
        drop(inner);
        assert_eq!(sched_getaffinity(None).unwrap(), before);

        let (outer, inner) = (Pinned::new(first).unwrap(), Pinned::new(second).unwrap());
        drop(inner);
        assert_eq!(sched_getaffinity(None).unwrap(), core(first));
        drop(outer);
        assert_eq!(sched_getaffinity(None).unwrap(), before);
    }

    #[test]
    fn guests_move_whenever_a_core_is_pinned_or_given_up() {
        let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let Some([first, second]) = two_cores() else { return };
        let everywhere = Cores::lock().for_guests().unwrap();
        let guest = Guest::new();
        let mut without_first = everywhere;
        without_first.unset(first);
        let mut without_both = without_first;
        without_both.unset(second);
        if without_both.count() == 0 {
            without_both = everywhere;
        }
        let is_on = |cores: CpuSet| assert_eq!(sched_getaffinity(Some(guest.0)).unwrap(), cores);
        is_on(everywhere);
        // Pins of other threads, since this one is the guest.
        std::thread::scope(|scope| {
            let pin = |core| scope.spawn(move || Pinned::new(core).unwrap()).join().unwrap();
            let pinned = pin(first);
            is_on(without_first);
            let twice = pin(first);
            let other = pin(second);
            is_on(without_both);
            drop(pinned);
            is_on(without_both);
            drop(other);
            is_on(without_first);
            drop(twice);
            is_on(everywhere);
        });
        let own = Pinned::new(first).unwrap();
        is_on(core(first));
        drop(own);
        is_on(everywhere);
    }
}
