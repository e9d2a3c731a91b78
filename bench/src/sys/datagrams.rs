//! Calls on sockets of datagrams without a safe form: `recvmmsg`, and options that are a number.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd};

/// Datagrams that one call takes.
const BATCH: usize = 32;
/// Room for each: more than a packet of Ethernet has.
const BYTES: usize = 2048;

/// Sets an option whose value is an `int`.
pub(crate) fn set_number_option(
    socket: &impl AsFd,
    level: i32,
    option: i32,
    value: i32,
) -> io::Result<()> {
    let fd = socket.as_fd().as_raw_fd();
    let length = size_of::<i32>() as libc::socklen_t;
    // SAFETY: the value is readable for its size until the call returns.
    let outcome = unsafe { libc::setsockopt(fd, level, option, (&raw const value).cast(), length) };
    if outcome == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Memory into which one call receives up to 32 datagrams, each with its sender.
#[derive(Debug)]
pub(crate) struct Batch {
    bytes: Vec<[u8; BYTES]>,
    names: Vec<[u8; 32]>,
}

impl Batch {
    pub(crate) fn new() -> Self {
        Self { bytes: vec![[0; BYTES]; BATCH], names: vec![[0; 32]; BATCH] }
    }

    /// Receives without waiting: how many, and the bytes of all together.
    #[inline(always)]
    pub(crate) fn receive(&mut self, socket: &impl AsFd) -> io::Result<(usize, usize)> {
        let mut parts = [const { MaybeUninit::<libc::iovec>::uninit() }; BATCH];
        let mut headers = [const { MaybeUninit::<libc::mmsghdr>::uninit() }; BATCH];
        let places = self.bytes.iter_mut().zip(&mut self.names);
        for ((header, part), (bytes, name)) in headers.iter_mut().zip(&mut parts).zip(places) {
            let iov =
                part.write(libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: BYTES });
            // SAFETY: a header is integers and pointers, for which zero is a value.
            let mut message: libc::mmsghdr = unsafe { std::mem::zeroed() };
            message.msg_hdr.msg_iov = iov;
            message.msg_hdr.msg_iovlen = 1;
            message.msg_hdr.msg_name = name.as_mut_ptr().cast();
            message.msg_hdr.msg_namelen = name.len() as u32;
            header.write(message);
        }
        let (fd, to) = (socket.as_fd().as_raw_fd(), headers.as_mut_ptr().cast());
        let (flags, nowhere) = (libc::MSG_DONTWAIT, std::ptr::null_mut());
        // SAFETY: all headers were just written; what they point to is borrowed by this call.
        let received = unsafe { libc::recvmmsg(fd, to, BATCH as u32, flags as _, nowhere) };
        let received = usize::try_from(received).map_err(|_| io::Error::last_os_error())?;
        // SAFETY: they were written before the call, all of them.
        let lengths =
            headers[..received].iter().map(|header| unsafe { header.assume_init_ref() }.msg_len);
        Ok((received, lengths.map(|length| length as usize).sum()))
    }
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use super::*;

    #[test]
    fn a_batch_takes_what_is_there_and_says_how_much() {
        let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        let mut batch = Batch::new();
        let nothing = batch.receive(&receiver).unwrap_err();
        assert_eq!(nothing.kind(), io::ErrorKind::WouldBlock);
        set_number_option(&sender, libc::SOL_UDP, libc::UDP_SEGMENT, 100).unwrap();
        sender.send_to(&[7; 4_001], receiver.local_addr().unwrap()).unwrap();
        assert_eq!(batch.receive(&receiver).unwrap(), (32, 3_200));
        assert_eq!(batch.receive(&receiver).unwrap(), (9, 801));
        assert_eq!((batch.bytes[0][..100].to_vec(), batch.bytes[0][100]), (vec![7; 100], 7));
        assert!(set_number_option(&sender, libc::SOL_UDP, 12_345, 1).is_err());
    }
}
