//! The non-blocking call that does an operation; `WouldBlock` when its time has not come.

use std::io;

use rustix::buffer::spare_capacity;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, retry_on_intr};
use rustix::net::{RecvFlags, SendFlags, recv, send};
use socket2::SockRef;

use crate::counters::CounterCells;
use crate::driver::Operation;
use crate::io::Interest;

/// Tries an operation once. A send that was taken in part goes on until nothing more is taken.
pub(crate) fn attempt(operation: &mut Operation, counters: &CounterCells) -> io::Result<usize> {
    match operation {
        Operation::Ready { descriptor, interest } => {
            // The caller's own call found the descriptor not ready, which the driver did not see.
            counters.syscalls.increment();
            let events = match interest {
                Interest::Readable => PollFlags::IN | PollFlags::RDHUP,
                Interest::Writable => PollFlags::OUT,
            };
            let mut descriptors = [PollFd::new(descriptor, events)];
            // Also a call that waits for nothing ends when a signal comes, see poll(2).
            match retry_on_intr(|| poll(&mut descriptors, Some(&Timespec::default())))? {
                0 => Err(Errno::WOULDBLOCK.into()),
                _ => Ok(0),
            }
        }
        Operation::Connect { descriptor, address } => {
            counters.syscalls.add(2);
            let socket = SockRef::from(&*descriptor);
            socket.set_nonblocking(true)?;
            // Calling it again tells how an attempt ended, see connect(2).
            match socket.connect(address) {
                Err(error) => match error.raw_os_error() {
                    Some(libc::EISCONN) => Ok(0),
                    Some(libc::EINPROGRESS | libc::EALREADY) => Err(Errno::WOULDBLOCK.into()),
                    _ => Err(error),
                },
                Ok(()) => Ok(0),
            }
        }
        Operation::Send { descriptor, buffer, sent, .. } => {
            while *sent < buffer.len() {
                counters.syscalls.increment();
                let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
                let rest = &buffer[*sent..];
                let outcome = send(&*descriptor, rest, flags).map_err(io::Error::from);
                counters.tried_to_send(&outcome, rest.len());
                *sent += outcome?;
            }
            Ok(*sent)
        }
        Operation::ReceiveInto { inbound, buffer } => {
            counters.syscalls.increment();
            let to = spare_capacity(buffer);
            let (count, _) = recv(&inbound.descriptor, to, RecvFlags::DONTWAIT)?;
            counters.received(count);
            Ok(count)
        }
        Operation::File(_) | Operation::FileLocal(_) => {
            unreachable!("the blocking pool does file operations")
        }
    }
}
