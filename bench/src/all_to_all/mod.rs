//! Every core sends to every other: what a mesh of rings takes as a whole.
//!
//! | load | what each core does | a sample |
//! |---|---|---|
//! | `Rounds` | sends one message to each other, then waits for one of each | a round |
//! | `Stream` | sends to all others as fast as there is room, and takes what comes | a message |
//!
//! Invariant: all cores do the same, and the first one has the clock: nothing compares clocks. No
//! core is more than one round ahead of another, so what comes is counted for each sender.

mod on_taut;
mod raw;

use std::time::Instant;

use crate::cross::ends::Packet;
use crate::harness::counters::{Counters, Inside};
use crate::sys;

pub(crate) use on_taut::Rings;
pub(crate) use raw::RawAtomics;

/// Rounds, or messages from each other core, before the first batch.
const WARM_UP: u64 = 1_000;

/// What the cores do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Load {
    Rounds,
    Stream,
}

/// So many batches, each of so many rounds, or messages from each other core.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Task {
    pub(crate) load: Load,
    pub(crate) batches: u64,
    pub(crate) operations: u64,
}

impl Task {
    /// Messages from each core to each other.
    fn messages(&self) -> u64 {
        WARM_UP + self.batches * self.operations
    }
}

/// What connects the cores.
pub(crate) trait Connected {
    /// Does the task on all cores; the time of each batch in ns, and what the first core counted.
    fn run(&mut self, cores: &[usize], task: Task) -> Result<(Vec<u64>, Counters), String>;
}

/// What was received, by sender, and the times of the batches. On all cores alike, so that none has
/// less to do.
#[derive(Debug)]
struct Log {
    task: Task,
    /// By the order of the cores; the own place counts for nothing.
    received: Vec<u64>,
    own: usize,
    /// All of them together.
    total: u64,
    next_mark: u64,
    last: Option<Instant>,
    times_ns: Vec<u64>,
    before: Option<(Counters, u64, u64)>,
}

impl Log {
    fn new(task: Task, own: usize, cores: usize) -> Self {
        let others = cores as u64 - 1;
        Self {
            task,
            received: vec![0; cores],
            own,
            total: 0,
            next_mark: WARM_UP * others,
            last: None,
            times_ns: Vec::with_capacity(task.batches as usize),
            before: None,
        }
    }

    fn others(&self) -> u64 {
        self.received.len() as u64 - 1
    }

    /// A message came from there; `syscalls` are those made on behalf of what is measured.
    #[inline(always)]
    fn take(
        &mut self,
        from: usize,
        message: &Packet,
        syscalls: impl FnOnce() -> u64,
    ) -> Result<(), String> {
        self.received[from] += 1;
        self.total += 1;
        if message[0] != self.received[from] {
            return Err(format!("message {} of core {from} came too early or late", message[0]));
        }
        if self.total == self.next_mark {
            self.mark(syscalls);
        }
        Ok(())
    }

    /// Ends a batch, and begins the next one.
    #[inline(never)]
    fn mark(&mut self, syscalls: impl FnOnce() -> u64) {
        match self.last {
            None => {
                let counted = Counters::of_this_thread();
                self.before = Some((counted, syscalls(), sys::process_allocations()));
            }
            Some(last) => self.times_ns.push(last.elapsed().as_nanos() as u64),
        }
        self.next_mark += self.task.operations * self.others();
        self.last = Some(Instant::now());
    }

    /// Whether all others have sent their message of that round.
    #[inline(always)]
    fn has_round(&self, round: u64) -> bool {
        let own = self.own;
        self.received.iter().enumerate().all(|(from, &count)| from == own || count >= round)
    }

    fn has_all(&self) -> bool {
        self.total == self.task.messages() * self.others()
    }

    fn end(self, syscalls: u64) -> (Vec<u64>, Counters) {
        let Some((before, calls, allocations)) = &self.before else {
            return (self.times_ns, Counters::default());
        };
        let operations = self.task.batches * self.task.operations * self.others();
        let inside = Inside {
            operations,
            syscalls: Some(syscalls - calls),
            allocations: sys::process_allocations() - allocations,
        };
        let counted = Counters::of_this_thread().since(before);
        (self.times_ns, Counters { operations, inside: Some(inside), ..counted })
    }
}

/// The message of that number.
#[inline(always)]
fn message(number: u64) -> Packet {
    [number; 8]
}

#[cfg(test)]
mod tests {
    use super::*;
    use taut::Driver;

    #[test]
    fn every_message_of_every_core_arrives_under_both_loads() {
        let allowed = crate::harness::cores::Cores::choose(None, None).unwrap();
        if allowed.server == allowed.client {
            println!("skipped: this process may use one core, and threads that spin need two");
            return;
        }
        let cores = [allowed.server, allowed.client];
        let mut all: [Box<dyn Connected>; 2] =
            [Box::new(RawAtomics), Box::new(Rings(Driver::Epoll))];
        for connected in &mut all {
            for load in [Load::Rounds, Load::Stream] {
                let task = Task { load, batches: 5, operations: 20 };
                let (times, counted) = connected.run(&cores, task).unwrap();
                assert_eq!((times.len(), counted.operations), (5, 100));
            }
        }
    }

    #[test]
    fn a_message_that_is_lost_is_an_error_and_one_that_is_early_ends_no_round() {
        let task = Task { load: Load::Rounds, batches: 1, operations: 1 };
        let mut log = Log::new(task, 0, 3);
        log.take(1, &message(1), || 0).unwrap();
        log.take(1, &message(2), || 0).unwrap();
        assert!(!log.has_round(1), "core 2 has sent nothing");
        log.take(2, &message(1), || 0).unwrap();
        assert!(log.has_round(1) && !log.has_round(2));
        assert!(log.take(2, &message(3), || 0).unwrap_err().contains("message 3"));
    }
}
