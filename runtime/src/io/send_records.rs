//! The calls that send several datagrams at once: `sendmmsg`, and `sendmsg` with GSO.
//!
//! Invariant: every pointer that is handed to the kernel lies in memory that is borrowed for the
//! call, and nothing of it is kept. Cost: headers and addresses on the stack, of which only those
//! in use are written.

use std::io;
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, BorrowedFd};

use super::Outgoing;
use super::receive_records::empty_header;

/// Datagrams that one call hands to the kernel at most.
pub(super) const SEND_MANY_MAX: usize = 64;

const FLAGS: i32 = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;

/// An address as the kernel reads it: `sockaddr_in` or `sockaddr_in6`.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
struct RawAddress {
    bytes: [u8; 28],
    length: u32,
}

impl RawAddress {
    fn new(address: &SocketAddr) -> Self {
        let mut bytes = [0; 28];
        bytes[2..4].copy_from_slice(&address.port().to_be_bytes());
        let (family, length) = match address {
            SocketAddr::V4(address) => {
                bytes[4..8].copy_from_slice(&address.ip().octets());
                (libc::AF_INET, 16)
            }
            SocketAddr::V6(address) => {
                bytes[4..8].copy_from_slice(&address.flowinfo().to_be_bytes());
                bytes[8..24].copy_from_slice(&address.ip().octets());
                bytes[24..28].copy_from_slice(&address.scope_id().to_ne_bytes());
                (libc::AF_INET6, 28)
            }
        };
        bytes[..2].copy_from_slice(&(family as u16).to_ne_bytes());
        Self { bytes, length }
    }
}

fn part_of(bytes: &[u8]) -> libc::iovec {
    libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() }
}

/// Sends datagrams in order, without waiting; how many were taken, at least one.
pub(super) fn send_records(
    socket: BorrowedFd<'_>,
    datagrams: &[Outgoing<'_>],
) -> io::Result<usize> {
    let mut parts = [const { MaybeUninit::<libc::iovec>::uninit() }; SEND_MANY_MAX];
    let mut names = [const { MaybeUninit::<RawAddress>::uninit() }; SEND_MANY_MAX];
    let mut messages = [const { MaybeUninit::<libc::mmsghdr>::uninit() }; SEND_MANY_MAX];
    let count = datagrams.len().min(SEND_MANY_MAX);
    let places = messages.iter_mut().zip(&mut parts).zip(&mut names);
    for (datagram, ((message, part), name)) in datagrams.iter().zip(places) {
        let mut header = empty_header();
        header.msg_iov = part.write(part_of(datagram.bytes));
        header.msg_iovlen = 1;
        if let Some(to) = &datagram.to {
            let name = name.write(RawAddress::new(to));
            header.msg_name = name.bytes.as_mut_ptr().cast();
            header.msg_namelen = name.length;
        }
        message.write(libc::mmsghdr { msg_hdr: header, msg_len: 0 });
    }
    let messages = messages.as_mut_ptr().cast();
    // SAFETY: the first `count` headers were just written. What they point to, the addresses and
    // the parts above and the callers' bytes, stays where it is until the call returns, and is only
    // read.
    let sent = unsafe { libc::sendmmsg(socket.as_raw_fd(), messages, count as u32, FLAGS as _) };
    usize::try_from(sent).map_err(|_| io::Error::last_os_error())
}

/// A `UDP_SEGMENT` control message with its padding.
#[repr(C)]
struct SegmentControl {
    header: libc::cmsghdr,
    segment_bytes: u16,
    padding: [u8; 6],
}

/// Sends bytes that the kernel or the device cuts into datagrams, without waiting.
pub(super) fn send_segments(
    socket: BorrowedFd<'_>,
    bytes: &[u8],
    segment_bytes: u16,
    to: Option<&SocketAddr>,
) -> io::Result<usize> {
    // SAFETY: a header of a control message is integers, for which zero is a value.
    let mut control_header: libc::cmsghdr = unsafe { std::mem::zeroed() };
    control_header.cmsg_len = (size_of::<libc::cmsghdr>() + size_of::<u16>()) as _;
    control_header.cmsg_level = libc::SOL_UDP;
    control_header.cmsg_type = libc::UDP_SEGMENT;
    let mut control = SegmentControl { header: control_header, segment_bytes, padding: [0; 6] };
    let mut part = part_of(bytes);
    let mut name = to.map(RawAddress::new);
    let mut header = empty_header();
    header.msg_iov = &raw mut part;
    header.msg_iovlen = 1;
    header.msg_control = (&raw mut control).cast();
    header.msg_controllen = size_of::<SegmentControl>() as _;
    if let Some(name) = &mut name {
        header.msg_name = name.bytes.as_mut_ptr().cast();
        header.msg_namelen = name.length;
    }
    // SAFETY: all that the header points to is alive until the call returns, and is only read.
    let sent = unsafe { libc::sendmsg(socket.as_raw_fd(), &raw const header, FLAGS) };
    usize::try_from(sent).map_err(|_| io::Error::last_os_error())
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;
    use std::os::fd::AsFd;

    use super::*;

    #[test]
    fn addresses_are_written_as_the_kernel_reads_them() {
        for text in ["10.1.2.3:4567", "[2001:db8::1]:80", "[::1]:65535"] {
            let address: SocketAddr = text.parse().unwrap();
            let known = socket2::SockAddr::from(address);
            let ours = RawAddress::new(&address);
            assert_eq!(ours.length, known.len());
            // SAFETY: socket2 holds that many initialised bytes.
            let known = unsafe {
                std::slice::from_raw_parts(known.as_ptr().cast::<u8>(), known.len() as usize)
            };
            assert_eq!(&ours.bytes[..known.len()], known);
        }
    }

    /// What a socket has received.
    fn received(socket: &UdpSocket) -> Vec<Vec<u8>> {
        socket.set_nonblocking(true).unwrap();
        let mut bytes = [0; 100];
        std::iter::from_fn(|| socket.recv(&mut bytes).ok().map(|length| bytes[..length].to_vec()))
            .collect()
    }

    #[test]
    fn a_full_batch_has_each_its_own_bytes_and_address_or_none() {
        let [named, connected, sender] = [(); 3].map(|()| UdpSocket::bind("[::1]:0").unwrap());
        sender.connect(connected.local_addr().unwrap()).unwrap();
        let to = [Some(named.local_addr().unwrap()), None];
        let payloads: Vec<Vec<u8>> =
            (0..SEND_MANY_MAX + 2).map(|number| vec![number as u8; number]).collect();
        let datagrams: Vec<Outgoing<'_>> = payloads
            .iter()
            .enumerate()
            .map(|(number, bytes)| Outgoing { bytes, to: to[number % 2] })
            .collect();
        assert_eq!(send_records(sender.as_fd(), &datagrams).unwrap(), SEND_MANY_MAX);
        for (first, socket) in [&named, &connected].into_iter().enumerate() {
            let expected: Vec<Vec<u8>> =
                payloads[..SEND_MANY_MAX].iter().skip(first).step_by(2).cloned().collect();
            assert_eq!(received(socket), expected);
        }
        assert_eq!(send_records(sender.as_fd(), &[]).unwrap(), 0);
        let file = std::fs::File::open("/dev/null").unwrap();
        let error = send_records(file.as_fd(), &datagrams).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::ENOTSOCK));
    }

    #[test]
    fn segments_are_cut_where_they_were_told_to_be_for_both_families() {
        assert_eq!(size_of::<SegmentControl>(), 24, "CMSG_SPACE of two bytes");
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let [receiver, sender] = [(); 2].map(|()| UdpSocket::bind(address).unwrap());
            let to = receiver.local_addr().unwrap();
            let bytes: Vec<u8> = (0..64).collect();
            for segment_bytes in [1, 7, 63, 64] {
                let sent = send_segments(sender.as_fd(), &bytes, segment_bytes, Some(&to));
                assert_eq!(sent.unwrap(), bytes.len());
                let expected: Vec<&[u8]> = bytes.chunks(segment_bytes.into()).collect();
                assert_eq!(received(&receiver), expected, "{segment_bytes} B");
            }
            let error = send_segments(sender.as_fd(), &bytes, 8, None).unwrap_err();
            assert!(matches!(error.raw_os_error(), Some(libc::ENOTCONN | libc::EDESTADDRREQ)));
        }
    }
}
