//! Exact counts beside the latencies: they tell the same story on a noisy host.
//!
//! Two snapshots enclose a recorded slice, both outside the timed path.

use rustix::time::{ClockId, clock_gettime};

use crate::sys;

/// What one thread or process did; as a difference, what it did during recorded slices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counters {
    /// Operations served, as the client counts them.
    pub(crate) operations: u64,
    /// Time spent on a core.
    pub(crate) cpu_ns: u64,
    pub(crate) voluntary_switches: u64,
    pub(crate) involuntary_switches: u64,
    pub(crate) page_faults: u64,
    /// What only the subject itself can count; `None` where it does not.
    pub(crate) inside: Option<Inside>,
    /// System calls that the kernel counted, and in how many operations: in slices whose times are
    /// not kept.
    pub(crate) traced_syscalls: Option<(u64, u64)>,
}

/// A subject's own counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Inside {
    pub(crate) operations: u64,
    /// `None` where it is left to the kernel to count them.
    pub(crate) syscalls: Option<u64>,
    pub(crate) allocations: u64,
}

impl Counters {
    /// The calling thread's counts so far.
    pub(crate) fn of_this_thread() -> Self {
        let usage = sys::thread_usage();
        let cpu = clock_gettime(ClockId::ThreadCPUTime);
        Self {
            cpu_ns: cpu.tv_sec.unsigned_abs() * 1_000_000_000 + cpu.tv_nsec.unsigned_abs(),
            voluntary_switches: usage.voluntary_switches,
            involuntary_switches: usage.involuntary_switches,
            page_faults: usage.page_faults,
            ..Self::default()
        }
    }

    /// What happened between `earlier` and this snapshot, as far as the kernel counts it.
    pub(crate) fn since(&self, earlier: &Self) -> Self {
        self.combine(earlier, u64::saturating_sub)
    }

    /// Both together.
    pub(crate) fn plus(&self, other: &Self) -> Self {
        let mut sum = self.combine(other, u64::saturating_add);
        sum.inside = match (self.inside, other.inside) {
            (Some(one), Some(two)) => Some(Inside {
                operations: one.operations + two.operations,
                syscalls: one.syscalls.zip(two.syscalls).map(|(one, two)| one + two),
                allocations: one.allocations + two.allocations,
            }),
            (one, two) => one.or(two),
        };
        sum.traced_syscalls = match (self.traced_syscalls, other.traced_syscalls) {
            (Some(one), Some(two)) => Some((one.0 + two.0, one.1 + two.1)),
            (one, two) => one.or(two),
        };
        sum
    }

    /// A count for each operation; `None` before the first.
    pub(crate) fn per_operation(&self, count: u64) -> Option<f64> {
        ratio(count, self.operations)
    }

    /// System calls for each operation, by the subject's own count where it has one.
    pub(crate) fn syscalls_per_operation(&self) -> Option<f64> {
        let own = self.inside.and_then(|inside| Some((inside.syscalls?, inside.operations)));
        own.or(self.traced_syscalls).and_then(|(calls, operations)| ratio(calls, operations))
    }

    /// Allocations for each operation.
    pub(crate) fn allocations_per_operation(&self) -> Option<f64> {
        self.inside.and_then(|inside| ratio(inside.allocations, inside.operations))
    }

    fn combine(&self, other: &Self, with: impl Fn(u64, u64) -> u64) -> Self {
        Self {
            operations: with(self.operations, other.operations),
            cpu_ns: with(self.cpu_ns, other.cpu_ns),
            voluntary_switches: with(self.voluntary_switches, other.voluntary_switches),
            involuntary_switches: with(self.involuntary_switches, other.involuntary_switches),
            page_faults: with(self.page_faults, other.page_faults),
            inside: None,
            traced_syscalls: None,
        }
    }
}

fn ratio(count: u64, operations: u64) -> Option<f64> {
    (operations > 0).then(|| count as f64 / operations as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_add_up() {
        let earlier = Counters { cpu_ns: 10, page_faults: 3, ..Counters::default() };
        let later = Counters { operations: 4, cpu_ns: 18, page_faults: 3, ..Counters::default() };
        let mut slice = later.since(&earlier);
        assert_eq!((slice.cpu_ns, slice.page_faults), (8, 0));
        slice.inside = Some(Inside { operations: 5, syscalls: Some(10), allocations: 0 });
        let total = Counters::default().plus(&slice).plus(&slice);
        assert_eq!(total.per_operation(total.cpu_ns), Some(2.0));
        assert_eq!(total.syscalls_per_operation(), Some(2.0));
        assert_eq!(total.allocations_per_operation(), Some(0.0));
    }

    #[test]
    fn a_subject_that_does_not_count_is_counted_by_the_kernel_or_not_at_all() {
        let mut counters = Counters::default();
        assert_eq!(counters.per_operation(0), None);
        assert_eq!(counters.syscalls_per_operation(), None);
        counters.traced_syscalls = Some((30, 10));
        assert_eq!(counters.plus(&Counters::default()).syscalls_per_operation(), Some(3.0));
        assert_eq!(counters.allocations_per_operation(), None);
    }

    #[test]
    fn a_thread_that_works_spends_time() {
        let before = Counters::of_this_thread();
        let mut sum = 0_u64;
        for number in 0..100_000_u64 {
            sum = std::hint::black_box(sum ^ number);
        }
        assert!(Counters::of_this_thread().since(&before).cpu_ns > 0);
    }
}
