//! Many connections at once, each with one message in flight; and connections that come and go.
//!
//! With many connections most of a round trip is waiting for the others, so what counts is the
//! rate and the server's time on its core for each message. Where the client is the limit, only
//! the latter tells servers apart.

use std::time::Duration;

use clap::Args;

use super::ask_all::{Answer, ask_all};
use super::served::{Group, Place, Served};
use crate::client::crowd::Crowd;
use crate::client::message::Numbered;
use crate::client::ping_pong::PingPong;
use crate::client::{connect, connect_one};
use crate::harness::clock::Clock;
use crate::harness::counters::Counters;
use crate::harness::options::{Common, Selection};
use crate::harness::rounds::Turn;
use crate::harness::series::Slice;
use crate::report::ratios::{CPU_PER_OP, Figure, OPS_PER_S, P50};
use crate::serve::Duty;
use crate::subject::Running;
use crate::transport::Address;

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

/// The client's side of one server.
#[derive(Debug)]
pub(crate) enum Client {
    Crowd(Crowd<Numbered>),
    /// Where to connect to, again and again.
    Churn(Address),
}

impl Served for Options {
    type Client = Client;

    fn name(&self) -> &'static str {
        "connections"
    }

    fn measures(&self) -> String {
        format!(
            "RTT, loopback TCP, {} B, several connections, closed loop, one message in flight on \
             each",
            self.size
        )
    }

    /// A server process has only the connections that it is measured with.
    fn groups(&self) -> Vec<Group> {
        let group = |case: String| Group { cases: vec![case], duty: Duty::Echo };
        let crowds = self.connections.iter().map(|count| group(format!(":{count}")));
        crowds.chain((!self.no_churn).then(|| group(":churn".to_owned()))).collect()
    }

    fn connect(&self, group: usize, address: &Address) -> Result<Client, String> {
        let Some(&count) = self.connections.get(group) else {
            return Ok(Client::Churn(address.clone()));
        };
        let streams = connect(address, count as usize)?;
        let channels = streams.into_iter().map(Into::into).collect();
        Crowd::new(channels, Numbered::new(self.size as usize)).map(Client::Crowd)
    }

    fn slice(
        &mut self,
        _: Place,
        client: &mut Client,
        running: &Running<'_>,
        clock: &Clock,
        turn: Turn<'_>,
    ) -> Result<Slice, String> {
        match client {
            Client::Crowd(crowd) => {
                let answer = Answer { operations: 1, bytes: u64::from(self.size) };
                ask_all(crowd, answer, running, clock, turn)
            }
            Client::Churn(address) => self.come_and_go(address, running, clock, turn),
        }
    }

    fn figures(&self) -> Vec<Figure> {
        vec![OPS_PER_S, CPU_PER_OP, P50]
    }

    fn note(&self) -> Option<String> {
        let note = "NAME:N has N connections; NAME:churn connects, has one message echoed and \
                    closes, one connection at a time. The client is one thread on epoll that never \
                    sleeps: where it is the limit, cpu ns/op tells the servers apart and ops/s does \
                    not. The series floor asks every socket in turn, and takes new connections by a \
                    thread of its own: with many connections raw-epoll-spin is the faster raw \
                    server.";
        Some(note.to_owned())
    }
}

impl Options {
    /// Connects, has one message echoed, and closes, again and again.
    fn come_and_go(
        &self,
        address: &Address,
        running: &Running<'_>,
        clock: &Clock,
        turn: Turn<'_>,
    ) -> Result<Slice, String> {
        let size = self.size as usize;
        let trip = || -> Result<u64, String> {
            let begun = clock.now();
            let mut client = PingPong::new(vec![connect_one(address)?], size);
            Ok(client.exchange(clock)?.received_at.saturating_sub(begun))
        };
        let budget = turn.budget;
        let samples = &mut turn.samples[0];
        // Until both the time and the count have passed, or the longest time.
        let run = |samples: &mut Vec<u64>, length: Duration, longest: Duration, count: usize| {
            let begun = clock.now();
            let passed = || clock.now().saturating_sub(begun);
            while passed() < clock.ticks(longest)
                && (passed() < clock.ticks(length) || samples.len() < count)
            {
                samples.push(clock.nanoseconds(trip()?));
            }
            Ok::<u64, String>(clock.nanoseconds(passed()))
        };
        let enough = budget.warm_up_count as usize;
        run(samples, budget.warm_up, budget.warm_up_longest, enough)?;
        let cold = samples.len() < enough;
        samples.clear();
        let began = running.begin(turn.rehearsal, || trip().map(drop))?;
        let client_before = Counters::of_this_thread();
        let elapsed_ns = run(samples, budget.record, budget.record_longest, budget.record_count)?;
        let mut client = Counters::of_this_thread().since(&client_before);
        let served = (samples.len() as u64, size as u64);
        client.operations = served.0;
        let server = running.end(began, served, || trip().map(drop))?;
        let bytes = served.0 * served.1;
        Ok(Slice { elapsed_ns, bytes, server, client, cold, ..Slice::default() })
    }
}
