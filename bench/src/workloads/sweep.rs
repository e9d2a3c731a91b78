//! The highest rate at which a server keeps a promise about its response times.
//!
//! A slice is one whole search: the rate doubles until the promise is broken, then the gap is
//! halved until it is narrow. A probe that breaks the promise is made once more, since one pause of
//! the host would else decide. Responses count from the intended send, so a server that can't keep
//! up breaks every promise sooner or later.

use std::net::TcpStream;
use std::time::Duration;

use super::stream::Options;
use super::window;
use crate::client::flow::{Load, OnSocket, Pace, Timed, run};
use crate::harness::clock::Clock;
use crate::harness::counters::Counters;
use crate::harness::duration::format_duration;
use crate::harness::environment::FeatureRow;
use crate::harness::options::Common;
use crate::harness::plan::Plan;
use crate::harness::rounds::{Lane, Turn};
use crate::harness::series::Slice;
use crate::harness::session::{Setting, Workload};
use crate::harness::sla::Promise;
use crate::harness::statistics::Spread;
use crate::harness::verdict::Verdict;
use crate::report::ratios::{CPU_PER_OP, Figure};
use crate::report::table::Table;
use crate::subject::Servers;

/// The search ends when broken and kept rates are this close.
const CLOSE_ENOUGH: f64 = 1.05;
/// Rates beyond this are not tried: the client's own limit is below.
const RATE_MAX: u64 = 10_000_000;
/// Shortest probe; it is longer where the percentile needs more samples at that rate.
const PROBE: Duration = Duration::from_millis(50);
/// About what a search takes: a dozen probes, and those that are made twice.
const SEARCH: Duration = Duration::from_millis(1_200);
/// Fewest searches that have a median.
const ROUNDS_MIN: usize = 3;

/// The workload while it runs.
#[derive(Debug)]
pub(crate) struct Sweep {
    options: Options,
    promise: Promise,
    servers: Servers,
    connections: Vec<Option<TcpStream>>,
    /// The highest rate of every recorded search of each server.
    rates: Vec<Vec<u64>>,
}

impl Sweep {
    pub(crate) fn new(
        options: &Options,
        promise: &Promise,
        setting: &Setting,
    ) -> Result<Self, String> {
        let mut servers = Servers::start(&options.selection, setting.cores.server)?;
        let connections = window::connect_each(&mut servers);
        let rates = vec![Vec::new(); servers.list.len()];
        let (options, promise) = (options.clone(), promise.clone());
        Ok(Self { options, promise, servers, connections, rates })
    }

    fn words(&self) -> String {
        let limit = format_duration(Duration::from_nanos(self.promise.limit_ns()));
        format!("{} <= {limit}", self.promise.percentile().name)
    }
}

impl Workload for Sweep {
    fn name(&self) -> &'static str {
        "sweep"
    }

    fn measures(&self) -> String {
        format!(
            "response from the intended send at the highest rate that holds {}, loopback TCP, {} \
             B, 1 connection, open loop",
            self.words(),
            self.options.size
        )
    }

    fn settings(&self) -> Vec<(String, String)> {
        vec![
            ("promise".to_owned(), self.words()),
            ("first rate".to_owned(), self.options.rate.to_string()),
        ]
    }

    fn plan(&self, common: &Common, lanes: usize) -> Plan {
        let lanes = lanes.max(1);
        let searches = common.duration.as_secs_f64() / SEARCH.as_secs_f64();
        // One round is not recorded.
        let fit = ((searches / lanes as f64) as usize).saturating_sub(1);
        let rounds = fit.min(common.rounds as usize).max(ROUNDS_MIN);
        let whole = SEARCH * u32::try_from((rounds + 1) * lanes).unwrap_or(u32::MAX);
        Plan { give_up_after: whole * 4, ..Plan::new(common.duration, rounds, lanes) }
    }

    fn lanes(&self) -> Vec<Lane> {
        self.servers.list.iter().map(|server| Lane::of(server.series(&server.name))).collect()
    }

    fn slice(&mut self, clock: &Clock, turn: Turn<'_>) -> Result<Slice, String> {
        let connection =
            self.connections[turn.lane].as_ref().ok_or("its server is not connected")?;
        let running = self.servers.list[turn.lane].wake()?;
        let mut wire = OnSocket::new(clock, connection);
        let size = self.options.size as usize;
        let (percentile, limit) = (self.promise.percentile(), self.promise.limit_ns());
        let mut probe = |rate: u64, samples: &mut Vec<u64>| -> Result<Probed, String> {
            let enough =
                Duration::from_secs_f64(percentile.samples_needed() as f64 * 1.1 / rate as f64);
            let load = Load {
                pace: Pace::Every((clock.ticks(Duration::from_secs(1)) / rate).max(1)),
                length: clock.ticks(PROBE.max(enough)),
                messages: turn.budget.record_capacity,
                size,
            };
            samples.clear();
            let before = Counters::of_this_thread();
            let mut keep = |timed: Timed| samples.push(clock.nanoseconds(timed.response()));
            let flow = run(&mut wire, &load, &mut keep)?;
            let mut client = Counters::of_this_thread().since(&before);
            client.operations = flow.sent;
            let kept = percentile.of(samples).is_some_and(|response| response <= limit);
            Ok(Probed { kept, elapsed_ns: clock.nanoseconds(flow.sending), client })
        };
        // Twice, because one pause of the host breaks every promise.
        let mut scratch = Vec::with_capacity(turn.budget.record_capacity);
        let mut best = Slice::default();
        let samples = &mut turn.samples[0];
        let first = self.options.rate;
        let rate = search(first, |rate| {
            for _ in 0..2 {
                let probed = probe(rate, &mut scratch)?;
                if probed.kept {
                    best.elapsed_ns = probed.elapsed_ns;
                    best.client = probed.client;
                    best.bytes = (scratch.len() * size) as u64;
                    std::mem::swap(samples, &mut scratch);
                    return Ok(true);
                }
            }
            Ok(false)
        })?;
        running.rest()?;
        if !turn.rehearsal {
            self.rates[turn.lane].push(rate);
        }
        Ok(best)
    }

    fn pairs(&self) -> Vec<(String, String)> {
        Vec::new()
    }

    fn figures(&self) -> Vec<Figure> {
        vec![CPU_PER_OP]
    }

    fn features(&self) -> Vec<FeatureRow> {
        self.servers.features()
    }

    fn notes(&self) -> Vec<String> {
        vec![
            "the times are those of the probes at the highest rate of each search. A rate of 0 \
             means that the promise was broken at the lowest rate tried, a tenth of the first."
                .to_owned(),
        ]
    }

    fn tables(&self, _: &[Lane]) -> Vec<Table> {
        let mut table = Table::new(
            format!("highest rate that holds {}, messages/s", self.words()),
            &["server", "searches", "median", "low", "high", "to the floor", "low", "high"],
        );
        let floor = self.servers.list.iter().position(|server| server.name == "floor");
        for (server, rates) in self.servers.list.iter().zip(&self.rates) {
            let spread = Spread::of(rates.iter().map(|&rate| rate as f64).collect());
            let ratio = floor.and_then(|floor| {
                let pairs = rates.iter().zip(&self.rates[floor]).filter(|(_, floor)| **floor > 0);
                Spread::of(pairs.map(|(rate, floor)| *rate as f64 / *floor as f64).collect())
            });
            let cells = |spread: Option<Spread>, digits: usize| {
                let cell = |value: f64| format!("{value:.digits$}");
                match spread {
                    Some(Spread { median, low, high }) => [median, low, high].map(cell),
                    None => ["-"; 3].map(str::to_owned),
                }
            };
            let mut row = vec![server.name.clone(), rates.len().to_string()];
            row.extend(cells(spread, 0));
            row.extend(cells(ratio, 3));
            table.row(row);
        }
        vec![table]
    }

    fn end(self, _: &[Lane], verdict: &mut Verdict) {
        self.servers.end(verdict);
    }
}

/// What one probe showed.
struct Probed {
    kept: bool,
    elapsed_ns: u64,
    client: Counters,
}

/// The highest rate that is kept, to within five per cent; 0 where a tenth of the first is not.
fn search(first: u64, mut is_kept: impl FnMut(u64) -> Result<bool, String>) -> Result<u64, String> {
    let (mut kept, mut broken) = (0, 0);
    let mut rate = first.clamp(1, RATE_MAX);
    if is_kept(rate)? {
        kept = rate;
        while kept < RATE_MAX {
            rate = (kept * 2).min(RATE_MAX);
            if !is_kept(rate)? {
                broken = rate;
                break;
            }
            kept = rate;
        }
    } else {
        broken = rate;
        let lowest = (rate / 10).max(1);
        if is_kept(lowest)? {
            kept = lowest;
        }
    }
    while kept > 0 && broken as f64 > kept as f64 * CLOSE_ENOUGH {
        let middle = (kept as f64 * broken as f64).sqrt() as u64;
        if middle <= kept {
            break;
        }
        if is_kept(middle)? { kept = middle } else { broken = middle }
    }
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(first: u64, limit: u64) -> (u64, usize) {
        let mut probes = 0;
        let rate = search(first, |rate| {
            probes += 1;
            Ok(rate <= limit)
        });
        (rate.unwrap(), probes)
    }

    #[test]
    fn the_search_ends_close_below_the_limit() {
        for limit in [1_001, 9_999, 10_000, 123_456, 4_000_000] {
            let (rate, probes) = found(10_000, limit);
            assert!(rate <= limit && rate as f64 * CLOSE_ENOUGH >= limit as f64, "{rate} {limit}");
            assert!(probes < 20, "{probes}");
        }
    }

    #[test]
    fn a_server_that_keeps_nothing_gets_no_rate_and_one_that_keeps_all_the_highest() {
        assert_eq!(found(10_000, 10), (0, 2));
        assert_eq!(found(10_000, u64::MAX).0, RATE_MAX);
        assert_eq!(found(1, 1).0, 1);
        assert!(search(10, |_| Err("lost".to_owned())).is_err());
    }
}
