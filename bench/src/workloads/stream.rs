//! An open loop: messages leave at a fixed rate, whether or not the answers keep up.
//!
//! Each message carries the moment at which it was meant to leave. *Response* is measured from that
//! moment, *service* from the send itself, and the generator's own *lateness* lies between the two;
//! all three are series of their own. A server that stalls delays the messages behind the stall
//! too, which a closed loop never sees because it stops asking (coordinated omission).

use std::os::fd::OwnedFd;
use std::time::Duration;

use clap::Args;

use super::flowing;
use super::served::{Group, Place, Served};
use crate::client::connect_one;
use crate::client::flow::{HEAD_BYTES, Load, Pace, Timed};
use crate::harness::clock::Clock;
use crate::harness::options::{Common, Selection};
use crate::harness::rounds::{Lane, Turn};
use crate::harness::series::{Series, Slice};
use crate::harness::sla::Promise;
use crate::harness::statistics::{P50, P99_9};
use crate::harness::verdict::Verdict;
use crate::report::ratios::{self, CPU_PER_OP, Figure};
use crate::serve::Duty;
use crate::subject::{Running, Server};
use crate::transport::Address;

/// Share of the asked rate below which a server has not kept up.
const RATE_KEPT: f64 = 0.99;
/// Share of the median response from which the generator's own lateness blurs it.
const LATENESS_SHARE: f64 = 0.1;

/// Measures latencies at a fixed rate of messages, without coordinated omission.
#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    /// Messages a second.
    #[arg(
        long,
        default_value_t = 10_000,
        value_parser = clap::value_parser!(u64).range(1..=10_000_000),
    )]
    pub(crate) rate: u64,

    /// Message size in bytes: a head of 24 and a pattern.
    #[arg(
        long,
        default_value_t = 64,
        value_parser = clap::value_parser!(u32).range(HEAD_BYTES as i64..=1 << 16),
    )]
    pub(crate) size: u32,

    /// Looks for the highest rate that holds this promise instead, as p99=50us.
    #[arg(long, value_name = "PROMISE")]
    pub(crate) sweep: Option<Promise>,

    #[command(flatten)]
    pub(crate) selection: Selection,

    #[command(flatten)]
    pub(crate) common: Common,
}

/// One connection, and what was sent on it in all recorded slices.
#[derive(Debug)]
pub(crate) struct Client {
    stream: OwnedFd,
    sent: u64,
    sending_ns: u64,
}

impl Served for Options {
    type Client = Client;

    fn name(&self) -> &'static str {
        "stream"
    }

    fn measures(&self) -> String {
        format!(
            "response from the intended send, loopback TCP, {} B, 1 connection, open loop, {} \
             messages/s",
            self.size, self.rate
        )
    }

    fn groups(&self) -> Vec<Group> {
        vec![Group { cases: vec![String::new()], duty: Duty::Echo }]
    }

    fn parts(&self) -> &'static [&'static str] {
        &["", ":service", ":lateness"]
    }

    fn connect(&self, _: usize, address: &Address) -> Result<Client, String> {
        Ok(Client { stream: connect_one(address)?, sent: 0, sending_ns: 0 })
    }

    fn slice(
        &mut self,
        _: Place,
        client: &mut Client,
        running: &Running<'_>,
        clock: &Clock,
        turn: Turn<'_>,
    ) -> Result<Slice, String> {
        let rehearsal = turn.rehearsal;
        let interval = clock.ticks(Duration::from_secs(1)) / self.rate;
        let load = Load::new(Pace::Every(interval.max(1)), self.size as usize);
        let keep = |timed: Timed, samples: &mut [Vec<u64>]| {
            let times = [timed.response(), timed.service(), timed.lateness()];
            for (samples, time) in samples.iter_mut().zip(times) {
                samples.push(time);
            }
        };
        let (mut slice, flow) = flowing::slice(load, &client.stream, running, clock, turn, keep)?;
        // The rate is that of the sending; the last answers come when they come.
        slice.elapsed_ns = clock.nanoseconds(flow.sending);
        if !rehearsal {
            client.sent += flow.sent;
            client.sending_ns += slice.elapsed_ns;
        }
        Ok(slice)
    }

    fn figures(&self) -> Vec<Figure> {
        vec![ratios::P50, ratios::P99, CPU_PER_OP]
    }

    fn note(&self) -> Option<String> {
        let note = "NAME is the response from the intended send on, without coordinated omission; \
                    NAME:service counts from the send itself; NAME:lateness is the generator's own \
                    delay, which is part of the response.";
        Some(note.to_owned())
    }

    fn judge(&self, server: &Server, client: &Client, lane: &Lane, verdict: &mut Verdict) {
        let rate = client.sent as f64 * 1e9 / client.sending_ns as f64;
        if rate < self.rate as f64 * RATE_KEPT {
            let reason = format!(
                "{}: {rate:.0} messages/s went through, {} were asked for: its times are those of \
                 an overloaded server; ask for a lower --rate",
                server.name, self.rate
            );
            verdict.blame(server.ours, reason);
        }
        if let Some(share) = generator_share(lane).filter(|share| *share > LATENESS_SHARE) {
            verdict.warn(format!(
                "{}: the generator itself was late: p99.9 of its lateness is {:.0} % of the median \
                 response; the tail is partly its own",
                server.name,
                share * 100.0
            ));
        }
    }
}

/// The generator's p99.9 lateness as a share of the median response.
fn generator_share(lane: &Lane) -> Option<f64> {
    let [response, _, lateness] = &lane.series[..] else { return None };
    let samples = response.histogram.len();
    (P99_9.is_supported_by(samples)).then(|| {
        let at = |series: &Series, quantile: f64| series.histogram.value_at_quantile(quantile);
        let median = at(response, P50.quantile()).max(1);
        at(lateness, P99_9.quantile()) as f64 / median as f64
    })
}
