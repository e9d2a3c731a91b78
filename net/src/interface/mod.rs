//! Network interfaces by their number. What one can stamp is in `timestamps/device`.
//!
//! | file | idea |
//! |---|---|
//! | `addresses` | which interface has an address |

mod addresses;

use std::fmt;
use std::io;
use std::net::IpAddr;

use rustix::net::netdevice::{index_to_name, name_to_index};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};

/// A network interface of this host.
///
/// ```
/// use taut_net::Interface;
///
/// let loopback = Interface::by_name("lo")?;
/// assert_eq!(loopback.index(), 1);
/// assert_eq!(loopback.to_string(), "lo");
/// let error = Interface::by_name("no-such-one").unwrap_err();
/// assert!(error.to_string().contains("no-such-one"));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Interface(u32);

impl Interface {
    /// Whichever the routing table chooses.
    pub const ANY: Self = Self(0);

    /// The interface of that name, such as `eth0`.
    ///
    /// # Errors
    ///
    /// `NotFound`, with the name, where there is none.
    pub fn by_name(name: &str) -> io::Result<Self> {
        let index = name_to_index(any_socket()?, name).map_err(|error| {
            let error = io::Error::from(error);
            let message = format!("there is no network interface {name:?}: {error}");
            io::Error::new(io::ErrorKind::NotFound, message)
        })?;
        Ok(Self(index))
    }

    /// The interface of that number, as the kernel counts them; it is not looked for.
    pub const fn by_index(index: u32) -> Self {
        Self(index)
    }

    /// The interface that has this address; `None` where none has it.
    ///
    /// # Errors
    ///
    /// What the kernel tells.
    ///
    /// ```
    /// use taut_net::Interface;
    ///
    /// let loopback = Interface::by_address("127.0.0.1".parse().unwrap())?;
    /// assert_eq!(loopback, Some(Interface::by_name("lo")?));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn by_address(address: IpAddr) -> io::Result<Option<Self>> {
        let name = addresses::name_of(address)?;
        name.map(|name| Self::by_name(&name)).transpose()
    }

    /// Its number; 0 for any.
    pub const fn index(self) -> u32 {
        self.0
    }

    /// Its name.
    ///
    /// # Errors
    ///
    /// What the kernel tells, such as `ENODEV` where there is none of that number.
    pub fn name(self) -> io::Result<String> {
        Ok(index_to_name(any_socket()?, self.0)?)
    }
}

/// The kernel is asked through a socket, of any kind.
pub(crate) fn any_socket() -> io::Result<std::os::fd::OwnedFd> {
    Ok(socket_with(AddressFamily::UNIX, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?)
}

impl fmt::Display for Interface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (*self, self.name()) {
            (Self::ANY, _) => f.write_str("any interface"),
            (_, Ok(name)) => f.write_str(&name),
            (Self(index), Err(_)) => write!(f, "interface {index}, which is not there"),
        }
    }
}
