//! Ping-pong: what one round trip costs on each kind of server, over TCP or another transport.
//!
//! One raw spinning client sends a message and waits for its echo, one message in flight in total,
//! so every sample is a closed-loop round trip without queueing.

use std::time::Duration;

use clap::Args;

use super::served::{Group, Place, Served};
use crate::client::ping_pong::PingPong;
use crate::client::{connect, connect_ticks};
use crate::harness::clock::Clock;
use crate::harness::duration::{format_duration, parse_duration};
use crate::harness::options::{Common, Selection};
use crate::harness::rounds::Turn;
use crate::harness::series::Slice;
use crate::report::ratios::{CPU_PER_OP, Figure, P50, P99};
use crate::serve::Duty;
use crate::subject::Running;
use crate::transport::{Address, Transport};

/// What fits a receive slot of the runtime's defaults, less its head.
const DATAGRAM_BYTES_MAX: u32 = 32_512;

/// Measures round trips, and their floor in the same run.
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

/// What tells one ping-pong from another.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Definition {
    pub(crate) name: &'static str,
    pub(crate) transport: Transport,
}

pub(crate) const DEFINITION: Definition = Definition { name: "echo", transport: Transport::Tcp };

/// A ping-pong that runs.
#[derive(Debug)]
pub(crate) struct Echo {
    pub(crate) options: Options,
    pub(crate) definition: Definition,
}

impl Served for Echo {
    type Client = PingPong;

    fn name(&self) -> &'static str {
        self.definition.name
    }

    fn transport(&self) -> Transport {
        self.definition.transport
    }

    fn measures(&self) -> String {
        let connections = match self.options.connections {
            1 => "1 connection".to_owned(),
            several => format!("{several} connections used in turn"),
        };
        format!(
            "RTT, {}, {} B, {connections}, closed loop, one message in flight",
            self.definition.transport.about(),
            self.options.size
        )
    }

    fn settings(&self) -> Vec<(String, String)> {
        let pauses: Vec<String> =
            self.options.pauses().iter().map(|(think, _)| format_duration(*think)).collect();
        vec![("think_time".to_owned(), pauses.join(", "))]
    }

    fn groups(&self) -> Vec<Group> {
        let cases = self.options.pauses().into_iter().map(|(_, suffix)| suffix).collect();
        vec![Group { cases, duty: Duty::Echo }]
    }

    fn connect(&self, _: usize, address: &Address) -> Result<PingPong, String> {
        let (count, size) = (self.options.connections as usize, self.options.size as usize);
        match self.definition.transport {
            Transport::Ticks => Ok(PingPong::new(connect_ticks(address, count)?, size)),
            _ => Ok(PingPong::new(connect(address, count)?, size)),
        }
    }

    fn slice(
        &mut self,
        place: Place,
        client: &mut PingPong,
        running: &Running<'_>,
        clock: &Clock,
        turn: Turn<'_>,
    ) -> Result<Slice, String> {
        client.slice(clock, running, self.options.pauses()[place.case].0, turn)
    }

    fn figures(&self) -> Vec<Figure> {
        vec![P50, P99, CPU_PER_OP]
    }

    fn note(&self) -> Option<String> {
        (self.options.connections > 1).then(|| {
            "the client goes round the connections with one message in flight in total: this shows \
             what many open connections cost, not throughput. The series floor asks every socket \
             in turn, so with many of them raw-epoll-spin is the faster raw server."
                .to_owned()
        })
    }
}

impl Definition {
    /// Refuses what its sockets can't carry.
    pub(crate) fn check(&self, options: &Options) -> Result<(), String> {
        let is_datagram = matches!(self.transport, Transport::Udp | Transport::Ticks);
        if is_datagram && options.size > DATAGRAM_BYTES_MAX {
            return Err(format!(
                "--size {}: a datagram has {DATAGRAM_BYTES_MAX} bytes at most",
                options.size
            ));
        }
        if self.transport == Transport::Ticks && options.connections > 1 {
            return Err("--connections: orders go to one connection".to_owned());
        }
        Ok(())
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
        let names = |line: &str| {
            let echo = Echo { options: options(line), definition: DEFINITION };
            echo.groups()[0].cases.clone()
        };
        assert_eq!(names(""), ["", "+think"]);
        assert_eq!(names("--think 0"), [""]);
        assert_eq!(names("--think 0,20us"), ["", "+think"]);
        assert_eq!(names("--think 100us --think 20us,20us"), ["", "+think20us", "+think100us"]);
    }
}
