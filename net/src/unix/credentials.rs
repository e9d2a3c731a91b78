//! Who is at the other end.

use std::io;
use std::os::fd::BorrowedFd;

use crate::number_option::read_option;

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

/// `SO_PEERCRED`.
pub(super) fn of_peer(socket: BorrowedFd<'_>) -> io::Result<Credentials> {
    let mut bytes = [[0; 4]; 3];
    read_option(&socket, libc::SOL_SOCKET, libc::SO_PEERCRED, bytes.as_flattened_mut())?;
    let [pid, uid, gid] = bytes;
    let (uid, gid) = (u32::from_ne_bytes(uid), u32::from_ne_bytes(gid));
    Ok(libc::ucred { pid: i32::from_ne_bytes(pid), uid, gid }.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_cannot_be_seen_has_no_number() {
        let of_kernel = libc::ucred { pid: 0, uid: 7, gid: 8 };
        assert_eq!(Credentials::from(of_kernel), Credentials { pid: None, uid: 7, gid: 8 });
    }
}
