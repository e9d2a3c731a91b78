//! What `pipeline` and `throughput` share: one connection with so many messages under way.

use std::net::TcpStream;
use std::time::Duration;

use crate::client::connect_one;
use crate::client::flow::{Flow, Load, OnSocket, Pace, Timed, run};
use crate::harness::clock::Clock;
use crate::harness::counters::Counters;
use crate::harness::rounds::Turn;
use crate::harness::series::Slice;
use crate::subject::Server;

/// Messages of one size, and how many of them are under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) size: usize,
    pub(crate) depth: u64,
}

/// One connection for each server that is there.
pub(crate) fn connect_each(servers: &mut crate::subject::Servers) -> Vec<Option<TcpStream>> {
    servers.connect_each(|address| {
        connect_one(address).map_err(|error| format!("it could not be connected to: {error}"))
    })
}

/// Runs one slice; `sample` makes of the messages what is kept.
pub(crate) fn slice(
    window: Window,
    clock: &Clock,
    server: &mut Server,
    connection: &TcpStream,
    turn: Turn<'_>,
    mut sample: impl FnMut(Timed, &mut Vec<u64>),
) -> Result<Slice, String> {
    let running = server.wake()?;
    let mut wire = OnSocket::new(clock, connection);
    let load = |length: Duration, messages: usize| Load {
        pace: Pace::Window(window.depth),
        length: clock.ticks(length),
        messages,
        size: window.size,
    };
    let mut one = || run(&mut wire, &load(Duration::ZERO, 1), &mut |_| {}).map(drop);
    one()?;
    let began = running.begin(turn.rehearsal, one)?;
    run(&mut wire, &load(turn.budget.warm_up, usize::MAX), &mut |_| {})?;
    let client_before = Counters::of_this_thread();
    let samples = &mut turn.samples[0];
    let mut keep = |timed: Timed| sample(timed, samples);
    let recorded = load(turn.budget.record, turn.budget.record_capacity);
    let flow: Flow = run(&mut wire, &recorded, &mut keep)?;
    let mut client = Counters::of_this_thread().since(&client_before);
    client.operations = flow.sent;
    samples.iter_mut().for_each(|sample| *sample = clock.nanoseconds(*sample));
    let one = || run(&mut wire, &load(Duration::ZERO, 1), &mut |_| {}).map(drop);
    let server = running.end(began, (flow.sent, window.size as u64), one)?;
    running.rest()?;
    Ok(Slice {
        elapsed_ns: clock.nanoseconds(flow.elapsed),
        operations: flow.sent,
        bytes: flow.sent * window.size as u64,
        server,
        client,
        ..Slice::default()
    })
}
