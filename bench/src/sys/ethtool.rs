//! What a network driver tells about its interrupts, by the call behind `ethtool -c`.
//!
//! Reading needs no privilege. Cost: a socket and one system call.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::AsRawFd;

use rustix::net::{AddressFamily, SocketType, socket};

/// From linux/ethtool.h: the command and the number of its 32-bit words.
const GET_COALESCE: u32 = 0x0e;
const COALESCE_WORDS: usize = 23;
/// Which of those words say what.
const RX_USECS: usize = 1;
const RX_FRAMES: usize = 2;
const ADAPTIVE_RX: usize = 10;

/// How an interface delays its receive interrupts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Coalescing {
    /// How long the first packet waits for others.
    pub(crate) rx_usecs: u32,
    /// How many packets end that wait; 0 where only the time counts.
    pub(crate) rx_frames: u32,
    /// Whether the driver changes both by itself.
    pub(crate) adaptive_rx: bool,
}

/// Asks the driver of an interface.
///
/// # Errors
///
/// `EOPNOTSUPP` where it has nothing to set; `ENODEV` where there is no such interface.
pub(crate) fn coalescing(interface: &str) -> io::Result<Coalescing> {
    let mut words = [0_u32; COALESCE_WORDS];
    words[0] = GET_COALESCE;
    call(interface, &mut words)?;
    Ok(Coalescing {
        rx_usecs: words[RX_USECS],
        rx_frames: words[RX_FRAMES],
        adaptive_rx: words[ADAPTIVE_RX] != 0,
    })
}

/// Private, so that no command meets a buffer that is too short for its answer.
fn call(interface: &str, words: &mut [u32; COALESCE_WORDS]) -> io::Result<()> {
    let mut request = MaybeUninit::<libc::ifreq>::zeroed();
    // SAFETY: an `ifreq` is integers, arrays of them and a pointer: all zero is one of its values.
    let request = unsafe { request.assume_init_mut() };
    // The last byte stays the zero that ends the name.
    if interface.len() >= request.ifr_name.len() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    for (place, byte) in request.ifr_name.iter_mut().zip(interface.bytes()) {
        *place = byte as libc::c_char;
    }
    request.ifr_ifru.ifru_data = words.as_mut_ptr().cast();
    let socket = socket(AddressFamily::INET, SocketType::DGRAM, None)?;
    // SAFETY: the kernel reads one `ifreq` with a name that ends, and through its pointer reads and
    // writes the structure of the command in the first word: only `GET_COALESCE` is ever there,
    // whose structure (linux/ethtool.h) is as long as `words`.
    let outcome = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCETHTOOL as _, request) };
    if outcome < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interface_without_interrupts_or_without_existence_is_an_error() {
        let error = coalescing("lo").unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::EOPNOTSUPP), "{error}");
        let error = coalescing("no-such-one").unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::ENODEV), "{error}");
    }

    #[test]
    fn a_name_that_does_not_fit_is_refused_and_the_longest_that_fits_ends() {
        let error = coalescing(&"x".repeat(libc::IFNAMSIZ)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        let error = coalescing(&"x".repeat(libc::IFNAMSIZ - 1)).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::ENODEV), "{error}");
    }

    /// The answer of a driver that has one stays within its words: memory beside them is intact.
    #[test]
    fn every_interface_of_this_host_answers_or_refuses_within_the_buffer() {
        for interface in std::fs::read_dir("/sys/class/net").into_iter().flatten().flatten() {
            let name = interface.file_name().into_string().unwrap_or_default();
            let mut guarded = [[u32::MAX; COALESCE_WORDS]; 3];
            guarded[1] = [0; COALESCE_WORDS];
            guarded[1][0] = GET_COALESCE;
            let _ = call(&name, &mut guarded[1]);
            assert_eq!([guarded[0], guarded[2]], [[u32::MAX; COALESCE_WORDS]; 2], "{name}");
        }
    }
}
