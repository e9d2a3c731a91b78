//! A closed loop with many messages under way on one connection: what batching is worth.

use std::os::fd::OwnedFd;

use clap::Args;

use super::flowing;
use super::served::{Group, Place, Served};
use crate::client::connect_one;
use crate::client::flow::{HEAD_BYTES, Load, Pace};
use crate::harness::clock::Clock;
use crate::harness::options::{Common, Selection};
use crate::harness::rounds::Turn;
use crate::harness::series::Slice;
use crate::report::ratios::{CPU_PER_OP, Figure, OPS_PER_S, P50, P99};
use crate::serve::Duty;
use crate::subject::Running;
use crate::transport::Address;

/// Measures round trips with several messages under way on one connection.
#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    /// Messages under way, separated by commas.
    #[arg(long, default_value = "1,16,64", value_delimiter = ',',
          value_parser = clap::value_parser!(u64).range(1..=4_096))]
    pub(crate) depth: Vec<u64>,

    /// Message size in bytes: a head of 24 and a pattern.
    #[arg(long, default_value_t = 64,
          value_parser = clap::value_parser!(u32).range(HEAD_BYTES as i64..=1 << 16))]
    pub(crate) size: u32,

    #[command(flatten)]
    pub(crate) selection: Selection,

    #[command(flatten)]
    pub(crate) common: Common,
}

impl Served for Options {
    type Client = OwnedFd;

    fn name(&self) -> &'static str {
        "pipeline"
    }

    fn measures(&self) -> String {
        format!(
            "RTT, loopback TCP, {} B, 1 connection, closed loop, several messages in flight",
            self.size
        )
    }

    fn groups(&self) -> Vec<Group> {
        let cases = self.depth.iter().map(|depth| format!(":{depth}")).collect();
        vec![Group { cases, duty: Duty::Echo }]
    }

    fn connect(&self, _: usize, address: &Address) -> Result<OwnedFd, String> {
        connect_one(address)
    }

    fn slice(
        &mut self,
        place: Place,
        client: &mut OwnedFd,
        running: &Running<'_>,
        clock: &Clock,
        turn: Turn<'_>,
    ) -> Result<Slice, String> {
        let load = Load::new(Pace::Window(self.depth[place.case]), self.size as usize);
        let kept = flowing::slice(load, client, running, clock, turn, |timed, samples| {
            samples[0].push(timed.service());
        });
        kept.map(|(slice, _)| slice)
    }

    fn figures(&self) -> Vec<Figure> {
        vec![P50, P99, OPS_PER_S, CPU_PER_OP]
    }

    fn note(&self) -> Option<String> {
        let note = "NAME:D has D messages under way. The client sends as many in one call as there \
                    is room for in the window, so a server that answers in batches is asked in \
                    batches.";
        Some(note.to_owned())
    }
}
