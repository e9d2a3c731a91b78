//! One order by HTTP/1.1 there and back: what a client costs, plain and over TLS.
//!
//! Here the clients are the subjects. All of them talk to one venue, a raw server of ours that
//! spins on the other core and answers constant bytes, so whatever two series differ by is the
//! client's doing. A client times each of its own orders, from before the fields of the order are
//! set to after the answer was compared; see `bench/SUBJECTS.md`.

use clap::Args;

use super::micro::{Work, record, traced_calls, warm_up};
use crate::harness::clock::Clock;
use crate::harness::counters::Inside;
use crate::harness::options::{Common, Selection};
use crate::harness::rounds::{Lane, Turn};
use crate::harness::series::{Series, Slice};
use crate::harness::session::{Setting, Workload};
use crate::harness::verdict::Verdict;
use crate::order::{self, OrderKind, Venue, request_bytes, whole_answer};
use crate::report::ratios::{CPU_PER_OP, Figure, P50, P99};
use crate::subject::{Awake, Crew, Member, Subject, this_program};
use crate::transport::Address;

/// What is asked of each client: orders that are timed one by one.
const ORDERS: Work = Work { name: order::ORDER, operations: 1, batches: 500, expected_ns: 0 };
/// And of the cipher alone, which takes no longer than some readings of the clock.
const CIPHERS: Work = Work { name: order::AEAD, operations: 32, batches: 100, expected_ns: 0 };

/// Measures clients of HTTP by one order there and back.
#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    #[command(flatten)]
    pub(crate) selection: Selection,

    #[command(flatten)]
    pub(crate) common: Common,
}

/// The workload while it runs.
#[derive(Debug)]
pub(crate) struct HttpOrder {
    venue: Subject,
    request_bytes: u64,
    crew: Crew,
}

impl HttpOrder {
    /// Starts the venue and the clients, and has each of them connect.
    pub(crate) fn new(options: &Options, setting: &Setting) -> Result<Self, String> {
        let core = setting.cores.client;
        let mut venue = Subject::start(&this_program()?, ["venue"], &[core])
            .map_err(|reason| format!("the venue: {reason}"))?;
        let announced = &venue.announcement;
        let (Some(Address::Ip(address)), Some(certificate)) =
            (announced.listening.clone(), announced.certificate.clone())
        else {
            return Err("the venue's announcement names no address or no certificate".to_owned());
        };
        let place = Venue { address, certificate };
        let mut crew = Crew::of_clients(&options.selection, setting.cores.server)?;
        let awake_venue = venue.wake()?;
        for member in &mut crew.list {
            let Some(subject) = &mut member.subject else { continue };
            if let Err(reason) = connect(subject, &place) {
                member.subject = None;
                member.unavailable = Some(reason);
            }
        }
        awake_venue.rest()?;
        Ok(Self { venue, request_bytes: request_bytes(&place), crew })
    }

    fn work(member: &Member) -> Work {
        if member.offers(CIPHERS.name) { CIPHERS } else { ORDERS }
    }
}

fn connect(subject: &mut Subject, venue: &Venue) -> Result<(), String> {
    let awake = subject.wake()?;
    let answer = awake.subject.ask(&venue.to_string())?;
    awake.rest()?;
    match answer == order::CONNECTED {
        true => Ok(()),
        false => Err(format!("it was to connect and answered {answer:?}")),
    }
}

/// What a client of ours has counted in orders that it timed, since it was last asked.
fn counts(awake: &Awake<'_>) -> Result<Inside, String> {
    match awake.subject.numbers(order::COUNTS)?[..] {
        [operations, syscalls, allocations] => {
            Ok(Inside { operations, syscalls: Some(syscalls), allocations })
        }
        _ => Err("its counts are no three numbers".to_owned()),
    }
}

impl Workload for HttpOrder {
    fn name(&self) -> &'static str {
        "http-order"
    }

    fn measures(&self) -> String {
        format!(
            "RTT of one order, HTTP/1.1 over loopback TCP, POST of {} B, answer of {} B, closed \
             loop, one in flight, keep-alive",
            self.request_bytes,
            whole_answer().len()
        )
    }

    fn lanes(&self) -> Vec<Lane> {
        let lane = |member: &Member| {
            let mut series = Series::new(member.name.clone());
            series.of_peer = !member.ours;
            series.unavailable.clone_from(&member.unavailable);
            series.about = member.subject.as_ref().map(|one| one.announcement.about());
            let kind = OrderKind::ALL.into_iter().find(|kind| kind.name() == member.name);
            series.polls_by_syscall = member.ours && kind.is_some_and(OrderKind::polls_by_syscall);
            Lane::of(series)
        };
        self.crew.list.iter().map(lane).collect()
    }

    fn slice(&mut self, _: &Clock, turn: Turn<'_>) -> Result<Slice, String> {
        let member = &mut self.crew.list[turn.lane];
        let (work, ours) = (Self::work(member), member.ours);
        let subject = member.subject.as_mut().ok_or("it is not there")?;
        let venue = self.venue.wake()?;
        let mut awake = subject.wake()?;
        let times =
            |awake: &Awake<'_>, batches| awake.subject.times(work.name, batches, work.operations);
        warm_up(turn.budget, &work, || times(&awake, work.batches))?;
        let traced = match turn.rehearsal && !ours {
            true => traced_calls(&mut awake, work.batches, |awake, count| times(awake, count))?,
            false => None,
        };
        if ours {
            counts(&awake)?;
        }
        let before = (awake.subject.usage(), venue.subject.usage());
        let (elapsed_ns, batches) =
            record(turn, &work, || times(&awake, work.batches), |time| time / work.operations)?;
        let operations = batches * work.operations;
        let mut server = awake.subject.usage().since(&before.0);
        let mut client = venue.subject.usage().since(&before.1);
        (server.operations, client.operations) = (operations, operations);
        server.traced_syscalls = traced.map(|calls| (calls, work.batches * work.operations));
        if ours {
            server.inside = Some(counts(&awake)?);
        }
        awake.rest()?;
        venue.rest()?;
        let bytes = operations * self.request_bytes;
        Ok(Slice { elapsed_ns, operations, bytes, server, client, cold: false })
    }

    fn pairs(&self) -> Vec<(String, String)> {
        let name = |kind: OrderKind| kind.name().to_owned();
        let (floor, floor_aead) = (name(OrderKind::Floor), name(OrderKind::FloorAead));
        let others = self.crew.list.iter().filter(|one| one.name != floor && one.name != "aead");
        let mut pairs: Vec<_> = others.map(|one| (one.name.clone(), floor.clone())).collect();
        for (plain, tls) in
            [(OrderKind::Taut, OrderKind::TautTls), (OrderKind::TautEpoll, OrderKind::TautEpollTls)]
        {
            pairs.push((name(tls), floor_aead.clone()));
            for peer in self.crew.list.iter().filter(|member| !member.ours) {
                let ours = if peer.name.ends_with("-tls") { tls } else { plain };
                pairs.push((name(ours), peer.name.clone()));
            }
        }
        pairs
    }

    fn figures(&self) -> Vec<Figure> {
        vec![P50, P99, CPU_PER_OP]
    }

    fn notes(&self) -> Vec<String> {
        let notes = [
            "the subjects are clients; the venue that all of them ask is one process, spinning on \
             the other core, and what it costs is in each figure. client cpu ns/op is the venue's.",
            "floor sends the same bytes by hand and compares the answer without reading it. \
             floor-aead seals an order and opens an answer beside each of its round trips: a plain \
             floor and the two operations of the cipher that TLS can't do without. aead is these \
             two alone.",
            "a peer whose name ends in -tls speaks TLS, and is compared with ours that do.",
        ];
        notes.map(str::to_owned).into()
    }

    fn end(self, _: &[Lane], verdict: &mut Verdict) {
        self.crew.end(verdict);
        if let Err(reason) = self.venue.end() {
            verdict.fail(format!("the venue failed: {reason}"));
        }
    }
}
