//! A received datagram as it lies in its slot: a head that says what came with it, then the bytes.
//!
//! ```text
//! 0        16                16 + name        16 + name + control
//! | lengths | sender's address | control messages | payload
//! ```
//!
//! It is the form in which a multishot `recvmsg` fills a provided buffer (`struct
//! io_uring_recvmsg_out`, Linux 6.0), and the receives that the core makes by itself write the
//! same. So a datagram is one handle onto one slot, whichever way it came, and what nobody asks for
//! is never parsed. Invariant: parsing stays inside the record, whatever the lengths say.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

/// Bytes of the four lengths at the start.
pub(crate) const LENGTHS_BYTES: usize = 16;

/// How a socket divides the head of its records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RecordLayout {
    /// Room for the sender's address; a multiple of 8, so that control messages are aligned.
    pub(crate) name_bytes: u16,
    /// Room for control messages; a multiple of 8.
    pub(crate) control_bytes: u16,
}

impl RecordLayout {
    /// For sockets of IPv4 and IPv6: room for every control message that can be asked for, and a
    /// payload that begins with a cache line.
    pub(crate) const INTERNET: Self = Self { name_bytes: 32, control_bytes: 208 };

    /// For such sockets without control messages.
    pub(crate) const PLAIN: Self = Self { name_bytes: 48, control_bytes: 0 };

    /// Where the payload begins.
    #[inline]
    pub(crate) const fn head_bytes(self) -> usize {
        LENGTHS_BYTES + self.name_bytes as usize + self.control_bytes as usize
    }
}

/// The lengths at the start of a record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Lengths {
    pub(crate) name: u32,
    pub(crate) control: u32,
    /// Of the datagram as it was sent; more than is here where it was cut off.
    pub(crate) payload: u32,
    /// `MSG_TRUNC`, `MSG_CTRUNC` and their like.
    pub(crate) flags: u32,
}

impl Lengths {
    #[inline]
    pub(crate) fn read(record: &[u8]) -> Self {
        let Some(bytes) = record.first_chunk::<LENGTHS_BYTES>() else {
            return Self::default();
        };
        let [name, control, payload, flags] = bytes
            .as_chunks::<4>()
            .0
            .first_chunk::<4>()
            .map_or([0; 4], |words| words.map(u32::from_ne_bytes));
        Self { name, control, payload, flags }
    }

    pub(crate) fn write(self, record: &mut [u8]) {
        let words = [self.name, self.control, self.payload, self.flags];
        for (to, word) in record.chunks_exact_mut(4).zip(words) {
            to.copy_from_slice(&word.to_ne_bytes());
        }
    }
}

/// The sender's address as the kernel wrote it; `None` where it wrote none, or not of IP.
pub(crate) fn address_in(record: &[u8], layout: RecordLayout) -> Option<SocketAddr> {
    let name = record.get(LENGTHS_BYTES..LENGTHS_BYTES + layout.name_bytes as usize)?;
    // Both kinds begin alike: family in the host's order, port in the network's.
    let family = i32::from(u16::from_ne_bytes(*name.first_chunk()?));
    let port = u16::from_be_bytes(name[2..].first_chunk().copied()?);
    match (family, Lengths::read(record).name) {
        (libc::AF_INET, 16..) => {
            let address = Ipv4Addr::from(name[4..].first_chunk::<4>().copied()?);
            Some(SocketAddrV4::new(address, port).into())
        }
        (libc::AF_INET6, 28..) => {
            let flow = u32::from_be_bytes(name[4..].first_chunk().copied()?);
            let address = Ipv6Addr::from(name[8..].first_chunk::<16>().copied()?);
            let scope = u32::from_ne_bytes(name[24..].first_chunk().copied()?);
            Some(SocketAddrV6::new(address, port, flow, scope).into())
        }
        _ => None,
    }
}

/// The control messages of a record: level, type, data.
pub(crate) fn control_messages(
    record: &[u8],
    layout: RecordLayout,
) -> impl Iterator<Item = (i32, i32, &[u8])> {
    let start = LENGTHS_BYTES + layout.name_bytes as usize;
    let room = record.get(start..layout.head_bytes()).unwrap_or_default();
    let written = room.len().min(Lengths::read(record).control as usize);
    ControlMessages { rest: &room[..written] }
}

/// Bytes of `struct cmsghdr`.
const HEADER_BYTES: usize = size_of::<libc::cmsghdr>();

struct ControlMessages<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for ControlMessages<'a> {
    type Item = (i32, i32, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let length = usize::from_ne_bytes(*self.rest.first_chunk()?);
        let level = i32::from_ne_bytes(self.rest.get(8..12)?.try_into().ok()?);
        let kind = i32::from_ne_bytes(self.rest.get(12..16)?.try_into().ok()?);
        let data = self.rest.get(HEADER_BYTES..length)?;
        let next = length.next_multiple_of(align_of::<libc::cmsghdr>());
        self.rest = self.rest.get(next..).unwrap_or_default();
        Some((level, kind, data))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn record(name: &[u8], control: &[u8], lengths: Lengths) -> Vec<u8> {
        let layout = RecordLayout::INTERNET;
        let mut record = vec![0; layout.head_bytes()];
        lengths.write(&mut record);
        record[LENGTHS_BYTES..][..name.len()].copy_from_slice(name);
        record[LENGTHS_BYTES + layout.name_bytes as usize..][..control.len()]
            .copy_from_slice(control);
        record
    }

    #[test]
    fn addresses_of_both_families_are_read_as_the_kernel_writes_them() {
        for address in ["127.0.0.1:7000", "[fe80::1]:9", "[2001:db8::7%3]:65535"] {
            let Ok(address) = address.parse::<SocketAddr>() else { continue };
            let raw = socket2::SockAddr::from(address);
            // SAFETY: socket2 holds that many initialised bytes.
            let name = unsafe {
                std::slice::from_raw_parts(raw.as_ptr().cast::<u8>(), raw.len() as usize)
            };
            let lengths = Lengths { name: raw.len(), ..Lengths::default() };
            let record = record(name, &[], lengths);
            assert_eq!(address_in(&record, RecordLayout::INTERNET), Some(address));
        }
        let nothing = record(&[], &[], Lengths::default());
        assert_eq!(address_in(&nothing, RecordLayout::INTERNET), None);
    }

    #[test]
    fn a_payload_begins_with_a_cache_line() {
        for layout in [RecordLayout::INTERNET, RecordLayout::PLAIN] {
            assert_eq!(layout.head_bytes() % 64, 0);
        }
    }

    #[test]
    fn control_messages_are_walked_to_the_end_of_what_was_written() {
        let mut control = Vec::new();
        for (kind, data) in [(7_i32, &[1_u8, 2, 3][..]), (8, &[9; 8])] {
            control.extend((HEADER_BYTES + data.len()).to_ne_bytes());
            control.extend(1_i32.to_ne_bytes());
            control.extend(kind.to_ne_bytes());
            control.extend(data);
            control.resize(control.len().next_multiple_of(8), 0);
        }
        let whole = Lengths { control: control.len() as u32, ..Lengths::default() };
        let walked = |lengths| {
            let record = record(&[], &control, lengths);
            control_messages(&record, RecordLayout::INTERNET)
                .map(|(level, kind, data)| (level, kind, data.to_vec()))
                .collect::<Vec<_>>()
        };
        assert_eq!(walked(whole), [(1, 7, vec![1, 2, 3]), (1, 8, vec![9; 8])]);
        let cut = Lengths { control: whole.control - 1, ..whole };
        assert_eq!(walked(cut).len(), 1, "one that is not whole is none");
        assert!(walked(Lengths::default()).is_empty());
    }

    proptest! {
        #[test]
        fn any_bytes_are_parsed_without_leaving_them(
            bytes in prop::collection::vec(any::<u8>(), 0..400),
        ) {
            let layout = RecordLayout::INTERNET;
            let _ = address_in(&bytes, layout);
            let lengths = control_messages(&bytes, layout).map(|(_, _, data)| data.len());
            prop_assert!(lengths.sum::<usize>() <= bytes.len());
        }
    }
}
