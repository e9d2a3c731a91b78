//! An open file that the driver may hold on to.

use std::cell::Cell;
use std::future::poll_fn;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use socket2::SockAddr;

use crate::cancelled::Cancelled;
use crate::driver::{Backend, Completed, Key, Operation};
use crate::executor::{Core, current};

/// A counted file descriptor: closed when its object and every operation on it are gone, so the
/// kernel never sees a number that means another file by now.
#[derive(Clone, Debug)]
pub struct Descriptor(Rc<Inner>);

#[derive(Debug)]
struct Inner {
    fd: OwnedFd,
    /// The epoll driver's registration; zero before it.
    registration: Cell<u32>,
}

impl Descriptor {
    pub(crate) fn registration(&self) -> &Cell<u32> {
        &self.0.registration
    }
}

impl Descriptor {
    /// The file descriptor itself: a copy of it while an operation holds on to this one.
    pub(crate) fn into_owned(self) -> io::Result<OwnedFd> {
        match Rc::try_unwrap(self.0) {
            Ok(inner) => Ok(inner.fd),
            Err(shared) => shared.fd.try_clone(),
        }
    }
}

impl From<OwnedFd> for Descriptor {
    fn from(fd: OwnedFd) -> Self {
        Self(Rc::new(Inner { fd, registration: Cell::new(0) }))
    }
}

impl AsFd for Descriptor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.fd.as_fd()
    }
}

impl AsRawFd for Descriptor {
    fn as_raw_fd(&self) -> RawFd {
        self.0.fd.as_raw_fd()
    }
}

/// What to wait for on a descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interest {
    /// Bytes, a connection, or the end of the stream can be read.
    Readable,
    /// Bytes can be written.
    Writable,
}

/// Waits until the descriptor is ready, or has an error or hang-up to tell: the next call on it
/// says which.
///
/// Cancel-safe: dropping it cancels the wait and loses nothing.
///
/// # Errors
///
/// Where the driver's operation table is full, or the runtime has ended.
///
/// # Panics
///
/// Outside of a runtime.
pub async fn readiness(descriptor: &Descriptor, interest: Interest) -> io::Result<()> {
    let operation = Operation::Ready { descriptor: descriptor.clone(), interest };
    perform(operation).await?.result.map(drop)
}

/// Connects a socket.
///
/// Not cancel-safe in the sense that a dropped attempt may still reach the peer; the descriptor is
/// closed when the last handle and the cancelled operation are gone.
///
/// # Errors
///
/// What `connect(2)` tells, such as `ConnectionRefused`.
///
/// # Panics
///
/// Outside of a runtime.
pub async fn connect(descriptor: &Descriptor, address: SockAddr) -> io::Result<()> {
    let operation =
        Operation::Connect { descriptor: descriptor.clone(), address: Box::new(address) };
    perform(operation).await?.result.map(drop)
}

/// Does an operation on this thread's runtime, unless the task was cancelled before.
pub(crate) async fn perform(operation: Operation) -> io::Result<Completed> {
    perform_on(current().handle(), operation).await
}

/// As [`perform`], on the runtime that the descriptor belongs to.
pub(crate) async fn perform_on(core: Rc<Core>, operation: Operation) -> io::Result<Completed> {
    poll_fn(|context| core.checkpoint(context)).await?;
    Ok(InFlight::start(core, operation)?.await?)
}

/// An operation that belongs to a future: dropping it gives the operation up. In a cancelled task
/// it gives its result where it has one, else [`Cancelled`], and stays in flight until it is
/// dropped.
#[derive(Debug)]
pub(crate) struct InFlight {
    core: Rc<Core>,
    key: Option<Key>,
}

impl InFlight {
    pub(crate) fn start(core: Rc<Core>, operation: Operation) -> io::Result<Self> {
        let key = core.driver.borrow_mut().start(operation)?;
        Ok(Self { core, key: Some(key) })
    }

    /// Lets a send run to its end without its stream, and then end the writing direction.
    pub(crate) fn finish_alone(mut self, then_shut: bool) {
        if let Some(key) = self.key.take() {
            self.core.driver.borrow_mut().finish_alone(key, then_shut);
        }
    }

    pub(crate) fn poll_completed(
        &mut self,
        context: &Context<'_>,
    ) -> Poll<Result<Completed, Cancelled>> {
        let key = self.key.expect("an operation is not polled after its end");
        if let Poll::Ready(completed) = self.core.driver.borrow_mut().poll(key, context) {
            self.key = None;
            return Poll::Ready(Ok(completed));
        }
        ready!(self.core.checkpoint(context))?;
        Poll::Pending
    }
}

impl Future for InFlight {
    type Output = Result<Completed, Cancelled>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.poll_completed(context)
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            self.core.driver.borrow_mut().abandon(key);
        }
    }
}
