//! What the workloads share that let messages flow over one connection: by a schedule, or by a
//! window of so many under way.

use std::os::fd::OwnedFd;

use crate::client::flow::{Flow, Load, Timed, run};
use crate::client::wire::OnSocket;
use crate::harness::clock::Clock;
use crate::harness::counters::Counters;
use crate::harness::rounds::Turn;
use crate::harness::series::Slice;
use crate::subject::Running;

/// Runs one slice; `keep` puts the times of each message, in ticks, where they belong.
pub(crate) fn slice(
    load: Load,
    connection: &OwnedFd,
    running: &Running<'_>,
    clock: &Clock,
    turn: Turn<'_>,
    keep: impl Fn(Timed, &mut [Vec<u64>]),
) -> Result<(Slice, Flow), String> {
    let mut wire = OnSocket::new(clock, connection);
    let warm_up = run(&mut wire, &load.warm_up(clock, turn.budget), &mut |_| {})?;
    let one = |wire: &mut OnSocket<'_>| run(wire, &load.one(), &mut |_| {}).map(drop);
    let began = running.begin(turn.rehearsal, || one(&mut wire))?;
    let client_before = Counters::of_this_thread();
    let samples = turn.samples;
    let recorded = load.recorded(clock, turn.budget);
    let flow = run(&mut wire, &recorded, &mut |timed| keep(timed, samples))?;
    let mut client = Counters::of_this_thread().since(&client_before);
    client.operations = flow.sent;
    samples.iter_mut().flatten().for_each(|sample| *sample = clock.nanoseconds(*sample));
    let size = load.size as u64;
    let server = running.end(began, (flow.sent, size), || one(&mut wire))?;
    let slice = Slice {
        elapsed_ns: clock.nanoseconds(flow.elapsed),
        operations: flow.sent,
        bytes: flow.sent * size,
        server,
        client,
        cold: warm_up.sent < turn.budget.warm_up_count,
    };
    Ok((slice, flow))
}
