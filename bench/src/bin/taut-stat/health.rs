//! What is unhealthy, and why: one table of rules.

use taut::counter_file::SnapshotValue;

use crate::numbers;
use crate::sample::Sample;

/// What of a value a rule looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum When {
    /// It grew since the last look; at the first look: it is not zero.
    Grows,
    /// It is not zero.
    IsNotZero,
}

/// Label, condition, and what it means.
const RULES: [(&str, When, &str); 14] = [
    (
        "turns_over_budget",
        When::Grows,
        "tasks kept the loop for longer than the budget: see Runtime::long_turns",
    ),
    (
        "completion_overflows",
        When::Grows,
        "completions had to wait outside of the ring: raise completion_entries",
    ),
    (
        "submission_queue_full",
        When::Grows,
        "submissions had to wait for room: raise submission_entries",
    ),
    (
        "receive_pool_dry",
        When::Grows,
        "the receive pool ran dry: raise receive_buffers, or give buffers back sooner",
    ),
    (
        "receive_heap_fallbacks",
        When::Grows,
        "receives went through the heap: raise receive_buffers or hot_buffers",
    ),
    ("receive_window_pauses", When::Grows, "a stream's reader does not keep up"),
    ("sends_would_block", When::Grows, "a peer or the link does not keep up with the sends"),
    ("zero_copy_copied", When::Grows, "zero-copy sends are copied all the same: switch them off"),
    ("cross_core_full", When::Grows, "a ring to another core is full: its reader is too slow"),
    (
        "blocking_queue_full",
        When::Grows,
        "work for the blocking threads was refused: raise blocking_queue_max",
    ),
    ("tasks_orphaned", When::Grows, "tasks outlived the group that they belong to"),
    ("cancels_overdue", When::Grows, "tasks do not heed their cancel: see Runtime::dump"),
    ("errors", When::Grows, "operations end with errors"),
    (
        "options_refused",
        When::IsNotZero,
        "the host refused what was demanded of it: see Runtime::features",
    ),
];

/// A loop that has not turned between two looks so far apart is stuck.
const STUCK_AFTER_S: f64 = 0.05;
/// The value of `state` in which the loop says that it turns.
const STATE_TURNING: u64 = 1;

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) owner: u32,
    pub(crate) label: String,
    pub(crate) reason: String,
}

/// What a value that has a rule says; `None` where it is healthy.
pub(crate) fn judge(sample: &Sample, value: &SnapshotValue) -> Option<Finding> {
    let finding =
        |reason: String| Finding { owner: value.owner(), label: value.label().to_owned(), reason };
    // The values of users have their own meaning.
    if value.owner() == 0 {
        return None;
    }
    if value.label() == "heartbeat_ns" {
        return stuck(sample, value).map(finding);
    }
    let (_, when, reason) = RULES.iter().find(|(label, ..)| *label == value.label())?;
    let now = value.number()?;
    let sick = match when {
        When::Grows => sample.growth(value).unwrap_or(now) > 0,
        When::IsNotZero => now > 0,
    };
    sick.then(|| finding((*reason).to_owned()))
}

/// All that is unhealthy of a process.
pub(crate) fn findings(sample: &Sample) -> Vec<Finding> {
    let values = sample.now.iter().flat_map(|now| now.values());
    values.filter_map(|value| judge(sample, value)).collect()
}

/// A loop that says that it turns, and does not.
fn stuck(sample: &Sample, heartbeat: &SnapshotValue) -> Option<String> {
    let (now, owner) = (sample.now.as_ref()?, heartbeat.owner());
    let turns = now.value(owner, "turns")?;
    let apart = sample.interval_s()? >= STUCK_AFTER_S;
    let turning = now.number(owner, "state") == Some(STATE_TURNING);
    if !sample.alive || !apart || !turning || sample.growth(turns) != Some(0) {
        return None;
    }
    let age = numbers::age(sample.age_s(heartbeat.number()?));
    Some(format!("the loop is stuck: no turn since the last look, no heartbeat for {age}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_is_of_a_counter_that_the_runtime_has() {
        let labels: Vec<_> = taut::Counters::specs().iter().map(|spec| spec.label).collect();
        for (label, ..) in RULES {
            assert!(labels.contains(&label), "{label}");
        }
        for label in ["heartbeat_ns", "state", "turns"] {
            assert!(labels.contains(&label), "{label}");
        }
    }
}
