//! Options of sockets that are a number and have no safe form elsewhere.

use std::io;
use std::os::fd::{AsFd, AsRawFd};

/// Sets an option whose value is an `int`.
pub(crate) fn set_number_option(
    socket: &impl AsFd,
    level: i32,
    option: i32,
    value: i32,
) -> io::Result<()> {
    let fd = socket.as_fd().as_raw_fd();
    let length = size_of::<i32>() as libc::socklen_t;
    // SAFETY: the value is readable for its size until the call returns.
    let outcome = unsafe { libc::setsockopt(fd, level, option, (&raw const value).cast(), length) };
    if outcome == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use super::*;

    #[test]
    fn an_option_is_set_and_an_unknown_one_refused() {
        let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        set_number_option(&sender, libc::SOL_UDP, libc::UDP_SEGMENT, 100).unwrap();
        sender.send_to(&[7; 201], receiver.local_addr().unwrap()).unwrap();
        let mut bytes = [0; 300];
        let lengths = [(); 3].map(|()| receiver.recv(&mut bytes).unwrap());
        assert_eq!(lengths, [100, 100, 1]);
        assert!(set_number_option(&sender, libc::SOL_UDP, 12_345, 1).is_err());
    }
}
