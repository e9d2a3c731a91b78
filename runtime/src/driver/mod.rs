//! The seam between operations and the kernel.
//!
//! Everything above asks for *operations* (connect, send, receive, accept, wait until ready), never
//! for ring entries or readiness flags. [`Uring`] does them by completion, [`Epoll`] by readiness
//! and the call itself; both keep the contract of [`Backend`], and the same tests run on both.
//!
//! Invariant: while an operation is in flight its slot owns the descriptor and every buffer that
//! the kernel may touch. Dropping the future only marks the slot; it is freed by the operation's
//! final completion. A key holds a generation, so a late completion can't hit a reused slot.

mod epoll;
mod operation;
mod probe;
mod uring;

use std::io;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::buffer::{ReceivePool, RxBuf, SendPool};
use crate::config::{Config, Driver};
use crate::counters::CounterPlace;
use crate::error::{BuildError, runtime_ended};
use crate::executor::Remote;
use crate::features::Features;
use crate::fs::FileOperation;
use crate::io::{Descriptor, InboundState, IncomingState, TransmitState};

pub(crate) use crate::slots::Key;
pub(crate) use epoll::Epoll;
pub(crate) use operation::{Completed, LocalTransfer, Operation};
pub(crate) use uring::Uring;

/// Whether a turn may sleep in the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    /// Look and return.
    No,
    /// Sleep until something happens, at the longest until then.
    Sleep { until: Option<Deadline> },
}

/// A point in time, for those who count from now and for those who don't.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Deadline {
    /// On `CLOCK_MONOTONIC`.
    pub(crate) at_ns: u64,
    /// From when the clock was read, just now.
    pub(crate) timeout: Duration,
}

/// What a driver does for the layers above.
///
/// No method calls foreign code, so none can be entered again from within.
pub(crate) trait Backend {
    /// Whether an operation could be started now: to be asked before anything is done that a
    /// refusal would leave half done.
    fn room(&self) -> io::Result<()>;

    /// Whether the driver does such a file operation itself; else the blocking pool has to.
    fn performs(&self, operation: &FileOperation) -> bool;

    /// Whether the driver does transfers between files and slots of the core's pools.
    fn performs_local(&self) -> bool;

    /// Starts a one-shot operation.
    fn start(&mut self, operation: Operation) -> io::Result<Key>;

    /// The operation's result, once; until then remembers whom to wake.
    fn poll(&mut self, key: Key, context: &Context<'_>) -> Poll<Completed>;

    /// Gives an operation up: it is cancelled, and its late result is disposed of without loss.
    fn abandon(&mut self, key: Key);

    /// Lets a send whose stream is gone run to its end by itself, and then ends the writing
    /// direction of the connection, if asked.
    fn finish_alone(&mut self, key: Key, then_shut: bool);

    /// Whether a call into the kernel is due that a small write can share, instead of making one of
    /// its own: start the send, then call [`enter_now`](Self::enter_now).
    fn enter_is_due(&self) -> bool;

    /// Makes the call that is due, without waiting for the end of the turn.
    fn enter_now(&mut self);

    /// Received bytes for a reader that found its queue empty and has registered itself; an empty
    /// buffer at the end. `Pending` means that bytes, the end or an error will be put into the
    /// queue, or that the reader will be woken to ask again.
    fn receive(&mut self, inbound: &Rc<InboundState>) -> Poll<io::Result<RxBuf>>;

    /// Like [`receive`](Self::receive), but straight into `to` where the driver can; `None` where
    /// it can't.
    fn receive_to(
        &mut self,
        inbound: &Rc<InboundState>,
        to: &mut [u8],
    ) -> Option<Poll<io::Result<usize>>>;

    /// Receives in the background again, after a pause; where bytes only come when a reader asks
    /// for them there is nothing to do.
    fn resume_receiving(&mut self, inbound: &Rc<InboundState>);

    /// Stops receiving in the background. `Ready` once the kernel holds no buffer for this
    /// stream; else whoever is registered will be woken.
    fn stop_receiving(&mut self, inbound: &Rc<InboundState>) -> Poll<()>;

    /// An accepted socket, for an acceptor that found its queue empty and has registered itself.
    /// `Pending` as for [`receive`](Self::receive).
    fn accept(&mut self, incoming: &Rc<IncomingState>) -> Poll<io::Result<OwnedFd>>;

    /// Stops accepting; sockets accepted late are closed.
    fn stop_accepting(&mut self, incoming: &Rc<IncomingState>);

    /// Takes stamps from a socket's error queue, from now on, whenever it has some.
    fn watch_transmits(&mut self, transmits: &Rc<TransmitState>) -> io::Result<()>;

    /// Stops taking them, at once.
    fn stop_watching_transmits(&mut self, transmits: &Rc<TransmitState>);

    /// Polls the network card's queue of this NAPI id only while it waits; with `None` those that
    /// the kernel finds.
    fn poll_napi(&mut self, id: Option<u32>) -> io::Result<()>;

    /// Forgets a descriptor on which nothing is in flight, and whose file may live on elsewhere.
    fn unregister(&mut self, _descriptor: &Descriptor) {}

    /// Submits what waits, takes what completed, sleeps if allowed. Returns how much was taken.
    fn turn(&mut self, wait: Wait) -> usize;

    /// Cancels everything and waits until the kernel has let go of all memory. What it still holds
    /// after `timeout` is leaked, never freed.
    fn end(&mut self, timeout: Duration);
}

/// The driver of one core.
#[derive(Debug)]
pub(crate) enum ActiveDriver {
    Uring(Box<Uring>),
    Epoll(Box<Epoll>),
    /// The runtime has ended.
    Ended,
}

/// What a driver shares with its core.
#[derive(Clone, Debug)]
pub(crate) struct Shared {
    pub(crate) receive_pool: Rc<ReceivePool>,
    pub(crate) send_pool: Rc<SendPool>,
    pub(crate) counters: CounterPlace,
    pub(crate) remote: Arc<Remote>,
}

impl ActiveDriver {
    /// Starts the driver that was asked for; `Auto` falls back to epoll and says why.
    pub(crate) fn new(
        asked: Driver,
        config: &Config,
        shared: Shared,
        features: &mut Features,
    ) -> Result<Self, BuildError> {
        if asked == Driver::Epoll {
            features.grant("driver", "epoll");
            return Ok(Self::Epoll(Box::new(Epoll::new(config, shared, features)?)));
        }
        features.grant("driver", "io_uring");
        match Uring::new(config, shared.clone(), features) {
            Ok(uring) => Ok(Self::Uring(Box::new(uring))),
            Err(error) if asked == Driver::Auto => {
                *features = Features::default();
                shared.receive_pool.free_all();
                features.grant("driver", "epoll");
                features.refuse("io_uring", error.to_string());
                Ok(Self::Epoll(Box::new(Epoll::new(config, shared, features)?)))
            }
            Err(error) => Err(error),
        }
    }

    pub(crate) fn kind(&self) -> Option<Driver> {
        match self {
            Self::Uring(_) => Some(Driver::Uring),
            Self::Epoll(_) => Some(Driver::Epoll),
            Self::Ended => None,
        }
    }
}

/// Says which limit was met.
fn table_full(operations_max: u32) -> io::Error {
    io::Error::new(
        io::ErrorKind::OutOfMemory,
        format!("all {operations_max} operation slots are in use; raise Builder::operations_max"),
    )
}

impl Backend for ActiveDriver {
    fn room(&self) -> io::Result<()> {
        match self {
            Self::Uring(uring) => uring.room(),
            Self::Epoll(epoll) => epoll.room(),
            Self::Ended => Err(runtime_ended()),
        }
    }

    fn performs(&self, operation: &FileOperation) -> bool {
        match self {
            Self::Uring(uring) => uring.performs(operation),
            Self::Epoll(epoll) => epoll.performs(operation),
            // To be refused by `room`.
            Self::Ended => true,
        }
    }

    fn performs_local(&self) -> bool {
        match self {
            Self::Uring(uring) => uring.performs_local(),
            Self::Epoll(epoll) => epoll.performs_local(),
            Self::Ended => true,
        }
    }

    fn start(&mut self, operation: Operation) -> io::Result<Key> {
        match self {
            Self::Uring(uring) => uring.start(operation),
            Self::Epoll(epoll) => epoll.start(operation),
            Self::Ended => Err(runtime_ended()),
        }
    }

    fn poll(&mut self, key: Key, context: &Context<'_>) -> Poll<Completed> {
        match self {
            Self::Uring(uring) => uring.poll(key, context),
            Self::Epoll(epoll) => epoll.poll(key, context),
            Self::Ended => Poll::Ready(Completed { result: Err(runtime_ended()), operation: None }),
        }
    }

    fn abandon(&mut self, key: Key) {
        match self {
            Self::Uring(uring) => uring.abandon(key),
            Self::Epoll(epoll) => epoll.abandon(key),
            Self::Ended => {}
        }
    }

    fn finish_alone(&mut self, key: Key, then_shut: bool) {
        match self {
            Self::Uring(uring) => uring.finish_alone(key, then_shut),
            Self::Epoll(epoll) => epoll.finish_alone(key, then_shut),
            Self::Ended => {}
        }
    }

    #[inline]
    fn enter_now(&mut self) {
        match self {
            Self::Uring(uring) => uring.enter_now(),
            Self::Epoll(_) | Self::Ended => {}
        }
    }

    #[inline]
    fn enter_is_due(&self) -> bool {
        match self {
            Self::Uring(uring) => uring.enter_is_due(),
            Self::Epoll(_) | Self::Ended => false,
        }
    }

    #[inline]
    fn receive(&mut self, inbound: &Rc<InboundState>) -> Poll<io::Result<RxBuf>> {
        match self {
            Self::Uring(uring) => uring.receive(inbound),
            Self::Epoll(epoll) => epoll.receive(inbound),
            Self::Ended => Poll::Ready(Err(runtime_ended())),
        }
    }

    #[inline]
    fn receive_to(
        &mut self,
        inbound: &Rc<InboundState>,
        to: &mut [u8],
    ) -> Option<Poll<io::Result<usize>>> {
        match self {
            Self::Uring(uring) => uring.receive_to(inbound, to),
            Self::Epoll(epoll) => epoll.receive_to(inbound, to),
            Self::Ended => Some(Poll::Ready(Err(runtime_ended()))),
        }
    }

    fn resume_receiving(&mut self, inbound: &Rc<InboundState>) {
        if let Self::Uring(uring) = self {
            uring.resume_receiving(inbound);
        }
    }

    fn stop_receiving(&mut self, inbound: &Rc<InboundState>) -> Poll<()> {
        match self {
            Self::Uring(uring) => uring.stop_receiving(inbound),
            Self::Epoll(epoll) => epoll.stop_receiving(inbound),
            Self::Ended => Poll::Ready(()),
        }
    }

    fn accept(&mut self, incoming: &Rc<IncomingState>) -> Poll<io::Result<OwnedFd>> {
        match self {
            Self::Uring(uring) => uring.accept(incoming),
            Self::Epoll(epoll) => epoll.accept(incoming),
            Self::Ended => Poll::Ready(Err(runtime_ended())),
        }
    }

    fn stop_accepting(&mut self, incoming: &Rc<IncomingState>) {
        match self {
            Self::Uring(uring) => uring.stop_accepting(incoming),
            Self::Epoll(epoll) => epoll.stop_accepting(incoming),
            Self::Ended => {}
        }
    }

    fn watch_transmits(&mut self, transmits: &Rc<TransmitState>) -> io::Result<()> {
        match self {
            Self::Uring(uring) => uring.watch_transmits(transmits),
            Self::Epoll(epoll) => epoll.watch_transmits(transmits),
            Self::Ended => Err(runtime_ended()),
        }
    }

    fn stop_watching_transmits(&mut self, transmits: &Rc<TransmitState>) {
        match self {
            Self::Uring(uring) => uring.stop_watching_transmits(transmits),
            Self::Epoll(epoll) => epoll.stop_watching_transmits(transmits),
            Self::Ended => {}
        }
    }

    fn poll_napi(&mut self, id: Option<u32>) -> io::Result<()> {
        match self {
            Self::Uring(uring) => uring.poll_napi(id),
            Self::Epoll(epoll) => epoll.poll_napi(id),
            Self::Ended => Err(runtime_ended()),
        }
    }

    fn unregister(&mut self, descriptor: &Descriptor) {
        if let Self::Epoll(epoll) = self {
            epoll.unregister(descriptor);
        }
    }

    #[inline]
    fn turn(&mut self, wait: Wait) -> usize {
        match self {
            Self::Uring(uring) => uring.turn(wait),
            Self::Epoll(epoll) => epoll.turn(wait),
            Self::Ended => 0,
        }
    }

    fn end(&mut self, timeout: Duration) {
        match self {
            Self::Uring(uring) => uring.end(timeout),
            Self::Epoll(epoll) => epoll.end(timeout),
            Self::Ended => {}
        }
        *self = Self::Ended;
    }
}
