//! UDP datagrams out of captured packets, and into them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4};

use super::pcap::{Link, Record};

const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86DD;
const UDP: u8 = 17;
const UDP_HEADER_BYTES: usize = 8;

/// A datagram that was captured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Captured<'a> {
    /// Since the epoch.
    pub(crate) at_ns: u64,
    pub(crate) destination: SocketAddr,
    pub(crate) payload: &'a [u8],
}

/// Why a packet is no datagram to be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Other {
    /// Another protocol, or garbage.
    NotUdp,
    /// A piece of a larger one.
    Fragment,
    /// Its end was not captured (`tcpdump -s`).
    Cut,
}

/// The datagram in a captured packet.
pub(crate) fn datagram(link: Link, record: Record<'_>) -> Result<Captured<'_>, Other> {
    let packet = network_layer(link, record.bytes).ok_or(Other::NotUdp)?;
    let (address, rest) = match packet.first().ok_or(Other::NotUdp)? >> 4 {
        4 => ipv4(packet)?,
        6 => ipv6(packet)?,
        _ => return Err(Other::NotUdp),
    };
    let header: &[u8; UDP_HEADER_BYTES] = rest.first_chunk().ok_or(Other::Cut)?;
    let port = u16::from_be_bytes([header[2], header[3]]);
    let bytes = usize::from(u16::from_be_bytes([header[4], header[5]]));
    if bytes < UDP_HEADER_BYTES {
        return Err(Other::NotUdp);
    }
    let payload = rest.get(UDP_HEADER_BYTES..bytes).ok_or(Other::Cut)?;
    let destination = SocketAddr::new(address, port);
    Ok(Captured { at_ns: record.at_ns, destination, payload })
}

/// What follows the link's header, if that is IP.
fn network_layer(link: Link, bytes: &[u8]) -> Option<&[u8]> {
    const VLAN: [u16; 2] = [0x8100, 0x88A8];

    let mut at = match link {
        Link::Raw => return Some(bytes),
        Link::Ethernet => 12,
        Link::Cooked => 14,
    };
    loop {
        let kind = u16::from_be_bytes(*bytes.get(at..)?.first_chunk()?);
        if !VLAN.contains(&kind) {
            return bytes.get(at + 2..).filter(|_| [IPV4, IPV6].contains(&kind));
        }
        at += 4;
    }
}

fn ipv4(packet: &[u8]) -> Result<(IpAddr, &[u8]), Other> {
    let header: &[u8; 20] = packet.first_chunk().ok_or(Other::Cut)?;
    let header_bytes = usize::from(header[0] & 0xF) * 4;
    let all_bytes = usize::from(u16::from_be_bytes([header[2], header[3]]));
    if header[9] != UDP || header_bytes < header.len() || all_bytes < header_bytes {
        return Err(Other::NotUdp);
    }
    // All but the flag that forbids to cut it: more to come, or not the first.
    if u16::from_be_bytes([header[6], header[7]]) & 0x3FFF != 0 {
        return Err(Other::Fragment);
    }
    let address = Ipv4Addr::from([header[16], header[17], header[18], header[19]]);
    // Small frames are padded, so there may be more.
    let rest = packet.get(header_bytes..all_bytes).ok_or(Other::Cut)?;
    Ok((address.into(), rest))
}

fn ipv6(packet: &[u8]) -> Result<(IpAddr, &[u8]), Other> {
    let header: &[u8; 40] = packet.first_chunk().ok_or(Other::Cut)?;
    match header[6] {
        UDP => {}
        44 => return Err(Other::Fragment),
        _ => return Err(Other::NotUdp),
    }
    let bytes = usize::from(u16::from_be_bytes([header[4], header[5]]));
    let address: [u8; 16] = header[24..].try_into().expect("the last sixteen of forty bytes");
    let rest = packet.get(40..40 + bytes).ok_or(Other::Cut)?;
    Ok((Ipv6Addr::from(address).into(), rest))
}

/// Makes the Ethernet frame of a datagram to a multicast group, in place of what `frame` held.
pub(crate) fn put_frame(from: SocketAddrV4, to: SocketAddrV4, payload: &[u8], frame: &mut Vec<u8>) {
    let udp_bytes = (UDP_HEADER_BYTES + payload.len()) as u16;
    let [_, group @ ..] = to.ip().octets();
    frame.clear();
    // The group's own address, from one of a locally administered range.
    frame.extend([1, 0, 0x5E, group[0] & 0x7F, group[1], group[2], 2, 0, 0, 0, 0, 1]);
    frame.extend(IPV4.to_be_bytes());
    let ip_starts = frame.len();
    frame.extend([0x45, 0]);
    frame.extend((20 + udp_bytes).to_be_bytes());
    frame.extend([0, 0, 0x40, 0, 16, UDP, 0, 0]);
    frame.extend(from.ip().octets());
    frame.extend(to.ip().octets());
    let checksum = checksum(&frame[ip_starts..]);
    frame[ip_starts + 10..ip_starts + 12].copy_from_slice(&checksum.to_be_bytes());
    // The checksum 0: none was made.
    for word in [from.port(), to.port(), udp_bytes, 0] {
        frame.extend(word.to_be_bytes());
    }
    frame.extend(payload);
}

/// Of a header whose own checksum is 0.
fn checksum(header: &[u8]) -> u16 {
    let words =
        header.chunks_exact(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]])));
    let sum: u32 = words.sum();
    let folded = (sum & 0xFFFF) + (sum >> 16);
    !((folded & 0xFFFF) + (folded >> 16)) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame() -> Vec<u8> {
        let mut frame = Vec::new();
        let to = "239.1.2.3:30001".parse().unwrap();
        put_frame("10.0.0.1:4000".parse().unwrap(), to, b"payload", &mut frame);
        frame
    }

    fn found(link: Link, bytes: &[u8]) -> Result<(SocketAddr, &[u8]), Other> {
        datagram(link, Record { at_ns: 7, bytes }).map(|one| (one.destination, one.payload))
    }

    fn expected() -> Result<(SocketAddr, &'static [u8]), Other> {
        Ok(("239.1.2.3:30001".parse().unwrap(), b"payload"))
    }

    #[test]
    fn a_datagram_is_found_behind_each_link_header_tags_and_padding() {
        let frame = frame();
        assert_eq!(found(Link::Ethernet, &frame), expected());
        assert_eq!(found(Link::Raw, &frame[14..]), expected());
        let cooked = [&[0; 14], &frame[12..]].concat();
        assert_eq!(found(Link::Cooked, &cooked), expected());
        let tagged = [&frame[..12], &[0x88, 0xA8, 0, 5, 0x81, 0, 0, 6], &frame[12..]].concat();
        assert_eq!(found(Link::Ethernet, &tagged), expected());
        let padded = [&frame[..], &[0; 30]].concat();
        assert_eq!(found(Link::Ethernet, &padded), expected());
    }

    #[test]
    fn a_datagram_of_ipv6_is_found_too() {
        let mut packet = vec![0x60, 0, 0, 0, 0, 11, UDP, 1];
        packet.extend([0xFE; 16]);
        packet.extend(Ipv6Addr::LOCALHOST.octets());
        packet.extend([0, 1, 0, 9, 0, 11, 0, 0]);
        packet.extend(b"abc");
        assert_eq!(found(Link::Raw, &packet), Ok(("[::1]:9".parse().unwrap(), &b"abc"[..])));
        packet[6] = 44;
        assert_eq!(found(Link::Raw, &packet), Err(Other::Fragment));
    }

    #[test]
    fn the_header_that_is_written_has_the_checksum_that_makes_its_sum_all_ones() {
        assert_eq!(checksum(&frame()[14..34]), 0);
    }

    #[test]
    fn what_is_cut_short_or_changed_anywhere_is_never_more_than_was_captured() {
        let frame = frame();
        for bytes in 0..frame.len() {
            let cut = found(Link::Ethernet, &frame[..bytes]);
            assert!(matches!(cut, Err(Other::Cut | Other::NotUdp)), "{bytes}: {cut:?}");
        }
        for at in 0..frame.len() {
            for value in [0, 1, 0x45, 0x4F, 0x60, 0x7F, 0xFF] {
                let mut changed = frame.clone();
                changed[at] = value;
                for link in [Link::Ethernet, Link::Raw, Link::Cooked] {
                    if let Ok((_, payload)) = found(link, &changed) {
                        assert!(payload.len() <= frame.len());
                    }
                }
            }
        }
        let mut fragment = frame;
        fragment[20] = 0x20;
        assert_eq!(found(Link::Ethernet, &fragment), Err(Other::Fragment));
    }
}
