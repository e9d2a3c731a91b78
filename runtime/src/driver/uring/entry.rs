//! Submission entries of operations: which ring operation does what was asked.
//!
//! Every pointer in an entry is to memory whose address stays the same while the operation moves
//! about in its table: boxes, vectors, slots.

use io_uring::types::Fd;
use io_uring::{opcode, squeue};
use std::os::fd::AsRawFd;

use super::file;
use super::provided::GROUP;
use super::setup::GrantedSends;
use super::table::FIXED_BUFFER;
use crate::buffer::SendBuf;
use crate::driver::Operation;
use crate::io::{Descriptor, Interest, MessageShape, RECEIVE_FLAGS};

/// Has the notification of a zero-copy send tell whether the kernel copied (Linux 6.2).
const SEND_ZC_REPORT_USAGE: u16 = 1 << 3;

/// The entry of a one-shot operation, without its user data.
pub(crate) fn of_operation(operation: &mut Operation, granted: GrantedSends) -> squeue::Entry {
    match operation {
        Operation::File(operation) => return file::entry(operation),
        Operation::FileLocal(transfer) => {
            return file::local_entry(transfer, granted.fixed_buffers);
        }
        _ => {}
    }
    let fd = Fd(operation.descriptor().as_raw_fd());
    match operation {
        Operation::Connect { address, .. } => {
            opcode::Connect::new(fd, address.as_ptr().cast(), address.len()).build()
        }
        Operation::Ready { interest, .. } => {
            let events = match interest {
                Interest::Readable => libc::POLLIN | libc::POLLRDHUP,
                Interest::Writable => libc::POLLOUT,
            };
            opcode::PollAdd::new(fd, events as u32).build()
        }
        Operation::Send { buffer, sent, zero_copy, .. } => {
            send(fd, buffer, *sent, *zero_copy, granted)
        }
        Operation::ReceiveInto { buffer, .. } => {
            let spare = buffer.spare_capacity_mut();
            let length = u32::try_from(spare.len()).unwrap_or(u32::MAX >> 1);
            opcode::Recv::new(fd, spare.as_mut_ptr().cast(), length).build()
        }
        Operation::File(_) | Operation::FileLocal(_) => unreachable!("returned above"),
    }
}

fn send(
    fd: Fd,
    buffer: &SendBuf,
    sent: usize,
    zero_copy: bool,
    granted: GrantedSends,
) -> squeue::Entry {
    let rest = &buffer[sent..];
    let length = u32::try_from(rest.len()).unwrap_or(u32::MAX >> 1);
    // WAITALL: on a stream the kernel goes on until all of it is sent.
    let flags = libc::MSG_NOSIGNAL | libc::MSG_WAITALL;
    if !zero_copy {
        return opcode::Send::new(fd, rest.as_ptr(), length).flags(flags).build();
    }
    let registered = granted.fixed_buffers && buffer.is_registered();
    let report = if granted.reports_copies { SEND_ZC_REPORT_USAGE } else { 0 };
    let send = opcode::SendZc::new(fd, rest.as_ptr(), length).flags(flags).zc_flags(report);
    if registered { send.buf_index(Some(FIXED_BUFFER)).build() } else { send.build() }
}

/// A receive that goes on, each time into a buffer of the kernel's choice.
pub(crate) fn receive_multishot(descriptor: &Descriptor) -> squeue::Entry {
    opcode::RecvMulti::new(Fd(descriptor.as_raw_fd()), GROUP).build()
}

/// The same of datagrams, each as a record.
pub(crate) fn receive_records_multishot(
    descriptor: &Descriptor,
    shape: &MessageShape,
) -> squeue::Entry {
    let (fd, flags) = (Fd(descriptor.as_raw_fd()), RECEIVE_FLAGS as u32);
    opcode::RecvMsgMulti::new(fd, shape.header(), GROUP).flags(flags).build()
}

/// Completes each time that the descriptor becomes readable. A poll that completes once would do so
/// again and again while stamps of sends, which are not its reader's, stand in the error queue.
pub(crate) fn readable(descriptor: &Descriptor) -> squeue::Entry {
    let events = (libc::POLLIN | libc::POLLRDHUP) as u32;
    opcode::PollAdd::new(Fd(descriptor.as_raw_fd()), events).multi(true).build()
}

/// Whether what such a poll completed with tells of an end or a failure too.
pub(crate) fn tells_of_an_end(events: i32) -> bool {
    events > 0 && events & i32::from(libc::POLLRDHUP | libc::POLLHUP | libc::POLLERR) != 0
}

/// Completes each time that the socket has an error to tell, which stamps in its error queue are.
pub(crate) fn errors_multishot(descriptor: &Descriptor) -> squeue::Entry {
    let (fd, events) = (Fd(descriptor.as_raw_fd()), libc::POLLERR as u32);
    opcode::PollAdd::new(fd, events).multi(true).build()
}

/// An accept, which goes on if `multishot`.
pub(crate) fn accept(descriptor: &Descriptor, multishot: bool) -> squeue::Entry {
    let (fd, flags) = (Fd(descriptor.as_raw_fd()), libc::SOCK_CLOEXEC);
    if multishot {
        return opcode::AcceptMulti::new(fd).flags(flags).build();
    }
    let nowhere = std::ptr::null_mut();
    opcode::Accept::new(fd, nowhere, nowhere.cast()).flags(flags).build()
}
