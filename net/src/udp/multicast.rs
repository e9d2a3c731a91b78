//! Groups: joining and leaving, and how datagrams to groups are sent.
//!
//! Joining goes by `MCAST_JOIN_GROUP` and its like, which take an interface by its index and serve
//! IPv4 and IPv6 alike. Invariant: a membership belongs to the socket; when the socket is closed
//! the kernel leaves its groups and says so to the network. Costs one system call each.

use std::io;
use std::net::IpAddr;

use socket2::SockRef;

use crate::number_option::write_option;
use crate::{Interface, UdpSocket};

// Of <linux/in.h>, the same on every architecture.
const JOIN_GROUP: i32 = 42;
const LEAVE_GROUP: i32 = 45;
const JOIN_SOURCE_GROUP: i32 = 46;
const LEAVE_SOURCE_GROUP: i32 = 47;

/// Bytes of `struct sockaddr_storage`.
const STORAGE_BYTES: usize = 128;

/// `struct group_req`, of which `struct group_source_req` is the same with a source behind it.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
struct Request {
    interface: [u8; 8],
    group: [u8; STORAGE_BYTES],
    source: [u8; STORAGE_BYTES],
}

impl Request {
    fn bytes(&self, with_source: bool) -> Vec<u8> {
        let mut bytes = [&self.interface[..], &self.group].concat();
        if with_source {
            bytes.extend_from_slice(&self.source);
        }
        bytes
    }
}

fn storage(address: IpAddr) -> [u8; STORAGE_BYTES] {
    let mut bytes = [0; STORAGE_BYTES];
    let family = if address.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 };
    bytes[..2].copy_from_slice(&(family as u16).to_ne_bytes());
    match address {
        IpAddr::V4(address) => bytes[4..8].copy_from_slice(&address.octets()),
        IpAddr::V6(address) => bytes[8..24].copy_from_slice(&address.octets()),
    }
    bytes
}

impl UdpSocket {
    /// Joins a group on an interface: whatever anybody sends to it, at the socket's port, comes in.
    /// [`Interface::ANY`] leaves the choice to the routing table.
    ///
    /// The socket's address must let them through: bind to the group's own address, which keeps out
    /// what is sent to other groups at the same port, or to the wildcard for several groups. Up to
    /// `net.ipv4.igmp_max_memberships` groups a socket, 20 unless changed.
    ///
    /// # Errors
    ///
    /// `InvalidInput` where it is no multicast address; `AddrInUse` where it was joined before;
    /// `ENODEV` for an interface that is not there; `ENOBUFS` at that limit.
    /// The error names group and interface.
    pub fn join(&self, group: IpAddr, interface: Interface) -> io::Result<()> {
        self.membership("join", JOIN_GROUP, group, None, interface)
    }

    /// Leaves a group that was joined on that interface. What waits already is still delivered.
    ///
    /// # Errors
    ///
    /// `AddrNotAvailable` where it was not joined. The error names group and interface.
    pub fn leave(&self, group: IpAddr, interface: Interface) -> io::Result<()> {
        self.membership("leave", LEAVE_GROUP, group, None, interface)
    }

    /// Joins what one source sends to a group (SSM, IGMPv3 and MLDv2). May be called again for
    /// other sources of the group.
    ///
    /// # Errors
    ///
    /// As for [`join`](Self::join); `InvalidInput` where the group was joined for any source.
    pub fn join_source(
        &self,
        group: IpAddr,
        source: IpAddr,
        interface: Interface,
    ) -> io::Result<()> {
        self.membership("join", JOIN_SOURCE_GROUP, group, Some(source), interface)
    }

    /// Leaves one source of a group; with the last one the group.
    ///
    /// # Errors
    ///
    /// `AddrNotAvailable` where it was not joined. The error names group and interface.
    pub fn leave_source(
        &self,
        group: IpAddr,
        source: IpAddr,
        interface: Interface,
    ) -> io::Result<()> {
        self.membership("leave", LEAVE_SOURCE_GROUP, group, Some(source), interface)
    }

    fn membership(
        &self,
        verb: &str,
        option: i32,
        group: IpAddr,
        source: Option<IpAddr>,
        interface: Interface,
    ) -> io::Result<()> {
        let from = source.map_or(String::new(), |source| format!(" from {source}"));
        let explain = |kind, reason: &dyn std::fmt::Display| {
            let message = format!("can't {verb} group {group}{from} on {interface}: {reason}");
            io::Error::new(kind, message)
        };
        if !group.is_multicast() {
            let reason = "it is no multicast address (224.0.0.0/4, ff00::/8)";
            return Err(explain(io::ErrorKind::InvalidInput, &reason));
        }
        if source.is_some_and(|source| source.is_ipv4() != group.is_ipv4()) {
            let reason = "group and source are of different families";
            return Err(explain(io::ErrorKind::InvalidInput, &reason));
        }
        let mut request = Request {
            interface: [0; 8],
            group: storage(group),
            source: source.map_or([0; STORAGE_BYTES], storage),
        };
        request.interface[..4].copy_from_slice(&interface.index().to_ne_bytes());
        let level = if group.is_ipv4() { libc::IPPROTO_IP } else { libc::IPPROTO_IPV6 };
        write_option(self, level, option, &request.bytes(source.is_some()))
            .map_err(|error| explain(error.kind(), &error))
    }

    /// Sets by which interface datagrams to groups leave; [`Interface::ANY`] for the routing
    /// table's choice, the default (`IP_MULTICAST_IF`, `IPV6_MULTICAST_IF`).
    ///
    /// # Errors
    ///
    /// `AddrNotAvailable` for an interface that is not there.
    pub fn set_multicast_interface(&self, interface: Interface) -> io::Result<()> {
        if self.is_v6()? {
            return SockRef::from(self).set_multicast_if_v6(interface.index());
        }
        // struct ip_mreqn: group, local address, index.
        let mut request = [0; 12];
        request[8..].copy_from_slice(&interface.index().to_ne_bytes());
        write_option(self, libc::IPPROTO_IP, libc::IP_MULTICAST_IF, &request)
    }

    /// Whether sockets of this host get what it sends to their groups.
    ///
    /// # Errors
    ///
    /// What `getsockopt(2)` tells.
    pub fn multicast_loop(&self) -> io::Result<bool> {
        let socket = SockRef::from(self);
        if self.is_v6()? { socket.multicast_loop_v6() } else { socket.multicast_loop_v4() }
    }

    /// Sets whether sockets of this host get what it sends to their groups; on by default. It is
    /// the sender's setting.
    ///
    /// # Errors
    ///
    /// What `setsockopt(2)` tells.
    pub fn set_multicast_loop(&self, on: bool) -> io::Result<()> {
        let socket = SockRef::from(self);
        if self.is_v6()? {
            socket.set_multicast_loop_v6(on)
        } else {
            socket.set_multicast_loop_v4(on)
        }
    }

    /// How many routers what it sends to groups may pass.
    ///
    /// # Errors
    ///
    /// What `getsockopt(2)` tells.
    pub fn multicast_ttl(&self) -> io::Result<u32> {
        let socket = SockRef::from(self);
        if self.is_v6()? { socket.multicast_hops_v6() } else { socket.multicast_ttl_v4() }
    }

    /// Sets how many routers what it sends to groups may pass: 0 to 255, 1 by default, which stays
    /// in the network of the sender.
    ///
    /// # Errors
    ///
    /// `InvalidInput` beyond that.
    pub fn set_multicast_ttl(&self, hops: u32) -> io::Result<()> {
        let socket = SockRef::from(self);
        match self.is_v6()? {
            true => socket.set_multicast_hops_v6(hops),
            false => socket.set_multicast_ttl_v4(hops),
        }
    }
}
