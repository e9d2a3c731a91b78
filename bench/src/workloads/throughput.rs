//! How many bytes go through one connection: there and back, and one way.
//!
//! An echo keeps a window of messages under way; one way, the client pours and the server swallows.
//! Peers only echo. A sample of an echo is one message's round trip, one way the time of a chunk;
//! what counts here is the rate and the time on the core for each message.

use std::net::TcpStream;

use clap::Args;

use super::window::{self, Window};
use crate::client::flow::HEAD_BYTES;
use crate::client::pour::Pour;
use crate::harness::clock::Clock;
use crate::harness::counters::Counters;
use crate::harness::environment::FeatureRow;
use crate::harness::options::{Common, Selection};
use crate::harness::rounds::{Lane, Turn};
use crate::harness::series::Slice;
use crate::harness::session::{Setting, Workload};
use crate::harness::verdict::Verdict;
use crate::report::ratios::{CPU_PER_OP, Figure, OPS_PER_S};
use crate::subject::Servers;

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

/// One direction of one server at one size.
#[derive(Clone, Copy, Debug)]
struct Case {
    server: usize,
    window: Window,
    direction: Direction,
}

/// The workload while it runs.
#[derive(Debug)]
pub(crate) struct Throughput {
    echoing: Servers,
    swallowing: Servers,
    echo_connections: Vec<Option<TcpStream>>,
    pours: Vec<Option<Pour>>,
    cases: Vec<Case>,
    sizes: Vec<u32>,
}

impl Throughput {
    pub(crate) fn new(options: &Options, setting: &Setting) -> Result<Self, String> {
        let core = setting.cores.server;
        let asked = |direction| options.direction.contains(&direction);
        let mut echoing = match asked(Direction::Echo) {
            true => Servers::start(&options.selection, core)?,
            false => Servers::none(),
        };
        let mut swallowing = match asked(Direction::OneWay) {
            true => Servers::start_sinks(&options.selection, core)?,
            false => Servers::none(),
        };
        let echo_connections = window::connect_each(&mut echoing);
        let longest = options.size.iter().max().map_or(0, |&size| size as usize);
        let streams = window::connect_each(&mut swallowing).into_iter();
        let pours = streams.map(|stream| Some(Pour::new(stream?, longest))).collect();
        let mut cases = Vec::new();
        for &size in &options.size {
            let window = window_of(size as usize);
            for (servers, direction) in
                [(&echoing, Direction::Echo), (&swallowing, Direction::OneWay)]
            {
                let case = |server| Case { server, window, direction };
                cases.extend((0..servers.list.len()).map(case));
            }
        }
        let sizes = options.size.clone();
        Ok(Self { echoing, swallowing, echo_connections, pours, cases, sizes })
    }

    fn pour(&mut self, case: Case, clock: &Clock, turn: Turn<'_>) -> Result<Slice, String> {
        let pour = self.pours[case.server].as_mut().ok_or("its server is not connected")?;
        let running = self.swallowing.list[case.server].wake()?;
        let size = case.window.size;
        let length = |duration| (clock.ticks(duration), CHUNK_BYTES);
        pour.run(clock, size, length(turn.budget.warm_up), &mut Vec::new())?;
        running.drain(pour.bytes, || pour.piece(size))?;
        let began = running.begin(turn.rehearsal, || pour.piece(size))?;
        let client_before = Counters::of_this_thread();
        let samples = &mut turn.samples[0];
        let (bytes_before, begun) = (pour.bytes, clock.now());
        pour.run(clock, size, length(turn.budget.record), samples)?;
        let mut client = Counters::of_this_thread().since(&client_before);
        running.drain(pour.bytes, || pour.piece(size))?;
        let elapsed_ns = clock.nanoseconds(clock.now() - begun);
        let bytes = pour.bytes - bytes_before;
        let pieces = bytes / size as u64;
        client.operations = pieces;
        let server = running.end(began, (pieces, size as u64), || pour.piece(size))?;
        running.rest()?;
        samples.iter_mut().for_each(|sample| *sample = clock.nanoseconds(*sample));
        Ok(Slice { elapsed_ns, operations: pieces, bytes, server, client, ..Slice::default() })
    }
}

fn window_of(size: usize) -> Window {
    let bytes = (size * 16).clamp(WINDOW_BYTES, WINDOW_BYTES_MAX);
    Window { size, depth: (bytes / size).max(1) as u64 }
}

fn suffix(size: usize, direction: Direction) -> String {
    match direction {
        Direction::Echo => format!(":{size}"),
        Direction::OneWay => format!(":{size}-one-way"),
    }
}

impl Workload for Throughput {
    fn name(&self) -> &'static str {
        "throughput"
    }

    fn measures(&self) -> String {
        "bytes through 1 connection, loopback TCP, closed loop, a window of messages in flight"
            .to_owned()
    }

    fn settings(&self) -> Vec<(String, String)> {
        let window = |&size: &u32| {
            let window = window_of(size as usize);
            format!("{} of {} B", window.depth, window.size)
        };
        vec![("windows".to_owned(), self.sizes.iter().map(window).collect::<Vec<_>>().join(", "))]
    }

    fn lanes(&self) -> Vec<Lane> {
        let lane = |case: &Case| {
            let servers = match case.direction {
                Direction::Echo => &self.echoing,
                Direction::OneWay => &self.swallowing,
            };
            let server = &servers.list[case.server];
            let suffix = suffix(case.window.size, case.direction);
            Lane::of(server.series(&format!("{}{suffix}", server.name)))
        };
        self.cases.iter().map(lane).collect()
    }

    fn slice(&mut self, clock: &Clock, turn: Turn<'_>) -> Result<Slice, String> {
        let case = self.cases[turn.lane];
        if case.direction == Direction::OneWay {
            return self.pour(case, clock, turn);
        }
        let connection = self.echo_connections[case.server].as_ref();
        let connection = connection.ok_or("its server is not connected")?;
        let server = &mut self.echoing.list[case.server];
        window::slice(case.window, clock, server, connection, turn, |timed, samples| {
            samples.push(timed.service());
        })
    }

    fn pairs(&self) -> Vec<(String, String)> {
        let mut pairs = Vec::new();
        for &size in &self.sizes {
            pairs.extend(self.echoing.pairs(&suffix(size as usize, Direction::Echo)));
            pairs.extend(self.swallowing.pairs(&suffix(size as usize, Direction::OneWay)));
        }
        pairs
    }

    fn figures(&self) -> Vec<Figure> {
        vec![OPS_PER_S, CPU_PER_OP]
    }

    fn features(&self) -> Vec<FeatureRow> {
        self.echoing.features()
    }

    fn notes(&self) -> Vec<String> {
        let mut notes = self.echoing.notes();
        notes.push(
            "MiB/s is payload in one direction. A sample of NAME:SIZE is a message's round trip in \
             a full window, one of NAME:SIZE-one-way the time in which the connection took 1 MiB \
             (or one message, if that is more). The client works too: where its time on the core \
             is the longer one, it is the limit."
                .to_owned(),
        );
        notes
    }

    fn end(self, _: &[Lane], verdict: &mut Verdict) {
        self.echoing.end(verdict);
        self.swallowing.end(verdict);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_holds_between_its_limits_and_at_least_one_message() {
        assert_eq!(window_of(64), Window { size: 64, depth: 4_096 });
        assert_eq!(window_of(64 << 10), Window { size: 64 << 10, depth: 16 });
        assert_eq!(window_of(1 << 20), Window { size: 1 << 20, depth: 1 });
    }
}
