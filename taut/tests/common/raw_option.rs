//! Options of sockets that are set behind the runtime's back.

use std::os::fd::{AsFd, AsRawFd};

/// Sets an option that is an `int`.
pub(crate) fn set_raw_option(socket: &impl AsFd, level: i32, option: i32, value: i32) {
    let fd = socket.as_fd().as_raw_fd();
    let length = size_of::<i32>() as libc::socklen_t;
    // SAFETY: the value is an `int` that lives until the call returns, and the descriptor is open
    // for as long as it is borrowed.
    let result = unsafe { libc::setsockopt(fd, level, option, (&raw const value).cast(), length) };
    assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
}
