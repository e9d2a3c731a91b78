//! Paths and abstract names: where a Unix socket is found.

use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::SocketAddr;
use std::path::{Path, PathBuf};

use rustix::net::SocketAddrUnix;

/// The longest path of a Unix socket, in bytes: what the kernel's address holds before a zero.
const PATH_BYTES_MAX: usize = 107;

/// Where a Unix socket is: a path, or an address of the standard library, which may be abstract.
///
/// An abstract name is in no directory: it lives in the network namespace, has no permissions, and
/// is free again when its socket is closed.
///
/// ```
/// use std::os::linux::net::SocketAddrExt;
/// use std::os::unix::net::SocketAddr;
/// use taut_net::ToUnixAddress;
///
/// assert!("/run/gateway.sock".to_unix_address()?.as_pathname().is_some());
/// let gateway = SocketAddr::from_abstract_name("gateway")?;
/// assert_eq!(gateway.to_unix_address()?.as_abstract_name(), Some(&b"gateway"[..]));
/// # Ok::<(), std::io::Error>(())
/// ```
pub trait ToUnixAddress {
    /// The address.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for a path that is empty, holds a zero byte, or has more than 107 bytes.
    fn to_unix_address(&self) -> io::Result<SocketAddr>;
}

impl ToUnixAddress for SocketAddr {
    fn to_unix_address(&self) -> io::Result<SocketAddr> {
        Ok(self.clone())
    }
}

impl ToUnixAddress for Path {
    fn to_unix_address(&self) -> io::Result<SocketAddr> {
        let length = self.as_os_str().len();
        if length > PATH_BYTES_MAX {
            return Err(invalid(format!(
                "{} has {length} bytes, and the path of a Unix socket at most {PATH_BYTES_MAX}: \
                 use a shorter one, relative to a working directory near it, or an abstract name",
                self.display()
            )));
        }
        if length == 0 {
            return Err(invalid("the path of a Unix socket is empty".to_owned()));
        }
        SocketAddr::from_pathname(self)
    }
}

macro_rules! paths {
    ($($type:ty),+) => {
        $(impl ToUnixAddress for $type {
            fn to_unix_address(&self) -> io::Result<SocketAddr> {
                Path::new(self).to_unix_address()
            }
        })+
    };
}

paths!(str, String, OsStr, PathBuf);

impl<T: ToUnixAddress + ?Sized> ToUnixAddress for &T {
    fn to_unix_address(&self) -> io::Result<SocketAddr> {
        (**self).to_unix_address()
    }
}

/// An address as the calls want it.
pub(super) fn to_kernel(address: &SocketAddr) -> io::Result<SocketAddrUnix> {
    match (address.as_pathname(), address.as_abstract_name()) {
        (Some(path), _) => Ok(SocketAddrUnix::new(path)?),
        (None, Some(name)) => Ok(SocketAddrUnix::new_abstract_name(name)?),
        (None, None) => Err(invalid("an unnamed address leads to no socket".to_owned())),
    }
}

/// An address as `getsockname(2)` and its like gave it.
pub(super) fn from_kernel(address: &socket2::SockAddr) -> io::Result<SocketAddr> {
    match (address.as_pathname(), address.as_abstract_namespace()) {
        (Some(path), _) => SocketAddr::from_pathname(path),
        (None, Some(name)) => SocketAddr::from_abstract_name(name),
        (None, None) if address.is_unix() => unnamed(),
        (None, None) => Err(invalid("this is no Unix socket".to_owned())),
    }
}

/// The address in the path bytes of a `sockaddr_un`.
pub(super) fn from_bytes(bytes: &[u8]) -> io::Result<SocketAddr> {
    match bytes {
        [] => unnamed(),
        [0, name @ ..] => SocketAddr::from_abstract_name(name),
        path => {
            let end = path.iter().position(|byte| *byte == 0).unwrap_or(path.len());
            SocketAddr::from_pathname(OsStr::from_bytes(&path[..end]))
        }
    }
}

/// The address of a socket that has no name.
fn unnamed() -> io::Result<SocketAddr> {
    SocketAddr::from_pathname("")
}

pub(super) fn invalid(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_of_107_bytes_is_the_longest() {
        let longest = "x".repeat(PATH_BYTES_MAX);
        let address = longest.to_unix_address().unwrap();
        assert_eq!(address.as_pathname(), Some(Path::new(&longest)));
        assert!(to_kernel(&address).is_ok());
        let error = format!("{longest}x").to_unix_address().unwrap_err();
        assert!(error.to_string().contains("108 bytes"), "{error}");
        assert_eq!("".to_unix_address().unwrap_err().kind(), io::ErrorKind::InvalidInput);
        assert_eq!("a\0b".to_unix_address().unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }

    #[test]
    fn bytes_of_the_kernel_are_paths_names_or_nothing() {
        assert!(from_bytes(b"").unwrap().is_unnamed());
        let path = from_bytes(b"/run/a\0rest").unwrap();
        assert_eq!(path.as_pathname(), Some(Path::new("/run/a")));
        let name = from_bytes(b"\0a\0b").unwrap();
        assert_eq!(name.as_abstract_name(), Some(&b"a\0b"[..]), "zeros are part of a name");
        assert!(to_kernel(&from_bytes(b"").unwrap()).is_err());
    }
}
