//! Running this program under callgrind, and reading what it counted.
//!
//! The process that is counted gets an empty environment, an empty folder to stand in and no
//! options from anybody's `.valgrindrc`, so that a count depends on the program alone. Invariant:
//! it ends within [`TIME_MAX`], and its files go when the [`Callgrind`] does.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::works::{COUNTED, Work};

/// The longest that one counted run may take; it takes less than a second.
const TIME_MAX: Duration = Duration::from_secs(120);
/// Between two looks at whether it has ended.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// Variables that valgrind itself may need in order to start.
const KEPT_VARIABLES: [&str; 3] = ["PATH", "LD_LIBRARY_PATH", "VALGRIND_LIB"];
/// Lines of an ended process's last words that are shown.
const LAST_WORDS_LINES: usize = 8;

/// How to count, and where the files of the counting go.
#[derive(Debug)]
pub(crate) struct Callgrind {
    valgrind: PathBuf,
    program: PathBuf,
    folder: PathBuf,
}

impl Callgrind {
    /// Counts in this very program.
    pub(crate) fn new() -> Result<Self, String> {
        let program = std::env::current_exe()
            .map_err(|error| format!("this program can't find its own file to run it: {error}"))?;
        Self::of(PathBuf::from("valgrind"), program)
    }

    fn of(valgrind: PathBuf, program: PathBuf) -> Result<Self, String> {
        let started = Instant::now();
        let name = format!("taut-bench-callgrind-{}-{started:?}", std::process::id());
        let name: String = name.chars().filter(|letter| !"{}:, ".contains(*letter)).collect();
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).map_err(|error| {
            format!(
                "{} can't be made: {error}; set TMPDIR to a folder that takes files",
                folder.display()
            )
        })?;
        Ok(Self { valgrind, program, folder })
    }

    /// Instructions that one operation of this work takes.
    pub(crate) fn instructions_per_op(&self, work: Work) -> Result<f64, String> {
        let operations = work.operations();
        let once = self.instructions(work, operations)?;
        let twice = self.instructions(work, 2 * operations)?;
        match twice.checked_sub(once) {
            Some(0) | None => Err(format!(
                "{}: {operations} operations took {once} instructions and {} took {twice}: \
                 callgrind did not see the function {COUNTED}; build without stripping symbols",
                work.name(),
                2 * operations
            )),
            Some(difference) => Ok(difference as f64 / operations as f64),
        }
    }

    fn instructions(&self, work: Work, operations: u64) -> Result<u64, String> {
        let profile = self.folder.join("profile");
        let words = self.folder.join("words");
        let mut option = OsString::from("--callgrind-out-file=");
        option.push(&profile);
        let failed = |what: &str| format!("{} under callgrind: {what}", work.name());
        let output = File::create(&words).map_err(|error| failed(&error.to_string()))?;
        let child = Command::new(&self.valgrind)
            .args(["--tool=callgrind", "--dump-instr=no", "--cache-sim=no", "--branch-sim=no"])
            .arg(format!("--toggle-collect={COUNTED}"))
            .arg(option)
            .arg(&self.program)
            .args(["count", work.name(), &operations.to_string()])
            .env_clear()
            .envs(
                KEPT_VARIABLES.into_iter().filter_map(|name| Some((name, std::env::var_os(name)?))),
            )
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(output)
            .spawn()
            .map_err(|error| self.start_problem(&error))?;
        let status = end_within(child, TIME_MAX).map_err(|reason| failed(&reason))?;
        if !status.success() {
            return Err(failed(&format!("{status}\n{}", last_words(&words))));
        }
        let text = fs::read_to_string(&profile)
            .map_err(|error| failed(&format!("no profile was written: {error}")))?;
        total(&text).map_err(|reason| failed(&reason))
    }

    fn start_problem(&self, error: &io::Error) -> String {
        let program = self.valgrind.display();
        match error.kind() {
            io::ErrorKind::NotFound => format!(
                "{program} is not on this host, and instructions are counted with it: install \
                 the package valgrind (apt-get install valgrind, dnf install valgrind) or put it on \
                 PATH"
            ),
            _ => format!("{program} can't be started: {error}"),
        }
    }
}

impl Drop for Callgrind {
    fn drop(&mut self) {
        // What can't be removed from the folder for temporary files is the host's to remove.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Waits for the process, and ends it when its time is up.
#[expect(clippy::disallowed_methods, reason = "on a thread without a runtime")]
fn end_within(mut child: Child, time: Duration) -> Result<ExitStatus, String> {
    let started = Instant::now();
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Ok(status),
            Ok(None) if started.elapsed() < time => thread::sleep(LOOK_EVERY),
            Ok(None) => {
                let ended = child.kill().and_then(|()| child.wait());
                return Err(match ended {
                    Ok(_) => format!("it did not end within {} s", time.as_secs_f64()),
                    Err(error) => format!("it did not end, and can't be ended: {error}"),
                });
            }
            Err(error) => return Err(format!("it can't be waited for: {error}")),
        }
    }
}

fn last_words(path: &Path) -> String {
    let text = fs::read(path).map(|text| String::from_utf8_lossy(&text).into_owned());
    let text = text.unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LAST_WORDS_LINES)..].join("\n")
}

/// The total of a profile: its first column of events, which has to be instructions.
fn total(profile: &str) -> Result<u64, String> {
    let field = |name: &str| {
        profile
            .lines()
            .find_map(|line| line.strip_prefix(name)?.split_whitespace().next())
            .ok_or_else(|| format!("its profile has no line \"{name}\""))
    };
    let event = field("events:")?;
    if event != "Ir" {
        return Err(format!("its profile counts {event}, not instructions (Ir)"));
    }
    let total = field("totals:")?;
    total.parse().map_err(|error| format!("the total of its profile is {total:?}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROFILE: &str = "# callgrind format\nversion: 1\ncreator: callgrind-3.19.0\npid: 705\n\
        cmd:  taut-bench count yield 2000\npart: 1\n\n\ndesc: I1 cache: \ndesc: Timerange: Basic \
        block 0 - 181105\n\npositions: line\nevents: Ir\nsummary: 520023\n\n\nob=(3) taut-bench\n\
        fl=(24) works.rs\nfn=(2618) counted_work\n107 9\ntotals: 520151\n";

    fn counting(valgrind: &str) -> Callgrind {
        Callgrind::of(PathBuf::from(valgrind), PathBuf::from("taut-bench")).unwrap()
    }

    #[test]
    fn the_total_of_a_profile_is_its_first_column() {
        assert_eq!(total(PROFILE), Ok(520_151));
        let more = PROFILE
            .replace("events: Ir", "events: Ir Dr Dw")
            .replace("totals: 520151", "totals: 7 8 9");
        assert_eq!(total(&more), Ok(7));
    }

    #[test]
    fn a_profile_without_a_count_of_instructions_is_refused() {
        for (from, to, expected) in [
            ("totals: 520151", "", "no line \"totals:\""),
            ("totals: 520151", "totals: many", "\"many\""),
            ("totals: 520151", "totals:", "no line \"totals:\""),
            ("events: Ir", "", "no line \"events:\""),
            ("events: Ir", "events: Dr Ir", "counts Dr"),
        ] {
            let error = total(&PROFILE.replace(from, to)).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn a_host_without_valgrind_is_told_what_to_install() {
        let error = counting("no-such-valgrind").instructions_per_op(Work::Yield).unwrap_err();
        assert!(error.contains("install the package valgrind"), "{error}");
    }

    #[test]
    fn a_process_that_fails_or_writes_no_profile_is_an_error_with_the_works_name() {
        let error = counting("false").instructions_per_op(Work::Yield).unwrap_err();
        assert!(error.contains("yield under callgrind: exit status: 1"), "{error}");
        let error = counting("true").instructions_per_op(Work::Yield).unwrap_err();
        assert!(error.contains("no profile was written"), "{error}");
    }

    #[test]
    fn a_process_that_does_not_end_is_ended() {
        let child = Command::new("sleep").arg("60").spawn().unwrap();
        let error = end_within(child, Duration::from_millis(20)).unwrap_err();
        assert!(error.contains("did not end within 0.02 s"), "{error}");
    }

    #[test]
    fn the_folder_goes_with_its_owner() {
        let (one, other) = (counting("true"), counting("true"));
        assert_ne!(one.folder, other.folder);
        let folder = one.folder.clone();
        assert!(folder.is_dir());
        drop(one);
        assert!(!folder.exists() && other.folder.is_dir());
    }
}
