//! Options of sockets that are one number, and the system calls that set and read any option.
//!
//! Invariant: the kernel reads and writes only within the memory that is handed to it, and says how
//! much it wrote. An error that a user can mend names the option and the remedy; any other is the
//! kernel's own. Costs one system call each.

use std::ffi::c_int;
use std::io;
use std::os::fd::{AsFd, AsRawFd};

/// An option whose value is a C `int`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NumberOption {
    level: c_int,
    option: c_int,
    name: &'static str,
    /// The capability that the kernel asks of whoever sets it.
    needs: Option<&'static str>,
    since: &'static str,
}

impl NumberOption {
    /// An option that anybody may set, by its name in the manual and the first kernel that has it.
    pub(crate) const fn new(
        level: c_int,
        option: c_int,
        name: &'static str,
        since: &'static str,
    ) -> Self {
        Self { level, option, name, needs: None, since }
    }

    /// The same, for those who have a capability.
    pub(crate) const fn needs(self, capability: &'static str) -> Self {
        Self { needs: Some(capability), ..self }
    }

    pub(crate) fn set(&self, socket: &impl AsFd, value: c_int) -> io::Result<()> {
        write_option(socket, self.level, self.option, &value.to_ne_bytes())
            .map_err(|error| self.explain(error))
    }

    pub(crate) fn get(&self, socket: &impl AsFd) -> io::Result<c_int> {
        let mut bytes = [0; size_of::<c_int>()];
        // The kernel may answer with fewer bytes than an `int`: the rest of it is zero.
        read_option(socket, self.level, self.option, &mut bytes)
            .map_err(|error| self.explain(error))?;
        Ok(c_int::from_ne_bytes(bytes))
    }

    /// As [`set`](Self::set), for a value that the kernel may take as unsigned, but not above
    /// `c_int::MAX`.
    pub(crate) fn set_count(
        &self,
        socket: &impl AsFd,
        value: impl TryInto<c_int>,
    ) -> io::Result<()> {
        let value = value.try_into().map_err(|_| {
            let what = format!("{} takes a value of at most {}", self.name, c_int::MAX);
            io::Error::new(io::ErrorKind::InvalidInput, what)
        })?;
        self.set(socket, value)
    }

    /// Says of errors that a user can mend which option, and what it needs.
    fn explain(&self, error: io::Error) -> io::Error {
        let (kind, what) = match (error.raw_os_error(), self.needs) {
            (Some(libc::EPERM | libc::EACCES), Some(capability)) => {
                (error.kind(), format!("to set {} needs {capability}", self.name))
            }
            (Some(libc::ENOPROTOOPT), _) => (
                io::ErrorKind::Unsupported,
                format!("no {} here, which came with Linux {}", self.name, self.since),
            ),
            _ => return error,
        };
        io::Error::new(kind, format!("{what}: {error}"))
    }
}

/// Sets an option to the value that these bytes are.
pub(crate) fn write_option(
    socket: &impl AsFd,
    level: c_int,
    option: c_int,
    value: &[u8],
) -> io::Result<()> {
    let fd = socket.as_fd().as_raw_fd();
    let length = libc::socklen_t::try_from(value.len()).unwrap_or(libc::socklen_t::MAX);
    // SAFETY: `value` is readable for `length` bytes, at most its length, until the call is over;
    // the descriptor is open for as long as it is borrowed.
    let result = unsafe { libc::setsockopt(fd, level, option, value.as_ptr().cast(), length) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Reads an option into `to` and says how many bytes the kernel wrote, at most `to.len()`.
///
/// Not for an option in whose value the kernel finds an address to write to, as
/// `TCP_ZEROCOPY_RECEIVE` has.
pub(crate) fn read_option(
    socket: &impl AsFd,
    level: c_int,
    option: c_int,
    to: &mut [u8],
) -> io::Result<usize> {
    let fd = socket.as_fd().as_raw_fd();
    let mut length = libc::socklen_t::try_from(to.len()).unwrap_or(libc::socklen_t::MAX);
    // SAFETY: `to` is writable for `length` bytes, at most its length. The kernel writes no more
    // than that, and with the options that this crate reads nowhere else. Both are borrowed
    // exclusively until the call is over. Any bytes are valid in a `[u8]`. The descriptor is open
    // for as long as it is borrowed.
    let result =
        unsafe { libc::getsockopt(fd, level, option, to.as_mut_ptr().cast(), &raw mut length) };
    if result == 0 { Ok((length as usize).min(to.len())) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use super::*;

    fn socket() -> UdpSocket {
        UdpSocket::bind("127.0.0.1:0").unwrap()
    }

    #[test]
    fn the_kernel_writes_no_more_than_it_is_given_and_says_how_much() {
        let socket = socket();
        let mut bytes = [0xaa; 8];
        for given in 0..=4 {
            bytes.fill(0xaa);
            let read = read_option(&socket, libc::SOL_SOCKET, libc::SO_TYPE, &mut bytes[..given]);
            assert_eq!(read.unwrap(), given);
            assert_eq!(bytes[given..], [0xaa; 8][given..], "beyond the {given} bytes");
        }
        bytes.fill(0xaa);
        let read = read_option(&socket, libc::SOL_SOCKET, libc::SO_TYPE, &mut bytes);
        assert_eq!(read.unwrap(), 4, "an `int` is all there is");
        assert_eq!(bytes[..4], libc::SOCK_DGRAM.to_ne_bytes());
        assert_eq!(bytes[4..], [0xaa; 4]);
    }

    #[test]
    fn a_number_that_no_int_holds_is_refused_and_an_unknown_option_is_named() {
        let unknown = NumberOption::new(libc::SOL_SOCKET, 12345, "SO_FROM_TOMORROW", "99.0");
        let error = unknown.set_count(&socket(), usize::MAX).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        for error in [unknown.set(&socket(), 1).unwrap_err(), unknown.get(&socket()).unwrap_err()] {
            assert_eq!(error.kind(), io::ErrorKind::Unsupported);
            let text = error.to_string();
            assert!(text.contains("SO_FROM_TOMORROW") && text.contains("99.0"), "{text}");
        }
    }

    #[test]
    fn an_option_of_a_file_is_the_kernels_error() {
        let file = std::fs::File::open("/dev/null").unwrap();
        let error = read_option(&file, libc::SOL_SOCKET, libc::SO_TYPE, &mut [0; 4]).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::ENOTSOCK));
    }

    #[test]
    fn a_value_with_too_few_bytes_is_refused_and_not_read_beyond() {
        let socket = socket();
        for given in 0..4 {
            let value = vec![1; given];
            let error = write_option(&socket, libc::SOL_SOCKET, libc::SO_REUSEADDR, &value);
            assert_eq!(error.unwrap_err().raw_os_error(), Some(libc::EINVAL), "{given} bytes");
        }
        let mut set = [0xaa; 4];
        read_option(&socket, libc::SOL_SOCKET, libc::SO_REUSEADDR, &mut set).unwrap();
        assert_eq!(set, [0; 4]);
    }
}
