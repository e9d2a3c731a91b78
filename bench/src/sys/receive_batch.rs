//! Datagrams by the batch, and what the kernel tells of them: `recvmmsg`, receive timestamps,
//! drops.
//!
//! Invariant: the headers point only into boxes that the batch owns and never replaces, so they are
//! valid for as long as it lives. Cost: a system call a batch, and no allocation after the first.

use std::fmt;
use std::io;
use std::mem;
use std::os::fd::{AsFd, AsRawFd};
use std::ptr;

use super::set_number_option;

/// `SK_MEMINFO_DROPS`: which of the counts of `SO_MEMINFO` says what was dropped.
const DROPS: usize = 8;
/// Room for what is told beside a datagram: the three timestamps take 64 bytes.
const CONTROL_BYTES: usize = 128;
/// Room for an address.
const SENDER_BYTES: usize = 32;
/// A control message: its length, level and kind, and its data behind them.
const CONTROL_HEAD_BYTES: usize = 16;

#[derive(Clone, Copy)]
#[repr(align(8))]
struct Control([u8; CONTROL_BYTES]);

/// A sender's address, of IPv4 or IPv6; the kernel writes it, as it does for every server.
#[derive(Clone, Copy)]
#[repr(align(8))]
struct Sender([u8; SENDER_BYTES]);

/// Buffers for datagrams that are received together.
pub(crate) struct ReceiveBatch {
    payloads: Box<[u8]>,
    payload_bytes: usize,
    controls: Box<[Control]>,
    /// Room for control messages that the kernel is told of.
    control_bytes: usize,
    _senders: Box<[Sender]>,
    /// What the headers point to; nobody else reads them.
    _iovecs: Box<[libc::iovec]>,
    headers: Box<[libc::mmsghdr]>,
    filled: usize,
}

impl ReceiveBatch {
    /// Room for so many datagrams of so many bytes each; what is longer is cut off.
    pub(crate) fn new(datagrams: usize, payload_bytes: usize) -> Self {
        Self::with_control(datagrams, payload_bytes, CONTROL_BYTES)
    }

    /// The same without control messages: nothing is told but the sender.
    pub(crate) fn plain(datagrams: usize, payload_bytes: usize) -> Self {
        Self::with_control(datagrams, payload_bytes, 0)
    }

    fn with_control(datagrams: usize, payload_bytes: usize, control_bytes: usize) -> Self {
        let mut payloads = vec![0_u8; datagrams * payload_bytes].into_boxed_slice();
        let mut controls = vec![Control([0; CONTROL_BYTES]); datagrams].into_boxed_slice();
        let mut senders = vec![Sender([0; SENDER_BYTES]); datagrams].into_boxed_slice();
        let mut iovecs: Box<[libc::iovec]> = payloads
            .chunks_exact_mut(payload_bytes)
            .map(|payload| libc::iovec {
                iov_base: payload.as_mut_ptr().cast(),
                iov_len: payload.len(),
            })
            .collect();
        let header = |((iovec, control), sender): ((_, &mut Control), &mut Sender)| {
            // SAFETY: a `mmsghdr` is integers and pointers, for all of which zero is a value.
            let mut header: libc::mmsghdr = unsafe { mem::zeroed() };
            header.msg_hdr.msg_iov = ptr::from_mut::<libc::iovec>(iovec);
            header.msg_hdr.msg_iovlen = 1;
            header.msg_hdr.msg_control = control.0.as_mut_ptr().cast();
            header.msg_hdr.msg_controllen = control_bytes;
            header.msg_hdr.msg_name = sender.0.as_mut_ptr().cast();
            header.msg_hdr.msg_namelen = SENDER_BYTES as u32;
            header
        };
        let headers = iovecs
            .iter_mut()
            .zip(controls.iter_mut())
            .zip(senders.iter_mut())
            .map(header)
            .collect();
        Self {
            payloads,
            payload_bytes,
            controls,
            control_bytes,
            _senders: senders,
            _iovecs: iovecs,
            headers,
            filled: 0,
        }
    }

    /// Receives what is there, in place of what was received before, and says how many; 0 where
    /// nothing waits.
    #[inline(always)]
    pub(crate) fn receive(&mut self, socket: &impl AsFd) -> io::Result<usize> {
        // What the kernel wrote over: how much room there is.
        for header in &mut self.headers[..mem::take(&mut self.filled)] {
            header.msg_hdr.msg_controllen = self.control_bytes;
            header.msg_hdr.msg_namelen = SENDER_BYTES as u32;
        }
        let (socket, count) = (socket.as_fd().as_raw_fd(), self.headers.len() as libc::c_uint);
        let flags = libc::MSG_DONTWAIT;
        // SAFETY: there are `count` headers, each with one iovec, a control buffer and room for an
        // address in boxes that live as long as `self` and that nobody else looks at during the
        // call; no time is given.
        let received = unsafe {
            libc::recvmmsg(socket, self.headers.as_mut_ptr(), count, flags as _, ptr::null_mut())
        };
        match usize::try_from(received) {
            Ok(filled) => {
                self.filled = filled;
                Ok(filled)
            }
            Err(_) => match io::Error::last_os_error() {
                error if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
                error if error.kind() == io::ErrorKind::Interrupted => Ok(0),
                error => Err(error),
            },
        }
    }

    /// The bytes of one of those that were received last.
    #[inline(always)]
    pub(crate) fn payload(&self, place: usize) -> &[u8] {
        let bytes = self.headers[..self.filled][place].msg_len as usize;
        &self.payloads[place * self.payload_bytes..][..bytes.min(self.payload_bytes)]
    }

    /// When the kernel received it, in ns since the epoch (`CLOCK_REALTIME`), where the socket was
    /// asked for it.
    #[inline(always)]
    pub(crate) fn received_ns(&self, place: usize) -> Option<u64> {
        let there = self.headers[..self.filled][place].msg_hdr.msg_controllen;
        software_stamp_ns(&self.controls[place].0[..there.min(CONTROL_BYTES)])
    }
}

impl fmt::Debug for ReceiveBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReceiveBatch").field("filled", &self.filled).finish_non_exhaustive()
    }
}

/// The software timestamp among the control messages.
fn software_stamp_ns(mut control: &[u8]) -> Option<u64> {
    let word = |bytes: &[u8], at: usize| Some(i32::from_ne_bytes(*bytes.get(at..)?.first_chunk()?));
    let number =
        |bytes: &[u8], at: usize| Some(u64::from_ne_bytes(*bytes.get(at..)?.first_chunk()?));
    while control.len() >= CONTROL_HEAD_BYTES {
        let bytes = usize::try_from(number(control, 0)?).ok()?;
        if (word(control, 8)?, word(control, 12)?) == (libc::SOL_SOCKET, libc::SCM_TIMESTAMPING) {
            let (seconds, nanoseconds) =
                (number(control, CONTROL_HEAD_BYTES)?, number(control, CONTROL_HEAD_BYTES + 8)?);
            let at_ns = seconds.checked_mul(1_000_000_000)?.checked_add(nanoseconds)?;
            return (at_ns > 0).then_some(at_ns);
        }
        let whole = bytes.max(CONTROL_HEAD_BYTES).checked_next_multiple_of(8)?;
        control = control.get(whole..)?;
    }
    None
}

/// Asks the kernel to say of each datagram when it received it.
pub(crate) fn stamp_received(socket: &impl AsFd) -> io::Result<()> {
    let flags = libc::SOF_TIMESTAMPING_RX_SOFTWARE | libc::SOF_TIMESTAMPING_SOFTWARE;
    set_number_option(socket, libc::SOL_SOCKET, libc::SO_TIMESTAMPING, flags as i32)
}

/// Datagrams that the kernel has dropped on this socket (`SO_MEMINFO`).
pub(crate) fn socket_drops(socket: &impl AsFd) -> io::Result<u32> {
    let mut counts = [0_u32; DROPS + 1];
    let mut bytes = mem::size_of_val(&counts) as libc::socklen_t;
    // SAFETY: the pointer is valid for as many bytes as are named, and the kernel writes no more.
    let outcome = unsafe {
        libc::getsockopt(
            socket.as_fd().as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_MEMINFO,
            counts.as_mut_ptr().cast(),
            &raw mut bytes,
        )
    };
    if outcome == 0 { Ok(counts[DROPS]) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::UdpSocket;
    use std::time::{SystemTime, UNIX_EPOCH};

    fn pair() -> (UdpSocket, UdpSocket) {
        let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        sender.connect(receiver.local_addr().unwrap()).unwrap();
        (sender, receiver)
    }

    fn now_ns() -> u64 {
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64
    }

    #[test]
    fn batches_hold_what_was_sent_wherever_they_are_moved_and_nothing_of_the_one_before() {
        let (sender, receiver) = pair();
        let mut batches = [ReceiveBatch::new(4, 8), ReceiveBatch::new(4, 8)];
        assert_eq!(batches[0].receive(&receiver).unwrap(), 0, "nothing waits");
        for round in 0..3_u8 {
            for number in 0..6_u8 {
                sender.send(&vec![round; usize::from(number) * 2]).unwrap();
            }
            let mut received: Vec<Vec<u8>> = Vec::new();
            while received.len() < 6 {
                // Moved, as a user may do with any value.
                batches.swap(0, 1);
                let count = batches[0].receive(&receiver).unwrap();
                received.extend((0..count).map(|place| batches[0].payload(place).to_vec()));
            }
            // What does not fit 8 bytes is cut off.
            let expected: Vec<_> = (0..6_usize).map(|one| vec![round; (one * 2).min(8)]).collect();
            assert_eq!(received, expected);
        }
        let [mut batch, _] = batches;
        assert_eq!(batch.receive(&receiver).unwrap(), 0);
        let past = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| batch.payload(0)[0]));
        assert!(past.is_err(), "nothing was received");
    }

    #[test]
    fn stamps_lie_between_the_send_and_the_look() {
        let (sender, receiver) = pair();
        let mut batch = ReceiveBatch::new(2, 64);
        sender.send(b"unasked").unwrap();
        assert_eq!(batch.receive(&receiver).unwrap(), 1);
        assert_eq!(batch.received_ns(0), None);
        stamp_received(&receiver).unwrap();
        // The kernel begins to stamp a moment after the first socket has asked for it.
        let stamped = (0..1_000).find_map(|_| {
            let before_ns = now_ns();
            sender.send(b"tick").unwrap();
            while batch.receive(&receiver).unwrap() == 0 {}
            let at_ns = batch.received_ns(0)?;
            Some((before_ns, at_ns, now_ns()))
        });
        let (before_ns, at_ns, after_ns) = stamped.expect("a stamp within a thousand datagrams");
        assert!((before_ns..=after_ns).contains(&at_ns), "{before_ns} {at_ns} {after_ns}");
    }

    #[test]
    fn control_messages_may_hold_anything() {
        assert_eq!(software_stamp_ns(&[]), None);
        assert_eq!(software_stamp_ns(&[0xFF; 64]), None);
        assert_eq!(software_stamp_ns(&[0; 64]), None, "lengths of 0 end, too");
        let mut stamp = 64_u64.to_ne_bytes().to_vec();
        stamp.extend(libc::SOL_SOCKET.to_ne_bytes());
        stamp.extend(libc::SCM_TIMESTAMPING.to_ne_bytes());
        stamp.extend(2_u64.to_ne_bytes());
        stamp.extend(7_u64.to_ne_bytes());
        stamp.resize(64, 0);
        let mut other = 20_u64.to_ne_bytes().to_vec();
        other.resize(24, 1);
        let both = [&other[..], &stamp].concat();
        assert_eq!(software_stamp_ns(&both), Some(2_000_000_007));
        for bytes in 0..both.len() - 32 {
            assert_eq!(software_stamp_ns(&both[..bytes]), None, "cut at {bytes}");
        }
    }

    #[test]
    fn a_socket_that_nobody_reads_counts_what_it_drops() {
        let (sender, receiver) = pair();
        assert_eq!(socket_drops(&receiver).unwrap(), 0);
        let mut sent = 0;
        while socket_drops(&receiver).unwrap() == 0 {
            sender.send(&[0; 8_192]).unwrap();
            sent += 1;
            assert!(sent < 100_000, "a receive buffer has an end");
        }
        let mut batch = ReceiveBatch::new(8, 16);
        let mut received = 0;
        loop {
            match batch.receive(&receiver).unwrap() {
                0 => break,
                count => received += count as u32,
            }
        }
        assert_eq!(received + socket_drops(&receiver).unwrap(), sent);
        assert!(socket_drops(&std::fs::File::open("/dev/null").unwrap()).is_err());
    }
}
