//! Taking a connection off its core, for another one to go on with it.
//!
//! What belongs to the core stays there: the receive that is armed is stopped, sends that are under
//! way are finished, and received bytes are copied out of the core's slots. What belongs to the
//! connection goes along: the descriptor, those bytes, and the end of the stream or the failure, if
//! it was seen already.
//!
//! Invariant: from [`Inbound::poll_stopped`] on, nothing on the old core receives from the
//! descriptor unless the stream is read there again, so bytes are neither lost nor out of order.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use super::inbound::{End, Rest};
use super::{Descriptor, Inbound, Outbound};
use crate::driver::Backend;

/// A connection that is on no core.
///
/// It may be sent to another thread. Dropping it closes the connection.
#[derive(Debug)]
pub struct Handover {
    fd: OwnedFd,
    rest: Rest,
}

impl Handover {
    /// A connection of which nothing was received yet.
    pub fn new(fd: OwnedFd) -> Self {
        Self { fd, rest: Rest { unread: Vec::new(), end: End::Open, hot: false, stamped: false } }
    }

    /// Takes a connection off its core. To be called once [`Outbound::poll_flush`] and
    /// [`Inbound::poll_stopped`] were ready, with nothing done since but the outbound half dropped.
    ///
    /// # Errors
    ///
    /// What `dup(2)` tells, where an operation that was given up still holds the descriptor.
    pub fn take(inbound: Inbound, descriptor: Descriptor) -> io::Result<Self> {
        let core = Rc::clone(inbound.core());
        // First, since the driver knows its waiters by the registration.
        let rest = inbound.into_rest();
        core.driver.borrow_mut().unregister(&descriptor);
        let fd = descriptor.into_owned()?;
        Ok(Self { fd, rest })
    }

    /// Brings the connection to the core of this thread. Reads first give what was not read before.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    pub fn settle(self) -> (Inbound, Outbound, Descriptor) {
        let descriptor = Descriptor::from(self.fd);
        let Rest { unread, end, hot, stamped } = self.rest;
        let mut inbound = Inbound::with_rest(descriptor.clone(), unread, end);
        inbound.set_hot(hot);
        // Where this core's buffers have no room for stamps there are none.
        let _ = inbound.set_stamped(stamped);
        (inbound, Outbound::new(descriptor.clone()), descriptor)
    }

    /// Bytes that were received and not read.
    pub fn unread(&self) -> &[u8] {
        &self.rest.unread
    }

    /// Whether the stream is [hot](Inbound::set_hot), where it is read next.
    pub fn is_hot(&self) -> bool {
        self.rest.hot
    }

    /// Makes the stream hot, or not, where it is read next.
    pub fn set_hot(&mut self, hot: bool) {
        self.rest.hot = hot;
    }

    /// The descriptor alone.
    ///
    /// # Errors
    ///
    /// The handover itself, where bytes, the end of the stream or its failure were received, which
    /// the descriptor would not give again.
    pub fn into_fd(self) -> Result<OwnedFd, Self> {
        match self {
            Self { fd, rest: Rest { unread, end: End::Open, .. } } if unread.is_empty() => Ok(fd),
            carries => Err(carries),
        }
    }
}

impl AsFd for Handover {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Inbound {
    /// Stops receiving in the background; ready once the kernel has no receive of this stream, and
    /// all that it received stands in the queue. A later read receives again. Cancel-safe.
    ///
    /// # Errors
    ///
    /// `ECANCELED` where the task was cancelled.
    pub fn poll_stopped(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.core().checkpoint(context))?;
        let state = self.state();
        if state.armed.get().is_some() {
            state.reader.register(context);
            if self.core().driver.borrow_mut().stop_receiving(state).is_pending() {
                return Poll::Pending;
            }
        }
        state.reader.clear();
        Poll::Ready(Ok(()))
    }
}
