//! Exact counts beside the latencies: they tell the same story on a noisy host.
//!
//! A server takes one snapshot where recording starts and one where it ends, outside the timed
//! path. Cost: one `getrusage` a snapshot.

use crate::sys;

/// What one thread did; as a difference, what it did during recorded slices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counters {
    /// Messages echoed.
    pub(crate) operations: u64,
    pub(crate) syscalls: u64,
    pub(crate) allocations: u64,
    pub(crate) voluntary_switches: u64,
    pub(crate) involuntary_switches: u64,
    pub(crate) page_faults: u64,
}

impl Counters {
    /// The calling thread's counts, without the messages; only the caller knows its system calls.
    pub(crate) fn now(syscalls: u64) -> Self {
        let usage = sys::thread_usage();
        Self {
            operations: 0,
            syscalls,
            allocations: sys::thread_allocations(),
            voluntary_switches: usage.voluntary_switches,
            involuntary_switches: usage.involuntary_switches,
            page_faults: usage.page_faults,
        }
    }

    /// What happened between `earlier` and this snapshot.
    pub(crate) fn since(&self, earlier: &Self) -> Self {
        self.combine(earlier, u64::saturating_sub)
    }

    /// Both together.
    pub(crate) fn plus(&self, other: &Self) -> Self {
        self.combine(other, u64::saturating_add)
    }

    /// A count for each round trip; `None` before the first.
    pub(crate) fn per_operation(&self, count: u64) -> Option<f64> {
        (self.operations > 0).then(|| count as f64 / self.operations as f64)
    }

    fn combine(&self, other: &Self, with: impl Fn(u64, u64) -> u64) -> Self {
        Self {
            operations: with(self.operations, other.operations),
            syscalls: with(self.syscalls, other.syscalls),
            allocations: with(self.allocations, other.allocations),
            voluntary_switches: with(self.voluntary_switches, other.voluntary_switches),
            involuntary_switches: with(self.involuntary_switches, other.involuntary_switches),
            page_faults: with(self.page_faults, other.page_faults),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_add_up() {
        let earlier = Counters { syscalls: 10, allocations: 3, ..Counters::default() };
        let later = Counters { operations: 4, syscalls: 18, allocations: 3, ..Counters::default() };
        let slice = later.since(&earlier);
        assert_eq!((slice.syscalls, slice.allocations), (8, 0));
        let total = slice.plus(&slice);
        assert_eq!(total.per_operation(total.syscalls), Some(2.0));
        assert_eq!(total.per_operation(total.allocations), Some(0.0));
    }

    #[test]
    fn nothing_done_has_no_rate() {
        assert_eq!(Counters::default().per_operation(0), None);
    }
}
