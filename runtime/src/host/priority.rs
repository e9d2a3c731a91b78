//! `SCHED_FIFO` for the runtime's thread: nothing ordinary runs on the core while it wants to.
//!
//! The thread has `SCHED_RESET_ON_FORK`, too, so that the runtime's blocking threads, its children
//! and the kernel's workers are ordinary. Invariant: the thread has what it had before when the
//! last of its runtimes that asked has ended.

use std::io;

use super::layers::Layers;
use super::sys::{Scheduling, scheduling, set_scheduling};

thread_local! {
    static BEFORE: Layers<Scheduling> = const { Layers::new() };
}

/// The thread has a real-time priority until this is dropped, on the same thread.
#[derive(Debug)]
pub(super) struct RealTime {
    number: u64,
}

impl RealTime {
    pub(super) fn new(priority: u8) -> io::Result<Self> {
        let before = scheduling()?;
        let policy = libc::SCHED_FIFO | libc::SCHED_RESET_ON_FORK;
        set_scheduling(Scheduling { policy, priority: priority.into() })?;
        Ok(Self { number: BEFORE.with(|layers| layers.add(before)) })
    }
}

impl Drop for RealTime {
    fn drop(&mut self) {
        let before = BEFORE.try_with(|layers| layers.end(self.number)).ok().flatten();
        let Some(before) = before else { return };
        if set_scheduling(before).is_err() {
            // Without privileges the flag, unlike the priority, can't be taken back.
            let policy = before.policy | libc::SCHED_RESET_ON_FORK;
            let _ = set_scheduling(Scheduling { policy, ..before });
        }
    }
}
