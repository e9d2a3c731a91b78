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
