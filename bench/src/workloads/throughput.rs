//! How many bytes go through one connection: there and back, and one way.
//!
//! An echo keeps a window of messages under way; one way, the client pours and the server swallows,
//! and tells before and after how much it has received. A sample of an echo is one message's round
//! trip, one way the time of a chunk; what counts here is the rate and the time on the core for
//! each message.

use std::os::fd::OwnedFd;

use clap::Args;

use super::flowing;
use super::served::{Group, Place, Served};
use crate::client::connect_one;
use crate::client::flow::{HEAD_BYTES, Load, Pace};
use crate::client::pour::Pour;
use crate::harness::clock::Clock;
use crate::harness::counters::Counters;
use crate::harness::options::{Common, Selection};
use crate::harness::rounds::Turn;
use crate::harness::series::Slice;
use crate::report::ratios::{CPU_PER_OP, Figure, OPS_PER_S};
use crate::serve::Duty;
use crate::subject::Running;
use crate::transport::Address;

/// Bytes that an echo has under way, or sixteen messages if those are more ...
const WINDOW_BYTES: usize = 256 << 10;
/// ... but no more than this, unless one message is.
const WINDOW_BYTES_MAX: usize = 1 << 20;
/// What one way is timed as one sample.
const CHUNK_BYTES: usize = 1 << 20;

/// Measures how many bytes go through one connection.
#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    /// Message sizes in bytes, separated by commas.
    #[arg(long, default_value = "64,1024,65536,1048576", value_delimiter = ',',
          value_parser = clap::value_parser!(u32).range(HEAD_BYTES as i64..=1 << 20))]
    pub(crate) size: Vec<u32>,

    /// Which directions.
    #[arg(long, value_enum, value_delimiter = ',', default_value = "echo,one-way")]
    pub(crate) direction: Vec<Direction>,

    #[command(flatten)]
    pub(crate) selection: Selection,

    #[command(flatten)]
    pub(crate) common: Common,
}

/// Where the bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Direction {
    /// There and back.
    Echo,
    /// From the client to the server.
    OneWay,
}

/// The client's side of one server.
#[derive(Debug)]
pub(crate) enum Client {
    Echo(OwnedFd),
    OneWay(Pour),
}

impl Served for Options {
    type Client = Client;

    fn name(&self) -> &'static str {
        "throughput"
    }

    fn measures(&self) -> String {
        "bytes through 1 connection, loopback TCP, closed loop, a window of messages in flight"
            .to_owned()
    }

    fn settings(&self) -> Vec<(String, String)> {
        let window = |&size: &u32| format!("{} of {size} B", depth_of(size as usize));
        vec![("windows".to_owned(), self.size.iter().map(window).collect::<Vec<_>>().join(", "))]
    }

    fn groups(&self) -> Vec<Group> {
        let group = |direction: &Direction| {
            let (suffix, duty) = match direction {
                Direction::Echo => ("", Duty::Echo),
                Direction::OneWay => ("-one-way", Duty::Swallow),
            };
            Group { cases: self.size.iter().map(|size| format!(":{size}{suffix}")).collect(), duty }
        };
        self.direction.iter().map(group).collect()
    }

    fn connect(&self, group: usize, address: &Address) -> Result<Client, String> {
        let stream = connect_one(address)?;
        let longest = self.size.iter().max().map_or(0, |&size| size as usize);
        Ok(match self.direction[group] {
            Direction::Echo => Client::Echo(stream),
            Direction::OneWay => Client::OneWay(Pour::new(stream, longest)),
        })
    }

    fn slice(
        &mut self,
        place: Place,
        client: &mut Client,
        running: &Running<'_>,
        clock: &Clock,
        turn: Turn<'_>,
    ) -> Result<Slice, String> {
        let size = self.size[place.case] as usize;
        match client {
            Client::Echo(stream) => {
                let load = Load::new(Pace::Window(depth_of(size)), size);
                let kept = flowing::slice(load, stream, running, clock, turn, |timed, samples| {
                    samples[0].push(timed.service());
                });
                kept.map(|(slice, _)| slice)
            }
            Client::OneWay(pour) => one_way(size, pour, running, clock, turn),
        }
    }

    fn figures(&self) -> Vec<Figure> {
        vec![OPS_PER_S, CPU_PER_OP]
    }

    fn note(&self) -> Option<String> {
        let note = "MiB/s is payload in one direction. A sample of NAME:SIZE is a message's round \
                    trip in a full window, one of NAME:SIZE-one-way the time in which the \
                    connection took 1 MiB (or one message, if that is more). The client works too: \
                    where its time on the core is the longer one, it is the limit.";
        Some(note.to_owned())
    }
}

/// How many messages of that size an echo has under way.
fn depth_of(size: usize) -> u64 {
    let bytes = (size * 16).clamp(WINDOW_BYTES, WINDOW_BYTES_MAX);
    (bytes / size).max(1) as u64
}

/// Pours, and takes for done what the server says that it received meanwhile.
fn one_way(
    size: usize,
    pour: &mut Pour,
    running: &Running<'_>,
    clock: &Clock,
    turn: Turn<'_>,
) -> Result<Slice, String> {
    let length = |duration| (clock.ticks(duration), CHUNK_BYTES);
    pour.run(clock, size, length(turn.budget.warm_up), &mut Vec::new())?;
    let began = running.begin(turn.rehearsal, || pour.piece(size))?;
    let client_before = Counters::of_this_thread();
    let samples = &mut turn.samples[0];
    let (received_before, begun) = (running.received(|| pour.piece(size))?, clock.now());
    pour.run(clock, size, length(turn.budget.record), samples)?;
    let (received, ended) = (running.received(|| pour.piece(size))?, clock.now());
    let mut client = Counters::of_this_thread().since(&client_before);
    let bytes = received - received_before;
    let pieces = bytes / size as u64;
    client.operations = pieces;
    let server = running.end(began, (pieces, size as u64), || pour.piece(size))?;
    samples.iter_mut().for_each(|sample| *sample = clock.nanoseconds(*sample));
    let elapsed_ns = clock.nanoseconds(ended - begun);
    Ok(Slice { elapsed_ns, operations: pieces, bytes, server, client, cold: false })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_holds_between_its_limits_and_at_least_one_message() {
        assert_eq!(depth_of(64), 4_096);
        assert_eq!(depth_of(64 << 10), 16);
        assert_eq!(depth_of(1 << 20), 1);
    }
}
