//! Pseudo-terminals: for programs that behave differently, or refuse to run, without a terminal.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;

use rustix::process::{ioctl_tiocsctty, setsid};
use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use super::{Child, Command};
use crate::io::{Descriptor, PipeReader, PipeWriter, Source};
use crate::task::waiting;

/// A pseudo-terminal: this end reads what its programs print and writes what is typed.
///
/// It behaves like a terminal: what is typed is echoed, `\n` is printed as `\r\n`, byte 3 is
/// Ctrl-C, and a program gets its input in lines, until it asks for another mode. Reads end when
/// the last program has closed the terminal.
///
/// ```
/// use taut_runtime::process::{Command, Pty};
///
/// taut_runtime::run(async {
///     let mut terminal = Pty::open(24, 80)?;
///     let mut child = terminal.spawn(Command::new("tty")).await?;
///     let mut printed = Vec::new();
///     terminal.reader.read_to_end(&mut printed).await?;
///     assert!(printed.starts_with(b"/dev/pts/"));
///     assert!(child.wait().await?.success());
///     Ok::<(), std::io::Error>(())
/// })??;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Pty {
    /// What the programs print.
    pub reader: PipeReader,
    /// What is typed.
    pub writer: PipeWriter,
    descriptor: Descriptor,
}

impl Pty {
    /// Opens a terminal of this size, in characters.
    ///
    /// # Errors
    ///
    /// `EAGAIN` where the system has no terminal left (`kernel.pty.max`); `EMFILE` where no
    /// descriptor is left; `NotFound` where `/dev/ptmx` is missing.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn open(rows: u16, columns: u16) -> io::Result<Self> {
        let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
        grantpt(&terminal)?;
        unlockpt(&terminal)?;
        rustix::io::ioctl_fionbio(&terminal, true)?;
        let descriptor = Descriptor::from(terminal);
        let pty = Self {
            reader: PipeReader::of_terminal(Source::new(descriptor.clone())),
            writer: PipeWriter::of_terminal(Source::new(descriptor.clone())),
            descriptor,
        };
        pty.resize(rows, columns)?;
        Ok(pty)
    }

    /// Changes the size, in characters; programs are told by `SIGWINCH`.
    ///
    /// # Errors
    ///
    /// What `ioctl(2)` tells.
    pub fn resize(&self, rows: u16, columns: u16) -> io::Result<()> {
        let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        Ok(tcsetwinsize(&self.descriptor, size)?)
    }

    /// Starts a program in the terminal, as the leader of a session of its own, with all three
    /// streams there. The command is used up: it would keep the terminal open.
    ///
    /// One program at a time leads; those that it starts share the terminal. Leave
    /// [`process_group`](Command::process_group) alone: the leader makes its own.
    ///
    /// # Errors
    ///
    /// As for [`Command::spawn`]; `EPERM` while the leader before still runs.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn spawn(&self, command: Command) -> impl Future<Output = io::Result<Child>> {
        let prepared = self.prepare(command);
        waiting("process spawn", async move { prepared?.spawn().await })
    }

    fn prepare(&self, mut command: Command) -> io::Result<Command> {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let terminal: OwnedFd = ioctl_tiocgptpeer(&self.descriptor, flags)?;
        command.stdin(terminal.try_clone()?).stdout(terminal.try_clone()?);
        command.stderr(terminal.try_clone()?);
        // SAFETY: the closure makes two system calls without allocating or locking. The terminal is
        // open there: the closure owns it, and it is closed when the new program starts.
        unsafe {
            command.as_std_mut().pre_exec(move || {
                setsid()?;
                Ok(ioctl_tiocsctty(&terminal)?)
            });
        }
        Ok(command)
    }
}

impl AsFd for Pty {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}
