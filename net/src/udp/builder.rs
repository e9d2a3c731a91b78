//! What must be known before a UDP socket is bound.

use std::io;
use std::net::{SocketAddr, UdpSocket as StdSocket};
use std::os::fd::{AsFd, OwnedFd};

use socket2::{Domain, Protocol, Socket, Type};
use taut_runtime::io::DatagramOptions;

use crate::UdpSocket;
use crate::number_option::NumberOption;
use crate::socket_options::set_recv_buffer_size;

/// The most that the kernel joins (GRO).
const JOINED_BYTES_MAX: u32 = 65_535;

const PACKET_INFO_V4: NumberOption =
    NumberOption::new(libc::IPPROTO_IP, libc::IP_PKTINFO, "IP_PKTINFO", "2.2");
const PACKET_INFO_V6: NumberOption =
    NumberOption::new(libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO, "IPV6_RECVPKTINFO", "2.6.14");
const DROPS: NumberOption =
    NumberOption::new(libc::SOL_SOCKET, libc::SO_RXQ_OVFL, "SO_RXQ_OVFL", "2.6.33");
const JOIN: NumberOption = NumberOption::new(libc::SOL_UDP, libc::UDP_GRO, "UDP_GRO", "5.0");
/// A socket gets what is sent to the groups that it joined itself, not those of others.
const ALL_GROUPS_V4: NumberOption =
    NumberOption::new(libc::IPPROTO_IP, libc::IP_MULTICAST_ALL, "IP_MULTICAST_ALL", "2.6.31");
const ALL_GROUPS_V6: NumberOption =
    NumberOption::new(libc::IPPROTO_IPV6, libc::IPV6_MULTICAST_ALL, "IPV6_MULTICAST_ALL", "4.20");

/// Sets what must be set before a UDP socket is bound; made by [`UdpSocket::builder`].
///
/// ```
/// use taut_net::UdpSocket;
///
/// taut_runtime::run(async {
///     // Several sockets on one port of this host, for one multicast feed.
///     let address = "127.0.0.1:0".parse().unwrap();
///     let one = UdpSocket::builder().reuse_address(true).bind(address)?;
///     let two = UdpSocket::builder().reuse_address(true).bind(one.local_addr()?)?;
///     assert_eq!(one.local_addr()?, two.local_addr()?);
///     Ok::<(), std::io::Error>(())
/// })??;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct UdpBuilder {
    reuse_address: bool,
    reuse_port: bool,
    only_v6: bool,
    device: Option<String>,
    receive_buffer_bytes: usize,
    payload_bytes_max: Option<u32>,
    own_slots: u16,
    join_segments: bool,
    plain: bool,
}

impl Default for UdpBuilder {
    fn default() -> Self {
        Self {
            reuse_address: false,
            reuse_port: false,
            only_v6: false,
            device: None,
            receive_buffer_bytes: 4 << 20,
            payload_bytes_max: None,
            own_slots: 16,
            join_segments: false,
            plain: false,
        }
    }
}

impl UdpBuilder {
    /// Lets several sockets have one address (`SO_REUSEADDR`): each gets a copy of what is sent to
    /// a group or broadcast, the last one what is sent to the address itself. Default: no.
    #[must_use]
    pub fn reuse_address(mut self, on: bool) -> Self {
        self.reuse_address = on;
        self
    }

    /// Lets several sockets have one address, among which the kernel spreads what comes in
    /// (`SO_REUSEPORT`). Default: no.
    #[must_use]
    pub fn reuse_port(mut self, on: bool) -> Self {
        self.reuse_port = on;
        self
    }

    /// Keeps IPv4 away from a socket of IPv6 (`IPV6_V6ONLY`). Default: no.
    #[must_use]
    pub fn only_v6(mut self, on: bool) -> Self {
        self.only_v6 = on;
        self
    }

    /// Sends and receives by one interface only (`SO_BINDTODEVICE`). Default: by any.
    #[must_use]
    pub fn device(mut self, interface: impl Into<String>) -> Self {
        self.device = Some(interface.into());
        self
    }

    /// Bytes that wait in the kernel, its own part of each datagram (some 500 bytes) included.
    /// Capped at `net.core.rmem_max`, see [`UdpSocket::recv_buffer_size`] for what was granted.
    /// Default: 4 MiB, which holds a burst of some thousand small datagrams.
    #[must_use]
    pub fn receive_buffer_bytes(mut self, bytes: usize) -> Self {
        self.receive_buffer_bytes = bytes;
        self
    }

    /// Datagrams of up to so many bytes arrive whole; larger ones are cut off, and say so.
    ///
    /// Default: what fits a slot of the core's receive buffers, 32,512 bytes unless
    /// `receive_buffer_bytes` of the runtime says otherwise. Above that the socket has slots of its
    /// own (see [`own_slots`](Self::own_slots)), and the kernel does not fill them by itself: each
    /// burst costs a system call more. Datagrams are never larger than 65,507 bytes (over IPv6
    /// 65,527).
    #[must_use]
    pub fn payload_bytes_max(mut self, bytes: u32) -> Self {
        self.payload_bytes_max = Some(bytes);
        self
    }

    /// How many slots a socket has whose datagrams don't fit those of the core. Default: 16; more
    /// are received into the heap while the user holds all of them.
    #[must_use]
    pub fn own_slots(mut self, slots: u16) -> Self {
        self.own_slots = slots;
        self
    }

    /// Lets the kernel join datagrams of one size that one sender sent in a row (`UDP_GRO`, Linux
    /// 5.0): fewer calls for a flood. [`segments`](crate::Datagram::segments) gives each as it was
    /// sent. Implies a `payload_bytes_max` of 65,535. Default: no.
    #[must_use]
    pub fn join_segments(mut self, on: bool) -> Self {
        self.join_segments = on;
        self
    }

    /// Receives datagrams with their sender and nothing else: no destination, no interface, no
    /// kernel's count of drops (the socket's [`kernel_drops`](UdpSocket::kernel_drops) stays), no
    /// timestamps, no [`join_segments`](Self::join_segments). Every receive is then cheaper, by
    /// some 100 ns on our hosts. Default: no.
    #[must_use]
    pub fn plain(mut self, on: bool) -> Self {
        self.plain = on;
        self
    }

    /// Makes the socket and binds it. A port of 0 is chosen by the kernel.
    ///
    /// A socket gets datagrams only of groups that it has joined itself (`IP_MULTICAST_ALL` is
    /// off), and counts what the kernel dropped (`SO_RXQ_OVFL`).
    ///
    /// # Errors
    ///
    /// What `socket(2)`, `setsockopt(2)` and `bind(2)` tell: `AddrInUse`, `AddrNotAvailable` where
    /// no interface has the address, `PermissionDenied` below port 1024. The error names the
    /// address.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    pub fn bind(&self, address: SocketAddr) -> io::Result<UdpSocket> {
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
        self.prepare(&socket, address.is_ipv6())?;
        socket.bind(&address.into()).map_err(|error| {
            io::Error::new(
                error.kind(),
                format!("a UDP socket can't be bound to {address}: {error}"),
            )
        })?;
        UdpSocket::from_bound(OwnedFd::from(socket), self.options())
    }

    /// Takes over a socket that is bound. What would have to be set before that (`reuse_address`
    /// and the like, the receive buffer) stays as it is.
    ///
    /// # Errors
    ///
    /// What `setsockopt(2)` tells.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    pub fn adopt(&self, socket: StdSocket) -> io::Result<UdpSocket> {
        socket.set_nonblocking(false)?;
        self.ask(&socket, socket.local_addr()?.is_ipv6())?;
        UdpSocket::from_bound(socket.into(), self.options())
    }

    fn prepare(&self, socket: &Socket, is_v6: bool) -> io::Result<()> {
        socket.set_reuse_address(self.reuse_address)?;
        socket.set_reuse_port(self.reuse_port)?;
        if is_v6 {
            socket.set_only_v6(self.only_v6)?;
        }
        if let Some(device) = &self.device {
            crate::socket_options::bind_device(socket, Some(device))?;
        }
        set_recv_buffer_size(socket, self.receive_buffer_bytes)?;
        self.ask(socket, is_v6)
    }

    /// Asks the kernel to tell what [`Datagram`](crate::Datagram) knows.
    fn ask(&self, socket: &impl AsFd, is_v6: bool) -> io::Result<()> {
        let (packet_info, all_groups) = match is_v6 {
            true => (PACKET_INFO_V6, ALL_GROUPS_V6),
            false => (PACKET_INFO_V4, ALL_GROUPS_V4),
        };
        if self.plain && self.join_segments {
            let message = "join_segments needs control messages, which plain leaves out";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        packet_info.set(socket, (!self.plain).into())?;
        DROPS.set(socket, (!self.plain).into())?;
        all_groups.set(socket, 0)?;
        if self.join_segments {
            JOIN.set(socket, 1)?;
        }
        Ok(())
    }

    fn options(&self) -> DatagramOptions {
        let payload_bytes_max = match self.join_segments {
            true => Some(JOINED_BYTES_MAX),
            false => self.payload_bytes_max,
        };
        DatagramOptions { payload_bytes_max, own_slots: self.own_slots, plain: self.plain }
    }
}
