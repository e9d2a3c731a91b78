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

/// Commands of `ethtool` that set one number.
pub(crate) const SET_SEGMENTATION: u32 = 0x1f;
pub(crate) const SET_GRO: u32 = 0x2c;

/// Switches a device's offload, as `ethtool -K` does; of the namespace that the thread is in.
pub(crate) fn set_offload(device: &str, command: u32, on: bool) -> std::io::Result<()> {
    const SIOCETHTOOL: u32 = 0x8946;

    let socket = std::net::UdpSocket::bind("0.0.0.0:0")?;
    let mut value = [command, u32::from(on)];
    // SAFETY: it is integers, a pointer and unions of these, for which zero is a value.
    let mut message: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, byte) in message.ifr_name.iter_mut().zip(device.bytes()) {
        *to = byte.cast_signed();
    }
    message.ifr_ifru.ifru_data = value.as_mut_ptr().cast();
    // SAFETY: the kernel reads `message` and the two numbers of `struct ethtool_value`, which live
    // until the call returns.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), SIOCETHTOOL as _, &raw mut message) };
    if result < 0 { Err(std::io::Error::last_os_error()) } else { Ok(()) }
}
