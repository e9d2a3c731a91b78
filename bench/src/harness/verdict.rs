//! Whether a run can be trusted, and why not.
//!
//! Invariant: the status only ever gets worse, and never without a sentence that says what
//! happened and what to do about it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::rounds::Outcome;
use super::series::Series;

/// Percentage of stolen time from which a run is warned about.
const STEAL_PERCENT: f64 = 1.0;
/// Parts per million from which the calibrated clock is warned about.
const DRIFT_PPM: f64 = 1_000.0;

/// Rounds that it takes for a median with a spread.
const ROUNDS_TO_QUOTE: usize = 9;

/// A run's status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Status {
    #[default]
    Ok,
    Warn,
    Fail,
}

/// The status with its reasons.
#[derive(Clone, Debug, Default)]
pub(crate) struct Verdict {
    pub(crate) status: Status,
    pub(crate) reasons: Vec<String>,
}

/// What the judge looks at besides the series.
#[derive(Debug)]
pub(crate) struct Evidence<'a> {
    pub(crate) outcome: &'a Outcome,
    pub(crate) rounds_asked: usize,
    pub(crate) time_asked: Duration,
    pub(crate) clock_is_time_stamp_counter: bool,
    pub(crate) clock_source: &'a str,
    pub(crate) clock_drift_ppm: f64,
    /// The core, what runs on it, and the percentage of its time that the hypervisor took.
    pub(crate) steal: &'a [(usize, &'static str, f64)],
}

impl Verdict {
    pub(crate) fn warn(&mut self, reason: impl Into<String>) {
        self.add(Status::Warn, reason.into());
    }

    pub(crate) fn fail(&mut self, reason: impl Into<String>) {
        self.add(Status::Fail, reason.into());
    }

    /// What ours can't do makes the run worthless; what a peer can't do is a result.
    pub(crate) fn blame(&mut self, ours: bool, reason: String) {
        self.add(if ours { Status::Fail } else { Status::Warn }, reason);
    }

    fn add(&mut self, status: Status, reason: String) {
        self.status = self.status.max(status);
        self.reasons.push(reason);
    }

    /// Applies the rules that hold for every workload.
    pub(crate) fn judge(&mut self, series: &[&Series], evidence: &Evidence<'_>) {
        self.judge_completeness(series, evidence);
        self.judge_clock(evidence);
        self.judge_quiet(series, evidence);
    }

    fn judge_completeness(&mut self, series: &[&Series], evidence: &Evidence<'_>) {
        let done = evidence.outcome.rounds_done;
        if let Some(failure) = &evidence.outcome.failure {
            self.fail(format!("the run ended in round {}: {failure}", done + 1));
        } else if done < evidence.rounds_asked {
            self.warn(format!(
                "only {done} of {} rounds ran: at twice the asked {} s the run was ended; ask for \
                 a longer --duration or fewer --rounds",
                evidence.rounds_asked,
                evidence.time_asked.as_secs_f64(),
            ));
        }
        if evidence.rounds_asked < ROUNDS_TO_QUOTE {
            self.warn(format!(
                "{} rounds were asked for: the spread of so few says little; quote no ratios of \
                 fewer than {ROUNDS_TO_QUOTE}",
                evidence.rounds_asked
            ));
        }
        let mut reasons: Vec<&String> =
            series.iter().filter_map(|one| one.unavailable.as_ref()).collect();
        reasons.sort_unstable();
        reasons.dedup();
        for reason in reasons {
            let same = |one: &&&Series| one.unavailable.as_ref() == Some(reason);
            let names: Vec<&str> =
                series.iter().filter(same).map(|one| one.name.as_str()).collect();
            self.warn(format!("unavailable: {}: {reason}", names.join(", ")));
        }
        let cold: u64 = series.iter().map(|one| one.cold_slices).sum();
        if cold > 0 {
            self.warn(format!(
                "slices recorded before their warm-up had its count of messages: {cold}; this host \
                 or --size is too slow for so short slices, or something else held a core: ask for \
                 a longer --duration"
            ));
        }
    }

    fn judge_clock(&mut self, evidence: &Evidence<'_>) {
        if !evidence.clock_is_time_stamp_counter {
            self.warn(
                "the time source is clock_gettime, since this CPU names no invariant time-stamp \
                 counter: each reading costs more, and may be coarse",
            );
        } else if evidence.clock_source != "tsc" {
            self.warn(format!(
                "the kernel's clocksource is {:?}, not tsc: it does not trust the counter that \
                 this run was timed with; boot with clocksource=tsc tsc=reliable if the host's \
                 counter is sound",
                evidence.clock_source
            ));
        }
        if evidence.clock_drift_ppm.abs() > DRIFT_PPM {
            self.warn(format!(
                "the time-stamp counter drifted by {:.0} parts per million against the system's \
                 clock during the run: the times are off by as much",
                evidence.clock_drift_ppm
            ));
        }
    }

    fn judge_quiet(&mut self, series: &[&Series], evidence: &Evidence<'_>) {
        let sum = |figure: fn(&Series) -> u64| series.iter().map(|one| figure(one)).sum::<u64>();
        let (server, client) = (
            sum(|one| one.server.involuntary_switches),
            sum(|one| one.client.involuntary_switches),
        );
        if server + client > 0 {
            self.warn(format!(
                "involuntary context switches while recording: {server} on the server core, \
                 {client} on the client core; isolate both cores (isolcpus, nohz_full, rcu_nocbs)"
            ));
        }
        let faults = |one: &Series| one.server.page_faults + one.client.page_faults;
        let all = sum(faults);
        if let Some(most) = series.iter().max_by_key(|one| faults(one)).filter(|_| all > 0) {
            self.warn(format!(
                "{all} page faults on the hot threads while recording, {} of them in {}: something \
                 was touched for the first time after the warm-up",
                faults(most),
                most.name
            ));
        }
        for (core, role, percent) in evidence.steal {
            if *percent > STEAL_PERCENT {
                self.warn(format!(
                    "the hypervisor took {percent:.1} % of the {role} core {core} during the run: \
                     percentiles beyond p99 show its scheduling; use dedicated CPUs"
                ));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(change: impl FnOnce(&mut Evidence<'_>, &mut Series)) -> Verdict {
        judged_after(Outcome { rounds_done: 9, ..Outcome::default() }, change)
    }

    fn judged_after(
        outcome: Outcome,
        change: impl FnOnce(&mut Evidence<'_>, &mut Series),
    ) -> Verdict {
        let mut evidence = Evidence {
            outcome: &outcome,
            rounds_asked: 9,
            time_asked: Duration::from_secs(1),
            clock_is_time_stamp_counter: true,
            clock_source: "tsc",
            clock_drift_ppm: 3.0,
            steal: &[(0, "server", 0.2)],
        };
        let mut series = Series::new("floor");
        change(&mut evidence, &mut series);
        let mut verdict = Verdict::default();
        verdict.judge(&[&series], &evidence);
        verdict
    }

    #[test]
    fn a_clean_run_is_ok() {
        let verdict = judged(|_, _| {});
        assert_eq!(verdict.status, Status::Ok);
        assert!(verdict.reasons.is_empty());
    }

    #[test]
    fn each_disturbance_warns_with_its_own_sentence() {
        type Change = fn(&mut Evidence<'_>, &mut Series);
        let changes: [(&str, Change); 8] = [
            ("rounds ran", |evidence, _| evidence.rounds_asked = 10),
            ("quote no ratios", |evidence, _| evidence.rounds_asked = 8),
            ("unavailable", |_, series| {
                series.unavailable = Some(String::new());
            }),
            ("warm-up", |_, series| series.cold_slices = 1),
            ("clocksource", |evidence, _| evidence.clock_source = "hpet"),
            ("involuntary", |_, series| {
                series.client.involuntary_switches += 1;
            }),
            ("page faults", |_, series| series.server.page_faults = 1),
            ("hypervisor", |evidence, _| {
                evidence.steal = &[(1, "client", 1.5)];
            }),
        ];
        for (word, change) in changes {
            let verdict = judged(change);
            assert_eq!(verdict.status, Status::Warn, "{word}");
            assert_eq!(verdict.reasons.len(), 1, "{word}");
            assert!(verdict.reasons[0].contains(word), "{}", verdict.reasons[0]);
        }
    }

    #[test]
    fn series_that_lack_the_same_thing_share_a_sentence() {
        let mut series = ["taut", "taut+think", "other"].map(Series::new);
        series[0].unavailable = Some("no ring".to_owned());
        series[1].unavailable = Some("no ring".to_owned());
        series[2].unavailable = Some("no core".to_owned());
        let mut verdict = judged(|_, _| {});
        let outcome = Outcome { rounds_done: 9, ..Outcome::default() };
        let evidence = Evidence {
            outcome: &outcome,
            rounds_asked: 9,
            time_asked: Duration::ZERO,
            clock_is_time_stamp_counter: true,
            clock_source: "tsc",
            clock_drift_ppm: 0.0,
            steal: &[],
        };
        verdict.judge(&series.each_ref(), &evidence);
        assert_eq!(
            verdict.reasons,
            ["unavailable: other: no core", "unavailable: taut, taut+think: no ring"]
        );
    }

    #[test]
    fn a_lost_reply_fails_the_run() {
        let outcome = Outcome { failure: Some("taut: lost".to_owned()), ..Outcome::default() };
        let verdict = judged_after(outcome, |_, _| {});
        assert_eq!(verdict.status, Status::Fail);
        assert_eq!(verdict.reasons, ["the run ended in round 1: taut: lost"]);
    }

    #[test]
    fn a_warning_does_not_mend_a_failure() {
        let mut verdict = Verdict::default();
        verdict.fail("a");
        verdict.warn("b");
        assert_eq!(verdict.status, Status::Fail);
        assert_eq!(verdict.reasons.len(), 2);
    }
}
