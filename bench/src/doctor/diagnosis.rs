//! All findings about some cores, as a table for people and as JSON for programs.

use serde::Serialize;

use super::boot_line::BootLine;
use super::checks;
use super::finding::{Area, Finding, Severity};
use super::host::Host;
use crate::harness::host::format_list;
use crate::report::text::sentence;

/// The version of the JSON.
const SCHEMA: u32 = 1;

/// How many findings there are of each severity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Counts {
    pub(crate) severe: usize,
    pub(crate) warn: usize,
    pub(crate) unknown: usize,
    pub(crate) info: usize,
    pub(crate) ok: usize,
}

/// What the doctor says; see the module `doctor` for the JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Diagnosis {
    pub(crate) schema: u32,
    pub(crate) version: &'static str,
    pub(crate) commit: &'static str,
    pub(crate) cores: Vec<usize>,
    /// Whether they were named, and are not simply all that the process may use.
    pub(crate) cores_asked: bool,
    pub(crate) counts: Counts,
    pub(crate) boot_line: BootLine,
    /// By area, the worst first in each.
    pub(crate) findings: Vec<Finding>,
}

impl Diagnosis {
    pub(crate) fn of(host: &Host, cores: Vec<usize>, cores_asked: bool) -> Self {
        let mut findings = checks::all(host, &cores);
        // Stable, so that findings of one severity keep the order of their checks.
        findings.sort_by_key(|finding| (finding.area, std::cmp::Reverse(finding.severity)));
        let count = |severity| findings.iter().filter(|one| one.severity == severity).count();
        let counts = Counts {
            severe: count(Severity::Severe),
            warn: count(Severity::Warn),
            unknown: count(Severity::Unknown),
            info: count(Severity::Info),
            ok: count(Severity::Ok),
        };
        Self {
            schema: SCHEMA,
            version: env!("CARGO_PKG_VERSION"),
            commit: env!("TAUT_BENCH_COMMIT"),
            boot_line: BootLine::of(host, &cores),
            cores,
            cores_asked,
            counts,
            findings,
        }
    }

    pub(crate) fn is_severe(&self) -> bool {
        self.counts.severe > 0
    }

    pub(crate) fn json(&self) -> Result<String, String> {
        let text = serde_json::to_string_pretty(self)
            .map_err(|error| format!("the findings can't be written as JSON: {error}"))?;
        Ok(text + "\n")
    }

    /// The printed form.
    pub(crate) fn text(&self) -> String {
        let whose = if self.cores_asked { "as asked" } else { "all that this process may use" };
        let mut text = format!("doctor · cores {}, {whose}\n", format_list(&self.cores));
        let width = self.findings.iter().map(|one| one.name.chars().count()).max().unwrap_or(0);
        for area in Area::ALL {
            let here: Vec<&Finding> = self.findings.iter().filter(|one| one.area == area).collect();
            if !here.is_empty() {
                text.push_str(&format!("\n{}\n", area.title()));
            }
            for finding in here {
                text.push_str(&lines(finding, width));
            }
        }
        text.push_str(&self.boot_text());
        let Counts { severe, warn, unknown, info, ok } = self.counts;
        text.push_str(&format!(
            "\n{severe} severe, {warn} warn, {unknown} unknown, {info} info, {ok} ok\n"
        ));
        text
    }

    fn boot_text(&self) -> String {
        let BootLine { wanted, missing, warnings } = &self.boot_line;
        let mut text = format!("\nkernel command line for cores {}\n", format_list(&self.cores));
        if !wanted.is_empty() {
            text.push_str(&sentence("  wanted   ", &wanted.join(" ")));
            let missing = match missing.is_empty() {
                true => "nothing".to_owned(),
                false => missing.join(" "),
            };
            text.push_str(&sentence("  missing  ", &missing));
        }
        for warning in warnings {
            text.push_str(&sentence("  warn     ", warning));
        }
        text
    }
}

/// A finding: its value, and below it what a reader needs to act on it.
fn lines(finding: &Finding, width: usize) -> String {
    let lead = format!("  {:<7}  {:<width$}  ", finding.severity.name(), finding.name);
    let current = finding.current.as_deref().unwrap_or("not readable");
    let mut text = sentence(&lead, current);
    let indent = " ".repeat(11);
    let wanted = finding.wanted.as_ref().filter(|_| finding.severity != Severity::Ok);
    for (name, words) in
        [("wanted", wanted), ("mend", finding.mend.as_ref()), ("note", finding.note.as_ref())]
    {
        if let Some(words) = words {
            text.push_str(&sentence(&format!("{indent}{name:<8}"), words));
        }
    }
    text
}
