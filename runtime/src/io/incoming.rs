//! Accepted sockets: a queue that the driver fills and acceptors empty.
//!
//! With io_uring one multishot accept stays armed while somebody accepts, until `accept_queue`
//! sockets wait. Invariant: a socket that nobody will take is closed, also one that the kernel
//! accepts after the accept was cancelled. An error (no descriptors left, say) is told once and
//! leaves the listener as it was.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use super::Descriptor;
use crate::driver::{Backend, Key};
use crate::executor::{Core, WakeList, current};

/// The part of a listener that its driver knows.
#[derive(Debug)]
pub(crate) struct IncomingState {
    pub(crate) descriptor: Descriptor,
    queue: RefCell<VecDeque<OwnedFd>>,
    pub(crate) acceptors: WakeList,
    error: Cell<Option<i32>>,
    /// The accept that the kernel works on.
    pub(crate) armed: Cell<Option<Key>>,
    pub(crate) stopping: Cell<bool>,
}

impl IncomingState {
    /// Sockets that wait.
    pub(crate) fn queued(&self) -> usize {
        self.queue.borrow().len()
    }

    pub(crate) fn deliver(&self, accepted: io::Result<OwnedFd>) {
        match accepted {
            Ok(socket) => self.queue.borrow_mut().push_back(socket),
            Err(error) => self.error.set(Some(error.raw_os_error().unwrap_or(libc::EIO))),
        }
        self.acceptors.fire();
    }
}

/// Connections that come in on a listening descriptor.
#[derive(Debug)]
pub struct Incoming {
    core: Rc<Core>,
    state: Rc<IncomingState>,
}

impl Incoming {
    /// The connections of a listening descriptor. No system call.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    pub fn new(descriptor: Descriptor) -> Self {
        let state = IncomingState {
            descriptor,
            queue: RefCell::default(),
            acceptors: WakeList::default(),
            error: Cell::new(None),
            armed: Cell::new(None),
            stopping: Cell::new(false),
        };
        Self { core: current().handle(), state: Rc::new(state) }
    }

    /// The next connection. Several tasks may wait for one: all are woken, and one of them gets it.
    ///
    /// # Errors
    ///
    /// What `accept(2)` tells: `EMFILE` and the like pass, and accepting can go on.
    pub fn poll_accept(&self, context: &mut Context<'_>) -> Poll<io::Result<OwnedFd>> {
        ready!(self.core.checkpoint(context))?;
        if let Some(socket) = self.state.queue.borrow_mut().pop_front() {
            return Poll::Ready(Ok(socket));
        }
        if let Some(code) = self.state.error.take() {
            return Poll::Ready(Err(io::Error::from_raw_os_error(code)));
        }
        self.state.acceptors.register(context);
        let accepted = ready!(self.core.driver.borrow_mut().accept(&self.state));
        Poll::Ready(accepted)
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        self.state.acceptors.clear();
        self.core.driver.borrow_mut().stop_accepting(&self.state);
    }
}
