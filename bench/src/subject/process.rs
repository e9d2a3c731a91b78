//! One subject: a child process from its announcement to its end.

use std::cell::RefCell;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{MemfdFlags, memfd_create};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};

use super::{Announcement, usage};
use crate::harness::counters::Counters;
use crate::sys::{self, SyscallTrace};

/// How long a subject may take to announce itself; some build their rings and pools first.
const ANNOUNCEMENT_TIMEOUT: Duration = Duration::from_secs(20);
/// How long a subject may take to answer, beyond what it was told to do.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
/// How long it may take to end once its standard input is closed.
const END_TIMEOUT: Duration = Duration::from_secs(5);
/// How much of its last words is repeated.
const LAST_WORDS_BYTES: usize = 600;

/// A subject that has announced itself. It is stopped unless somebody holds it [`Awake`].
#[derive(Debug)]
pub(crate) struct Subject {
    child: Child,
    input: Option<ChildStdin>,
    output: ChildStdout,
    /// Standard error: a file in memory, so that a talkative subject never waits for a reader.
    words: File,
    unread: RefCell<Vec<u8>>,
    pub(crate) announcement: Announcement,
}

impl Subject {
    /// Starts the program on these cores, waits for its announcement and stops it. It does not
    /// outlive the calling thread.
    pub(crate) fn start<S: AsRef<std::ffi::OsStr>>(
        program: &Path,
        arguments: impl IntoIterator<Item = S>,
        cores: &[usize],
    ) -> Result<Self, String> {
        let option = if cores.len() == 1 { "--core" } else { "--cores" };
        let cores: Vec<String> = cores.iter().map(usize::to_string).collect();
        let words = memfd_create("standard error", MemfdFlags::CLOEXEC)
            .map(File::from)
            .map_err(|error| format!("a file for its messages could not be made: {error}"))?;
        let stderr = words
            .try_clone()
            .map_err(|error| format!("a file for its messages could not be shared: {error}"))?;
        let mut command = Command::new(program);
        command
            .args(arguments)
            .args([option, &cores.join(",")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(stderr);
        sys::die_with_this_thread(&mut command);
        let mut child = command
            .spawn()
            .map_err(|error| format!("{} did not start: {error}", program.display()))?;
        let input = child.stdin.take();
        // Invariant: standard output was asked for as a pipe.
        let output = child.stdout.take().expect("a piped standard output");
        let announcement = Announcement::default();
        let mut subject =
            Self { child, input, output, words, unread: RefCell::default(), announcement };
        let line = subject.line(ANNOUNCEMENT_TIMEOUT)?;
        subject.announcement = serde_json::from_str(&line).map_err(|error| {
            format!("its announcement {line:?} is not what bench/SUBJECTS.md asks for: {error}")
        })?;
        subject.stop()?;
        Ok(subject)
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Lets it run until the result is dropped.
    pub(crate) fn wake(&mut self) -> Result<Awake<'_>, String> {
        self.signal(Signal::CONT)?;
        Ok(Awake { subject: self })
    }

    /// What the kernel counted for it so far.
    pub(crate) fn usage(&self) -> Counters {
        usage::of_process(self.id())
    }

    /// Counts its system calls from now on; `None` where this user may not.
    pub(crate) fn trace(&self) -> Option<SyscallTrace> {
        let number = |path: std::path::PathBuf| path.file_name()?.to_str()?.parse().ok();
        SyscallTrace::begin(usage::tasks(self.id()).into_iter().filter_map(number)).ok()
    }

    /// Sends it a line and waits for the line that it answers; it must be awake.
    pub(crate) fn ask(&self, line: &str) -> Result<String, String> {
        self.tell(line)?;
        self.line(ANSWER_TIMEOUT)
    }

    /// The same, but the caller is busy until the answer is there, instead of asleep.
    pub(crate) fn ask_meanwhile(
        &self,
        line: &str,
        mut meanwhile: impl FnMut() -> Result<(), String>,
    ) -> Result<String, String> {
        self.tell(line)?;
        let deadline = Instant::now() + ANSWER_TIMEOUT;
        while !self.has_output(Duration::ZERO) && Instant::now() < deadline {
            meanwhile()?;
        }
        self.line(ANSWER_TIMEOUT)
    }

    fn tell(&self, line: &str) -> Result<(), String> {
        let told = match &self.input {
            Some(input) => (&*input).write_all(format!("{line}\n").as_bytes()),
            None => Err(std::io::ErrorKind::BrokenPipe.into()),
        };
        told.map_err(|error| self.ended(&format!("it could not be asked: {error}")))
    }

    /// Has a `micro` subject do so many batches of a work; their times in ns.
    pub(crate) fn times(
        &self,
        work: &str,
        batches: u64,
        operations: u64,
    ) -> Result<Vec<u64>, String> {
        self.numbers(&format!("{work} {batches} {operations}"))
    }

    /// Sends it a line that it answers with numbers.
    pub(crate) fn numbers(&self, line: &str) -> Result<Vec<u64>, String> {
        let answer = self.ask(line)?;
        let number = |word: &str| {
            word.parse().map_err(|_| format!("{word:?} in its answer to {line:?} is no number"))
        };
        answer.split_whitespace().map(number).collect()
    }

    /// Closes its standard input and waits for its end.
    pub(crate) fn end(mut self) -> Result<(), String> {
        self.signal(Signal::CONT)?;
        drop(self.input.take());
        let deadline = Instant::now() + END_TIMEOUT;
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) if status.success() => return Ok(()),
                Ok(Some(_)) => return Err(self.ended("it ended badly")),
                Ok(None) if Instant::now() < deadline => {
                    thread::park_timeout(Duration::from_millis(1));
                }
                Ok(None) => {
                    return Err("it did not end when its standard input was closed".to_owned());
                }
                Err(error) => return Err(format!("its end could not be awaited: {error}")),
            }
        }
    }

    /// The next line of its standard output.
    fn line(&self, timeout: Duration) -> Result<String, String> {
        let deadline = Instant::now() + timeout;
        let mut unread = self.unread.borrow_mut();
        loop {
            if let Some(end) = unread.iter().position(|&byte| byte == b'\n') {
                let line: Vec<u8> = unread.drain(..=end).collect();
                return Ok(String::from_utf8_lossy(&line).trim().to_owned());
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(self.ended(&format!("it said nothing for {} s", timeout.as_secs())));
            }
            if !self.has_output(left) {
                continue;
            }
            let mut bytes = [0; 65_536];
            match rustix::io::read(&self.output, &mut bytes[..]) {
                Ok(0) => return Err(self.ended("it ended before it had answered")),
                Ok(count) => unread.extend_from_slice(&bytes[..count]),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(self.ended(&format!("its output broke off: {error}"))),
            }
        }
    }

    /// Whether its standard output can be read, or is at its end, before so much time has passed.
    fn has_output(&self, patience: Duration) -> bool {
        let mut ready = [PollFd::new(&self.output, PollFlags::IN)];
        // A wait that a signal cut short has found nothing: the caller looks once more.
        matches!(poll(&mut ready, patience.try_into().ok().as_ref()), Ok(1))
    }

    /// Stops it and waits until it has stopped; an error if it has ended instead.
    fn stop(&self) -> Result<(), String> {
        self.signal(Signal::STOP)?;
        let process = Pid::from_child(&self.child);
        loop {
            // Looked at only: its end is the child's to collect.
            let either = WaitIdOptions::STOPPED | WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
            match waitid(WaitId::Pid(process), either) {
                Ok(Some(status)) if status.stopped() => return Ok(()),
                Ok(_) => return Err(self.ended("it ended while it was measured")),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(format!("it could not be stopped: {error}")),
            }
        }
    }

    fn signal(&self, signal: Signal) -> Result<(), String> {
        kill_process(Pid::from_child(&self.child), signal)
            .map_err(|error| self.ended(&format!("it could not be signalled: {error}")))
    }

    /// The problem, with what the subject last wrote to standard error.
    fn ended(&self, problem: &str) -> String {
        let mut text = String::new();
        let mut words = &self.words;
        let read = words.seek(SeekFrom::Start(0)).and_then(|_| words.read_to_string(&mut text));
        let text = text.trim();
        match (read, text.is_empty()) {
            (Ok(_), false) => {
                let from = text.ceil_char_boundary(text.len().saturating_sub(LAST_WORDS_BYTES));
                format!("{problem}; its last words: {}", &text[from..])
            }
            _ => problem.to_owned(),
        }
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        // Where it has ended already both are errors that say nothing new.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A subject that runs; it is stopped when this is dropped.
#[derive(Debug)]
pub(crate) struct Awake<'a> {
    pub(crate) subject: &'a mut Subject,
}

impl Awake<'_> {
    /// Stops it again, and tells if it has ended meanwhile.
    pub(crate) fn rest(self) -> Result<(), String> {
        let outcome = self.subject.stop();
        std::mem::forget(self);
        outcome
    }
}

impl Drop for Awake<'_> {
    fn drop(&mut self) {
        // Whoever has an error of its own to report does not need this one.
        let _ = self.subject.stop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Result<Subject, String> {
        // The `--core N` of every subject becomes arguments of the script.
        Subject::start(Path::new("/bin/sh"), ["-c", script, "sh"], &[0])
    }

    const LINE: &str = r#"echo '{"version":"1","settings":"none"}';"#;

    #[test]
    fn a_subject_answers_while_it_is_awake_and_ends_with_its_input() {
        let mut subject = shell(&format!("{LINE} while read a; do echo got $a; done")).unwrap();
        assert_eq!(subject.announcement.about(), "1: none");
        for word in ["one", "two"] {
            let awake = subject.wake().unwrap();
            assert_eq!(awake.subject.ask(word).unwrap(), format!("got {word}"));
            awake.rest().unwrap();
            let state = std::fs::read_to_string(format!("/proc/{}/stat", subject.id())).unwrap();
            assert!(state.contains(") T "), "it is not stopped: {state}");
        }
        subject.end().unwrap();
    }

    #[test]
    fn the_caller_may_be_busy_until_the_answer_is_there() {
        let mut subject = shell(&format!("{LINE} read a; read b; echo 7; read c; read d")).unwrap();
        let awake = subject.wake().unwrap();
        let mut calls = 0;
        // The subject answers the second line only, which comes from the work in between.
        let answer = awake.subject.ask_meanwhile("count", || {
            calls += 1;
            if calls == 3 { awake.subject.tell("go on") } else { Ok(()) }
        });
        assert_eq!(answer.unwrap(), "7");
        assert!(calls >= 3, "{calls}");
        let error = awake.subject.ask_meanwhile("count", || Err("enough".to_owned())).unwrap_err();
        assert_eq!(error, "enough", "it is over as soon as the work in between has failed");
    }

    #[test]
    fn a_subject_that_ends_early_leaves_its_last_words() {
        let error = shell("echo no such core >&2; exit 1").unwrap_err();
        assert!(error.contains("no such core"), "{error}");
        let mut subject = shell(&format!("{LINE} read a; echo oh no >&2; exit 3")).unwrap();
        let error = subject.wake().unwrap().subject.ask("x").unwrap_err();
        assert!(error.contains("oh no"), "{error}");
    }

    #[test]
    fn a_subject_that_says_something_else_is_refused() {
        let error = shell("echo hello; read a").unwrap_err();
        assert!(error.contains("SUBJECTS.md") && error.contains("hello"), "{error}");
        let error = Subject::start(Path::new("/no/such/program"), ["x"], &[0]).unwrap_err();
        assert!(error.contains("/no/such/program"), "{error}");
    }

    #[test]
    fn a_subject_that_ignores_its_end_is_told_of_and_killed() {
        let subject = shell(&format!("{LINE} while :; do sleep 0.01; done")).unwrap();
        let id = subject.id();
        let error = subject.end().unwrap_err();
        assert!(error.contains("did not end"), "{error}");
        assert!(!Path::new(&format!("/proc/{id}")).exists());
    }
}
