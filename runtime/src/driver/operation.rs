//! One-shot operations, and what they own while they are in flight.

use std::io;
use std::rc::Rc;

use rustix::net::{Shutdown, shutdown};
use socket2::SockAddr;

use crate::buffer::SendBuf;
use crate::fs::{FileDescriptor, FileOperation, LocalBuffer};
use crate::io::{Descriptor, InboundState, Interest};

/// Files are always ready; `fs::perform` asks before it starts an operation on one.
const NOT_BY_READINESS: &str = "no operation on files waits for readiness";

/// An operation with all that the kernel touches for it.
#[derive(Debug)]
pub(crate) enum Operation {
    /// Connects a socket.
    Connect { descriptor: Descriptor, address: Box<SockAddr> },
    /// Waits until a descriptor is ready, or has an error or a hang-up to tell.
    Ready { descriptor: Descriptor, interest: Interest },
    /// Sends all of a buffer on a stream socket; `sent` bytes are gone already.
    Send {
        descriptor: Descriptor,
        buffer: SendBuf,
        sent: usize,
        zero_copy: bool,
        /// The stream is gone: end the writing direction after the last byte.
        then_shut: bool,
    },
    /// Receives into the spare capacity of a buffer. Bytes that come after the operation was
    /// abandoned go to the stream's queue.
    ReceiveInto { inbound: Rc<InboundState>, buffer: Vec<u8> },
    /// An operation on files, where [`Backend::performs`](super::Backend::performs) says so.
    File(FileOperation),
    /// A transfer between a file and a slot of the core's pools, under the same condition.
    FileLocal(LocalTransfer),
}

/// A read into the free part of a slot, or a write of what is in it.
#[derive(Debug)]
pub(crate) struct LocalTransfer {
    pub(crate) file: FileDescriptor,
    pub(crate) buffer: LocalBuffer,
    pub(crate) offset: u64,
    pub(crate) writes: bool,
}

impl Operation {
    pub(crate) fn descriptor(&self) -> &Descriptor {
        match self {
            Self::Connect { descriptor, .. }
            | Self::Ready { descriptor, .. }
            | Self::Send { descriptor, .. } => descriptor,
            Self::ReceiveInto { inbound, .. } => &inbound.descriptor,
            Self::File(_) | Self::FileLocal(_) => unreachable!("{NOT_BY_READINESS}"),
        }
    }

    /// Whether it waits for the descriptor to become readable; else for writable.
    pub(crate) fn interest(&self) -> Interest {
        match self {
            Self::Connect { .. } | Self::Send { .. } => Interest::Writable,
            Self::Ready { interest, .. } => *interest,
            Self::ReceiveInto { .. } => Interest::Readable,
            Self::File(_) | Self::FileLocal(_) => unreachable!("{NOT_BY_READINESS}"),
        }
    }

    pub(crate) fn shut_at_end(&mut self, shut: bool) {
        if let Self::Send { then_shut, .. } = self {
            *then_shut = shut;
        }
    }

    /// Disposes of an operation that ended after nobody waited for it any more.
    pub(crate) fn dispose(self, result: io::Result<usize>) {
        match self {
            Self::ReceiveInto { inbound, buffer } => inbound.received_late(buffer, result),
            Self::Send { descriptor, then_shut: true, .. } => {
                // A connection that broke meanwhile has no direction left to end.
                let _ = shutdown(&descriptor, Shutdown::Write);
            }
            _ => {}
        }
    }
}

/// The end of an operation.
#[derive(Debug)]
pub(crate) struct Completed {
    /// Bytes moved, or zero.
    pub(crate) result: io::Result<usize>,
    /// The operation with its buffers; `None` where the kernel still holds them (zero-copy sends).
    pub(crate) operation: Option<Operation>,
}
