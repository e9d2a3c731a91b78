//! The workloads of the C++ framework `asyncio`'s own benchmarks, with a server that runs.
//!
//! Its published table credits a refused connection with a thousand echoes and divides by the
//! time on the core of one thread. Here a sample is one whole iteration in wall time: connect, so
//! many echoes one after the other, every byte compared, close; and, as a case of its own, what
//! that refused connection really is: a runtime made, one connection refused, the runtime's end.
//! Its row of WebSocket is one hundred texts of 64 KiB to a server of its own; here the servers are
//! the subjects, and the client is the raw one.

use std::time::Instant;

use clap::Args;
use taut::ws::Role;

use super::served::{Group, OnServers, Place, Served};
use crate::client::connect_one;
use crate::client::crowd::Crowd;
use crate::client::messages::{Messages, upgrade};
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
use crate::serve::Duty;
use crate::subject::{Crew, Running};
use crate::transport::Address;
use crate::ws::{Kind, frame_bytes};

/// Bytes and echoes of each case.
const CASES: [(usize, u64); 6] =
    [(64, 100), (64, 1_000), (1 << 10, 100), (4 << 10, 100), (16 << 10, 100), (64 << 10, 100)];
/// The same of WebSocket.
const WS_CASES: [(usize, u64); 3] = [(64, 100), (1 << 10, 100), (64 << 10, 100)];
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

/// The workload while it runs: the cases with a server, and behind them those without.
#[derive(Debug)]
pub(crate) struct Asyncio {
    served: OnServers<Echoes>,
    served_lanes: usize,
    crew: Crew,
    /// Members of the crew that can be refused.
    refused: Vec<usize>,
}

impl Asyncio {
    pub(crate) fn new(options: &Options, setting: &Setting) -> Result<Self, String> {
        let served = OnServers::new(Echoes, &options.selection, setting)?;
        let served_lanes = served.lanes().len();
        let crew = Crew::on_one_core(&Selection::default(), setting.cores.server)?;
        let able = crew.list.iter().enumerate().filter(|(_, member)| member.offers(REFUSED));
        let refused = able.map(|(index, _)| index).collect();
        Ok(Self { served, served_lanes, crew, refused })
    }

    fn refused(&mut self, member: usize, turn: Turn<'_>) -> Result<Slice, String> {
        let subject = self.crew.list[member].subject.as_mut().ok_or("it is not there")?;
        let awake = subject.wake()?;
        let samples = &mut turn.samples[0];
        let begun = Instant::now();
        let before = awake.subject.usage();
        let mut elapsed_ns = 0;
        while samples.len() < turn.budget.record_count && begun.elapsed() < turn.budget.record {
            let times = awake.subject.times(REFUSED, REFUSED_AT_ONCE, 1)?;
            elapsed_ns += times.iter().sum::<u64>();
            samples.extend(times);
        }
        let mut server = awake.subject.usage().since(&before);
        server.operations = samples.len() as u64;
        awake.rest()?;
        Ok(Slice { elapsed_ns, server, ..Slice::default() })
    }
}

impl Workload for Asyncio {
    fn name(&self) -> &'static str {
        self.served.name()
    }

    fn measures(&self) -> String {
        self.served.measures()
    }

    fn lanes(&self) -> Vec<Lane> {
        let refused = |&member: &usize| {
            Lane::of(Series::new(format!("{}:{REFUSED}", self.crew.list[member].name)))
        };
        self.served.lanes().into_iter().chain(self.refused.iter().map(refused)).collect()
    }

    fn slice(&mut self, clock: &Clock, turn: Turn<'_>) -> Result<Slice, String> {
        match turn.lane.checked_sub(self.served_lanes) {
            None => self.served.slice(clock, turn),
            Some(refused) => self.refused(self.refused[refused], turn),
        }
    }

    fn pairs(&self) -> Vec<(String, String)> {
        let pair = |name| (format!("{name}:{REFUSED}"), format!("floor:{REFUSED}"));
        self.served.pairs().into_iter().chain(["taut", "taut-epoll"].map(pair)).collect()
    }

    fn figures(&self) -> Vec<Figure> {
        self.served.figures()
    }

    fn features(&self) -> Vec<FeatureRow> {
        self.served.features()
    }

    fn notes(&self) -> Vec<String> {
        self.served.notes()
    }

    fn end(self, lanes: &[Lane], verdict: &mut Verdict) {
        self.served.end(&lanes[..self.served_lanes], verdict);
        self.crew.end(verdict);
    }
}

/// The cases with a server.
#[derive(Debug)]
struct Echoes;

/// What connects anew in each iteration.
#[derive(Debug)]
struct Client {
    address: Address,
    /// Of each case, where they are of WebSocket.
    messages: Option<Vec<Messages>>,
}

impl Served for Echoes {
    type Client = Client;

    fn name(&self) -> &'static str {
        "asyncio"
    }

    fn measures(&self) -> String {
        "wall time of connect, N echoes of SIZE bytes and close, loopback TCP, closed loop"
            .to_owned()
    }

    fn groups(&self) -> Vec<Group> {
        let echoes = CASES.iter().map(|(size, echoes)| format!(":{size}x{echoes}")).collect();
        let messages = WS_CASES.iter().map(|(size, echoes)| format!(":ws-{size}x{echoes}"));
        vec![
            Group { cases: echoes, duty: Duty::Echo },
            Group { cases: messages.collect(), duty: Duty::Ws },
        ]
    }

    fn connect(&self, group: usize, address: &Address) -> Result<Client, String> {
        let messages = |&(payload_bytes, _): &(usize, u64)| {
            Messages::new(Kind { is_text: true, payload_bytes, is_compressed: false }, 1)
        };
        let messages = (group > 0).then(|| WS_CASES.iter().map(messages).collect());
        Ok(Client { address: address.clone(), messages })
    }

    fn slice(
        &mut self,
        place: Place,
        client: &mut Client,
        running: &Running<'_>,
        clock: &Clock,
        turn: Turn<'_>,
    ) -> Result<Slice, String> {
        let (size, echoes) = match place.group {
            0 => CASES[place.case],
            _ => WS_CASES[place.case],
        };
        // What a server counts for a message.
        let served_bytes = match place.group {
            0 => size,
            _ => frame_bytes(size, Role::Client),
        };
        let mut iterate = |echoes: u64| -> Result<u64, String> {
            let begun = clock.now();
            match &mut client.messages {
                Some(messages) => {
                    let mut channel = connect_one(&client.address)?.into();
                    upgrade(&mut channel, false)?;
                    let mut alone = Crowd::alone(channel, &mut messages[place.case]);
                    for _ in 0..echoes {
                        alone.one(clock)?;
                    }
                }
                None => {
                    let mut ping_pong = PingPong::new(vec![connect_one(&client.address)?], size);
                    for _ in 0..echoes {
                        ping_pong.exchange(clock)?;
                    }
                }
            }
            Ok(clock.now().saturating_sub(begun))
        };
        for _ in 0..turn.budget.warm_up_count.div_ceil(echoes) {
            iterate(echoes)?;
        }
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
        let server =
            running.end(began, (operations, served_bytes as u64), || iterate(1).map(drop))?;
        Ok(Slice { elapsed_ns, operations, bytes, server, client, cold: false })
    }

    fn figures(&self) -> Vec<Figure> {
        vec![P50, CPU_PER_OP]
    }

    fn note(&self) -> Option<String> {
        let note = "NAME:64x1000 is one connection on which 1 000 messages of 64 B are echoed one \
                    after the other; ops/s counts echoes in wall time, MiB/s one direction. \
                    NAME:ws-65536x100 is the \
                    same with text messages of a WebSocket, the handshake included. NAME:refused \
                    makes a runtime, has one connection refused and ends the runtime \
                    (the floor has no runtime): this is what the C++ framework's table shows as 27 \
                    million echoes a second, by counting a thousand for each. A runtime of ours \
                    touches and locks its 8 MiB of receive buffers when it is made.";
        Some(note.to_owned())
    }
}
