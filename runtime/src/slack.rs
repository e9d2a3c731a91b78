//! The timer slack of the runtime's thread: how much later than asked the kernel may wake it.
//!
//! Linux gives a thread 50 us, so that it can let timers fire together; a core that sleeps until a
//! deadline wants none of that. The least that can be asked for is 1 ns. Threads and processes
//! inherit the slack of the thread that starts them, as their default, too; so the runtime's
//! blocking threads, which also start its children, set back what their core's thread had. Only
//! what the user starts on the core itself has 1 ns.
//!
//! Invariant: the slack is 1 ns while a runtime of the thread that may sleep lives, and what it was
//! before when the last of them has ended, in whatever order they do.

use std::cell::Cell;
use std::io;
use std::num::NonZero;

use rustix::thread::{current_timer_slack, set_current_timer_slack};

/// The least that the kernel takes; 0 would mean the default.
const LEAST_NS: NonZero<u64> = NonZero::<u64>::MIN;

thread_local! {
    static TIGHTENED: Cell<Tightened> = const { Cell::new(Tightened { holders: 0, before_ns: 0 }) };
}

/// How many ask for the least slack of their thread, and what it was before the first.
#[derive(Clone, Copy)]
struct Tightened {
    holders: usize,
    before_ns: u64,
}

/// The thread's slack is 1 ns until this is dropped, on the same thread.
#[derive(Debug)]
pub(crate) struct TightSlack(());

impl TightSlack {
    pub(crate) fn new() -> io::Result<Self> {
        let Tightened { holders, mut before_ns } = TIGHTENED.get();
        if holders == 0 {
            before_ns = current_timer_slack()?;
            set_current_timer_slack(Some(LEAST_NS))?;
        }
        TIGHTENED.set(Tightened { holders: holders + 1, before_ns });
        Ok(Self(()))
    }
}

impl Drop for TightSlack {
    fn drop(&mut self) {
        let Tightened { holders, before_ns } = TIGHTENED.get();
        TIGHTENED.set(Tightened { holders: holders - 1, before_ns });
        if holders == 1 {
            // Only a real-time thread has had none, and the kernel ignores what is set for it.
            let _ = set_current_timer_slack(NonZero::new(before_ns));
        }
    }
}

/// The slack that this thread had before its runtimes, where they have changed it: for the threads
/// that it starts.
pub(crate) fn before_ns() -> Option<NonZero<u64>> {
    let Tightened { holders, before_ns } = TIGHTENED.get();
    if holders > 0 { NonZero::new(before_ns) } else { None }
}

/// Gives this thread, which was just started, the slack of [`before_ns`].
pub(crate) fn set_back(before_ns: Option<NonZero<u64>>) {
    if before_ns.is_some() {
        // As it was changed, it can be changed back; at worst it is too exact.
        let _ = set_current_timer_slack(before_ns);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_one_gives_back_what_the_first_one_found() {
        std::thread::spawn(|| {
            set_current_timer_slack(NonZero::new(70_000)).unwrap();
            let (first, second) = (TightSlack::new().unwrap(), TightSlack::new().unwrap());
            assert_eq!(current_timer_slack().unwrap(), 1);
            drop(first);
            assert_eq!(current_timer_slack().unwrap(), 1);
            drop(second);
            assert_eq!(current_timer_slack().unwrap(), 70_000);
        })
        .join()
        .unwrap();
    }
}
