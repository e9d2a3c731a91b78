//! Requests of HTTP/1.1: one after the other or several at once, on one connection or many.

use std::path::Path;

use clap::Args;

use super::ask_all::{Answer, ask_all};
use super::served::{Group, Place, Served};
use crate::client::channel::{Channel, connector};
use crate::client::connect;
use crate::client::crowd::Crowd;
use crate::client::requests::Requests;
use crate::harness::clock::Clock;
use crate::harness::options::{Common, Selection};
use crate::harness::rounds::Turn;
use crate::harness::series::Slice;
use crate::http::{BODY, REQUEST};
use crate::report::ratios::{CPU_PER_OP, Figure, OPS_PER_S, P50};
use crate::serve::Duty;
use crate::subject::Running;
use crate::transport::Address;

/// Measures servers of HTTP/1.1.
#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    /// Connections of each server, separated by commas.
    #[arg(long, default_value = "1,64,1000", value_delimiter = ',',
          value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) connections: Vec<u32>,

    /// Requests that a connection sends at once, separated by commas.
    #[arg(long, default_value = "1,16", value_delimiter = ',',
          value_parser = clap::value_parser!(u32).range(1..=128))]
    pub(crate) pipeline: Vec<u32>,

    /// Have the runtime speak TLS 1.3, and the client with it. The raw servers stay plain: they are
    /// what the calls alone cost. Of the peers, those of the role `https` are asked.
    #[arg(long)]
    pub(crate) tls: bool,

    /// Have each request differ from the one before in its `user-agent`. Without, all are alike, as
    /// those of load generators are, which suits servers that remember what they read.
    #[arg(long)]
    pub(crate) varied: bool,

    #[command(flatten)]
    pub(crate) selection: Selection,

    #[command(flatten)]
    pub(crate) common: Common,
}

impl Options {
    /// Connections and depth of each group.
    fn crowds(&self) -> impl Iterator<Item = (u32, u32)> {
        let depths = |&depth| self.connections.iter().map(move |&count| (count, depth));
        self.pipeline.iter().flat_map(depths)
    }
}

impl Served for Options {
    type Client = Crowd<Requests>;

    fn name(&self) -> &'static str {
        "http"
    }

    fn measures(&self) -> String {
        let tls = if self.tls { ", TLS 1.3 but for the raw servers" } else { "" };
        let varied = if self.varied { ", each request another one" } else { "" };
        format!(
            "RTT of requests of HTTP/1.1, loopback TCP, GET of {} B, answer of {} B and its head, \
             closed loop, keep-alive{tls}{varied}",
            REQUEST.len(),
            BODY.len()
        )
    }

    /// A server process has only the connections that it is measured with.
    fn groups(&self) -> Vec<Group> {
        let case = |(count, depth)| match depth {
            1 => format!(":{count}"),
            _ => format!(":{count}x{depth}"),
        };
        let duty = if self.tls { Duty::Https } else { Duty::Http };
        let group = |crowd| Group { cases: vec![case(crowd)], duty };
        self.crowds().map(group).collect()
    }

    fn connect(&self, group: usize, address: &Address) -> Result<Crowd<Requests>, String> {
        self.connect_trusting(group, address, None)
    }

    fn connect_trusting(
        &self,
        group: usize,
        address: &Address,
        certificate: Option<&Path>,
    ) -> Result<Crowd<Requests>, String> {
        let (count, depth) = self.crowds().nth(group).ok_or("there is no such case")?;
        let streams = connect(address, count as usize)?;
        let mut channels = match certificate {
            None => streams.into_iter().map(Channel::from).collect(),
            Some(certificate) => {
                let connector = connector(certificate)?;
                let encrypted = |stream| Channel::encrypted(stream, &connector);
                streams.into_iter().map(encrypted).collect::<Result<Vec<_>, _>>()?
            }
        };
        let requests = Requests::learn(&mut channels[0], depth as usize, self.varied)?;
        Crowd::new(channels, requests)
    }

    fn slice(
        &mut self,
        place: Place,
        crowd: &mut Crowd<Requests>,
        running: &Running<'_>,
        clock: &Clock,
        turn: Turn<'_>,
    ) -> Result<Slice, String> {
        let depth = self.crowds().nth(place.group).map_or(1, |(_, depth)| depth);
        let answer = Answer { operations: u64::from(depth), bytes: REQUEST.len() as u64 };
        ask_all(crowd, answer, running, clock, turn)
    }

    fn figures(&self) -> Vec<Figure> {
        vec![OPS_PER_S, CPU_PER_OP, P50]
    }

    fn note(&self) -> Option<String> {
        let note = "NAME:N has N connections with one request in flight on each; NAME:NxD sends D \
                    at once, and a sample is the time until all of them are answered. floor and \
                    the raw epoll servers do not read requests: they count bytes and answer \
                    constant ones, which is what the calls alone cost. The client is one thread on \
                    epoll that never sleeps and compares every byte but the Date: where it is the \
                    limit, cpu ns/op tells the servers apart and ops/s does not.";
        Some(note.to_owned())
    }
}
