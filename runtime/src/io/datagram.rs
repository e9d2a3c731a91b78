//! A received datagram: its bytes, and what the kernel told with them.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::Deref;

use super::record::{Lengths, RecordLayout, address_in, control_messages};
use crate::buffer::RxBuf;

/// `struct scm_timestamping`: three points in time, of which the second is no longer used.
const SOFTWARE: usize = 0;
const HARDWARE: usize = 2;

/// A received datagram.
///
/// Derefs to its bytes, which lie where the kernel put them. What came with them (sender,
/// destination, timestamps) is read from there when it is asked for. Like every
/// [`RxBuf`] it holds a slot of the core's receive buffers until it is dropped; clones share it.
#[derive(Clone)]
pub struct Datagram {
    record: RxBuf,
    layout: RecordLayout,
}

/// When a datagram was received, as far as the socket was asked to have it stamped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReceiveTimestamps {
    /// When the kernel's network stack got it from the driver, in nanoseconds since the epoch on
    /// `CLOCK_REALTIME`.
    pub software_ns: Option<u64>,
    /// When the device saw it, in nanoseconds of the device's own clock: since the epoch where that
    /// clock is disciplined (`phc2sys`, `ptp4l`), of TAI where it follows PTP.
    pub hardware_ns: Option<u64>,
}

impl Datagram {
    #[inline]
    pub(crate) fn new(record: RxBuf, layout: RecordLayout) -> Self {
        debug_assert!(record.len() >= layout.head_bytes());
        Self { record, layout }
    }

    /// Who sent it; `None` where its socket has no such thing, or is not of IP.
    pub fn source(&self) -> Option<SocketAddr> {
        address_in(&self.record, self.layout)
    }

    /// The address that it was sent to: with multicast the group, on a socket of several addresses
    /// the one meant. Needs packet information, which `UdpSocket` asks for.
    pub fn destination(&self) -> Option<IpAddr> {
        self.packet_information().map(|(address, _)| address)
    }

    /// The index of the interface that it came in on; needs packet information, too.
    pub fn interface(&self) -> Option<u32> {
        self.packet_information().map(|(_, interface)| interface)
    }

    fn packet_information(&self) -> Option<(IpAddr, u32)> {
        self.control().find_map(|(level, kind, data)| match (level, kind) {
            // in_pktinfo: interface, local address, address in the header.
            (libc::IPPROTO_IP, libc::IP_PKTINFO) => {
                let address = Ipv4Addr::from(*data.get(8..)?.first_chunk::<4>()?);
                Some((address.into(), u32::from_ne_bytes(*data.first_chunk()?)))
            }
            // in6_pktinfo: address, interface.
            (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => {
                let address = Ipv6Addr::from(*data.first_chunk::<16>()?);
                Some((address.into(), u32::from_ne_bytes(*data.get(16..)?.first_chunk()?)))
            }
            _ => None,
        })
    }

    /// Bytes that were sent: more than are here where it was cut off.
    pub fn sent_bytes(&self) -> usize {
        Lengths::read(&self.record).payload as usize
    }

    /// Whether bytes at its end are missing, because it was larger than the socket's buffers
    /// (`MSG_TRUNC`).
    #[inline]
    pub fn is_truncated(&self) -> bool {
        Lengths::read(&self.record).flags & libc::MSG_TRUNC as u32 != 0
    }

    /// Datagrams that the kernel had dropped for want of room when this one was queued, since the
    /// socket was made (`SO_RXQ_OVFL`); wraps.
    #[inline]
    pub fn kernel_drops(&self) -> u32 {
        let drops = self.control().find_map(|(level, kind, data)| {
            let data = data.first_chunk()?;
            let matches = (level, kind) == (libc::SOL_SOCKET, libc::SO_RXQ_OVFL);
            matches.then(|| u32::from_ne_bytes(*data))
        });
        // The kernel leaves it out while there was none.
        drops.unwrap_or(0)
    }

    /// When it was received, where the socket was asked to have its datagrams stamped.
    pub fn timestamps(&self) -> ReceiveTimestamps {
        timestamps_in(&self.record, self.layout).unwrap_or_default()
    }

    /// Where the kernel has joined several datagrams of one sender (GRO): the bytes of each but the
    /// last, which may be shorter.
    pub fn segment_bytes(&self) -> Option<usize> {
        self.control().find_map(|(level, kind, data)| {
            let matches = (level, kind) == (libc::SOL_UDP, libc::UDP_GRO);
            let bytes = u32::from_ne_bytes(*data.first_chunk()?);
            (matches && bytes > 0).then_some(bytes as usize)
        })
    }

    /// The datagrams in it as they were sent: itself, or what the kernel has joined (GRO), each a
    /// handle onto the same slot.
    pub fn segments(&self) -> impl Iterator<Item = RxBuf> {
        let all = self.len();
        let step = self.segment_bytes().unwrap_or(all).max(1);
        // One without bytes is a datagram, too.
        (0..all.div_ceil(step).max(1)).map(move |index| {
            let start = self.layout.head_bytes() + index * step;
            self.record.slice(start..(start + step).min(self.record.len()))
        })
    }

    /// The bytes alone, as a handle onto the same slot.
    pub fn payload(&self) -> RxBuf {
        self.clone().into_payload()
    }

    /// The bytes alone.
    pub fn into_payload(mut self) -> RxBuf {
        self.record.advance(self.layout.head_bytes());
        self.record
    }

    /// The record as it lies in its slot.
    pub(crate) fn control(&self) -> impl Iterator<Item = (i32, i32, &[u8])> {
        control_messages(&self.record, self.layout)
    }
}

/// The stamps that came with a record.
pub(super) fn timestamps_in(record: &[u8], layout: RecordLayout) -> Option<ReceiveTimestamps> {
    control_messages(record, layout).find_map(|(level, kind, data)| {
        let matches = (level, kind) == (libc::SOL_SOCKET, libc::SCM_TIMESTAMPING);
        let at = |index: usize| nanoseconds(data.get(index * 16..)?.first_chunk()?);
        matches.then(|| ReceiveTimestamps { software_ns: at(SOFTWARE), hardware_ns: at(HARDWARE) })
    })
}

/// A `timespec` as nanoseconds; `None` where it is zero, which says that there is no stamp.
fn nanoseconds(bytes: &[u8; 16]) -> Option<u64> {
    let (seconds, rest) = bytes.split_at(8);
    let seconds = u64::from_ne_bytes(seconds.try_into().ok()?);
    let rest = u64::from_ne_bytes(rest.try_into().ok()?);
    let total = seconds.checked_mul(1_000_000_000)?.checked_add(rest)?;
    (total > 0).then_some(total)
}

impl Deref for Datagram {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        &self.record[self.layout.head_bytes()..]
    }
}

impl AsRef<[u8]> for Datagram {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl fmt::Debug for Datagram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Datagram")
            .field("bytes", &self.len())
            .field("source", &self.source())
            .field("truncated", &self.is_truncated())
            .finish_non_exhaustive()
    }
}
