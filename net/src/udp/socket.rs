//! A bound UDP socket.

use std::io;
use std::net::{SocketAddr, UdpSocket as StdSocket};
use std::os::fd::OwnedFd;
use std::task::{Context, Poll};

use socket2::SockRef;
use taut_runtime::io::{Datagram, DatagramOptions, Datagrams, Descriptor, Outgoing};
use taut_runtime::task::waiting;

use super::{UdpBuilder, UdpSender};
use crate::dns::no_address;
use crate::has_descriptor::has_descriptor;
use crate::number_option::read_option;
use crate::socket_options::{from_kernel, socket_options};
use crate::{Resolver, ToAddresses};

/// `SK_MEMINFO_DROPS`: which of the counts of `SO_MEMINFO` says what was dropped.
const DROPS: usize = 8;

/// A UDP socket.
///
/// [`recv`](Self::recv) hands out each datagram where it landed, without a copy, together with what
/// the kernel knows of it. Dropping any future loses nothing. One task receives; others send
/// through [`sender`](Self::sender).
///
/// ```
/// use taut_net::UdpSocket;
///
/// taut_runtime::run(async {
///     let loopback = "127.0.0.1:0".parse().unwrap();
///     let mut venue = UdpSocket::bind(loopback)?;
///     let mut engine = UdpSocket::bind(loopback)?;
///     engine.connect(venue.local_addr()?).await?;
///
///     engine.send(b"order").await?;
///     let order = venue.recv().await?;
///     assert_eq!(&order[..], b"order");
///     let from = order.source().expect("UDP tells its sender");
///     venue.send_to(b"fill", from).await?;
///     assert_eq!(&engine.recv().await?[..], b"fill");
///     Ok::<(), std::io::Error>(())
/// })??;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct UdpSocket {
    datagrams: Datagrams,
    sender: UdpSender,
    descriptor: Descriptor,
    is_plain: bool,
}

socket_options!(UdpSocket);

impl UdpSocket {
    /// A socket with the defaults of [`UdpBuilder`], bound to an address.
    ///
    /// # Errors
    ///
    /// As for [`UdpBuilder::bind`].
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        UdpBuilder::default().bind(address)
    }

    /// Sets what must be set before a socket is bound.
    pub fn builder() -> UdpBuilder {
        UdpBuilder::default()
    }

    /// Takes over a bound socket, with the defaults of [`UdpBuilder`].
    ///
    /// # Errors
    ///
    /// What `setsockopt(2)` tells.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    pub fn from_std(socket: StdSocket) -> io::Result<Self> {
        UdpBuilder::default().adopt(socket)
    }

    pub(super) fn from_bound(socket: OwnedFd, options: DatagramOptions) -> io::Result<Self> {
        let descriptor = Descriptor::from(socket);
        let datagrams = Datagrams::new(descriptor.clone(), options)?;
        let sender = UdpSender::new(descriptor.clone());
        Ok(Self { datagrams, sender, descriptor, is_plain: options.plain })
    }

    /// Whether nothing but the sender comes with its datagrams.
    pub(crate) fn is_plain(&self) -> bool {
        self.is_plain
    }

    /// Sets the address that [`send`](Self::send) sends to; datagrams of others are no longer
    /// received. May be called again. Names are resolved, and the first address is taken for which
    /// there is a route. Nothing is sent.
    ///
    /// # Errors
    ///
    /// What `connect(2)` tells, such as `NetworkUnreachable`; the resolver's.
    #[track_caller]
    pub fn connect(&self, to: impl ToAddresses) -> impl Future<Output = io::Result<()>> {
        waiting("connect of a UDP socket", async move {
            let mut failure = None;
            for address in to.to_addresses(&Resolver::default()).await? {
                match SockRef::from(self).connect(&address.into()) {
                    Ok(()) => return Ok(()),
                    Err(error) => failure = Some(error),
                }
            }
            Err(failure.unwrap_or_else(no_address))
        })
    }

    /// The next datagram. Cancel-safe.
    ///
    /// # Errors
    ///
    /// What the socket was told, each once, and receiving can go on: `ConnectionRefused` where it
    /// is connected to an address at which nobody listens. `ECANCELED` in a cancelled task.
    #[track_caller]
    #[inline]
    pub fn recv(&mut self) -> impl Future<Output = io::Result<Datagram>> {
        waiting("receive of a UDP socket", self.datagrams.recv())
    }

    /// As [`recv`](Self::recv), to be called from a future of one's own.
    ///
    /// # Errors
    ///
    /// As for [`recv`](Self::recv).
    pub fn poll_recv(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Datagram>> {
        self.datagrams.poll_recv(context)
    }

    /// The next datagram of those that this core has received already, such as the rest of a
    /// burst; no system call and no wait.
    #[inline]
    pub fn next_here(&mut self) -> Option<Datagram> {
        self.datagrams.next_here()
    }

    /// Copies the next datagram to `to`; how many bytes, and who sent it. What does not fit is
    /// lost. Cancel-safe.
    ///
    /// # Errors
    ///
    /// As for [`recv`](Self::recv).
    #[track_caller]
    pub fn recv_from(
        &mut self,
        to: &mut [u8],
    ) -> impl Future<Output = io::Result<(usize, SocketAddr)>> {
        waiting("receive of a UDP socket", async move {
            let datagram = self.datagrams.recv().await?;
            let count = datagram.len().min(to.len());
            to[..count].copy_from_slice(&datagram[..count]);
            let unknown = || io::Error::new(io::ErrorKind::InvalidData, "a sender that is not IP");
            Ok((count, datagram.source().ok_or_else(unknown)?))
        })
    }

    /// Sends a datagram to the address that the socket is connected to. Made at once; waits only
    /// while the socket's buffer has no room. Cancel-safe: a pending send has sent nothing.
    ///
    /// # Errors
    ///
    /// `EMSGSIZE` where it is larger than 65,507 bytes, or than the path's MTU and not to be cut;
    /// `EDESTADDRREQ` where the socket is not connected; `ConnectionRefused` where nobody listened
    /// for an earlier one; `EACCES` for broadcast without
    /// [`set_broadcast`](Self::set_broadcast).
    #[track_caller]
    #[inline]
    pub fn send(&self, bytes: &[u8]) -> impl Future<Output = io::Result<()>> {
        self.sender.send(bytes)
    }

    /// Sends a datagram to an address. As [`send`](Self::send).
    ///
    /// # Errors
    ///
    /// As for [`send`](Self::send); `NetworkUnreachable` without a route.
    #[track_caller]
    #[inline]
    pub fn send_to(&self, bytes: &[u8], to: SocketAddr) -> impl Future<Output = io::Result<()>> {
        self.sender.send_to(bytes, to)
    }

    /// Sends a datagram where there is room for it at once, to the connected address for `None`.
    ///
    /// # Errors
    ///
    /// `WouldBlock` where there is no room; as for [`send_to`](Self::send_to).
    #[inline]
    pub fn try_send(&self, bytes: &[u8], to: Option<SocketAddr>) -> io::Result<()> {
        self.sender.try_send(bytes, to)
    }

    /// Sends as many datagrams as one call takes (`sendmmsg`), in order, at most 64; says how many:
    /// call again with the rest. Waits while there is room for none. Cancel-safe.
    ///
    /// # Errors
    ///
    /// What the first one's send tells; a later one that can't be sent ends the call before it, and
    /// is told when it is the first.
    #[track_caller]
    pub fn send_many(&self, datagrams: &[Outgoing<'_>]) -> impl Future<Output = io::Result<usize>> {
        self.sender.send_many(datagrams)
    }

    /// Sends `bytes` as datagrams of `segment_bytes` each, the last one shorter where it does not
    /// divide (GSO, Linux 4.18): one call for up to 64 of them, and 65,507 bytes together.
    /// Cancel-safe.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for more segments than that, or none; `EMSGSIZE` where a segment does not fit
    /// the path's MTU.
    #[track_caller]
    pub fn send_segments(
        &self,
        bytes: &[u8],
        segment_bytes: u16,
        to: Option<SocketAddr>,
    ) -> impl Future<Output = io::Result<()>> {
        self.sender.send_segments(bytes, segment_bytes, to)
    }

    /// A handle that sends on this socket, for other tasks of this core.
    pub fn sender(&self) -> UdpSender {
        self.sender.clone()
    }

    /// Makes the socket *hot*: the spin loop receives from it directly while a task waits. The
    /// fastest way in for the one or two sockets that matter most; each turn of the loop then costs
    /// a system call, and the core does not sleep meanwhile.
    pub fn set_hot(&mut self, hot: bool) {
        self.datagrams.set_hot(hot);
    }

    /// Whether the socket is hot.
    pub fn is_hot(&self) -> bool {
        self.datagrams.is_hot()
    }

    /// Datagrams that the kernel has dropped on this socket until now, for want of room in its
    /// receive buffer or for a wrong checksum (`SO_MEMINFO`, Linux 4.12); wraps.
    ///
    /// # Errors
    ///
    /// What `getsockopt(2)` tells.
    pub fn kernel_drops(&self) -> io::Result<u32> {
        let mut counts = [0; 4 * (DROPS + 1)];
        read_option(self, libc::SOL_SOCKET, libc::SO_MEMINFO, &mut counts)?;
        let drops = counts[4 * DROPS..].first_chunk().copied();
        Ok(u32::from_ne_bytes(drops.unwrap_or_default()))
    }

    /// The address that it is connected to.
    ///
    /// # Errors
    ///
    /// `NotConnected` where it is not.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        from_kernel(&SockRef::from(self).peer_addr()?)
    }

    /// Whether it may send to broadcast addresses; not unless allowed.
    ///
    /// # Errors
    ///
    /// What `getsockopt(2)` tells.
    pub fn broadcast(&self) -> io::Result<bool> {
        SockRef::from(self).broadcast()
    }

    /// Allows sending to broadcast addresses (`SO_BROADCAST`).
    ///
    /// # Errors
    ///
    /// What `setsockopt(2)` tells.
    pub fn set_broadcast(&self, on: bool) -> io::Result<()> {
        SockRef::from(self).set_broadcast(on)
    }

    /// How many routers what it sends to one host may pass.
    ///
    /// # Errors
    ///
    /// What `getsockopt(2)` tells.
    pub fn ttl(&self) -> io::Result<u32> {
        let socket = SockRef::from(self);
        if self.is_v6()? { socket.unicast_hops_v6() } else { socket.ttl_v4() }
    }

    /// Sets how many routers what it sends to one host may pass (`IP_TTL`, `IPV6_UNICAST_HOPS`): 1
    /// to 255.
    ///
    /// # Errors
    ///
    /// `InvalidInput` beyond that.
    pub fn set_ttl(&self, hops: u32) -> io::Result<()> {
        let socket = SockRef::from(self);
        if self.is_v6()? { socket.set_unicast_hops_v6(hops) } else { socket.set_ttl_v4(hops) }
    }

    pub(crate) fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    pub(super) fn is_v6(&self) -> io::Result<bool> {
        Ok(self.local_addr()?.is_ipv6())
    }
}

has_descriptor!(UdpSocket, descriptor);
