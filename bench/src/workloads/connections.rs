//! Many connections at once, each with one message in flight; and connections that come and go.
//!
//! With many connections most of a round trip is waiting for the others, so what counts is the
//! rate and the server's time on its core for each message. Where the client is the limit, only
//! the latter tells servers apart.

use std::net::SocketAddr;
use std::time::Duration;

use clap::Args;

use crate::client::connect;
use crate::client::connect_one;
use crate::client::crowd::{Crowd, Until};
use crate::client::ping_pong::PingPong;
use crate::harness::clock::Clock;
use crate::harness::counters::Counters;
use crate::harness::environment::FeatureRow;
use crate::harness::options::{Common, Selection};
use crate::harness::rounds::{Lane, Turn};
use crate::harness::series::Slice;
use crate::harness::session::{Setting, Workload};
use crate::harness::verdict::Verdict;
use crate::report::ratios::{CPU_PER_OP, Figure, OPS_PER_S, P50};
use crate::subject::{Server, Servers};

/// Measures many connections at once, and connections that come and go.
#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    /// Connections of each server, separated by commas.
    #[arg(long, default_value = "1,64,1000", value_delimiter = ',',
          value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) connections: Vec<u32>,

    /// Message size in bytes.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=16_384))]
    pub(crate) size: u32,

    /// Leave out the connections that come and go.
    #[arg(long)]
    pub(crate) no_churn: bool,

    #[command(flatten)]
    pub(crate) selection: Selection,

    #[command(flatten)]
    pub(crate) common: Common,
}

/// The workload while it runs.
#[derive(Debug)]
pub(crate) struct Connections {
    options: Options,
    /// The servers that keep so many connections, for each number of them, and last those that
    /// come and go: a server process has no other connections than those it is measured with.
    crowds: Vec<(Servers, Vec<Option<Crowd>>)>,
    churning: Servers,
    addresses: Vec<Option<SocketAddr>>,
    /// Servers of each kind, which are the same for every number of connections.
    count: usize,
}

impl Connections {
    pub(crate) fn new(options: &Options, setting: &Setting) -> Result<Self, String> {
        let core = setting.cores.server;
        let mut crowds = Vec::new();
        for &connections in &options.connections {
            let mut servers = Servers::start(&options.selection, core)?;
            let members = servers.connect_each(|address| {
                Crowd::new(connect(address, connections as usize)?, options.size as usize)
            });
            crowds.push((servers, members));
        }
        let mut churning = match options.no_churn {
            true => Servers::none(),
            false => Servers::start(&options.selection, core)?,
        };
        let addresses = churning.connect_each(Ok);
        let count = crowds.first().map_or(churning.list.len(), |(servers, _)| servers.list.len());
        Ok(Self { options: options.clone(), crowds, churning, addresses, count })
    }

    /// All servers with the suffix of their series, in the order of the lanes.
    fn groups(&self) -> impl Iterator<Item = (&Servers, String)> {
        let counts = self.options.connections.iter().map(|connections| format!(":{connections}"));
        let crowds = self.crowds.iter().map(|(servers, _)| servers).zip(counts);
        let churn = (!self.options.no_churn).then(|| (&self.churning, ":churn".to_owned()));
        crowds.chain(churn)
    }

    /// Connects, has one message echoed, and closes, again and again.
    fn churn(&mut self, server: usize, clock: &Clock, turn: Turn<'_>) -> Result<Slice, String> {
        let address = self.addresses[server].ok_or("its server is not there")?;
        let size = self.options.size as usize;
        let running = self.churning.list[server].wake()?;
        let mut trips = 0_u64;
        let mut trip = || -> Result<u64, String> {
            let begun = clock.now();
            let stream = connect_one(address).map_err(|error| {
                format!("connection {} of this slice failed: {error}", trips + 1)
            })?;
            trips += 1;
            let mut client = PingPong::new(vec![stream], size);
            Ok(client.exchange(clock)?.received_at.saturating_sub(begun))
        };
        let budget = turn.budget;
        let warm = clock.now() + clock.ticks(budget.warm_up);
        while clock.now() < warm {
            trip()?;
        }
        let began = running.begin(turn.rehearsal, || trip().map(drop))?;
        let client_before = Counters::of_this_thread();
        let samples = &mut turn.samples[0];
        let begun = clock.now();
        let (end, longest) =
            (begun + clock.ticks(budget.record), begun + clock.ticks(budget.record_longest));
        let mut now = begun;
        while now < longest
            && (now < end || samples.len() < budget.record_count)
            && samples.len() < budget.record_capacity
        {
            samples.push(clock.nanoseconds(trip()?));
            now = clock.now();
        }
        let mut client = Counters::of_this_thread().since(&client_before);
        client.operations = samples.len() as u64;
        let elapsed_ns = clock.nanoseconds(now - begun);
        let served = (samples.len() as u64, size as u64);
        let server = running.end(began, served, || trip().map(drop))?;
        running.rest()?;
        Ok(Slice { elapsed_ns, bytes: served.0 * served.1, server, client, ..Slice::default() })
    }
}

impl Workload for Connections {
    fn name(&self) -> &'static str {
        "connections"
    }

    fn measures(&self) -> String {
        format!(
            "RTT, loopback TCP, {} B, several connections, closed loop, one message in flight on \
             each",
            self.options.size
        )
    }

    fn settings(&self) -> Vec<(String, String)> {
        let counts: Vec<String> = self.options.connections.iter().map(u32::to_string).collect();
        vec![("connections".to_owned(), counts.join(", "))]
    }

    fn lanes(&self) -> Vec<Lane> {
        let mut lanes = Vec::new();
        for (servers, suffix) in self.groups() {
            let series = |server: &Server| server.series(&format!("{}{suffix}", server.name));
            lanes.extend(servers.list.iter().map(|server| Lane::of(series(server))));
        }
        lanes
    }

    fn slice(&mut self, clock: &Clock, turn: Turn<'_>) -> Result<Slice, String> {
        let server = turn.lane % self.count;
        let Some((servers, crowds)) = self.crowds.get_mut(turn.lane / self.count) else {
            return self.churn(server, clock, turn);
        };
        let crowd = crowds[server].as_mut().ok_or("its server is not connected")?;
        let running = servers.list[server].wake()?;
        let budget = turn.budget;
        let until = |length: Duration, longest: Duration, samples: usize| Until {
            length: clock.ticks(length),
            longest: clock.ticks(longest),
            samples,
            capacity: budget.record_capacity,
        };
        let samples = &mut turn.samples[0];
        crowd.run(clock, &until(budget.warm_up, budget.warm_up_longest, 200), samples)?;
        let cold = samples.len() < 200;
        samples.clear();
        let began = running.begin(turn.rehearsal, || crowd.one(clock))?;
        let client_before = Counters::of_this_thread();
        let recorded = until(budget.record, budget.record_longest, budget.record_count);
        let elapsed = crowd.run(clock, &recorded, samples)?;
        let mut client = Counters::of_this_thread().since(&client_before);
        let served = (samples.len() as u64, u64::from(self.options.size));
        client.operations = served.0;
        let server = running.end(began, served, || crowd.one(clock))?;
        running.rest()?;
        samples.iter_mut().for_each(|sample| *sample = clock.nanoseconds(*sample));
        let elapsed_ns = clock.nanoseconds(elapsed);
        let bytes = served.0 * served.1;
        Ok(Slice { elapsed_ns, bytes, server, client, cold, ..Slice::default() })
    }

    fn pairs(&self) -> Vec<(String, String)> {
        self.groups().flat_map(|(servers, suffix)| servers.pairs(&suffix)).collect()
    }

    fn figures(&self) -> Vec<Figure> {
        vec![OPS_PER_S, CPU_PER_OP, P50]
    }

    fn features(&self) -> Vec<FeatureRow> {
        self.groups().next().map_or_else(Vec::new, |(servers, _)| servers.features())
    }

    fn notes(&self) -> Vec<String> {
        let mut notes = self.groups().next().map_or_else(Vec::new, |(servers, _)| servers.notes());
        notes.push(
            "NAME:N has N connections; NAME:churn connects, has one message echoed and closes, one \
             connection at a time. The client is one thread on epoll that never sleeps: where it \
             is the limit, cpu ns/op tells the servers apart and ops/s does not. The series floor \
             asks every socket in turn, and takes new connections by a thread of its own: with \
             many connections raw-epoll-spin is the faster raw server. Every server process has \
             only the connections that it is measured with."
                .to_owned(),
        );
        notes
    }

    fn end(self, _: &[Lane], verdict: &mut Verdict) {
        for (servers, _) in self.crowds {
            servers.end(verdict);
        }
        self.churning.end(verdict);
    }
}
