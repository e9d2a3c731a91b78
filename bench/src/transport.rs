//! What messages travel on between a client and a server: the one place that tells transports
//! apart.
//!
//! Servers and clients work on descriptors, since sending and receiving are the same calls on all
//! of them; only making a listener, accepting and connecting differ.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr as UnixAddress, UnixListener, UnixStream};
use std::str::FromStr;

use clap::ValueEnum;
use rustix::io::ioctl_fionbio;
use serde::{Deserialize, Serialize};

use crate::sys::set_number_option;

/// Connections that wait to be accepted; the kernel's own limit is lower on many hosts.
const BACKLOG: i32 = 4_096;
/// What comes before the name of an abstract Unix socket, where it is written as text.
const UNIX_PREFIX: &str = "unix:@";
/// The same of a UDP socket, and of one with a TCP listener at the same port.
const UDP_PREFIX: &str = "udp:";
const TICKS_PREFIX: &str = "ticks:";
/// How often a port is looked for that is free for both.
const PORTS_TRIED: u32 = 100;
/// What every server of datagrams asks for: the runtime's default.
const RECEIVE_BUFFER_BYTES: i32 = 4 << 20;

/// The kinds of socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Transport {
    /// TCP over loopback.
    Tcp,
    /// A Unix stream socket with an abstract name.
    Unix,
    /// UDP over loopback: what a socket receives it sends back to whoever sent it.
    Udp,
    /// A datagram by UDP, the answer by TCP, to one connection until it is gone.
    Ticks,
}

impl Transport {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Unix => "unix",
            Self::Udp => "udp",
            Self::Ticks => "ticks",
        }
    }

    /// In a phrase.
    pub(crate) fn about(self) -> &'static str {
        match self {
            Self::Tcp => "loopback TCP",
            Self::Unix => "Unix stream socket",
            Self::Udp => "loopback UDP",
            Self::Ticks => "loopback, a tick by UDP and an order by TCP",
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
    Udp(SocketAddr),
    /// Of both, the UDP socket and the TCP listener.
    Ticks(SocketAddr),
}

const LOOPBACK: SocketAddr = SocketAddr::V4(std::net::SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0));

impl Address {
    /// Where a server of this process is to listen: the kernel chooses a port, and a name of our
    /// own is this process's alone.
    pub(crate) fn to_bind(transport: Transport) -> Self {
        match transport {
            Transport::Tcp => Self::Ip(LOOPBACK),
            Transport::Udp => Self::Udp(LOOPBACK),
            Transport::Ticks => Self::Ticks(LOOPBACK),
            Transport::Unix => Self::Unix(format!("taut-bench-{}", std::process::id())),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(address) => address.fmt(f),
            Self::Unix(name) => write!(f, "{UNIX_PREFIX}{name}"),
            Self::Udp(address) => write!(f, "{UDP_PREFIX}{address}"),
            Self::Ticks(address) => write!(f, "{TICKS_PREFIX}{address}"),
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
        let of = |prefix: &str, kind: fn(SocketAddr) -> Self| {
            text.strip_prefix(prefix).map(|rest| (rest, kind))
        };
        let (rest, kind) = of(UDP_PREFIX, Self::Udp)
            .or_else(|| of(TICKS_PREFIX, Self::Ticks))
            .unwrap_or((text, Self::Ip));
        let address: SocketAddr = rest.parse().map_err(|error| {
            format!(
                "{text:?} is no IP address with a port, alone or behind {UDP_PREFIX} or \
                 {TICKS_PREFIX}, nor {UNIX_PREFIX}NAME: {error}"
            )
        })?;
        Ok(kind(address))
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
            Address::Udp(_) | Address::Ticks(_) => {
                return Err(io::Error::other("a socket of datagrams does not listen"));
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

/// A socket of datagrams, ready for a loop that spins, and for `ticks` the listener beside it.
pub(crate) fn bind_datagrams(
    transport: Transport,
) -> io::Result<(UdpSocket, Option<Listener>, Address)> {
    let mut last = None;
    for _ in 0..PORTS_TRIED {
        let socket = UdpSocket::bind(LOOPBACK)?;
        socket.set_nonblocking(true)?;
        let wanted = RECEIVE_BUFFER_BYTES;
        set_number_option(&socket, libc::SOL_SOCKET, libc::SO_RCVBUF, wanted)?;
        let address = socket.local_addr()?;
        if transport != Transport::Ticks {
            return Ok((socket, None, Address::Udp(address)));
        }
        match TcpListener::bind(address) {
            Ok(listener) => {
                return Ok((socket, Some(Listener::Tcp(listener)), Address::Ticks(address)));
            }
            Err(error) => last = Some(error),
        }
    }
    Err(last.expect("one port at least was tried"))
}

/// A way to a server, ready for a client that spins: the connection itself, or the socket that
/// sends datagrams to it.
pub(crate) fn connect(address: &Address) -> io::Result<OwnedFd> {
    match address {
        Address::Udp(address) | Address::Ticks(address) => {
            let socket = UdpSocket::bind(LOOPBACK)?;
            socket.connect(address)?;
            nonblocking(socket.into())
        }
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
        for text in ["127.0.0.1:4711", "unix:@taut-bench-17", "udp:127.0.0.1:9", "ticks:[::1]:1"] {
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
        for transport in [Transport::Tcp, Transport::Unix] {
            let (listener, address) = Listener::open(transport).unwrap();
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

    #[test]
    fn a_tick_and_its_order_have_one_address() {
        let (ticks, listener, address) = bind_datagrams(Transport::Ticks).unwrap();
        let Address::Ticks(of_both) = address else { panic!("{address}") };
        let sender = connect(&address).unwrap();
        let orders = connect(&Address::Ip(of_both)).unwrap();
        assert_eq!(send(&sender, b"tick", SendFlags::NOSIGNAL), Ok(4));
        let mut tick = [0; 8];
        while !matches!(ticks.recv(&mut tick), Ok(4)) {}
        let order = listener.unwrap().accept().unwrap();
        assert_eq!(send(&order, &tick[..4], SendFlags::NOSIGNAL), Ok(4));
        while !matches!(recv(&orders, &mut tick[4..], RecvFlags::empty()), Ok((4, _))) {}
        assert_eq!(&tick, b"ticktick");
    }
}
