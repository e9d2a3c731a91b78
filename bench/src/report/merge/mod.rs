//! Several reports as the sections of one page: runs of the same thing are one section.
//!
//! Runs are merged where workload, what is measured, settings, version and host are the same; the
//! number of rounds and their length may differ. Invariant: nothing gets better by merging. The
//! worst status wins, every reason stays, and a ratio is taken within a round of one run.

mod series;

use std::path::Path;

use super::ratios::{Figure, paired};
use super::{Report, Unit};
use crate::harness::sla::Judged;
use crate::harness::statistics::Percentile;
use crate::harness::verdict::Status;

/// The setting that says how a run was divided; runs that differ in it alone are merged.
const ROUNDS: &str = "rounds";

/// Where a report was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// By a workload of this program.
    Workload,
    /// Of an engine's interval log, which tells nothing of the host and is never merged.
    IntervalLog,
}

/// A report, or what was merged into it.
#[derive(Clone, Debug)]
pub(crate) struct Section {
    pub(crate) report: Report,
    pub(crate) origin: Origin,
    pub(crate) runs: Vec<Run>,
}

/// Where a section's figures come from.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) file: String,
    pub(crate) started_utc: String,
    pub(crate) command_line: String,
    pub(crate) status: Status,
}

/// A report and the file that it was read from.
#[derive(Clone, Debug)]
pub(crate) struct Input {
    pub(crate) file: String,
    pub(crate) origin: Origin,
    pub(crate) report: Report,
}

impl Section {
    /// The section of one run.
    pub(crate) fn of(input: Input) -> Self {
        let runs = vec![Run::of(&input)];
        Self { report: input.report, origin: input.origin, runs }
    }

    /// Sections in the order in which their first run was named.
    ///
    /// # Errors
    ///
    /// Two files that hold the same run, and series that can't be merged.
    pub(crate) fn all(inputs: Vec<Input>) -> Result<Vec<Self>, String> {
        for (place, input) in inputs.iter().enumerate() {
            if let Some(same) = inputs[..place].iter().find(|one| one.report == input.report) {
                return Err(format!(
                    "{} holds the same run as {}: name each run once",
                    input.file, same.file
                ));
            }
        }
        let mut groups: Vec<Vec<Input>> = Vec::new();
        for input in inputs {
            let is_mergeable = |group: &&mut Vec<Input>| {
                [group[0].origin, input.origin] == [Origin::Workload; 2]
                    && same_thing(&group[0].report, &input.report)
            };
            match groups.iter_mut().find(is_mergeable) {
                Some(group) => group.push(input),
                None => groups.push(vec![input]),
            }
        }
        groups.into_iter().map(Self::merged).collect()
    }

    fn merged(inputs: Vec<Input>) -> Result<Self, String> {
        match <[Input; 1]>::try_from(inputs) {
            Ok([only]) => Ok(Self::of(only)),
            Err(inputs) => {
                let runs = inputs.iter().map(Run::of).collect();
                Ok(Self { report: merge(&inputs)?, origin: inputs[0].origin, runs })
            }
        }
    }
}

impl Input {
    /// What a workload of this program reported.
    pub(crate) fn of_workload(file: impl Into<String>, report: Report) -> Self {
        Self { file: file.into(), origin: Origin::Workload, report }
    }
}

impl Run {
    fn of(input: &Input) -> Self {
        let environment = &input.report.environment;
        Self {
            file: input.file.clone(),
            started_utc: environment.started_utc.clone(),
            command_line: environment.command_line.clone(),
            status: input.report.status,
        }
    }
}

/// Whether the figures of both are about the same thing on the same host.
fn same_thing(one: &Report, other: &Report) -> bool {
    type Key<'a> = (&'a str, Unit, Vec<&'a str>, Vec<&'a (String, String)>, [usize; 2]);
    fn key(report: &Report) -> Key<'_> {
        let environment = &report.environment;
        let texts = [
            Some(environment.measures.as_str()),
            Some(&environment.version),
            Some(&environment.commit),
            Some(&environment.compiler),
            environment.cpu_model.as_deref(),
            environment.kernel.as_deref(),
        ];
        (
            &report.workload,
            report.unit,
            texts.iter().map(|text| text.unwrap_or_default()).collect(),
            environment.settings.iter().filter(|(name, _)| name != ROUNDS).collect(),
            [environment.server_core, environment.client_core],
        )
    }
    key(one) == key(other)
}

fn merge(inputs: &[Input]) -> Result<Report, String> {
    let reports: Vec<&Report> = inputs.iter().map(|input| &input.report).collect();
    let mut merged = reports[0].clone();
    merged.status = reports.iter().map(|report| report.status).max().unwrap_or_default();
    merged.reasons = reasons(inputs);
    merged.series = series::merge(&reports)?;
    merged.ratios = ratios(&reports, &merged)?;
    merged.tables = inputs.iter().flat_map(tables).collect();
    merged.sla = promises(&reports, &merged);
    environment(inputs, &mut merged);
    Ok(merged)
}

/// Every reason once, behind the names of its runs.
fn reasons(inputs: &[Input]) -> Vec<String> {
    let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
    for input in inputs {
        let file = short_name(&input.file);
        for reason in &input.report.reasons {
            match reasons.iter_mut().find(|(known, _)| known == reason) {
                Some((_, files)) if files.contains(&file) => {}
                Some((_, files)) => files.push(file),
                None => reasons.push((reason, vec![file])),
            }
        }
    }
    let sentence = |(reason, files): (&str, Vec<&str>)| format!("{}: {reason}", files.join(", "));
    reasons.into_iter().map(sentence).collect()
}

fn ratios(reports: &[&Report], merged: &Report) -> Result<Vec<super::ratios::Ratio>, String> {
    let (mut pairs, mut figures) = (Vec::new(), Vec::<Figure>::new());
    for ratio in reports.iter().flat_map(|report| &report.ratios) {
        let pair = (ratio.series.clone(), ratio.to.clone());
        if !pairs.contains(&pair) {
            pairs.push(pair);
        }
        let figure = Figure::named(&ratio.figure).ok_or_else(|| {
            format!("{}: ratios of {:?} are not known here", merged.workload, ratio.figure)
        })?;
        if !figures.iter().any(|known| known.name == figure.name) {
            figures.push(figure);
        }
    }
    Ok(paired(&merged.series, &pairs, &figures))
}

/// What a workload shows besides can't be added up: each run keeps its own.
fn tables(input: &Input) -> impl Iterator<Item = super::table::Table> {
    input.report.tables.iter().cloned().map(|mut table| {
        table.title = format!("{} ({})", table.title, short_name(&input.file));
        table
    })
}

/// The promises of all runs, judged again on all samples.
fn promises(reports: &[&Report], merged: &Report) -> Vec<Judged> {
    let mut promises: Vec<Judged> = Vec::new();
    for judged in reports.iter().flat_map(|report| &report.sla) {
        let same = |known: &Judged| {
            (&known.series, known.one_in, known.limit)
                == (&judged.series, judged.one_in, judged.limit)
        };
        if promises.iter().any(same) {
            continue;
        }
        let percentile = Percentile::ALL.into_iter().find(|known| known.one_in() == judged.one_in);
        let measured =
            percentile.and_then(|known| merged.series(&judged.series)?.percentile(known));
        let kept = measured.is_some_and(|measured| measured <= judged.limit);
        promises.push(Judged { measured, kept, ..judged.clone() });
    }
    promises
}

/// The first run's, with what differs between them.
fn environment(inputs: &[Input], merged: &mut Report) {
    let all = || inputs.iter().map(|input| &input.report.environment);
    let greatest = |figure: fn(&crate::harness::environment::Environment) -> f64| {
        let larger = |a: f64, b: f64| if b.abs() > a.abs() { b } else { a };
        all().map(figure).fold(0.0, larger)
    };
    let environment = &mut merged.environment;
    environment.server_core_steal_percent = greatest(|one| one.server_core_steal_percent);
    environment.client_core_steal_percent = greatest(|one| one.client_core_steal_percent);
    environment.time_source_drift_ppm = greatest(|one| one.time_source_drift_ppm);
    let join = |texts: Vec<&str>| {
        let mut unique: Vec<&str> = Vec::new();
        texts.into_iter().for_each(|text| {
            if !unique.contains(&text) {
                unique.push(text);
            }
        });
        unique.into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    environment.command_line =
        join(all().map(|one| one.command_line.as_str()).collect()).join(" && ");
    environment.notes = join(all().flat_map(|one| &one.notes).map(String::as_str).collect());
    for (name, value) in &mut environment.settings {
        let settings = all().flat_map(|one| &one.settings).filter(|(known, _)| known == name);
        *value = join(settings.map(|(_, value)| value.as_str()).collect()).join("; and ");
    }
    let runs: Vec<String> = inputs
        .iter()
        .map(|input| {
            format!("{} ({})", short_name(&input.file), input.report.environment.started_utc)
        })
        .collect();
    environment.notes.push(format!(
        "merged of {} runs: {}. Stolen time and drift are those of the worst of them.",
        runs.len(),
        runs.join(", ")
    ));
}

/// The file's own name: folders are of no interest in a sentence.
fn short_name(file: &str) -> &str {
    Path::new(file).file_name().and_then(|name| name.to_str()).unwrap_or(file)
}

#[cfg(test)]
mod tests;
