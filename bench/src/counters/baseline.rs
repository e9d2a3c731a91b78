//! Counts as they stand in a file, and what has grown since the file was written.
//!
//! A compiler may do the same work in more or fewer instructions, so the file says who compiled it
//! and for what. Invariant: a work that is not in the file never passes for one that has not grown.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// The form of the file.
const SCHEMA: u32 = 1;
/// The growth, in percent, from which on a comparison fails.
const GROWTH_MAX_PERCENT: f64 = 5.0;

/// What one run counted, and of which program.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Counts {
    schema: u32,
    compiler: String,
    target: String,
    profile: String,
    pub(crate) instructions_per_op: BTreeMap<String, f64>,
}

/// What a comparison says, in whole sentences.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Comparison {
    /// Each of these makes the exit status 1.
    pub(crate) failures: Vec<String>,
    pub(crate) notes: Vec<String>,
}

impl Counts {
    /// Of this program.
    pub(crate) fn new(instructions_per_op: BTreeMap<String, f64>) -> Self {
        Self {
            schema: SCHEMA,
            compiler: env!("TAUT_BENCH_RUSTC").to_owned(),
            target: env!("TAUT_BENCH_TARGET").to_owned(),
            profile: env!("TAUT_BENCH_PROFILE").to_owned(),
            instructions_per_op,
        }
    }

    /// Who compiled the counted program, for what and how.
    pub(crate) fn build(&self) -> String {
        format!("{} · {} · {}", self.compiler, self.target, self.profile)
    }

    pub(crate) fn read(path: &Path) -> Result<Self, String> {
        let problem = |what: String| {
            format!(
                "the baseline {} {what}; write one with --baseline FILE --write-baseline",
                path.display()
            )
        };
        let text =
            fs::read_to_string(path).map_err(|error| problem(format!("can't be read: {error}")))?;
        let counts: Self = serde_json::from_str(&text)
            .map_err(|error| problem(format!("does not have the form of one: {error}")))?;
        if counts.schema != SCHEMA {
            return Err(problem(format!("has schema {}, not {SCHEMA}", counts.schema)));
        }
        match counts.instructions_per_op.iter().find(|(_, count)| **count <= 0.0) {
            Some((work, count)) => Err(problem(format!("says that {work} takes {count}"))),
            None => Ok(counts),
        }
    }

    pub(crate) fn write(&self, path: &Path) -> Result<(), String> {
        let problem = |what: String| format!("{} can't be written: {what}", path.display());
        let text =
            serde_json::to_string_pretty(self).map_err(|error| problem(error.to_string()))? + "\n";
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            fs::create_dir_all(folder).map_err(|error| problem(error.to_string()))?;
        }
        fs::write(path, text).map_err(|error| problem(error.to_string()))
    }

    /// How much a work has grown since the baseline, in percent.
    pub(crate) fn growth_percent(&self, baseline: &Self, work: &str) -> Option<f64> {
        let now = self.instructions_per_op.get(work)?;
        let then = baseline.instructions_per_op.get(work)?;
        Some((now - then) * 100.0 / then)
    }

    /// What there is to say about these counts beside older ones. The error is that they can't be
    /// compared at all.
    pub(crate) fn since(&self, baseline: &Self) -> Result<Comparison, String> {
        for (what, now, then) in [
            ("target", &self.target, &baseline.target),
            ("profile", &self.profile, &baseline.profile),
        ] {
            if now != then {
                return Err(format!(
                    "the baseline's {what} is {then:?} and this program's is {now:?}: their counts \
                     have nothing to do with each other; build alike (cargo run --release) or \
                     renew the baseline with --write-baseline"
                ));
            }
        }
        let mut comparison = Comparison::default();
        if self.compiler != baseline.compiler {
            comparison.notes.push(format!(
                "the baseline was compiled by {:?} and this program by {:?}: growth may be the \
                 compiler's; renew the baseline with --write-baseline at a commit known to be good",
                baseline.compiler, self.compiler
            ));
        }
        for work in self.instructions_per_op.keys() {
            self.judge(baseline, work, &mut comparison);
        }
        Ok(comparison)
    }

    fn judge(&self, baseline: &Self, work: &str, comparison: &mut Comparison) {
        let Some(growth) = self.growth_percent(baseline, work) else {
            comparison.failures.push(format!(
                "{work} is not in the baseline: nothing guards it until the baseline is renewed \
                 with --write-baseline"
            ));
            return;
        };
        let sentence = |grew: &str, advice: &str| {
            format!(
                "{work} {grew} by {:.2} %, from {:.2} to {:.2} instructions an operation: {advice}",
                growth.abs(),
                baseline.instructions_per_op[work],
                self.instructions_per_op[work],
            )
        };
        if growth > GROWTH_MAX_PERCENT {
            comparison.failures.push(sentence(
                "grew",
                "make it cheaper, or renew the baseline with --write-baseline and say why in the \
                 commit",
            ));
        } else if growth < -GROWTH_MAX_PERCENT {
            comparison.notes.push(sentence(
                "shrank",
                "renew the baseline with --write-baseline, or it may grow back unseen",
            ));
        }
    }

    /// Works of the baseline that this program does not have, in a sentence.
    pub(crate) fn unknown_works(&self, known: impl Fn(&str) -> bool) -> Option<String> {
        let works = self.instructions_per_op.keys().map(String::as_str);
        let unknown: Vec<&str> = works.filter(|work| !known(work)).collect();
        (!unknown.is_empty()).then(|| {
            format!(
                "the baseline has works that this program does not: {}; renew it with \
                 --write-baseline",
                unknown.join(", ")
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(works: &[(&str, f64)]) -> Counts {
        Counts::new(works.iter().map(|&(work, count)| (work.to_owned(), count)).collect())
    }

    fn file(name: &str, text: &str) -> std::path::PathBuf {
        let path =
            std::env::temp_dir().join(format!("taut-bench-baseline-{}-{name}", std::process::id()));
        fs::write(&path, text).unwrap();
        path
    }

    #[test]
    fn growth_beyond_five_percent_fails_and_five_does_not() {
        let baseline = counts(&[("channel", 200.0), ("timer_fire", 200.0), ("yield", 200.0)]);
        let now = counts(&[("channel", 210.0), ("timer_fire", 210.1), ("yield", 190.0)]);
        let comparison = now.since(&baseline).unwrap();
        assert_eq!(comparison.notes, Vec::<String>::new());
        assert_eq!(comparison.failures.len(), 1);
        let sentence = &comparison.failures[0];
        for part in ["timer_fire grew by 5.05 %", "200.00", "210.10", "--write-baseline"] {
            assert!(sentence.contains(part), "{sentence}");
        }
        assert_eq!(now.growth_percent(&baseline, "channel"), Some(5.0));
        assert_eq!(now.growth_percent(&baseline, "none"), None);
    }

    #[test]
    fn a_work_that_shrank_asks_for_a_new_baseline() {
        let comparison = counts(&[("yield", 90.0)]).since(&counts(&[("yield", 100.0)])).unwrap();
        assert!(comparison.failures.is_empty());
        assert!(comparison.notes[0].contains("yield shrank by 10.00 %"), "{comparison:?}");
    }

    #[test]
    fn a_work_that_the_baseline_lacks_fails_and_one_that_was_not_counted_is_no_matter() {
        let baseline = counts(&[("yield", 100.0), ("channel", 1.0)]);
        let comparison = counts(&[("yield", 100.0), ("new", 1.0)]).since(&baseline).unwrap();
        assert_eq!(comparison.failures.len(), 1);
        assert!(comparison.failures[0].starts_with("new is not in the baseline"));
        assert_eq!(baseline.unknown_works(|_| true), None);
        let unknown = baseline.unknown_works(|work| work == "yield").unwrap();
        assert!(unknown.contains("does not: channel;"), "{unknown}");
    }

    #[test]
    fn another_compiler_is_said_and_still_compared() {
        let mut baseline = counts(&[("yield", 100.0)]);
        baseline.compiler = "rustc 1.0.0".to_owned();
        let comparison = counts(&[("yield", 120.0)]).since(&baseline).unwrap();
        assert!(comparison.notes[0].contains("rustc 1.0.0"), "{comparison:?}");
        assert!(comparison.failures[0].contains("yield grew by 20.00 %"), "{comparison:?}");
    }

    #[test]
    fn another_target_or_profile_is_not_compared() {
        let now = counts(&[("yield", 100.0)]);
        let mut baseline = now.clone();
        baseline.target = "another-target".to_owned();
        assert!(now.since(&baseline).unwrap_err().contains("another-target"));
        let mut baseline = now.clone();
        baseline.profile = "another profile".to_owned();
        assert!(now.since(&baseline).unwrap_err().contains("--release"));
    }

    #[test]
    fn what_is_written_is_read_again() {
        let path = file("whole", "");
        let counts = counts(&[("yield", 122.57), ("channel", 216.0)]);
        counts.write(&path).unwrap();
        assert_eq!(Counts::read(&path), Ok(counts));
        fs::remove_file(path).unwrap();
        let error = Counts::new(BTreeMap::new()).write(Path::new("/proc/none/file")).unwrap_err();
        assert!(error.contains("/proc/none/file can't be written"), "{error}");
    }

    #[test]
    fn a_file_that_is_no_baseline_is_refused_with_its_name() {
        let whole = serde_json::to_string(&counts(&[("yield", 1.5)])).unwrap();
        for (name, text, expected) in [
            ("text", "not JSON".to_owned(), "form of one"),
            ("schema", whole.replace("\"schema\":1", "\"schema\":9"), "schema 9"),
            ("zero", whole.replace("1.5", "0"), "yield takes 0"),
            ("keys", whole.replace("target", "aim"), "form of one"),
        ] {
            let path = file(name, &text);
            let error = Counts::read(&path).unwrap_err();
            assert!(error.contains(expected) && error.contains(name), "{error}");
            assert!(error.contains("--write-baseline"), "{error}");
            fs::remove_file(path).unwrap();
        }
        let error = Counts::read(Path::new("/none/baseline.json")).unwrap_err();
        assert!(error.contains("/none/baseline.json can't be read"), "{error}");
    }
}
