//! Whether two sides may be compared, and what a reader should know of them.
//!
//! Invariant: only runs of the same measurement are compared, at least [`RUNS_MIN`] a side, none of
//! them failed, and no run stands on both sides.

use std::collections::BTreeMap;

use super::runs::{Run, Side};
use crate::harness::verdict::Status;
use crate::report::Report;

/// With fewer runs a side than this, nothing is said.
pub(crate) const RUNS_MIN: usize = 5;
/// More runs a side than this say nothing new, and the exact test would take long.
pub(crate) const RUNS_MAX: usize = 50;

/// Whether the two sides may be compared; the error says why not.
pub(crate) fn check(a: &Side, b: &Side) -> Result<(), String> {
    for side in [a, b] {
        if let Some(failed) = side.runs.iter().find(|run| run.report.status == Status::Fail) {
            return Err(format!(
                "{} of {} failed and proves nothing ({}): remove it and make another run",
                failed.path.display(),
                side.name,
                failed.report.reasons.join("; ")
            ));
        }
        let count = side.runs.len();
        if count < RUNS_MIN {
            return Err(format!(
                "{} has {count} of the {RUNS_MIN} runs that it takes: rounds of one run are not \
                 runs, since they share how the process lies in memory; scripts/bench-ab.sh makes \
                 runs of both sides in alternation",
                side.name
            ));
        }
        if count > RUNS_MAX {
            return Err(format!("{} has {count} runs, more than {RUNS_MAX}", side.name));
        }
    }
    let first = &a.runs[0];
    for run in a.runs.iter().chain(&b.runs) {
        check_alike(first, run)?;
    }
    let on_both = a.runs.iter().find_map(|run| {
        let twin = b.runs.iter().find(|other| other.report == run.report)?;
        Some(format!(
            "{} and {} are the same run: it can't be on both sides",
            run.path.display(),
            twin.path.display()
        ))
    });
    on_both.map_or(Ok(()), Err)
}

fn check_alike(one: &Run, other: &Run) -> Result<(), String> {
    let differ = |what: &str, first: &str, second: &str| {
        Err(format!(
            "the runs differ in {what}: {first:?} in {}, {second:?} in {}; only runs of the same \
             command line can be compared",
            one.path.display(),
            other.path.display()
        ))
    };
    let (first, second) = (&one.report, &other.report);
    if first.workload != second.workload {
        return differ("their workload", &first.workload, &second.workload);
    }
    if first.unit != second.unit {
        let unit = |report: &Report| format!("{:?}", report.unit);
        return differ("their unit", &unit(first), &unit(second));
    }
    let (first, second) = (&first.environment, &second.environment);
    if first.measures != second.measures {
        return differ("what they measure", &first.measures, &second.measures);
    }
    let settings = |pairs: &[(String, String)]| pairs.iter().cloned().collect::<BTreeMap<_, _>>();
    let [first, second] = [&first.settings, &second.settings].map(|pairs| settings(pairs));
    let absent = "absent".to_owned();
    for name in first.keys().chain(second.keys()) {
        let [ours, theirs] = [&first, &second].map(|all| all.get(name).unwrap_or(&absent));
        if ours != theirs {
            return differ(&format!("the setting {name}"), ours, theirs);
        }
    }
    Ok(())
}

/// What a reader should know of two sides that may be compared.
pub(crate) fn notes(a: &Side, b: &Side) -> Vec<String> {
    let mut notes: Vec<String> = a.notes.iter().chain(&b.notes).cloned().collect();
    for side in [a, b] {
        let warned = side.runs.iter().filter(|run| run.report.status == Status::Warn).count();
        if warned > 0 {
            notes.push(format!(
                "{warned} of the {} runs of {} have warnings; their reports say which",
                side.runs.len(),
                side.name
            ));
        }
    }
    notes.extend(FACTS.iter().filter_map(|(name, fact)| difference(name, *fact, a, b)));
    if apart(a, b) || apart(b, a) {
        notes.push(
            "all runs of one side began before the first of the other: whatever changed on the \
             host in between counts as a difference; scripts/bench-ab.sh makes them alternate"
                .to_owned(),
        );
    }
    notes
}

/// Facts of a run that may explain a difference.
type Fact = (&'static str, fn(&Report) -> &str);
const FACTS: [Fact; 5] = [
    ("commit", |report| &report.environment.commit),
    ("compiler", |report| &report.environment.compiler),
    ("kernel", |report| report.environment.kernel.as_deref().unwrap_or("unknown")),
    ("CPU", |report| report.environment.cpu_model.as_deref().unwrap_or("unknown")),
    ("governor", |report| report.environment.governor.as_deref().unwrap_or("unknown")),
];

/// A sentence where the runs are not all alike in this fact.
fn difference(name: &str, fact: fn(&Report) -> &str, a: &Side, b: &Side) -> Option<String> {
    let [in_a, in_b] = [a, b].map(|side| {
        let mut facts: Vec<&str> = side.runs.iter().map(|run| fact(&run.report)).collect();
        facts.sort_unstable();
        facts.dedup();
        facts.join(", ")
    });
    let is_mixed = in_a.contains(", ") || in_b.contains(", ");
    (in_a != in_b || is_mixed).then(|| format!("{name}: {in_a} in A, {in_b} in B"))
}

/// Whether every run of one side began before every run of the other.
fn apart(one: &Side, other: &Side) -> bool {
    let (last, first) = (one.runs.last(), other.runs.first());
    last.zip(first).is_some_and(|(last, first)| last.began() < first.began())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::runs::tests::{run, side};

    fn runs(name: &'static str, count: usize) -> Side {
        side(name, (0..count).map(|number| run(&format!("2026-{number:02}-{name}"), Vec::new())))
    }

    /// What is said of five runs a side, the last of which is changed.
    fn refusal(change: impl FnOnce(&mut Report)) -> String {
        let (a, mut b) = (runs("A", RUNS_MIN), runs("B", RUNS_MIN));
        assert_eq!(check(&a, &b), Ok(()));
        change(&mut b.runs[4].report);
        check(&a, &b).unwrap_err()
    }

    #[test]
    fn a_failed_run_is_refused_whatever_the_others_say() {
        let error = refusal(|report| {
            report.status = Status::Fail;
            report.reasons = vec!["a lost reply".to_owned()];
        });
        assert!(error.contains("2026-04-B.json of B failed"), "{error}");
        assert!(error.contains("a lost reply"), "{error}");
    }

    #[test]
    fn other_measurements_are_refused_by_the_name_of_what_differs() {
        type Change = fn(&mut Report);
        let changes: [(&str, Change); 5] = [
            ("their workload", |report| report.workload = "stream".to_owned()),
            ("their unit", |report| report.unit = crate::report::Unit::Picoseconds),
            ("what they measure", |report| report.environment.measures = "half".to_owned()),
            ("the setting z", |report| report.environment.settings[0].1 = "other".to_owned()),
            ("the setting new", |report| {
                report.environment.settings.push(("new".to_owned(), "1".to_owned()));
            }),
        ];
        for (words, change) in changes {
            let error = refusal(change);
            assert!(error.contains(words) && error.contains("2026-04-B.json"), "{error}");
        }
    }

    #[test]
    fn the_order_of_the_settings_does_not_matter() {
        let (a, mut b) = (runs("A", RUNS_MIN), runs("B", RUNS_MIN));
        b.runs[0].report.environment.settings.reverse();
        assert_eq!(check(&a, &b), Ok(()));
    }

    #[test]
    fn too_few_and_too_many_runs_are_refused() {
        let error = check(&runs("A", 5), &runs("B", 4)).unwrap_err();
        assert!(error.contains("B has 4 of the 5 runs") && error.contains("bench-ab.sh"));
        assert!(check(&runs("A", 0), &runs("B", 5)).unwrap_err().contains("A has 0"));
        let error = check(&runs("A", RUNS_MAX + 1), &runs("B", 5)).unwrap_err();
        assert!(error.contains("more than 50"), "{error}");
    }

    #[test]
    fn a_run_can_not_be_on_both_sides() {
        let a = runs("A", RUNS_MIN);
        let mut b = runs("B", RUNS_MIN);
        b.runs[2] = a.runs[3].clone();
        assert!(check(&a, &b).unwrap_err().contains("are the same run"));
    }

    #[test]
    fn sides_that_do_not_alternate_are_said() {
        let (mut a, mut b) = (runs("A", RUNS_MIN), runs("B", RUNS_MIN));
        assert_eq!(notes(&a, &b), Vec::<String>::new());
        for (number, run) in b.runs.iter_mut().enumerate() {
            run.report.environment.started_utc = format!("2027-{number:02}");
        }
        assert!(notes(&a, &b)[0].contains("all runs of one side began before"));
        assert!(notes(&b, &a)[0].contains("all runs of one side began before"));
        a.notes.push("first of all".to_owned());
        assert_eq!(notes(&a, &b)[0], "first of all");
    }

    #[test]
    fn warnings_and_facts_that_differ_are_said() {
        let (a, mut b) = (runs("A", RUNS_MIN), runs("B", RUNS_MIN));
        for run in &mut b.runs {
            run.report.environment.commit = "another".to_owned();
        }
        b.runs[1].report.environment.kernel = Some("7.0".to_owned());
        b.runs[1].report.status = Status::Warn;
        let notes = notes(&a, &b);
        assert_eq!(notes.len(), 3, "{notes:?}");
        assert!(notes[0].starts_with("1 of the 5 runs of B have warnings"), "{notes:?}");
        assert!(notes[1].starts_with("commit: ") && notes[1].ends_with("another in B"));
        assert!(notes[2].starts_with("kernel: ") && notes[2].contains("7.0"), "{notes:?}");
    }
}
