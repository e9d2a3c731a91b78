//! What `pipeline` and `throughput` share: one connection with so many messages under way.

use std::net::TcpStream;

use crate::client::flow::{Load, Pace, Timed, run};
use crate::client::wire::OnSocket;
use crate::harness::clock::Clock;
use crate::harness::counters::Counters;
use crate::harness::rounds::Turn;
use crate::harness::series::Slice;
use crate::subject::Running;

/// Messages of one size, and how many of them are under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) size: usize,
    pub(crate) depth: u64,
}

/// Runs one slice; `sample` makes of each message what is kept, in ticks.
pub(crate) fn slice(
    window: Window,
    connection: &TcpStream,
    running: &Running<'_>,
    clock: &Clock,
    turn: Turn<'_>,
    sample: fn(Timed) -> u64,
) -> Result<Slice, String> {
    let mut wire = OnSocket::new(clock, connection);
    let load = Load::new(Pace::Window(window.depth), window.size);
    let warm_up = run(&mut wire, &load.warm_up(clock, turn.budget), &mut |_| {})?;
    let one = |wire: &mut OnSocket<'_>| run(wire, &load.one(), &mut |_| {}).map(drop);
    let began = running.begin(turn.rehearsal, || one(&mut wire))?;
    let client_before = Counters::of_this_thread();
    let samples = &mut turn.samples[0];
    let recorded = load.recorded(clock, turn.budget);
    let flow = run(&mut wire, &recorded, &mut |timed| samples.push(sample(timed)))?;
    let mut client = Counters::of_this_thread().since(&client_before);
    client.operations = flow.sent;
    samples.iter_mut().for_each(|sample| *sample = clock.nanoseconds(*sample));
    let server = running.end(began, (flow.sent, window.size as u64), || one(&mut wire))?;
    Ok(Slice {
        elapsed_ns: clock.nanoseconds(flow.elapsed),
        operations: flow.sent,
        bytes: flow.sent * window.size as u64,
        server,
        client,
        cold: warm_up.sent < turn.budget.warm_up_count,
    })
}
