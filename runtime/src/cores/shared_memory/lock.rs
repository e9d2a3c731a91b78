//! A lock on one byte of the ring's file, held for as long as a process plays a part.
//!
//! The kernel gives it up with the last descriptor of its open file description, so also after
//! `kill -9`, whatever happens to the process's number meanwhile, and in whatever namespace that
//! counts. Invariant: each lock has a description of its own, which nobody else has: it is opened
//! anew through `/proc/self/fd`, and closes when another program is executed. A child that is
//! forked and executes none keeps its parent's locks. Cost: a system call to ask for one.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

use super::mapping::reopen;

/// A lock that is held until it is dropped.
#[derive(Debug)]
pub(super) struct Lock {
    _description: OwnedFd,
}

impl Lock {
    /// Takes the lock on a byte; `None` where somebody has it.
    pub(super) fn take(file: BorrowedFd<'_>, byte: u32) -> io::Result<Option<Self>> {
        let description = reopen(file)?;
        match control(&description, libc::F_OFD_SETLK, &mut exclusive(byte)) {
            Ok(()) => Ok(Some(Self { _description: description })),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether somebody holds the lock on a byte. `file` is a description that holds none.
    pub(super) fn is_held(file: &OwnedFd, byte: u32) -> bool {
        let mut lock = exclusive(byte);
        // Where the kernel can't tell, nobody is declared dead.
        control(file, libc::F_OFD_GETLK, &mut lock).is_err()
            || lock.l_type != libc::F_UNLCK as libc::c_short
    }
}

fn exclusive(byte: u32) -> libc::flock {
    // SAFETY: a structure of integers, for which zeroes are valid.
    let mut lock: libc::flock = unsafe { std::mem::zeroed() };
    lock.l_type = libc::F_WRLCK as libc::c_short;
    lock.l_whence = libc::SEEK_SET as libc::c_short;
    lock.l_start = libc::off_t::from(byte);
    lock.l_len = 1;
    lock
}

fn control(file: &OwnedFd, command: libc::c_int, lock: &mut libc::flock) -> io::Result<()> {
    // SAFETY: the descriptor is open, and these commands read and write one `flock`.
    match unsafe { libc::fcntl(file.as_raw_fd(), command, std::ptr::from_mut(lock)) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use super::super::mapping::create_sealed;
    use super::*;

    #[test]
    fn a_byte_has_one_holder_also_within_a_process_until_that_lets_go() {
        let file = create_sealed(4096).unwrap();
        let lock = Lock::take(file.as_fd(), 3).unwrap().expect("nobody has it");
        assert!(Lock::is_held(&file, 3));
        assert!(Lock::take(file.as_fd(), 3).unwrap().is_none());
        assert!(!Lock::is_held(&file, 2) && !Lock::is_held(&file, 4));
        let other = Lock::take(file.as_fd(), 4).unwrap().expect("another byte");
        drop(lock);
        assert!(!Lock::is_held(&file, 3) && Lock::is_held(&file, 4));
        drop(other);
    }
}
