//! A child process: its streams, its end, and signals to it.

use std::cell::Cell;
use std::error::Error;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::{ExitStatus, Output};
use std::{fmt, io};

use super::output::capture;
use super::{pidfd, reaper};
use crate::io::{Interest, PipeReader, PipeWriter, Source};
use crate::signal::SignalKind;
use crate::task::waiting;

/// The most bytes of output that are collected, where the command does not say.
pub(super) const OUTPUT_BYTES_MAX: usize = 16 << 20;

/// A child process, made by [`Command::spawn`](super::Command::spawn).
///
/// Dropping it leaves the process running, unless
/// [`kill_on_drop`](super::Command::kill_on_drop) was asked for. In either case it is reaped when
/// it exits: by a task of this runtime or, after this runtime's end, with the next spawn of any
/// runtime of this process.
#[derive(Debug)]
pub struct Child {
    /// The writing end of the child's standard input, where it was piped.
    pub stdin: Option<PipeWriter>,
    /// The reading end of the child's standard output, where it was piped.
    pub stdout: Option<PipeReader>,
    /// The reading end of the child's standard error, where it was piped.
    pub stderr: Option<PipeReader>,
    process: Process,
    output_bytes_max: usize,
}

impl Child {
    /// The process descriptor is asked for last: where this fails, its owner still has it.
    pub(super) fn new(
        child: &mut std::process::Child,
        pidfd: impl FnOnce() -> OwnedFd,
        kill_on_drop: bool,
        output_bytes_max: usize,
    ) -> io::Result<Self> {
        Ok(Self {
            stdin: child.stdin.take().map(PipeWriter::from_std).transpose()?,
            stdout: child.stdout.take().map(PipeReader::from_std).transpose()?,
            stderr: child.stderr.take().map(PipeReader::from_std).transpose()?,
            process: Process {
                source: Source::new(pidfd()),
                id: child.id(),
                status: Cell::new(None),
                kill_on_drop,
            },
            output_bytes_max,
        })
    }

    /// Takes over a child that the standard library started: for one that this very thread has to
    /// start, though that blocks the core, and the child inherits the core's affinity.
    ///
    /// # Errors
    ///
    /// Gives the child back: where no descriptor is left, or somebody waited for it already.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn from_std(mut child: std::process::Child) -> Result<Self, FromStdError> {
        pidfd::open(&child)
            .and_then(|pidfd| Self::new(&mut child, || pidfd, false, OUTPUT_BYTES_MAX))
            .map_err(|error| FromStdError { error, child })
    }

    /// The process's number, for messages and logs. Once the child was waited for, the system may
    /// give it to another process.
    pub fn id(&self) -> u32 {
        self.process.id
    }

    /// Closes the child's standard input and waits until the child exits. Once it has, the status
    /// can be asked for again. Cancel-safe: a wait that is dropped leaves the child to the next.
    ///
    /// A child that writes more than its pipe holds, and whose output nobody reads, never exits:
    /// see [`wait_with_output`](Self::wait_with_output).
    ///
    /// # Errors
    ///
    /// `ECANCELED` in a cancelled task; `NotFound` where other code took the exit status, or
    /// `SIGCHLD` is ignored.
    #[track_caller]
    pub fn wait(&mut self) -> impl Future<Output = io::Result<ExitStatus>> {
        self.stdin = None;
        waiting("child exit", self.process.wait())
    }

    /// The exit status where the child has exited; does not wait.
    ///
    /// # Errors
    ///
    /// As for [`wait`](Self::wait).
    pub fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        match self.process.reap() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            status => status.map(Some),
        }
    }

    /// Ends the child at once (`SIGKILL`); [`wait`](Self::wait) then tells how it ended. Does
    /// nothing where the child has exited.
    ///
    /// # Errors
    ///
    /// `PermissionDenied` where the child runs as another user by now.
    pub fn kill(&self) -> io::Result<()> {
        self.signal(SignalKind::KILL)
    }

    /// Sends a signal; never to another process, whoever has the child's number by now. Does
    /// nothing where the child has exited.
    ///
    /// # Errors
    ///
    /// `PermissionDenied` as for [`kill`](Self::kill); `InvalidInput` for what is no signal.
    pub fn signal(&self, signal: SignalKind) -> io::Result<()> {
        pidfd::send(&self.process.source, signal)
    }

    /// Closes the child's standard input, reads what it writes to those streams that were piped,
    /// and waits until it exits. Both streams are read at once, so neither blocks the child.
    ///
    /// The child goes with the future: one that is dropped or cancelled drops it.
    ///
    /// # Errors
    ///
    /// `FileTooLarge` where both streams together bring more than
    /// [`output_bytes_max`](super::Command::output_bytes_max): the child is then killed. As for
    /// [`wait`](Self::wait).
    #[track_caller]
    pub fn wait_with_output(self) -> impl Future<Output = io::Result<Output>> {
        let Self { stdin, stdout, stderr, process, output_bytes_max } = self;
        drop(stdin);
        waiting("child output", async move {
            let Some(captured) = capture(stdout, stderr, output_bytes_max).await? else {
                pidfd::send(&process.source, SignalKind::KILL)?;
                process.wait().await?;
                return Err(too_much(output_bytes_max));
            };
            let status = process.wait().await?;
            Ok(Output { status, stdout: captured.stdout, stderr: captured.stderr })
        })
    }
}

fn too_much(output_bytes_max: usize) -> io::Error {
    io::Error::new(
        io::ErrorKind::FileTooLarge,
        format!(
            "the child wrote more than {output_bytes_max} bytes and was killed; raise \
             Command::output_bytes_max, or read Child::stdout as it comes"
        ),
    )
}

/// The process of a [`Child`], without its streams.
#[derive(Debug)]
struct Process {
    /// Its pidfd: readable once it has exited.
    source: Source,
    id: u32,
    /// How it ended, once that was asked: the kernel tells it once.
    status: Cell<Option<ExitStatus>>,
    kill_on_drop: bool,
}

impl Process {
    fn reap(&self) -> io::Result<ExitStatus> {
        if let Some(status) = self.status.get() {
            return Ok(status);
        }
        let status = pidfd::reap(&self.source)?;
        self.status.set(Some(status));
        Ok(status)
    }

    async fn wait(&self) -> io::Result<ExitStatus> {
        self.source.call(Interest::Readable, || self.reap()).await
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.status.get().is_some() {
            return;
        }
        if self.kill_on_drop {
            // A refusal (the child runs as another user) leaves it running.
            let _ = pidfd::send(&self.source, SignalKind::KILL);
        }
        reaper::adopt(self.source.clone());
    }
}

impl AsFd for Child {
    /// The child's pidfd.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.process.source.as_fd()
    }
}

/// A child that could not be taken over.
#[derive(Debug)]
#[non_exhaustive]
pub struct FromStdError {
    /// Why.
    pub error: io::Error,
    /// The child, as it was.
    pub child: std::process::Child,
}

impl fmt::Display for FromStdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "child {} could not be taken over: {}", self.child.id(), self.error)
    }
}

impl Error for FromStdError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.error)
    }
}

impl From<FromStdError> for io::Error {
    fn from(error: FromStdError) -> Self {
        error.error
    }
}
