//! One-shot operations, and what they own while they are in flight.

use std::io;
use std::rc::Rc;

use rustix::net::{Shutdown, shutdown};
use socket2::SockAddr;

use crate::buffer::SendBuf;
use crate::io::{Descriptor, InboundState, Interest};

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
}

impl Operation {
    pub(crate) fn descriptor(&self) -> &Descriptor {
        match self {
            Self::Connect { descriptor, .. }
            | Self::Ready { descriptor, .. }
            | Self::Send { descriptor, .. } => descriptor,
            Self::ReceiveInto { inbound, .. } => &inbound.descriptor,
        }
    }

    /// Whether it waits for the descriptor to become readable; else for writable.
    pub(crate) fn interest(&self) -> Interest {
        match self {
            Self::Connect { .. } | Self::Send { .. } => Interest::Writable,
            Self::Ready { interest, .. } => *interest,
            Self::ReceiveInto { .. } => Interest::Readable,
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
