//! What to run, and how it is started.
//!
//! To start a process blocks its thread until the new program runs: for 0.1 ms at best, and much
//! longer where the kernel has to copy the page tables of a large process first (`uid`, `gid` and
//! `pre_exec` make it do so). Therefore a blocking thread does it, never the core.

use std::ffi::OsStr;
use std::future::poll_fn;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command as StdCommand, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::{io, mem};

use super::child::OUTPUT_BYTES_MAX;
use super::{Child, pidfd, reaper};
use crate::executor::{current, try_current};
use crate::io::Source;
use crate::off_core;
use crate::signal::SignalKind;
use crate::task::waiting;

/// A program to run, with its arguments, environment and streams: the standard library's command,
/// whose children are awaited.
///
/// A child runs where the process's first thread may, less the cores that runtimes are pinned to:
/// it neither crowds a pinned core nor is confined to it. Scheduling policy and priority are those
/// of the blocking thread that starts it, which has them from this one; the timer slack is what
/// this one had before its runtime. To `PR_SET_PDEATHSIG`, too, that thread is the parent, and it
/// ends when it had no work for a while: start a child that asks for it by [`Child::from_std`].
///
/// ```
/// use taut_runtime::process::Command;
///
/// taut_runtime::run(async {
///     let output = Command::new("echo").arg("hello").output().await?;
///     assert!(output.status.success());
///     assert_eq!(output.stdout, b"hello\n");
///     Ok::<(), std::io::Error>(())
/// })??;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Command {
    std: StdCommand,
    /// Away with a spawn whose future was dropped.
    lost: bool,
    stdin_chosen: bool,
    kill_on_drop: bool,
    output_bytes_max: usize,
}

impl Command {
    /// Runs `program`, found by `PATH` where it has no slash, with this process's environment,
    /// directory and streams, unless set otherwise.
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        StdCommand::new(program).into()
    }

    /// Adds an argument.
    pub fn arg(&mut self, argument: impl AsRef<OsStr>) -> &mut Self {
        self.std.arg(argument);
        self
    }

    /// Adds arguments.
    pub fn args(&mut self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> &mut Self {
        self.std.args(arguments);
        self
    }

    /// Sets an environment variable.
    pub fn env(&mut self, key: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> &mut Self {
        self.std.env(key, value);
        self
    }

    /// Sets environment variables.
    pub fn envs<K: AsRef<OsStr>, V: AsRef<OsStr>>(
        &mut self,
        variables: impl IntoIterator<Item = (K, V)>,
    ) -> &mut Self {
        self.std.envs(variables);
        self
    }

    /// Leaves out an environment variable.
    pub fn env_remove(&mut self, key: impl AsRef<OsStr>) -> &mut Self {
        self.std.env_remove(key);
        self
    }

    /// Leaves out all environment variables, those set so far included.
    pub fn env_clear(&mut self) -> &mut Self {
        self.std.env_clear();
        self
    }

    /// Starts the program in this directory.
    pub fn current_dir(&mut self, directory: impl AsRef<Path>) -> &mut Self {
        self.std.current_dir(directory);
        self
    }

    /// What the child reads: `Stdio::inherit()`, `null()`, `piped()`, a file, a
    /// [`PipeReader`](std::io::PipeReader). Default: inherited; for [`output`](Self::output) null.
    pub fn stdin(&mut self, stdin: impl Into<Stdio>) -> &mut Self {
        self.std.stdin(stdin);
        self.stdin_chosen = true;
        self
    }

    /// Where the child writes, as for [`stdin`](Self::stdin). Default: inherited.
    pub fn stdout(&mut self, stdout: impl Into<Stdio>) -> &mut Self {
        self.std.stdout(stdout);
        self
    }

    /// Where the child writes its errors, as for [`stdin`](Self::stdin). Default: inherited.
    pub fn stderr(&mut self, stderr: impl Into<Stdio>) -> &mut Self {
        self.std.stderr(stderr);
        self
    }

    /// Runs the program as this user.
    pub fn uid(&mut self, uid: u32) -> &mut Self {
        self.std.uid(uid);
        self
    }

    /// Runs the program as this group.
    pub fn gid(&mut self, gid: u32) -> &mut Self {
        self.std.gid(gid);
        self
    }

    /// Puts the child into this process group; 0 makes one of its own, which a Ctrl-C in the
    /// terminal does not reach.
    pub fn process_group(&mut self, group: i32) -> &mut Self {
        self.std.process_group(group);
        self
    }

    /// Kills the child (`SIGKILL`) when its [`Child`] is dropped before it was waited for. Default:
    /// false.
    pub fn kill_on_drop(&mut self, kill: bool) -> &mut Self {
        self.kill_on_drop = kill;
        self
    }

    /// The most bytes of output, of both streams together, that [`output`](Self::output) and
    /// [`Child::wait_with_output`] collect; more is an error, and the child is killed. Default:
    /// 16 MiB.
    pub fn output_bytes_max(&mut self, bytes: usize) -> &mut Self {
        self.output_bytes_max = bytes;
        self
    }

    /// The standard library's command, to look at it.
    pub fn as_std(&self) -> &StdCommand {
        &self.std
    }

    /// The standard library's command, for what has no method here, such as `arg0` and `pre_exec`.
    pub fn as_std_mut(&mut self) -> &mut StdCommand {
        &mut self.std
    }

    /// Starts the program.
    ///
    /// A future that is dropped or whose task is aborted leaves no child behind: one that was
    /// started nevertheless is killed. The command goes with it and can't be used again.
    ///
    /// # Errors
    ///
    /// `NotFound` where there is no such program, `PermissionDenied` where it can't be run;
    /// `EMFILE` and `EAGAIN` where descriptors or processes are used up; `ECANCELED` in a cancelled
    /// task; as for [`off_core`].
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn spawn(&mut self) -> impl Future<Output = io::Result<Child>> {
        let kill_on_drop = self.kill_on_drop;
        waiting("process spawn", self.start(kill_on_drop))
    }

    /// Runs the program to its end and collects what it writes. Standard input is empty unless it
    /// was set; both output streams are piped from now on.
    ///
    /// Nobody else has the child: a future that is dropped or cancelled kills it.
    ///
    /// # Errors
    ///
    /// As for [`spawn`](Self::spawn) and [`Child::wait_with_output`].
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn output(&mut self) -> impl Future<Output = io::Result<Output>> {
        if !self.stdin_chosen {
            self.stdin(Stdio::null());
        }
        self.stdout(Stdio::piped()).stderr(Stdio::piped());
        waiting("process output", async { self.start(true).await?.wait_with_output().await })
    }

    /// Runs the program to its end and tells how it ended.
    ///
    /// Nobody else has the child: a future that is dropped or cancelled kills it.
    ///
    /// # Errors
    ///
    /// As for [`spawn`](Self::spawn) and [`Child::wait`].
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn status(&mut self) -> impl Future<Output = io::Result<ExitStatus>> {
        waiting("process status", async { self.start(true).await?.wait().await })
    }

    async fn start(&mut self, kill_on_drop: bool) -> io::Result<Child> {
        poll_fn(|context| current().checkpoint(context)).await?;
        if mem::replace(&mut self.lost, true) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "this command was lost with a spawn that was given up; make a new one",
            ));
        }
        let command = mem::replace(&mut self.std, StdCommand::new(""));
        let command = Arc::new(Mutex::new(command));
        let theirs = Arc::clone(&command);
        let started = off_core(move || {
            Started::new(&mut theirs.lock().unwrap_or_else(PoisonError::into_inner))
        })
        .await;
        // Also where no thread took it: only a spawn that goes on without us still has it.
        if let Some(command) = Arc::into_inner(command) {
            self.std = command.into_inner().unwrap_or_else(PoisonError::into_inner);
            self.lost = false;
        }
        started??.into_child(kill_on_drop, self.output_bytes_max)
    }
}

impl From<StdCommand> for Command {
    fn from(std: StdCommand) -> Self {
        Self {
            std,
            lost: false,
            stdin_chosen: false,
            kill_on_drop: false,
            output_bytes_max: OUTPUT_BYTES_MAX,
        }
    }
}

/// A child on its way from the thread that started it to the core; killed where it gets lost.
struct Started {
    child: std::process::Child,
    /// Nothing once the core has it.
    pidfd: Option<OwnedFd>,
}

impl Started {
    /// Starts the program on this thread.
    fn new(command: &mut StdCommand) -> io::Result<Self> {
        reaper::sweep();
        let mut child = command.spawn()?;
        match pidfd::open(&child) {
            Ok(pidfd) => Ok(Self { child, pidfd: Some(pidfd) }),
            // Somebody else has reaped it, and its number may be another's by now.
            Err(error) if error.raw_os_error() == Some(libc::ESRCH) => Err(error),
            Err(error) => {
                // It can only fail where the child runs as another user, and then is waited for.
                let _ = child.kill();
                let _ = child.wait();
                Err(error)
            }
        }
    }

    fn into_child(mut self, kill_on_drop: bool, output_bytes_max: usize) -> io::Result<Child> {
        let pidfd = || self.pidfd.take().expect("taken once");
        Child::new(&mut self.child, pidfd, kill_on_drop, output_bytes_max)
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        let Some(pidfd) = self.pidfd.take() else { return };
        let killed = pidfd::send(&pidfd, SignalKind::KILL);
        match (try_current(), killed) {
            (Some(_), _) => reaper::adopt(Source::new(pidfd)),
            (None, Ok(())) => drop(pidfd::reap_blocking(&pidfd)),
            // It runs as another user, and will for who knows how long.
            (None, Err(_)) => reaper::leave(pidfd),
        }
    }
}
