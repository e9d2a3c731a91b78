//! TCP ping-pong over loopback: what one round trip costs on each kind of server.
//!
//! One raw spinning client sends a message and waits for its echo, one message in flight in total,
//! so every sample is a closed-loop round trip without queueing. Servers are processes of their
//! own on the server core, stopped while it is not their turn; every slice warms up again.

use std::time::Duration;

use clap::Args;

use crate::client::connect;
use crate::client::ping_pong::PingPong;
use crate::harness::clock::Clock;
use crate::harness::duration::{format_duration, parse_duration};
use crate::harness::environment::FeatureRow;
use crate::harness::options::{Common, Selection};
use crate::harness::rounds::{Lane, Turn};
use crate::harness::series::Slice;
use crate::harness::session::{Setting, Workload};
use crate::harness::verdict::Verdict;
use crate::report::ratios::{CPU_PER_OP, Figure, P50, P99};
use crate::subject::Servers;

/// Measures TCP round trips over loopback, and their floor in the same run.
#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    /// Message size in bytes.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=1 << 20))]
    pub(crate) size: u32,

    /// Connections of each server, used in turn: one message is in flight in total.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) connections: u32,

    /// Pauses between a reply and the next send, separated by commas. Each series runs without a
    /// pause and, as NAME+think, with it (NAME+think20us and so on where there are several); 0
    /// alone leaves these out.
    #[arg(long, default_value = "50us", value_delimiter = ',', value_parser = parse_duration)]
    pub(crate) think: Vec<Duration>,

    #[command(flatten)]
    pub(crate) selection: Selection,

    #[command(flatten)]
    pub(crate) common: Common,
}

/// The workload while it runs.
#[derive(Debug)]
pub(crate) struct Echo {
    options: Options,
    servers: Servers,
    /// One for each server that is there.
    clients: Vec<Option<PingPong>>,
    /// The server and the pause of each lane.
    lanes: Vec<(usize, Duration, String)>,
}

impl Echo {
    pub(crate) fn new(options: &Options, setting: &Setting) -> Result<Self, String> {
        let mut servers = Servers::start(&options.selection, setting.cores.server)?;
        let clients = servers.connect_each(|address| {
            let connections = connect(address, options.connections as usize)?;
            Ok(PingPong::new(connections, options.size as usize))
        });
        let mut lanes = Vec::new();
        for (think, suffix) in options.pauses() {
            let names = servers.list.iter().map(|server| format!("{}{suffix}", server.name));
            lanes.extend(names.enumerate().map(|(index, name)| (index, think, name)));
        }
        Ok(Self { options: options.clone(), servers, clients, lanes })
    }
}

impl Workload for Echo {
    fn name(&self) -> &'static str {
        "echo"
    }

    fn measures(&self) -> String {
        let connections = match self.options.connections {
            1 => "1 connection".to_owned(),
            several => format!("{several} connections used in turn"),
        };
        format!(
            "RTT, loopback TCP, {} B, {connections}, closed loop, one message in flight",
            self.options.size
        )
    }

    fn settings(&self) -> Vec<(String, String)> {
        let pauses: Vec<String> =
            self.options.pauses().iter().map(|(think, _)| format_duration(*think)).collect();
        vec![("think_time".to_owned(), pauses.join(", "))]
    }

    fn lanes(&self) -> Vec<Lane> {
        let lane = |(server, _, name): &(usize, Duration, String)| {
            Lane::of(self.servers.list[*server].series(name))
        };
        self.lanes.iter().map(lane).collect()
    }

    fn slice(&mut self, clock: &Clock, turn: Turn<'_>) -> Result<Slice, String> {
        let (server, think, _) = self.lanes[turn.lane];
        let client = self.clients[server].as_mut().ok_or("its server is not connected")?;
        let running = self.servers.list[server].wake()?;
        let slice = client.slice(clock, &running, think, turn)?;
        running.rest()?;
        Ok(slice)
    }

    fn pairs(&self) -> Vec<(String, String)> {
        let suffixes = self.options.pauses().into_iter().map(|(_, suffix)| suffix);
        suffixes.flat_map(|suffix| self.servers.pairs(&suffix)).collect()
    }

    fn figures(&self) -> Vec<Figure> {
        vec![P50, P99, CPU_PER_OP]
    }

    fn features(&self) -> Vec<FeatureRow> {
        self.servers.features()
    }

    fn notes(&self) -> Vec<String> {
        let mut notes = self.servers.notes();
        if self.options.connections > 1 {
            notes.push(
                "the client goes round the connections with one message in flight in total: this \
                 shows what many open connections cost, not throughput. The series floor asks \
                 every socket in turn, so with many of them raw-epoll-spin is the faster raw \
                 server."
                    .to_owned(),
            );
        }
        notes
    }

    fn end(self, _: &[Lane], verdict: &mut Verdict) {
        self.servers.end(verdict);
    }
}

impl Options {
    /// The pauses to run, each with the suffix of its series' names: none first.
    fn pauses(&self) -> Vec<(Duration, String)> {
        let mut pauses: Vec<Duration> =
            self.think.iter().copied().filter(|pause| !pause.is_zero()).collect();
        pauses.sort_unstable();
        pauses.dedup();
        let only_one = pauses.len() == 1;
        let mut named = vec![(Duration::ZERO, String::new())];
        named.extend(pauses.into_iter().map(|pause| match only_one {
            true => (pause, "+think".to_owned()),
            false => (pause, format!("+think{}", format_duration(pause))),
        }));
        named
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        options: Options,
    }

    fn options(line: &str) -> Options {
        Line::parse_from(std::iter::once("taut-bench").chain(line.split_whitespace())).options
    }

    #[test]
    fn every_series_runs_without_a_pause_and_with_each_one() {
        let names = |line: &str| -> Vec<String> {
            options(line).pauses().into_iter().map(|(_, suffix)| suffix).collect()
        };
        assert_eq!(names(""), ["", "+think"]);
        assert_eq!(names("--think 0"), [""]);
        assert_eq!(names("--think 0,20us"), ["", "+think"]);
        assert_eq!(names("--think 100us --think 20us,20us"), ["", "+think20us", "+think100us"]);
    }
}
