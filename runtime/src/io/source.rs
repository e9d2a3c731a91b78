//! Non-blocking calls that are made again once their descriptor is ready.
//!
//! The one way in which pipes, process descriptors, event counters, terminals and the writing half
//! of a stream wait. Invariant: the call comes first and readiness after it, so nothing is waited
//! for that is there already, and a wait that is given up has taken nothing.

use std::future::poll_fn;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use rustix::io::ioctl_fionbio;

use super::descriptor::{InFlight, perform_on};
use super::{Descriptor, Interest};
use crate::driver::{Backend, Operation};
use crate::executor::{Core, current};

/// Makes a non-blocking call; when it would block, waits until the descriptor is ready and makes it
/// again. `wait` holds the wait from one poll to the next.
#[inline]
pub(crate) fn poll_call<T>(
    (core, descriptor): (&Rc<Core>, &Descriptor),
    interest: Interest,
    wait: &mut Option<InFlight>,
    context: &Context<'_>,
    mut call: impl FnMut() -> io::Result<T>,
) -> Poll<io::Result<T>> {
    loop {
        if let Some(waiting) = wait {
            let completed = ready!(waiting.poll_completed(context))?;
            *wait = None;
            completed.result?;
        }
        match call() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                let operation = Operation::Ready { descriptor: descriptor.clone(), interest };
                *wait = Some(InFlight::start(Rc::clone(core), operation)?);
            }
            result => return Poll::Ready(result),
        }
    }
}

/// A non-blocking descriptor and the runtime that waits for it.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    core: Rc<Core>,
    descriptor: Descriptor,
}

impl Source {
    /// Takes a descriptor whose calls don't block.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub(crate) fn new(descriptor: impl Into<Descriptor>) -> Self {
        Self { core: current().handle(), descriptor: descriptor.into() }
    }

    /// Takes a descriptor and sets `O_NONBLOCK`.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub(crate) fn nonblocking(fd: OwnedFd) -> io::Result<Self> {
        ioctl_fionbio(&fd, true)?;
        Ok(Self::new(fd))
    }

    pub(crate) fn core(&self) -> &Rc<Core> {
        &self.core
    }

    /// The descriptor, blocking again and unknown to the driver.
    pub(crate) fn into_blocking(self) -> io::Result<OwnedFd> {
        self.unregister();
        ioctl_fionbio(&self.descriptor, false)?;
        self.descriptor.into_owned()
    }

    /// The descriptor, as it is.
    pub(crate) fn into_descriptor(self) -> Descriptor {
        self.descriptor
    }

    /// Tells the driver that the file, which may live on elsewhere, is no longer waited for.
    pub(crate) fn unregister(&self) {
        self.core.driver.borrow_mut().unregister(&self.descriptor);
    }

    /// Waits until the descriptor is ready.
    pub(crate) async fn ready(&self, interest: Interest) -> io::Result<()> {
        let operation = Operation::Ready { descriptor: self.descriptor.clone(), interest };
        perform_on(Rc::clone(&self.core), operation).await?.result.map(drop)
    }

    /// Makes a call, again and again, until it does not block. Cancel-safe.
    pub(crate) async fn call<T>(
        &self,
        interest: Interest,
        mut call: impl FnMut() -> io::Result<T>,
    ) -> io::Result<T> {
        let mut wait = None;
        poll_fn(|context| self.core.checkpoint(context)).await?;
        poll_fn(|context| self.poll_waiting(interest, &mut wait, context, &mut call)).await
    }

    /// As [`call`](Self::call), with the wait kept by the caller.
    pub(crate) fn poll_call<T>(
        &self,
        interest: Interest,
        wait: &mut Option<InFlight>,
        context: &Context<'_>,
        call: impl FnMut() -> io::Result<T>,
    ) -> Poll<io::Result<T>> {
        ready!(self.core.checkpoint(context))?;
        self.poll_waiting(interest, wait, context, call)
    }

    fn poll_waiting<T>(
        &self,
        interest: Interest,
        wait: &mut Option<InFlight>,
        context: &Context<'_>,
        mut call: impl FnMut() -> io::Result<T>,
    ) -> Poll<io::Result<T>> {
        poll_call((&self.core, &self.descriptor), interest, wait, context, || {
            self.core.counters.syscalls.increment();
            call()
        })
    }
}

impl AsFd for Source {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}
