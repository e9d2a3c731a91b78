//! What messages travel on between a client and a server: the one place that tells transports apart.
//!
//! Servers and clients work on descriptors, since sending and receiving are the same calls on all
//! of them; only making a listener, accepting and connecting differ.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr as UnixAddress, UnixListener, UnixStream};
use std::str::FromStr;

use clap::ValueEnum;
use rustix::io::ioctl_fionbio;
use serde::{Deserialize, Serialize};

/// Connections that wait to be accepted; the kernel's own limit is lower on many hosts.
const BACKLOG: i32 = 4_096;
/// What comes before the name of an abstract Unix socket, where it is written as text.
const UNIX_PREFIX: &str = "unix:@";

/// The kinds of socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Transport {
    /// TCP over loopback.
    Tcp,
    /// A Unix stream socket with an abstract name.
    Unix,
}

impl Transport {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Unix => "unix",
        }
    }

    /// In a phrase.
    pub(crate) fn about(self) -> &'static str {
        match self {
            Self::Tcp => "loopback TCP",
            Self::Unix => "Unix stream socket",
        }
    }
}

/// Where a server listens; as text `127.0.0.1:4711` or `unix:@NAME`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) enum Address {
    Ip(SocketAddr),
    /// An abstract name.
    Unix(String),
}

impl Address {
    /// Where a server of this process is to listen: the kernel chooses a port, and a name of our
    /// own is this process's alone.
    pub(crate) fn to_bind(transport: Transport) -> Self {
        match transport {
            Transport::Tcp => Self::Ip((Ipv4Addr::LOCALHOST, 0).into()),
            Transport::Unix => Self::Unix(format!("taut-bench-{}", std::process::id())),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(address) => address.fmt(f),
            Self::Unix(name) => write!(f, "{UNIX_PREFIX}{name}"),
        }
    }
}

impl From<Address> for String {
    fn from(address: Address) -> Self {
        address.to_string()
    }
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(name) = text.strip_prefix(UNIX_PREFIX) {
            return Ok(Self::Unix(name.to_owned()));
        }
        let address = text.parse().map_err(|error| {
            format!("{text:?} is neither an IP address with a port nor {UNIX_PREFIX}NAME: {error}")
        })?;
        Ok(Self::Ip(address))
    }
}

impl TryFrom<String> for Address {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

/// A listener of the raw servers.
#[derive(Debug)]
pub(crate) enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Listener {
    pub(crate) fn open(transport: Transport) -> io::Result<(Self, Address)> {
        let (listener, address) = match Address::to_bind(transport) {
            Address::Ip(address) => {
                let listener = TcpListener::bind(address)?;
                let address = Address::Ip(listener.local_addr()?);
                (Self::Tcp(listener), address)
            }
            Address::Unix(name) => {
                let listener = UnixListener::bind_addr(&abstract_address(&name)?)?;
                (Self::Unix(listener), Address::Unix(name))
            }
        };
        // The library's own backlog is short, and who does not fit in is asked again in a second.
        rustix::net::listen(&listener, BACKLOG)?;
        Ok((listener, address))
    }

    /// The next connection, ready for a loop that spins.
    pub(crate) fn accept(&self) -> io::Result<OwnedFd> {
        loop {
            let prepared = match self {
                Self::Tcp(listener) => prepared(listener.accept()?.0),
                Self::Unix(listener) => nonblocking(listener.accept()?.0.into()),
            };
            // One that was reset meanwhile takes no options: the next one will.
            if let Ok(socket) = prepared {
                return Ok(socket);
            }
        }
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(listener) => listener.as_fd(),
            Self::Unix(listener) => listener.as_fd(),
        }
    }
}

impl AsRawFd for Listener {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}

/// A connection, ready for a client that spins.
pub(crate) fn connect(address: &Address) -> io::Result<OwnedFd> {
    match address {
        Address::Ip(address) => prepared(TcpStream::connect(address)?),
        Address::Unix(name) => {
            nonblocking(UnixStream::connect_addr(&abstract_address(name)?)?.into())
        }
    }
}

pub(crate) fn abstract_address(name: &str) -> io::Result<UnixAddress> {
    UnixAddress::from_abstract_name(name)
}

fn prepared(stream: TcpStream) -> io::Result<OwnedFd> {
    stream.set_nodelay(true)?;
    nonblocking(stream.into())
}

fn nonblocking(socket: OwnedFd) -> io::Result<OwnedFd> {
    ioctl_fionbio(&socket, true)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::net::{RecvFlags, SendFlags, recv, send};

    #[test]
    fn addresses_are_what_they_are_written_as() {
        for text in ["127.0.0.1:4711", "unix:@taut-bench-17"] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
        let error = "unix:relative".parse::<Address>().unwrap_err();
        assert!(error.contains("unix:@NAME"), "{error}");
    }

    #[test]
    fn names_are_those_of_the_command_line() {
        for transport in Transport::value_variants() {
            let value = transport.to_possible_value().map(|value| value.get_name().to_owned());
            assert_eq!(value.as_deref(), Some(transport.name()));
        }
    }

    #[test]
    fn each_transport_connects_without_blocking() {
        for transport in Transport::value_variants() {
            let (listener, address) = Listener::open(*transport).unwrap();
            let client = connect(&address).unwrap();
            let server = listener.accept().unwrap();
            let mut byte = [0];
            for socket in [&client, &server] {
                let error = recv(socket, &mut byte[..], RecvFlags::empty()).unwrap_err();
                assert_eq!(error, rustix::io::Errno::AGAIN);
            }
            assert_eq!(send(&client, b"x", SendFlags::NOSIGNAL), Ok(1));
        }
    }
}
