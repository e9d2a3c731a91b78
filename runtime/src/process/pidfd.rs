//! A process by a descriptor: it names the same process for ever, also when the number is reused.

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use rustix::io::Errno;
use rustix::process::{PidfdFlags, WaitId, WaitIdOptions, WaitIdStatus, pidfd_open, waitid};

use crate::signal::SignalKind;

/// The descriptor of a child that has not been waited for.
pub(super) fn open(child: &std::process::Child) -> io::Result<OwnedFd> {
    Ok(pidfd_open(rustix::process::Pid::from_child(child), PidfdFlags::empty())?)
}

/// Reaps a child that has exited; `WouldBlock` while it runs.
pub(super) fn reap(pidfd: impl AsFd) -> io::Result<ExitStatus> {
    wait(pidfd, WaitIdOptions::EXITED | WaitIdOptions::NOHANG)
}

/// Reaps a child, and blocks the thread until it can.
pub(super) fn reap_blocking(pidfd: impl AsFd) -> io::Result<ExitStatus> {
    wait(pidfd, WaitIdOptions::EXITED)
}

fn wait(pidfd: impl AsFd, options: WaitIdOptions) -> io::Result<ExitStatus> {
    loop {
        return match waitid(WaitId::PidFd(pidfd.as_fd()), options) {
            Ok(Some(status)) => Ok(to_std(&status)),
            Ok(None) => Err(Errno::WOULDBLOCK.into()),
            Err(Errno::INTR) => continue,
            Err(Errno::CHILD) => Err(io::Error::new(
                io::ErrorKind::NotFound,
                "somebody else took the child's exit status: SIGCHLD is ignored, or other code of \
                 this process waits for all children",
            )),
            Err(error) => Err(error.into()),
        };
    }
}

/// The status in the form of `wait(2)`.
fn to_std(status: &WaitIdStatus) -> ExitStatus {
    const CORE_DUMPED: i32 = 0x80;
    let exited = status.exit_status().map(|code| (code & 0xff) << 8);
    let dumped = if status.dumped() { CORE_DUMPED } else { 0 };
    let killed = status.terminating_signal().map(|signal| signal | dumped);
    ExitStatus::from_raw(exited.or(killed).unwrap_or_default())
}

/// Sends a signal; to a process that has exited it does nothing.
pub(super) fn send(pidfd: impl AsFd, signal: SignalKind) -> io::Result<()> {
    let (fd, number) = (pidfd.as_fd().as_raw_fd(), signal.as_raw());
    let no_details = std::ptr::null::<libc::siginfo_t>();
    // SAFETY: the call takes numbers and a null pointer. It is not rustix's, which knows no
    // real-time signals.
    let result = unsafe { libc::syscall(libc::SYS_pidfd_send_signal, fd, number, no_details, 0) };
    if result == 0 {
        return Ok(());
    }
    match io::Error::last_os_error() {
        error if error.raw_os_error() == Some(libc::ESRCH) => Ok(()),
        error if error.raw_os_error() == Some(libc::EINVAL) => {
            Err(io::Error::new(io::ErrorKind::InvalidInput, format!("{signal} is no signal")))
        }
        error => Err(error),
    }
}
