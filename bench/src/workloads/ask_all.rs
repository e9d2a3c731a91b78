//! One slice in which every connection of a crowd asks, and asks again when it has its answer.

use std::time::Duration;

use crate::client::crowd::{Crowd, Until};
use crate::client::exchange::Exchange;
use crate::harness::clock::Clock;
use crate::harness::counters::Counters;
use crate::harness::rounds::Turn;
use crate::harness::series::Slice;
use crate::subject::Running;

/// What one answer of a crowd stands for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answer {
    pub(super) operations: u64,
    /// Bytes that the server receives for each operation.
    pub(super) bytes: u64,
}

pub(super) fn ask_all<E: Exchange>(
    crowd: &mut Crowd<E>,
    answer: Answer,
    running: &Running<'_>,
    clock: &Clock,
    turn: Turn<'_>,
) -> Result<Slice, String> {
    let budget = turn.budget;
    let until = |length: Duration, longest: Duration, samples: usize| Until {
        length: clock.ticks(length),
        longest: clock.ticks(longest),
        samples,
        capacity: budget.record_capacity,
    };
    let samples = &mut turn.samples[0];
    let enough = budget.warm_up_count as usize;
    crowd.run(clock, &until(budget.warm_up, budget.warm_up_longest, enough), samples)?;
    let cold = samples.len() < enough;
    samples.clear();
    let began = running.begin(turn.rehearsal, || crowd.one(clock))?;
    let client_before = Counters::of_this_thread();
    let recorded = until(budget.record, budget.record_longest, budget.record_count);
    let elapsed = crowd.run(clock, &recorded, samples)?;
    let mut client = Counters::of_this_thread().since(&client_before);
    let operations = samples.len() as u64 * answer.operations;
    client.operations = operations;
    let server = running.end(began, (operations, answer.bytes), || crowd.one(clock))?;
    samples.iter_mut().for_each(|sample| *sample = clock.nanoseconds(*sample));
    let elapsed_ns = clock.nanoseconds(elapsed);
    let bytes = operations * answer.bytes;
    Ok(Slice { elapsed_ns, operations, bytes, server, client, cold })
}
