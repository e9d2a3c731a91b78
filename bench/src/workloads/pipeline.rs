//! A closed loop with many messages under way on one connection: what batching is worth.

use std::net::TcpStream;

use clap::Args;

use super::window::{self, Window};
use crate::client::flow::{HEAD_BYTES, Timed};
use crate::harness::clock::Clock;
use crate::harness::environment::FeatureRow;
use crate::harness::options::{Common, Selection};
use crate::harness::rounds::{Lane, Turn};
use crate::harness::series::Slice;
use crate::harness::session::{Setting, Workload};
use crate::harness::verdict::Verdict;
use crate::report::ratios::{CPU_PER_OP, Figure, OPS_PER_S, P50, P99};
use crate::subject::Servers;

/// Measures round trips with several messages under way on one connection.
#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    /// Messages under way, separated by commas.
    #[arg(long, default_value = "1,16,64", value_delimiter = ',',
          value_parser = clap::value_parser!(u64).range(1..=4_096))]
    pub(crate) depth: Vec<u64>,

    /// Message size in bytes: a head of 24 and a pattern.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(HEAD_BYTES as i64..=1 << 16))]
    pub(crate) size: u32,

    #[command(flatten)]
    pub(crate) selection: Selection,

    #[command(flatten)]
    pub(crate) common: Common,
}

/// The workload while it runs.
#[derive(Debug)]
pub(crate) struct Pipeline {
    servers: Servers,
    connections: Vec<Option<TcpStream>>,
    windows: Vec<Window>,
}

impl Pipeline {
    pub(crate) fn new(options: &Options, setting: &Setting) -> Result<Self, String> {
        let mut servers = Servers::start(&options.selection, setting.cores.server)?;
        let connections = window::connect_each(&mut servers);
        let window = |depth: &u64| Window { size: options.size as usize, depth: *depth };
        Ok(Self { servers, connections, windows: options.depth.iter().map(window).collect() })
    }

    /// The server and the window of a lane.
    fn lane(&self, lane: usize) -> (usize, Window) {
        let count = self.servers.list.len();
        (lane % count, self.windows[lane / count])
    }
}

impl Workload for Pipeline {
    fn name(&self) -> &'static str {
        "pipeline"
    }

    fn measures(&self) -> String {
        let size = self.windows.first().map_or(0, |window| window.size);
        format!(
            "RTT, loopback TCP, {size} B, 1 connection, closed loop, several messages in flight"
        )
    }

    fn settings(&self) -> Vec<(String, String)> {
        let depths: Vec<String> =
            self.windows.iter().map(|window| window.depth.to_string()).collect();
        vec![("depth".to_owned(), depths.join(", "))]
    }

    fn lanes(&self) -> Vec<Lane> {
        let lane = |lane| {
            let (server, window) = self.lane(lane);
            let server = &self.servers.list[server];
            Lane::of(server.series(&format!("{}:{}", server.name, window.depth)))
        };
        (0..self.windows.len() * self.servers.list.len()).map(lane).collect()
    }

    fn slice(&mut self, clock: &Clock, turn: Turn<'_>) -> Result<Slice, String> {
        let (server, window) = self.lane(turn.lane);
        let connection = self.connections[server].as_ref().ok_or("its server is not connected")?;
        let server = &mut self.servers.list[server];
        window::slice(window, clock, server, connection, turn, |timed: Timed, samples| {
            samples.push(timed.service());
        })
    }

    fn pairs(&self) -> Vec<(String, String)> {
        let suffix = |window: &Window| self.servers.pairs(&format!(":{}", window.depth));
        self.windows.iter().flat_map(suffix).collect()
    }

    fn figures(&self) -> Vec<Figure> {
        vec![P50, P99, OPS_PER_S, CPU_PER_OP]
    }

    fn features(&self) -> Vec<FeatureRow> {
        self.servers.features()
    }

    fn notes(&self) -> Vec<String> {
        let mut notes = self.servers.notes();
        notes.push(
            "NAME:D has D messages under way. The client sends as many in one call as there is \
             room for in the window, so a server that answers in batches is asked in batches."
                .to_owned(),
        );
        notes
    }

    fn end(self, _: &[Lane], verdict: &mut Verdict) {
        self.servers.end(verdict);
    }
}
