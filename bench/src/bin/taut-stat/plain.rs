//! One value a line, numbered: the form of Aeron's `AeronStat`, for pipes, logs and `grep`.

use std::fmt::Write as _;

use taut::counter_file::Reading;

use crate::health;
use crate::numbers::grouped;
use crate::sample::Sample;

/// Appends the lines of one process.
pub(crate) fn write(text: &mut String, sample: &Sample, all: bool) {
    // Writing to a string can't fail, here and below.
    let _ = writeln!(
        text,
        "# {} pid {} ({}){}",
        sample.name,
        sample.pid,
        sample.path,
        if sample.alive { "" } else { ", ended" }
    );
    if let Some(problem) = &sample.problem {
        let _ = writeln!(text, "# {problem}");
    }
    let Some(now) = &sample.now else { return };
    for (index, value) in now.values().iter().enumerate() {
        let label = match (value.owner(), now.name(value.owner())) {
            (0, _) => value.label().to_owned(),
            (owner, None) => format!("{} [{owner}]", value.label()),
            (owner, Some(name)) => format!("{} [{owner} {name}]", value.label()),
        };
        let mut line = |number: u64, label: &str| {
            if all || number > 0 {
                let _ = writeln!(text, "{index:>3}: {:>20} - {label}", grouped(number));
            }
        };
        match value.reading() {
            Reading::Number(number) => line(*number, &label),
            Reading::Distribution(counts) => {
                line(counts.len(), &format!("{label} count"));
                for (name, quantile) in [("p50", 0.5), ("p99", 0.99)] {
                    line(counts.value_at_quantile(quantile), &format!("{label} {name}"));
                }
                line(counts.max(), &format!("{label} max"));
            }
            _ => {}
        }
    }
    for finding in health::findings(sample) {
        let _ = writeln!(text, "# {} [{}]: {}", finding.label, finding.owner, finding.reason);
    }
}
