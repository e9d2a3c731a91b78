//! An open loop: messages leave at a fixed rate, whether or not the answers keep up.
//!
//! Each message carries the moment at which it was meant to leave. *Response* is measured from that
//! moment, *service* from the send itself, and the generator's own *lateness* lies between the two;
//! all three are series of their own. A server that stalls delays the messages behind the stall
//! too, which a closed loop never sees because it stops asking (coordinated omission).

use std::net::TcpStream;
use std::time::Duration;

use clap::Args;

use crate::client::connect_one;
use crate::client::flow::{Load, OnSocket, Pace, Timed, run};
use crate::harness::clock::Clock;
use crate::harness::counters::Counters;
use crate::harness::environment::FeatureRow;
use crate::harness::options::{Common, Selection};
use crate::harness::rounds::{Lane, Turn};
use crate::harness::series::{Series, Slice};
use crate::harness::session::{Setting, Workload};
use crate::harness::statistics::{P50, P99_9};
use crate::harness::verdict::Verdict;
use crate::report::ratios::{self, CPU_PER_OP, Figure};
use crate::subject::Servers;

/// Share of the asked rate below which a server has not kept up.
const RATE_KEPT: f64 = 0.99;
/// Share of the median response from which the generator's own lateness blurs it.
const LATENESS_SHARE: f64 = 0.1;

/// Measures latencies at a fixed rate of messages, without coordinated omission.
#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    /// Messages a second.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    pub(crate) rate: u64,

    /// Message size in bytes: a head of 24 and a pattern.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(24..=1 << 16))]
    pub(crate) size: u32,

    /// Looks for the highest rate that holds this promise instead, as p99=50us: see `sweep`.
    #[arg(long, value_name = "PROMISE")]
    pub(crate) sweep: Option<crate::harness::sla::Promise>,

    #[command(flatten)]
    pub(crate) selection: Selection,

    #[command(flatten)]
    pub(crate) common: Common,
}

/// The workload while it runs.
#[derive(Debug)]
pub(crate) struct Stream {
    options: Options,
    servers: Servers,
    connections: Vec<Option<TcpStream>>,
    /// What was sent in all recorded slices of each server, and in how many ns.
    sent: Vec<(u64, u64)>,
}

impl Stream {
    pub(crate) fn new(options: &Options, setting: &Setting) -> Result<Self, String> {
        let mut servers = Servers::start(&options.selection, setting.cores.server)?;
        let connections = servers.connect_each(|address| {
            connect_one(address).map_err(|error| format!("it could not be connected to: {error}"))
        });
        let sent = vec![(0, 0); servers.list.len()];
        Ok(Self { options: options.clone(), servers, connections, sent })
    }
}

impl Workload for Stream {
    fn name(&self) -> &'static str {
        "stream"
    }

    fn measures(&self) -> String {
        format!(
            "response from the intended send, loopback TCP, {} B, 1 connection, open loop, {} \
             messages/s",
            self.options.size, self.options.rate
        )
    }

    fn settings(&self) -> Vec<(String, String)> {
        vec![("rate".to_owned(), self.options.rate.to_string())]
    }

    fn lanes(&self) -> Vec<Lane> {
        let series = |server: &crate::subject::Server, suffix: &str| -> Series {
            server.series(&format!("{}{suffix}", server.name))
        };
        let lane = |server| Lane {
            series: ["", ":service", ":lateness"].map(|suffix| series(server, suffix)).into(),
        };
        self.servers.list.iter().map(lane).collect()
    }

    fn slice(&mut self, clock: &Clock, turn: Turn<'_>) -> Result<Slice, String> {
        let connection =
            self.connections[turn.lane].as_ref().ok_or("its server is not connected")?;
        let running = self.servers.list[turn.lane].wake()?;
        let mut wire = OnSocket::new(clock, connection);
        let interval = clock.ticks(Duration::from_secs(1)) / self.options.rate;
        let load = |length: Duration, messages: usize| Load {
            pace: Pace::Every(interval.max(1)),
            length: clock.ticks(length),
            messages,
            size: self.options.size as usize,
        };
        // One message that is not timed, for the snapshots of the counters.
        let mut one = || run(&mut wire, &load(Duration::ZERO, 1), &mut |_| {}).map(drop);
        one()?;
        let began = running.begin(turn.rehearsal, one)?;
        run(&mut wire, &load(turn.budget.warm_up, usize::MAX), &mut |_| {})?;
        let client_before = Counters::of_this_thread();
        let [response, service, lateness] = turn.samples else {
            return Err("a lane of stream has three series".to_owned());
        };
        let recorded = load(turn.budget.record, turn.budget.record_capacity);
        let mut keep = |timed: Timed| {
            response.push(clock.nanoseconds(timed.response()));
            service.push(clock.nanoseconds(timed.service()));
            lateness.push(clock.nanoseconds(timed.lateness()));
        };
        let flow = run(&mut wire, &recorded, &mut keep)?;
        let mut client = Counters::of_this_thread().since(&client_before);
        client.operations = flow.sent;
        let size = u64::from(self.options.size);
        let one = || run(&mut wire, &load(Duration::ZERO, 1), &mut |_| {}).map(drop);
        let server = running.end(began, (flow.sent, size), one)?;
        running.rest()?;
        let elapsed_ns = clock.nanoseconds(flow.sending);
        if !turn.rehearsal {
            let (sent, time) = &mut self.sent[turn.lane];
            *sent += flow.sent;
            *time += elapsed_ns;
        }
        let bytes = flow.sent * size;
        Ok(Slice { elapsed_ns, operations: flow.sent, bytes, server, client, ..Slice::default() })
    }

    fn pairs(&self) -> Vec<(String, String)> {
        self.servers.pairs("")
    }

    fn figures(&self) -> Vec<Figure> {
        vec![ratios::P50, ratios::P99, CPU_PER_OP]
    }

    fn features(&self) -> Vec<FeatureRow> {
        self.servers.features()
    }

    fn notes(&self) -> Vec<String> {
        let mut notes = self.servers.notes();
        notes.push(
            "NAME is the response from the intended send on, without coordinated omission; \
             NAME:service counts from the send itself; NAME:lateness is the generator's own delay, \
             which is part of the response."
                .to_owned(),
        );
        notes
    }

    fn end(self, lanes: &[Lane], verdict: &mut Verdict) {
        for ((server, lane), (sent, time_ns)) in self.servers.list.iter().zip(lanes).zip(&self.sent)
        {
            if *time_ns == 0 {
                continue;
            }
            let rate = *sent as f64 * 1e9 / *time_ns as f64;
            if rate < self.options.rate as f64 * RATE_KEPT {
                let reason = format!(
                    "{}: {rate:.0} messages/s went through, {} were asked for: its times are those \
                     of an overloaded server; ask for a lower --rate",
                    server.name, self.options.rate
                );
                // What a peer can't do is a result; what ours can't do makes the run worthless.
                if server.ours { verdict.fail(reason) } else { verdict.warn(reason) }
            }
            if let Some(share) = generator_share(lane).filter(|share| *share > LATENESS_SHARE) {
                verdict.warn(format!(
                    "{}: the generator itself was late: p99.9 of its lateness is {:.0} % of the \
                     median response; the tail is partly its own",
                    server.name,
                    share * 100.0
                ));
            }
        }
        self.servers.end(verdict);
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
