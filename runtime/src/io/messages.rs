//! A socket whose messages are received and sent whole, by calls of the caller's own.
//!
//! What a plain receive drops (descriptors that were passed, credentials, the sender's address)
//! takes a call with a control buffer, made once the socket is ready. So this never has a receive
//! in the background: the kernel gives a message to the call that asks for it and to nobody else.
//! Invariant: a wait that is dropped has taken nothing. Cost of a message that has to be waited
//! for: one operation, and a second call; of one that is there, the call.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use super::{Descriptor, Interest, Source};
use crate::buffer::RxBuf;

/// A socket and the runtime that waits for it.
#[derive(Debug)]
pub struct Messages {
    source: Source,
}

impl Messages {
    /// Takes a socket. Calls on it must not block: `MSG_DONTWAIT`.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn new(socket: OwnedFd) -> Self {
        Self { source: Source::new(socket) }
    }

    /// Receives one message into a slot of the receive pool, or into the heap while there is none,
    /// by a call that says how many bytes it filled and what else came. Cancel-safe.
    ///
    /// # Errors
    ///
    /// The call's own, but for `WouldBlock`; `ECANCELED`.
    pub async fn receive<T>(
        &self,
        mut call: impl FnMut(BorrowedFd<'_>, &mut [u8]) -> io::Result<(usize, T)>,
    ) -> io::Result<(RxBuf, T)> {
        let core = self.source.core();
        let receive = || {
            let mut rest = None;
            let filled = core.receive_pool.fill(&core.counters, |to| {
                let (count, more) = call(self.source.as_fd(), to)?;
                core.counters.received(count);
                rest = Some(more);
                Ok(count)
            });
            let (bytes, _) = filled?;
            Ok((bytes, rest.expect("a call that succeeds says what came")))
        };
        self.counted(self.source.call(Interest::Readable, receive).await)
    }

    /// Makes a call; while it gives `WouldBlock`, waits until the socket is ready and makes it
    /// again. Cancel-safe where the call is.
    ///
    /// # Errors
    ///
    /// The call's own, but for `WouldBlock`; `ECANCELED`.
    pub async fn call<T>(
        &self,
        interest: Interest,
        mut call: impl FnMut(BorrowedFd<'_>) -> io::Result<T>,
    ) -> io::Result<T> {
        self.counted(self.source.call(interest, || call(self.source.as_fd())).await)
    }

    /// The descriptor, for a stream that goes on with it.
    pub fn into_descriptor(self) -> Descriptor {
        self.source.into_descriptor()
    }

    fn counted<T>(&self, outcome: io::Result<T>) -> io::Result<T> {
        outcome.inspect_err(|error| self.source.core().counters.failed(error))
    }
}

impl AsFd for Messages {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.source.as_fd()
    }
}
