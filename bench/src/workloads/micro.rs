//! What several workloads share: works inside one thread, timed by the subjects themselves.
//!
//! Each lane is one work of one subject; a sample is one batch, divided by its operations.
//! Invariant: the same batches of the same work for every subject; the subject reads its clock
//! twice a batch and nothing else disturbs it. See `bench/SUBJECTS.md` for what each work is.

use std::time::Instant;

use clap::Args;

use crate::harness::clock::Clock;
use crate::harness::options::{Common, Selection};
use crate::harness::plan::SliceBudget;
use crate::harness::rounds::{Lane, Turn};
use crate::harness::series::{Series, Slice};
use crate::harness::session::{Setting, Workload};
use crate::harness::verdict::Verdict;
use crate::report::Unit;
use crate::report::ratios::{Figure, P50};
use crate::subject::{Awake, Crew};

/// The command line of such a workload.
#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    #[command(flatten)]
    pub(crate) selection: Selection,

    #[command(flatten)]
    pub(crate) common: Common,
}

/// One work of a workload.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Work {
    pub(crate) name: &'static str,
    /// Operations of a batch.
    pub(crate) operations: u64,
    /// Batches that are asked for at once.
    pub(crate) batches: u64,
    /// What a batch takes by definition, which is not counted: a sleep's own length.
    pub(crate) expected_ns: u64,
}

/// What tells one such workload from another.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Definition {
    pub(crate) name: &'static str,
    pub(crate) measures: &'static str,
    pub(crate) unit: Unit,
    pub(crate) works: &'static [Work],
    /// The series beside `floor` to which others are compared: `(series, to)`.
    pub(crate) pairs: &'static [(&'static str, &'static str)],
    pub(crate) notes: &'static [&'static str],
}

/// A workload of such works while it runs.
#[derive(Debug)]
pub(crate) struct Micro {
    definition: Definition,
    crew: Crew,
    /// The member of the crew and the work of each lane.
    lanes: Vec<(usize, Work)>,
}

impl Micro {
    pub(crate) fn new(
        definition: Definition,
        selection: &Selection,
        setting: &Setting,
    ) -> Result<Self, String> {
        Self::of(definition, Crew::on_one_core(selection, setting.cores.server)?)
    }

    /// The same with subjects of another role, which answer the same lines.
    pub(crate) fn of(definition: Definition, crew: Crew) -> Result<Self, String> {
        let mut lanes = Vec::new();
        for work in definition.works {
            let members = crew.list.iter().enumerate();
            let able = members.filter(|(_, member)| member.offers(work.name));
            lanes.extend(able.map(|(index, _)| (index, *work)));
        }
        // Who offers nothing of this workload is not awaited; who could not start must be told of.
        let absent = crew.list.iter().enumerate().filter(|(_, member)| member.subject.is_none());
        lanes.extend(absent.filter_map(|(index, _)| Some((index, *definition.works.first()?))));
        Ok(Self { definition, crew, lanes })
    }

    /// The name of the member's series for that work.
    fn series_name(&self, member: &str, work: &Work) -> String {
        match self.definition.works {
            [_] => member.to_owned(),
            _ => format!("{member}:{}", work.name),
        }
    }
}

/// Asks for batches, by time and by count, and forgets them.
pub(crate) fn warm_up(
    budget: &SliceBudget,
    work: &Work,
    mut ask: impl FnMut() -> Result<Vec<u64>, String>,
) -> Result<(), String> {
    let (begun, mut done) = (Instant::now(), 0);
    while begun.elapsed() < budget.warm_up || done < budget.warm_up_count {
        ask()?;
        done += work.batches * work.operations;
    }
    Ok(())
}

/// Asks for batches until the slice is over, and keeps what `sample` makes of the time of each;
/// their times together and their number.
pub(crate) fn record(
    turn: Turn<'_>,
    work: &Work,
    mut ask: impl FnMut() -> Result<Vec<u64>, String>,
    sample: impl Fn(u64) -> u64,
) -> Result<(u64, u64), String> {
    let (samples, budget) = (&mut turn.samples[0], turn.budget);
    let (mut elapsed_ns, mut batches) = (0, 0);
    let begun = Instant::now();
    loop {
        for time_ns in ask()? {
            elapsed_ns += time_ns;
            batches += 1;
            samples.push(sample(time_ns));
        }
        let enough =
            samples.len() >= budget.record_count || begun.elapsed() >= budget.record_longest;
        let full = samples.len() + work.batches as usize > budget.record_capacity;
        if full || (enough && begun.elapsed() >= budget.record) {
            return Ok((elapsed_ns, batches));
        }
    }
}

/// System calls that the kernel counts for so many batches, without those for a request of none;
/// `None` where this user may not count.
pub(crate) fn traced_calls(
    awake: &mut Awake<'_>,
    batches: u64,
    mut ask: impl FnMut(&mut Awake<'_>, u64) -> Result<Vec<u64>, String>,
) -> Result<Option<u64>, String> {
    let Some(mut trace) = awake.subject.trace() else { return Ok(None) };
    let mut calls = [0; 3];
    // The first one is for what is done only once.
    for (count, batches) in calls.iter_mut().zip([0, 0, batches]) {
        let before = trace.count().unwrap_or_default();
        ask(awake, batches)?;
        *count = trace.count().unwrap_or_default() - before;
    }
    Ok(Some(calls[2].saturating_sub(calls[1])))
}

impl Workload for Micro {
    fn name(&self) -> &'static str {
        self.definition.name
    }

    fn measures(&self) -> String {
        self.definition.measures.to_owned()
    }

    fn unit(&self) -> Unit {
        self.definition.unit
    }

    fn settings(&self) -> Vec<(String, String)> {
        let batch = |work: &Work| format!("{} by {}", work.name, work.operations);
        let batches: Vec<String> = self.definition.works.iter().map(batch).collect();
        vec![("batches".to_owned(), batches.join(", "))]
    }

    fn lanes(&self) -> Vec<Lane> {
        let lane = |(member, work): &(usize, Work)| {
            let member = &self.crew.list[*member];
            let mut series = Series::new(self.series_name(&member.name, work));
            series.of_peer = !member.ours;
            series.unavailable.clone_from(&member.unavailable);
            series.about = member.subject.as_ref().map(|one| one.announcement.about());
            Lane::of(series)
        };
        self.lanes.iter().map(lane).collect()
    }

    fn slice(&mut self, _: &Clock, turn: Turn<'_>) -> Result<Slice, String> {
        let (member, work) = self.lanes[turn.lane];
        let subject = self.crew.list[member].subject.as_mut().ok_or("it is not there")?;
        let awake = subject.wake()?;
        let mut ask = || awake.subject.times(work.name, work.batches, work.operations);
        warm_up(turn.budget, &work, &mut ask)?;
        let before = awake.subject.usage();
        let in_unit = self.definition.unit.in_one_nanosecond() / work.operations as f64;
        let mut ask = || awake.subject.times(work.name, work.batches, work.operations);
        let (elapsed_ns, batches) = record(turn, &work, &mut ask, |time_ns| {
            let late = time_ns.saturating_sub(work.expected_ns);
            (late as f64 * in_unit).round() as u64
        })?;
        let mut server = awake.subject.usage().since(&before);
        server.operations = batches * work.operations;
        awake.rest()?;
        Ok(Slice { elapsed_ns, operations: server.operations, server, ..Slice::default() })
    }

    fn pairs(&self) -> Vec<(String, String)> {
        let mut pairs = Vec::new();
        for work in self.definition.works {
            let mut pair = |name: &str, to: &str| {
                pairs.push((self.series_name(name, work), self.series_name(to, work)));
            };
            for member in self.crew.list.iter().filter(|member| member.name != "floor") {
                pair(&member.name, "floor");
            }
            for (name, to) in self.definition.pairs {
                pair(name, to);
            }
            for peer in self.crew.list.iter().filter(|member| !member.ours) {
                pair("taut", &peer.name);
            }
        }
        pairs
    }

    fn figures(&self) -> Vec<Figure> {
        vec![P50]
    }

    fn notes(&self) -> Vec<String> {
        self.definition.notes.iter().map(|&note| note.to_owned()).collect()
    }

    fn end(self, _: &[Lane], verdict: &mut Verdict) {
        self.crew.end(verdict);
    }
}
