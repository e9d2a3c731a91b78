//! The workloads of the C++ framework `asyncio`'s own benchmarks, with a server that runs.
//!
//! Its published table credits a refused connection with a thousand echoes and divides by the
//! time on the core of one thread. Here a sample is one whole iteration in wall time: connect, so
//! many echoes one after the other, every byte compared, close; and, as a case of its own, what
//! that refused connection really is: a runtime made, one connection refused, the runtime's end.

use std::net::SocketAddr;

use clap::Args;

use crate::client::connect_one;
use crate::client::ping_pong::PingPong;
use crate::harness::clock::Clock;
use crate::harness::counters::Counters;
use crate::harness::environment::FeatureRow;
use crate::harness::options::{Common, Selection};
use crate::harness::rounds::{Lane, Turn};
use crate::harness::series::{Series, Slice};
use crate::harness::session::{Setting, Workload};
use crate::harness::verdict::Verdict;
use crate::report::ratios::{CPU_PER_OP, Figure, P50};
use crate::subject::{Crew, Servers};

/// Bytes and echoes of each case.
const CASES: [(usize, u64); 6] =
    [(64, 100), (64, 1_000), (1 << 10, 100), (4 << 10, 100), (16 << 10, 100), (64 << 10, 100)];
/// The micro work of the last case, and how often it is done at once.
const REFUSED: &str = "refused";
const REFUSED_AT_ONCE: u64 = 10;

/// Measures what the C++ framework's own benchmarks claim to.
#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    #[command(flatten)]
    pub(crate) selection: Selection,

    #[command(flatten)]
    pub(crate) common: Common,
}

/// The workload while it runs.
#[derive(Debug)]
pub(crate) struct Asyncio {
    servers: Servers,
    addresses: Vec<Option<SocketAddr>>,
    crew: Crew,
    /// Members of the crew that can be refused.
    refused: Vec<usize>,
}

impl Asyncio {
    pub(crate) fn new(options: &Options, setting: &Setting) -> Result<Self, String> {
        let mut servers = Servers::start(&options.selection, setting.cores.server)?;
        let addresses = servers.connect_each(Ok);
        let crew = Crew::start(&Selection::default(), setting.cores.server)?;
        let able = crew.list.iter().enumerate().filter(|(_, member)| member.offers(REFUSED));
        let refused = able.map(|(index, _)| index).collect();
        Ok(Self { servers, addresses, crew, refused })
    }

    fn refused(&mut self, member: usize, turn: Turn<'_>) -> Result<Slice, String> {
        let subject = self.crew.list[member].subject.as_mut().ok_or("it is not there")?;
        let awake = subject.wake()?;
        let samples = &mut turn.samples[0];
        let begun = std::time::Instant::now();
        let before = awake.subject.usage();
        let mut elapsed_ns = 0;
        while samples.len() < turn.budget.record_count && begun.elapsed() < turn.budget.record {
            let answer = awake.subject.ask(&format!("{REFUSED} {REFUSED_AT_ONCE} 1"))?;
            for word in answer.split_whitespace() {
                let time: u64 = word.parse().map_err(|_| format!("{word:?} is no time in ns"))?;
                elapsed_ns += time;
                samples.push(time);
            }
        }
        let mut server = awake.subject.usage().since(&before);
        server.operations = samples.len() as u64;
        awake.rest()?;
        Ok(Slice { elapsed_ns, server, ..Slice::default() })
    }
}

impl Workload for Asyncio {
    fn name(&self) -> &'static str {
        "asyncio"
    }

    fn measures(&self) -> String {
        "wall time of connect, N echoes of SIZE bytes and close, loopback TCP, closed loop"
            .to_owned()
    }

    fn lanes(&self) -> Vec<Lane> {
        let mut lanes = Vec::new();
        for (size, echoes) in CASES {
            let series = |server: &crate::subject::Server| {
                server.series(&format!("{}:{size}x{echoes}", server.name))
            };
            lanes.extend(self.servers.list.iter().map(|server| Lane::of(series(server))));
        }
        for &member in &self.refused {
            let name = format!("{}:{REFUSED}", self.crew.list[member].name);
            lanes.push(Lane::of(Series::new(name)));
        }
        lanes
    }

    fn slice(&mut self, clock: &Clock, turn: Turn<'_>) -> Result<Slice, String> {
        let count = self.servers.list.len();
        let Some((size, echoes)) = turn.lane.checked_div(count).and_then(|case| CASES.get(case))
        else {
            return self.refused(self.refused[turn.lane - CASES.len() * count], turn);
        };
        let (size, echoes) = (*size, *echoes);
        let server = turn.lane % count;
        let address = self.addresses[server].ok_or("its server is not there")?;
        let running = self.servers.list[server].wake()?;
        let iterate = |echoes: u64| -> Result<u64, String> {
            let begun = clock.now();
            let stream = connect_one(address)
                .map_err(|error| format!("a connection could not be made: {error}"))?;
            let mut client = PingPong::new(vec![stream], size);
            for _ in 0..echoes {
                client.exchange(clock)?;
            }
            drop(client);
            Ok(clock.now().saturating_sub(begun))
        };
        iterate(echoes)?;
        let began = running.begin(turn.rehearsal, || iterate(1).map(drop))?;
        let client_before = Counters::of_this_thread();
        let samples = &mut turn.samples[0];
        let begun = clock.now();
        let end = begun + clock.ticks(turn.budget.record);
        while samples.is_empty()
            || (clock.now() < end && samples.len() < turn.budget.record_capacity)
        {
            samples.push(clock.nanoseconds(iterate(echoes)?));
        }
        let elapsed_ns = clock.nanoseconds(clock.now() - begun);
        let operations = samples.len() as u64 * echoes;
        let mut client = Counters::of_this_thread().since(&client_before);
        client.operations = operations;
        let bytes = operations * size as u64;
        let server = running.end(began, (operations, size as u64), || iterate(1).map(drop))?;
        running.rest()?;
        Ok(Slice { elapsed_ns, operations, bytes, server, client, ..Slice::default() })
    }

    fn pairs(&self) -> Vec<(String, String)> {
        let suffix =
            |&(size, echoes): &(usize, u64)| self.servers.pairs(&format!(":{size}x{echoes}"));
        let mut pairs: Vec<_> = CASES.iter().flat_map(suffix).collect();
        for name in ["taut", "taut-epoll"] {
            pairs.push((format!("{name}:{REFUSED}"), format!("floor:{REFUSED}")));
        }
        pairs
    }

    fn figures(&self) -> Vec<Figure> {
        vec![P50, CPU_PER_OP]
    }

    fn features(&self) -> Vec<FeatureRow> {
        self.servers.features()
    }

    fn notes(&self) -> Vec<String> {
        let mut notes = self.servers.notes();
        notes.push(
            "NAME:64x1000 is one connection on which 1 000 messages of 64 B are echoed one after \
             the other; ops/s counts echoes in wall time, MiB/s one direction. NAME:refused makes \
             a runtime, has one connection refused and ends the runtime (the floor has no \
             runtime): this is what the C++ framework's table shows as 27 million echoes a second, \
             by counting a thousand for each."
                .to_owned(),
        );
        notes
    }

    fn end(self, _: &[Lane], verdict: &mut Verdict) {
        self.servers.end(verdict);
        self.crew.end(verdict);
    }
}
