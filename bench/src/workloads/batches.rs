//! One slice of something short that this program does itself: timed in batches, since a reading of
//! the clock costs as much as it does.

use crate::harness::clock::Clock;
use crate::harness::counters::{Counters, Inside};
use crate::harness::rounds::Turn;
use crate::harness::series::Slice;
use crate::sys::process_allocations;

/// Does the operation in batches of so many until the slice is over. A sample is the mean of a
/// batch, in ps.
pub(super) fn time_batches(
    clock: &Clock,
    turn: Turn<'_>,
    batch: u64,
    mut operation: impl FnMut() -> Result<(), String>,
) -> Result<Slice, String> {
    let warm_up = clock.now() + clock.ticks(turn.budget.warm_up);
    while clock.now() < warm_up {
        operation()?;
    }
    let before = (Counters::of_this_thread(), process_allocations());
    let samples = &mut turn.samples[0];
    let begun = clock.now();
    let (end, longest) =
        (begun + clock.ticks(turn.budget.record), begun + clock.ticks(turn.budget.record_longest));
    let mut now = begun;
    while samples.len() < turn.budget.record_capacity
        && (now < end || (samples.len() < turn.budget.record_count && now < longest))
    {
        for _ in 0..batch {
            operation()?;
        }
        let after = clock.now();
        samples.push(after.saturating_sub(now));
        now = after;
    }
    let allocations = process_allocations() - before.1;
    let mut server = Counters::of_this_thread().since(&before.0);
    samples.iter_mut().for_each(|sample| *sample = clock.nanoseconds(*sample) * 1_000 / batch);
    let operations = samples.len() as u64 * batch;
    server.operations = operations;
    server.inside = Some(Inside { operations, syscalls: None, allocations });
    let elapsed_ns = clock.nanoseconds(now - begun);
    Ok(Slice { elapsed_ns, operations, server, ..Slice::default() })
}
