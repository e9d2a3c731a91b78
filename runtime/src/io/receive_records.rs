//! The calls that fill slots with records: `recvmmsg`, and `recvfrom` for one alone where nothing
//! but its sender is to be told.
//!
//! Invariant: every pointer that is handed to the kernel lies in memory that is borrowed for the
//! call, and nothing of it is kept. Cost: one system call for up to [`RECORDS_MAX`] datagrams; the
//! headers of the messages live on the stack and only those that are used are written.

use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::{fmt, io};

use super::record::{LENGTHS_BYTES, Lengths, RecordLayout};

/// Datagrams that one call takes at most.
pub(crate) const RECORDS_MAX: usize = 32;

/// The flags with which datagrams are received, on every way. TRUNC: their length is told as it was
/// sent, also where they did not fit.
pub(crate) const RECEIVE_FLAGS: i32 = libc::MSG_TRUNC | libc::MSG_CMSG_CLOEXEC;

/// From which a multishot receive reads how the head of a record is divided; it has no memory.
pub(crate) struct MessageShape(libc::msghdr);

impl MessageShape {
    pub(crate) fn new(layout: RecordLayout) -> Self {
        let mut shape = empty_header();
        shape.msg_namelen = u32::from(layout.name_bytes);
        shape.msg_controllen = usize::from(layout.control_bytes) as _;
        Self(shape)
    }

    pub(crate) fn header(&self) -> &libc::msghdr {
        &self.0
    }
}

impl fmt::Debug for MessageShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageShape").finish_non_exhaustive()
    }
}

pub(super) fn empty_header() -> libc::msghdr {
    // SAFETY: the header of a message is integers and pointers, for which zero is a value.
    unsafe { std::mem::zeroed() }
}

/// Receives into each slot a record, without waiting, by the flags of `recvmmsg(2)`, and leaves the
/// records' lengths in `lengths`; how many there were, at least one.
///
/// # Errors
///
/// `WouldBlock` where there is none; what `recvmmsg(2)` tells.
pub(crate) fn receive_records(
    socket: BorrowedFd<'_>,
    layout: RecordLayout,
    flags: i32,
    slots: &mut [&mut [u8]],
    lengths: &mut [u32; RECORDS_MAX],
) -> io::Result<usize> {
    let count = slots.len().min(RECORDS_MAX);
    let mut parts = [const { MaybeUninit::<libc::iovec>::uninit() }; RECORDS_MAX];
    let mut messages = [const { MaybeUninit::<libc::mmsghdr>::uninit() }; RECORDS_MAX];
    for ((slot, part), message) in slots.iter_mut().zip(&mut parts).zip(&mut messages) {
        assert!(slot.len() >= layout.head_bytes(), "a slot has room for the head of a record");
        let (head, payload) = slot.split_at_mut(layout.head_bytes());
        let (name, control) = head[LENGTHS_BYTES..].split_at_mut(layout.name_bytes as usize);
        let iov = part
            .write(libc::iovec { iov_base: payload.as_mut_ptr().cast(), iov_len: payload.len() });
        let mut header = empty_header();
        header.msg_name = name.as_mut_ptr().cast();
        header.msg_namelen = u32::from(layout.name_bytes);
        header.msg_iov = iov;
        header.msg_iovlen = 1;
        header.msg_control = control.as_mut_ptr().cast();
        header.msg_controllen = control.len() as _;
        message.write(libc::mmsghdr { msg_hdr: header, msg_len: 0 });
    }
    // SAFETY: the first `count` headers were just written, and all that they point to is borrowed
    // by this function until it returns.
    let received = unsafe {
        libc::recvmmsg(
            socket.as_raw_fd(),
            messages.as_mut_ptr().cast(),
            count as u32,
            (libc::MSG_DONTWAIT | flags) as _,
            std::ptr::null_mut(),
        )
    };
    let received = usize::try_from(received).map_err(|_| io::Error::last_os_error())?;
    for ((slot, message), length) in slots.iter_mut().zip(&messages).zip(lengths).take(received) {
        // SAFETY: as many headers as were received had been written before the call.
        let message = unsafe { message.assume_init_ref() };
        let header = &message.msg_hdr;
        Lengths {
            name: header.msg_namelen,
            // At most the room for it, which is a `u16`.
            control: header.msg_controllen as u32,
            payload: message.msg_len,
            flags: header.msg_flags as u32,
        }
        .write(slot);
        let here = (message.msg_len as usize).min(slot.len() - layout.head_bytes());
        // A slot's size is a `u32`.
        *length = (layout.head_bytes() + here) as u32;
    }
    Ok(received)
}

/// Receives one record without control messages into a slot, without waiting; its length. The
/// cheapest call that tells a sender: it has no header of a message to be copied to and fro.
///
/// # Errors
///
/// `WouldBlock` where there is none; what `recvfrom(2)` tells.
#[inline]
pub(crate) fn receive_plain_record(
    socket: BorrowedFd<'_>,
    layout: RecordLayout,
    slot: &mut [u8],
) -> io::Result<u32> {
    debug_assert_eq!(layout.control_bytes, 0);
    assert!(slot.len() >= layout.head_bytes(), "a slot has room for the head of a record");
    let (head, payload) = slot.split_at_mut(layout.head_bytes());
    let name = &mut head[LENGTHS_BYTES..];
    let mut name_bytes = u32::from(layout.name_bytes);
    // SAFETY: the kernel writes at most as many bytes to both as it is told that they have; they
    // are borrowed until the call returns.
    let received = unsafe {
        libc::recvfrom(
            socket.as_raw_fd(),
            payload.as_mut_ptr().cast(),
            payload.len(),
            libc::MSG_DONTWAIT | RECEIVE_FLAGS,
            name.as_mut_ptr().cast(),
            &raw mut name_bytes,
        )
    };
    let sent = usize::try_from(received).map_err(|_| io::Error::last_os_error())?;
    let here = sent.min(payload.len());
    // This call has no flags to tell; with TRUNC its result does.
    let flags = if sent > here { libc::MSG_TRUNC as u32 } else { 0 };
    // A datagram is smaller than 4 GiB, and a slot's size is a `u32`.
    Lengths { name: name_bytes, control: 0, payload: sent as u32, flags }.write(head);
    Ok((layout.head_bytes() + here) as u32)
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;
    use std::os::fd::{AsFd, OwnedFd};
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::{SocketAddr, UnixDatagram};
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::atomic::{AtomicU32, Ordering};

    use rustix::net::sockopt::{set_ip_recvtos, set_ipv6_recvtclass};
    use rustix::net::{SendFlags, send};

    use super::super::record::{address_in, control_messages};
    use super::*;

    const SENT: &[u8] = b"a datagram";
    const GUARD_BYTES: usize = 64;
    const MARK: u8 = 0xa5;

    /// Slots of one size, each between two guards.
    struct Guarded {
        memory: Vec<u8>,
        slot_bytes: usize,
    }

    impl Guarded {
        fn new(count: usize, slot_bytes: usize) -> Self {
            Self { memory: vec![MARK; count * (slot_bytes + 2 * GUARD_BYTES)], slot_bytes }
        }

        fn slots(&mut self) -> Vec<&mut [u8]> {
            let slot_bytes = self.slot_bytes;
            self.memory
                .chunks_exact_mut(slot_bytes + 2 * GUARD_BYTES)
                .map(|around| &mut around[GUARD_BYTES..][..slot_bytes])
                .collect()
        }

        /// The slots, after a look at their guards.
        fn checked(&self) -> impl Iterator<Item = &[u8]> {
            self.memory.chunks_exact(self.slot_bytes + 2 * GUARD_BYTES).map(|around| {
                let (before, rest) = around.split_at(GUARD_BYTES);
                let (slot, after) = rest.split_at(self.slot_bytes);
                assert!(before.iter().chain(after).all(|byte| *byte == MARK), "beside the slot");
                slot
            })
        }
    }

    /// A socket, one that sends to it, and how many bytes the address of that one has.
    struct Ends {
        receiver: OwnedFd,
        sender: OwnedFd,
        name_bytes: u32,
    }

    impl Ends {
        fn of_ip(address: &str, name_bytes: u32) -> Self {
            let [receiver, sender] = [(); 2].map(|()| UdpSocket::bind(address).unwrap());
            sender.connect(receiver.local_addr().unwrap()).unwrap();
            Self { receiver: receiver.into(), sender: sender.into(), name_bytes }
        }

        fn v4() -> Self {
            Self::of_ip("127.0.0.1:0", 16)
        }

        /// Each has a byte of control message with a datagram, or none, of a Unix socket.
        fn of_each_family() -> [Self; 3] {
            static COUNT: AtomicU32 = AtomicU32::new(0);

            let (v4, v6) = (Self::v4(), Self::of_ip("[::1]:0", 28));
            set_ip_recvtos(&v4.receiver, true).unwrap();
            set_ipv6_recvtclass(&v6.receiver, true).unwrap();
            // The longest names that there are.
            let count = COUNT.fetch_add(1, Ordering::Relaxed);
            let named = |fill: char| {
                let name = format!("taut-records-{}-{count}-", std::process::id());
                let name = name.chars().chain(std::iter::repeat(fill)).take(107);
                SocketAddr::from_abstract_name(name.collect::<String>()).unwrap()
            };
            let receiver = UnixDatagram::bind_addr(&named('r')).unwrap();
            let sender = UnixDatagram::bind_addr(&named('s')).unwrap();
            sender.connect_addr(&named('r')).unwrap();
            let unix = Self { receiver: receiver.into(), sender: sender.into(), name_bytes: 110 };
            [v4, v6, unix]
        }

        fn send(&self, count: usize) {
            for _ in 0..count {
                assert_eq!(send(&self.sender, SENT, SendFlags::empty()), Ok(SENT.len()));
            }
        }
    }

    /// What each receive has to leave of [`SENT`] in a slot.
    fn check(record: &[u8], length: u32, ends: &Ends, layout: RecordLayout) {
        let room = record.len() - layout.head_bytes();
        let here = room.min(SENT.len());
        let lengths = Lengths::read(record);
        assert_eq!(length as usize, layout.head_bytes() + here);
        assert_eq!(record[layout.head_bytes()..length as usize], SENT[..here]);
        assert_eq!((lengths.payload as usize, lengths.name), (SENT.len(), ends.name_bytes));
        assert_eq!(lengths.flags & libc::MSG_TRUNC as u32 != 0, room < SENT.len());
        // Also where there was no room for the name that the lengths speak of.
        let has_name = u32::from(layout.name_bytes) >= ends.name_bytes && ends.name_bytes < 110;
        assert!(!has_name || address_in(record, layout).is_some());
        assert!(ends.name_bytes < 110 || address_in(record, layout).is_none());
        assert!(control_messages(record, layout).count() <= 1);
    }

    #[test]
    fn no_byte_is_written_beside_a_slot_however_little_room_its_parts_have() {
        for ends in Ends::of_each_family() {
            for (name_bytes, control_bytes, room) in
                [0, 8, 16, 24, 32, 48, 112].into_iter().flat_map(|name| {
                    [0, 8, 16, 24, 208].into_iter().flat_map(move |control| {
                        [0, 1, SENT.len(), 100].map(move |room| (name, control, room))
                    })
                })
            {
                let layout = RecordLayout { name_bytes, control_bytes };
                let mut guarded = Guarded::new(3, layout.head_bytes() + room);
                let mut lengths = [u32::MAX; RECORDS_MAX];
                ends.send(2);
                let mut slots = guarded.slots();
                let (receiver, flags) = (ends.receiver.as_fd(), RECEIVE_FLAGS);
                let received = receive_records(receiver, layout, flags, &mut slots, &mut lengths);
                assert_eq!(received.unwrap(), 2);
                for (record, length) in guarded.checked().zip(lengths).take(2) {
                    check(record, length, &ends, layout);
                    let cut = Lengths::read(record).flags & libc::MSG_CTRUNC as u32 != 0;
                    assert_eq!(cut, ends.name_bytes < 110 && control_bytes < 24, "{layout:?}");
                }
                assert!(guarded.checked().nth(2).unwrap().iter().all(|byte| *byte == MARK));
                assert_eq!(lengths[2..], [u32::MAX; RECORDS_MAX][2..]);
            }
        }
    }

    #[test]
    fn no_byte_is_written_beside_a_slot_by_the_call_without_control_messages() {
        for ends in Ends::of_each_family() {
            for (name_bytes, room) in [0, 8, 16, 28, 48, 112]
                .into_iter()
                .flat_map(|name| [0, 1, SENT.len(), 100].map(move |room| (name, room)))
            {
                let layout = RecordLayout { name_bytes, control_bytes: 0 };
                let mut guarded = Guarded::new(1, layout.head_bytes() + room);
                ends.send(1);
                let slot = &mut *guarded.slots()[0];
                let length = receive_plain_record(ends.receiver.as_fd(), layout, slot).unwrap();
                check(guarded.checked().next().unwrap(), length, &ends, layout);
            }
        }
    }

    #[test]
    fn slots_beyond_the_most_of_one_call_are_left_alone() {
        let (ends, layout) = (Ends::v4(), RecordLayout::INTERNET);
        let mut guarded = Guarded::new(RECORDS_MAX + 3, layout.head_bytes() + SENT.len());
        ends.send(RECORDS_MAX + 1);
        let (socket, mut lengths) = (ends.receiver.as_fd(), [0; RECORDS_MAX]);
        let mut receive = |count: usize| {
            let mut slots = guarded.slots();
            receive_records(socket, layout, RECEIVE_FLAGS, &mut slots[..count], &mut lengths)
        };
        assert_eq!(receive(0).unwrap(), 0);
        assert_eq!(receive(RECORDS_MAX + 3).unwrap(), RECORDS_MAX);
        assert_eq!(receive(1).unwrap(), 1, "the last one stayed in the kernel");
        assert_eq!(receive(1).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        for (number, record) in guarded.checked().enumerate() {
            match number {
                ..RECORDS_MAX => check(record, lengths[number], &ends, layout),
                _ => assert!(record.iter().all(|byte| *byte == MARK)),
            }
        }
    }

    #[test]
    fn a_slot_without_room_for_a_head_is_refused_before_the_kernel_has_it() {
        let ends = Ends::v4();
        ends.send(1);
        let (socket, mut lengths) = (ends.receiver.as_fd(), [0; RECORDS_MAX]);
        for layout in [RecordLayout::INTERNET, RecordLayout::PLAIN] {
            let mut slot = vec![MARK; layout.head_bytes() - 1];
            let many = catch_unwind(AssertUnwindSafe(|| {
                receive_records(socket, layout, RECEIVE_FLAGS, &mut [&mut slot], &mut lengths)
            }));
            assert!(many.is_err());
            assert!(slot.iter().all(|byte| *byte == MARK));
        }
        let layout = RecordLayout::PLAIN;
        let mut slot = vec![MARK; layout.head_bytes() - 1];
        let one = AssertUnwindSafe(|| receive_plain_record(socket, layout, &mut slot));
        assert!(catch_unwind(one).is_err());
        let mut slot = vec![0; layout.head_bytes()];
        assert!(receive_plain_record(socket, layout, &mut slot).is_ok(), "nothing was taken");
        let error = receive_plain_record(socket, layout, &mut slot).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
    }
}
