//! Who is at the other end.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};

use super::sys;

/// A process, as the kernel vouches for it.
///
/// For a connection it is who called `connect`, `listen` or `socketpair`, at that moment; for a
/// message, who sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// Its number as this process sees it; `None` for one of a PID namespace that it can't see. The
    /// number may be another process's by now, a [pidfd](crate::UnixStream::peer_pidfd) may not.
    pub pid: Option<u32>,
    /// Its effective user.
    pub uid: u32,
    /// Its effective group.
    pub gid: u32,
}

impl From<libc::ucred> for Credentials {
    fn from(of_kernel: libc::ucred) -> Self {
        let pid = u32::try_from(of_kernel.pid).ok().filter(|pid| *pid != 0);
        Self { pid, uid: of_kernel.uid, gid: of_kernel.gid }
    }
}

pub(super) fn of_peer(socket: BorrowedFd<'_>) -> io::Result<Credentials> {
    sys::peer_credentials(socket).map(Credentials::from)
}

pub(super) fn pidfd_of_peer(socket: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    sys::peer_pidfd(socket).map_err(|error| match error.raw_os_error() {
        Some(libc::ENOPROTOOPT) => io::Error::new(
            io::ErrorKind::Unsupported,
            "the kernel has no SO_PEERPIDFD (Linux 6.5): use the credentials' pid, which may be \
             reused",
        ),
        _ => error,
    })
}
