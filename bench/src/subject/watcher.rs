//! `taut-stat` at work beside a server that counts in a file: what it costs to be looked at.
//!
//! Invariant: it runs exactly while its server does, so no other series pays for it.

use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use super::servers::this_program;
use crate::sys;

/// Ten times as often as a user would look.
const INTERVAL: &str = "100ms";

/// A `taut-stat` that is stopped unless its server runs.
#[derive(Debug)]
pub(super) struct Watcher {
    child: Child,
}

impl Watcher {
    /// Has one look at the counter file of this name.
    pub(super) fn start(counters: &str) -> Result<Self, String> {
        let program = this_program()?.with_file_name("taut-stat");
        let mut command = Command::new(&program);
        command
            .args([counters, "--json", "--interval", INTERVAL])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        sys::die_with_this_thread(&mut command);
        let child = command.spawn().map_err(|error| {
            format!(
                "{} did not start ({error}): build all programs, by cargo build --release -p \
                 taut-bench",
                program.display()
            )
        })?;
        let watcher = Self { child };
        watcher.rest()?;
        Ok(watcher)
    }

    pub(super) fn wake(&mut self) -> Result<(), String> {
        if let Ok(Some(status)) = self.child.try_wait() {
            return Err(format!("its taut-stat ended by itself: {status}"));
        }
        self.signal(Signal::CONT)
    }

    pub(super) fn rest(&self) -> Result<(), String> {
        self.signal(Signal::STOP)
    }

    fn signal(&self, signal: Signal) -> Result<(), String> {
        kill_process(Pid::from_child(&self.child), signal)
            .map_err(|error| format!("its taut-stat could not be signalled: {error}"))
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        // One that is stopped ends by this, too.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
