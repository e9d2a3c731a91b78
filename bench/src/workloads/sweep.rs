//! The highest rate at which a server keeps a promise about its response times.
//!
//! A slice is one whole search: the rate doubles until the promise is broken, then the gap is
//! halved until it is narrow. A probe that breaks the promise is made once more, since one pause of
//! the host would else decide. Responses count from the intended send, so a server that can't keep
//! up breaks every promise sooner or later.

use std::os::fd::OwnedFd;
use std::time::Duration;

use super::served::{Group, Place, Served};
use super::stream::Options;
use crate::client::connect_one;
use crate::client::flow::{Load, Pace, Timed, run};
use crate::client::wire::OnSocket;
use crate::harness::clock::Clock;
use crate::harness::counters::Counters;
use crate::harness::duration::format_duration;
use crate::harness::options::Common;
use crate::harness::plan::Plan;
use crate::harness::rounds::Turn;
use crate::harness::series::Slice;
use crate::harness::sla::Promise;
use crate::harness::statistics::Spread;
use crate::report::ratios::Figure;
use crate::report::table::Table;
use crate::serve::Duty;
use crate::subject::{Running, Server};
use crate::transport::Address;

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

/// The workload: the options of `stream`, and the promise that a rate has to hold.
#[derive(Debug)]
pub(crate) struct Sweep {
    pub(crate) options: Options,
    pub(crate) promise: Promise,
}

/// One connection, and the highest rate of every recorded search on it.
#[derive(Debug)]
pub(crate) struct Client {
    stream: OwnedFd,
    rates: Vec<u64>,
}

impl Sweep {
    fn words(&self) -> String {
        let limit = format_duration(Duration::from_nanos(self.promise.limit_ns()));
        format!("{} <= {limit}", self.promise.percentile().name)
    }

    /// Sends at a rate and looks whether the promise holds.
    fn probe(
        &self,
        rate: u64,
        wire: &mut OnSocket<'_>,
        clock: &Clock,
        samples: &mut Vec<u64>,
    ) -> Result<Probed, String> {
        let percentile = self.promise.percentile();
        let enough = percentile.samples_needed() as f64 * 1.1 / rate as f64;
        let interval = (clock.ticks(Duration::from_secs(1)) / rate).max(1);
        let load = Load {
            length: clock.ticks(PROBE.max(Duration::from_secs_f64(enough))),
            messages: samples.capacity() as u64,
            ..Load::new(Pace::Every(interval), self.options.size as usize)
        };
        samples.clear();
        let before = Counters::of_this_thread();
        let mut keep = |timed: Timed| samples.push(clock.nanoseconds(timed.response()));
        let flow = run(wire, &load, &mut keep)?;
        let mut client = Counters::of_this_thread().since(&before);
        client.operations = flow.sent;
        let limit = self.promise.limit_ns();
        let kept = percentile.of(samples).is_some_and(|response| response <= limit);
        Ok(Probed { kept, elapsed_ns: clock.nanoseconds(flow.sending), client })
    }
}

impl Served for Sweep {
    type Client = Client;

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

    fn groups(&self) -> Vec<Group> {
        vec![Group { cases: vec![String::new()], duty: Duty::Echo }]
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

    fn connect(&self, _: usize, address: &Address) -> Result<Client, String> {
        Ok(Client { stream: connect_one(address)?, rates: Vec::new() })
    }

    fn slice(
        &mut self,
        _: Place,
        client: &mut Client,
        _: &Running<'_>,
        clock: &Clock,
        turn: Turn<'_>,
    ) -> Result<Slice, String> {
        let mut wire = OnSocket::new(clock, &client.stream);
        let mut scratch = Vec::with_capacity(turn.budget.record_capacity);
        let mut best = Slice::default();
        let samples = &mut turn.samples[0];
        let rate = search(self.options.rate, |rate| {
            // Twice, because one pause of the host breaks every promise.
            for _ in 0..2 {
                let probed = self.probe(rate, &mut wire, clock, &mut scratch)?;
                if probed.kept {
                    best.elapsed_ns = probed.elapsed_ns;
                    best.client = probed.client;
                    best.bytes = scratch.len() as u64 * u64::from(self.options.size);
                    std::mem::swap(samples, &mut scratch);
                    return Ok(true);
                }
            }
            Ok(false)
        })?;
        if !turn.rehearsal {
            client.rates.push(rate);
        }
        Ok(best)
    }

    /// The rates have a table of their own.
    fn figures(&self) -> Vec<Figure> {
        Vec::new()
    }

    fn note(&self) -> Option<String> {
        let note = "the times are those of the probes at the highest rate of each search. A rate of \
                    0 means that the promise was broken at the lowest rate tried, a tenth of the \
                    first.";
        Some(note.to_owned())
    }

    fn tables(&self, servers: &[(&Server, Option<&Client>)]) -> Vec<Table> {
        let mut table = Table::new(
            format!("highest rate that holds {}, messages/s", self.words()),
            &["server", "searches", "median", "low", "high", "to the floor", "low", "high"],
        );
        let rates = |client: Option<&Client>| client.map_or_else(Vec::new, |one| one.rates.clone());
        let floor = servers.iter().find(|(server, _)| server.name == "floor");
        let floor = floor.map_or_else(Vec::new, |(_, client)| rates(*client));
        for (server, client) in servers {
            let rates = rates(*client);
            let spread = Spread::of(rates.iter().map(|&rate| rate as f64).collect());
            let pairs = rates.iter().zip(&floor).filter(|(_, floor)| **floor > 0);
            let ratio =
                Spread::of(pairs.map(|(rate, floor)| *rate as f64 / *floor as f64).collect());
            let mut row = vec![server.name.clone(), rates.len().to_string()];
            row.extend(cells(spread, 0));
            row.extend(cells(ratio, 3));
            table.row(row);
        }
        vec![table]
    }
}

fn cells(spread: Option<Spread>, digits: usize) -> [String; 3] {
    match spread {
        Some(Spread { median, low, high }) => {
            [median, low, high].map(|value| format!("{value:.digits$}"))
        }
        None => ["-"; 3].map(str::to_owned),
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
