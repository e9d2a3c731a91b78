//! What a message from one core to another takes: rings, raw atomics, a raw futex, and the peers.
//!
//! Two threads of one subject (of `shm-spsc`, two processes) have a core each. What is timed begins
//! and ends on the same core, by the same clock: a round trip, of which the sample is half, or a
//! message and the atomic word by which its receiver says that it has it. Stamps of two cores are
//! never compared: their counters agree to within some ten nanoseconds at best, which is as much as
//! rings differ by, and no program can prove it.

use std::time::Duration;

use clap::Args;

use super::core_list::CoreList;
use super::micro::{Work, record, traced_calls, warm_up};
use crate::harness::clock::Clock;
use crate::harness::counters::{Counters, Inside};
use crate::harness::duration::{format_duration, parse_duration};
use crate::harness::options::{Common, Selection};
use crate::harness::rounds::{Lane, Turn};
use crate::harness::series::{Series, Slice};
use crate::harness::session::{Setting, Workload};
use crate::harness::verdict::Verdict;
use crate::report::Unit;
use crate::report::ratios::{Figure, OPS_PER_S, P50, P99};
use crate::subject::{Awake, Crew, Member};

/// Round trips that are timed together: a clock is read in some ten nanoseconds, and steps by as
/// many.
const TRIPS: u64 = 32;

/// Measures messages from one core to another.
#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    /// Pause before each of the round trips that are timed one by one, as NAME+think, with both
    /// cores awake; 0 leaves them out.
    #[arg(long, default_value = "50us", value_parser = parse_duration)]
    think: Duration,

    /// Pause before each message to a core that sleeps: long enough for it to fall asleep.
    #[arg(long, default_value = "50us", value_parser = parse_duration)]
    idle: Duration,

    /// Measure messages a second instead, of 64 B, one at a time (NAME:1) and in batches (NAME:32).
    #[arg(long)]
    stream: bool,

    #[command(flatten)]
    cores: CoreList,

    #[command(flatten)]
    pub(crate) selection: Selection,

    #[command(flatten)]
    common: Common,
}

impl Options {
    /// The two cores, and the common options with them.
    pub(crate) fn places(&self) -> Result<Common, String> {
        Ok(self.cores.chosen(2, 2, &self.common)?.1)
    }

    fn cases(&self) -> Vec<Case> {
        let case = |suffix, name, operations, batches, messages, pause| {
            let work = Work { name, operations, batches, expected_ns: 0 };
            Case { suffix, work, messages, pause }
        };
        let awake = Duration::ZERO;
        if self.stream {
            return vec![
                case(":1", "stream", 10_000, 10, 1, awake),
                case(":32", "stream_32", 10_000, 10, 1, awake),
            ];
        }
        let mut cases = vec![
            case("", "ping_pong", TRIPS, 500, 2, awake),
            case("", "wake", 1, 100, 1, self.idle),
            case("+burst", "burst", 32, 100, 1, self.idle),
        ];
        if !self.think.is_zero() {
            cases.insert(1, case("+think", "ping_pong", 1, 100, 2, self.think));
        }
        cases
    }
}

/// What is asked of each subject that offers it.
#[derive(Clone, Copy, Debug)]
struct Case {
    suffix: &'static str,
    work: Work,
    /// Messages of an operation, among which its time is divided.
    messages: u64,
    pause: Duration,
}

/// The workload while it runs.
#[derive(Debug)]
pub(crate) struct BetweenCores {
    options: Options,
    crew: Crew,
    cases: Vec<Case>,
    /// Member and case of each lane.
    lanes: Vec<(usize, usize)>,
    /// Whether the kernel lets this user count system calls.
    traces: bool,
}

impl BetweenCores {
    pub(crate) fn new(options: Options, setting: &Setting) -> Result<Self, String> {
        let cores = [setting.cores.server, setting.cores.client];
        let crew = Crew::on_two_cores(&options.selection, cores)?;
        let cases = options.cases();
        let mut lanes = Vec::new();
        for (case, Case { work, .. }) in cases.iter().enumerate() {
            let able = crew.list.iter().enumerate().filter(|(_, one)| one.offers(work.name));
            lanes.extend(able.map(|(member, _)| (member, case)));
        }
        // Who could not start must be told of.
        let absent = crew.list.iter().enumerate().filter(|(_, one)| one.subject.is_none());
        lanes.extend(absent.map(|(member, _)| (member, 0)));
        let traces = crew
            .list
            .iter()
            .any(|one| one.subject.as_ref().is_some_and(|subject| subject.trace().is_some()));
        Ok(Self { options, crew, cases, lanes, traces })
    }

    fn series_name(&self, (member, case): (usize, usize)) -> String {
        format!("{}{}", self.crew.list[member].name, self.cases[case].suffix)
    }
}

impl Case {
    /// Has so many batches done; their times in ns.
    fn ask(&self, awake: &mut Awake<'_>, batches: u64) -> Result<Vec<u64>, String> {
        let Work { name, operations, .. } = self.work;
        let pause_ns = self.pause.as_nanos();
        awake.subject.numbers(&format!("{name} {batches} {operations} {pause_ns}"))
    }
}

/// What the kernel counts for a request, and for how many messages.
fn trace(awake: &mut Awake<'_>, case: &Case) -> Result<Option<(u64, u64)>, String> {
    let calls = traced_calls(awake, case.work.batches, |awake, count| case.ask(awake, count))?;
    Ok(calls.map(|calls| (calls, case.work.batches * case.work.operations * case.messages)))
}

/// What a subject of ours has counted since it was last asked, both cores together.
fn counts(awake: &mut Awake<'_>, case: &Case, traced: bool) -> Result<Counters, String> {
    let numbers = awake.subject.numbers("counts")?;
    let &[operations, calls, allocations, voluntary, involuntary, faults] = numbers.as_slice()
    else {
        return Err(format!("its counts are no six numbers: {numbers:?}"));
    };
    let operations = operations * case.messages;
    // Where the kernel counts it has the last word.
    let syscalls = (!traced).then_some(calls);
    Ok(Counters {
        voluntary_switches: voluntary,
        involuntary_switches: involuntary,
        page_faults: faults,
        inside: Some(Inside { operations, syscalls, allocations }),
        ..Counters::default()
    })
}

impl Workload for BetweenCores {
    fn name(&self) -> &'static str {
        "cores"
    }

    fn measures(&self) -> String {
        match self.options.stream {
            true => "ns per message of 64 B from core to core, one sender, one receiver".to_owned(),
            false => {
                "one-way latency core to core: half a round trip; of a core that sleeps, from \
                      before the send to the receiver's word that it is there"
                    .to_owned()
            }
        }
    }

    fn unit(&self) -> Unit {
        Unit::Picoseconds
    }

    fn settings(&self) -> Vec<(String, String)> {
        let one = |case: &Case| {
            let Case { work, pause, suffix, .. } = case;
            let pause = match pause.is_zero() {
                true => String::new(),
                false => format!(" after {}", format_duration(*pause)),
            };
            format!("NAME{suffix}: {} by {}{pause}", work.name, work.operations)
        };
        let batches: Vec<String> = self.cases.iter().map(one).collect();
        vec![("batches".to_owned(), batches.join(", "))]
    }

    fn lanes(&self) -> Vec<Lane> {
        let lane = |&place: &(usize, usize)| {
            let member = &self.crew.list[place.0];
            let mut series = Series::new(self.series_name(place));
            series.of_peer = !member.ours;
            series.unavailable.clone_from(&member.unavailable);
            series.about = member.subject.as_ref().map(|one| one.announcement.about());
            Lane::of(series)
        };
        self.lanes.iter().map(lane).collect()
    }

    fn slice(&mut self, _: &Clock, turn: Turn<'_>) -> Result<Slice, String> {
        let (member, case) = self.lanes[turn.lane];
        let (case, ours) = (self.cases[case], self.crew.list[member].ours);
        let messages = case.work.operations * case.messages;
        let in_unit = self.unit().in_one_nanosecond() / messages as f64;
        let subject = self.crew.list[member].subject.as_mut().ok_or("it is not there")?;
        let mut awake = subject.wake()?;
        warm_up(turn.budget, &case.work, || case.ask(&mut awake, case.work.batches))?;
        if ours {
            counts(&mut awake, &case, self.traces)?;
        }
        let traced = if turn.rehearsal { trace(&mut awake, &case)? } else { None };
        let before = awake.subject.usage();
        let ask = || case.ask(&mut awake, case.work.batches);
        let (elapsed_ns, batches) =
            record(turn, &case.work, ask, |time_ns| (time_ns as f64 * in_unit).round() as u64)?;
        let kernel = awake.subject.usage().since(&before);
        // Making a ring anew faults and sleeps, which is not what is measured: only a subject of
        // ours tells what happened while it was timed.
        let mut server = match ours {
            true => counts(&mut awake, &case, self.traces)?,
            false => Counters::default(),
        };
        server.cpu_ns = kernel.cpu_ns;
        server.operations = batches * messages;
        server.traced_syscalls = traced;
        awake.rest()?;
        Ok(Slice { elapsed_ns, operations: server.operations, server, ..Slice::default() })
    }

    fn pairs(&self) -> Vec<(String, String)> {
        let names: Vec<String> = self.lanes.iter().map(|&place| self.series_name(place)).collect();
        let mut pairs = Vec::new();
        for Case { suffix, work, .. } in &self.cases {
            let floor = if work.name == "wake" { "futex-wake" } else { "floor" };
            let of_case = |one: &Member| format!("{}{suffix}", one.name);
            let there = |one: &&Member| one.offers(work.name) && one.name != floor;
            let members = || self.crew.list.iter().filter(there);
            pairs.extend(members().map(|one| (of_case(one), format!("{floor}{suffix}"))));
            let peers = members().filter(|one| !one.ours);
            pairs.extend(peers.map(|one| (format!("spsc-spin{suffix}"), of_case(one))));
        }
        pairs.retain(|(one, to)| names.contains(one) && names.contains(to));
        pairs
    }

    fn figures(&self) -> Vec<Figure> {
        match self.options.stream {
            true => vec![P50, OPS_PER_S],
            false => vec![P50, P99],
        }
    }

    fn notes(&self) -> Vec<String> {
        let notes = [
            "a sample is the time of a batch divided by its messages: percentiles of NAME are \
             those of means over 64 messages (32 round trips), those of NAME+think of single \
             round trips, of which one reading of the clock, some ten to thirty ns, is a part \
             for everybody.",
            "each request makes its rings anew in other memory, and there are several in a \
             slice: a median is over layouts, too.",
            "floor is the fastest of five forms, tried before each request: one cache line a \
             direction or 16 in turn, none, one or four pause hints between two looks. On a \
             virtual host it changes with where the hypervisor has the two cores: a ring that \
             is faster than it in a round has met a better moment.",
            "futex-wake and NAME-park: the receiver's core sleeps, the sender spins; the time \
             holds the receiver's word that it is there, one store that the sender sees as it \
             sees those of floor. NAME+burst sends 32 to a sleeping core and divides by 32.",
            "syscalls/op is counted by the kernel for both cores together, in the round whose \
             times are not kept, less what a request of no batches makes; where this user may \
             not trace, by the runtime itself. cpu ns/op holds all of both cores, spinning \
             and making the rings included.",
        ];
        notes.map(str::to_owned).into()
    }

    fn end(self, _: &[Lane], verdict: &mut Verdict) {
        self.crew.end(verdict);
    }
}
