//! Every core sends to every other, on as many cores as there are.

use clap::Args;
use taut::Driver;

use super::core_list::CoreList;
use super::micro::{Work, record, warm_up};
use crate::all_to_all::{Connected, Load, RawAtomics, Rings, Task};
use crate::harness::clock::Clock;
use crate::harness::cores;
use crate::harness::counters::Counters;
use crate::harness::host::format_list;
use crate::harness::options::Common;
use crate::harness::rounds::{Lane, Turn};
use crate::harness::series::{Series, Slice};
use crate::harness::session::{Setting, Workload};
use crate::harness::verdict::Verdict;
use crate::report::Unit;
use crate::report::ratios::{Figure, OPS_PER_S, P50, P99};
use crate::subject::check_names;

/// Cores at most: each has a ring to each other.
const CORES_MAX: usize = 64;

const NAMES: [&str; 3] = ["floor", "taut", "taut-epoll"];
/// Suffix, load, and how much of it is timed at once.
const CASES: [(&str, Load, Work); 2] = [
    ("", Load::Rounds, Work { name: "rounds", operations: 32, batches: 500, expected_ns: 0 }),
    (
        ":stream",
        Load::Stream,
        Work { name: "stream", operations: 1_000, batches: 50, expected_ns: 0 },
    ),
];

/// Measures messages from every core to every other.
#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    /// Series to run, separated by commas: floor, taut, taut-epoll; by default all of them.
    #[arg(long, value_delimiter = ',', value_name = "NAME")]
    series: Vec<String>,

    #[command(flatten)]
    cores: CoreList,

    #[command(flatten)]
    common: Common,
}

impl Options {
    /// The cores, and the common options with the first two of them.
    pub(crate) fn places(&self) -> Result<(Vec<usize>, Common), String> {
        self.cores.chosen(2, CORES_MAX, &self.common)
    }
}

/// The workload while it runs.
pub(crate) struct Mesh {
    cores: Vec<usize>,
    allowed: Vec<usize>,
    members: Vec<Member>,
    /// Member and case of each lane.
    lanes: Vec<(usize, usize)>,
}

struct Member {
    name: &'static str,
    connected: Box<dyn Connected + Send>,
    unavailable: Option<String>,
}

impl Mesh {
    pub(crate) fn new(
        options: &Options,
        cores: Vec<usize>,
        setting: &Setting,
    ) -> Result<Self, String> {
        check_names(&options.series, &NAMES)?;
        let asked =
            |name: &str| options.series.is_empty() || options.series.iter().any(|one| one == name);
        let member = |name: &'static str| {
            let driver = match name {
                "taut" => Driver::Uring,
                "taut-epoll" => Driver::Epoll,
                _ => return Member { name, connected: Box::new(RawAtomics), unavailable: None },
            };
            let built = taut::Runtime::builder().driver(driver).build();
            let unavailable = built.err().map(|error| error.to_string());
            Member { name, connected: Box::new(Rings(driver)), unavailable }
        };
        let members: Vec<_> = NAMES.into_iter().filter(|name| asked(name)).map(member).collect();
        let cases = 0..CASES.len();
        let lanes =
            cases.flat_map(|case| (0..members.len()).map(move |member| (member, case))).collect();
        Ok(Self { cores, allowed: setting.cores.allowed.clone(), members, lanes })
    }

    fn others(&self) -> u64 {
        self.cores.len() as u64 - 1
    }
}

impl Workload for Mesh {
    fn name(&self) -> &'static str {
        "mesh"
    }

    fn measures(&self) -> String {
        format!(
            "{} cores, each with each other, 64 B: a round of one message from each to each, or, \
             in a stream, ns per message that a core receives",
            self.cores.len()
        )
    }

    fn unit(&self) -> Unit {
        Unit::Picoseconds
    }

    fn settings(&self) -> Vec<(String, String)> {
        vec![("mesh_cores".to_owned(), format_list(&self.cores))]
    }

    fn lanes(&self) -> Vec<Lane> {
        let lane = |&(member, case): &(usize, usize)| {
            let member = &self.members[member];
            let mut series = Series::new(format!("{}{}", member.name, CASES[case].0));
            series.unavailable.clone_from(&member.unavailable);
            Lane::of(series)
        };
        self.lanes.iter().map(lane).collect()
    }

    fn slice(&mut self, _: &Clock, turn: Turn<'_>) -> Result<Slice, String> {
        // Whoever starts cores gives them what it has itself.
        cores::unpin(&self.allowed)?;
        let (member, case) = self.lanes[turn.lane];
        let (_, load, work) = CASES[case];
        let others = self.others();
        let connected = &mut self.members[member].connected;
        let task = Task { load, batches: work.batches, operations: work.operations };
        let of_a_sample = match load {
            Load::Rounds => work.operations,
            Load::Stream => work.operations * others,
        };
        let in_unit = Unit::Picoseconds.in_one_nanosecond() / of_a_sample as f64;
        warm_up(turn.budget, &work, || Ok(connected.run(&self.cores, task)?.0))?;
        let mut server = Counters::default();
        let ask = || {
            let (times, counted) = connected.run(&self.cores, task)?;
            server = server.plus(&counted);
            Ok(times)
        };
        let (elapsed_ns, batches) =
            record(turn, &work, ask, |time_ns| (time_ns as f64 * in_unit).round() as u64)?;
        let messages = batches * work.operations * others * self.cores.len() as u64;
        let bytes = messages * 64;
        Ok(Slice { elapsed_ns, operations: messages, bytes, server, ..Slice::default() })
    }

    fn pairs(&self) -> Vec<(String, String)> {
        let pair = |name: &str, case: &str| (format!("{name}{case}"), format!("floor{case}"));
        CASES.iter().flat_map(|(case, ..)| NAMES[1..].iter().map(|name| pair(name, case))).collect()
    }

    fn figures(&self) -> Vec<Figure> {
        vec![P50, P99, OPS_PER_S]
    }

    fn notes(&self) -> Vec<String> {
        let notes = [
            "a sample is the time of a batch by the first core's clock, divided by its rounds \
             (32), or by the messages that it received (1 000 from each other core).",
            "ops/s and MiB/s are the messages of all cores together. cpu ns/op, syscalls/op \
             and allocs/op are the first core's, for each message that it received.",
            "a mesh is made anew for each request, and there are several in a slice: medians \
             are over layouts, too.",
        ];
        notes.map(str::to_owned).into()
    }

    fn end(self, _: &[Lane], _: &mut Verdict) {}
}
