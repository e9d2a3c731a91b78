//! The epoll driver: operations by readiness and the call itself.
//!
//! | file | idea |
//! |---|---|
//! | `sources` | which descriptors are registered, what is known of their readiness, who waits |
//! | `attempt` | the non-blocking call that does an operation |
//! | `wait` | the call that sleeps |
//!
//! Each descriptor is registered once, edge-triggered for both directions, so that no wait costs an
//! `epoll_ctl`. An operation is tried at once where the descriptor may be ready; else it waits for
//! the edge and is tried again. Invariant: readiness is forgotten only after a call found nothing,
//! or took less than it could have, so no edge is missed.

mod attempt;
mod sources;
mod wait;

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use rustix::event::epoll;
use rustix::io::ioctl_fionbio;
use rustix::net::{SocketFlags, accept_with};

use self::attempt::attempt;
use self::sources::{Sources, Waiter};
use super::{Backend, Completed, Key, Operation, Shared, Wait, table_full};
use crate::buffer::RxBuf;
use crate::config::{Config, WaitStrategy};
use crate::error::BuildError;
use crate::executor::WakeSlot;
use crate::features::Features;
use crate::fs::FileOperation;
use crate::io::{
    Descriptor, InboundState, IncomingState, Interest, TransmitState, no_napi_polling, receive_now,
    receive_now_to,
};
use crate::slots::Slots;

/// Events taken by one `epoll_wait`.
const EVENTS_MAX: usize = 128;
/// Marks the doorbell's event; no registration has this number.
const DOORBELL: u64 = u64::MAX;

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct Epoll {
    epoll: OwnedFd,
    in_nanoseconds: bool,
    sources: Sources,
    operations: Slots<Pending>,
    operations_max: u32,
    /// Those to be woken by one event, kept for its memory.
    waiters: Vec<Waiter>,
    shared: Shared,
}

#[derive(Debug)]
struct Pending {
    operation: Operation,
    waiter: WakeSlot,
    result: Option<io::Result<usize>>,
    /// Nobody will ask for the result.
    alone: bool,
}

impl Epoll {
    pub(crate) fn new(
        config: &Config,
        shared: Shared,
        features: &mut Features,
    ) -> Result<Self, BuildError> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)
            .map_err(|error| BuildError::system("epoll could not be created", error.into()))?;
        let doorbell = epoll::EventData::new_u64(DOORBELL);
        // By edges, each ring is an event and nobody has to read the count, which says nothing.
        let flags = epoll::EventFlags::IN | epoll::EventFlags::ET;
        epoll::add(&epoll, shared.remote.doorbell(), doorbell, flags)
            .map_err(|error| BuildError::system("the doorbell was refused", error.into()))?;
        let outcome = wait::try_nanoseconds(&epoll);
        let in_nanoseconds = outcome.is_ok();
        features.record(
            "epoll_pwait2",
            outcome.map_err(|error| format!("{error}; timers of a sleeping core are 1 ms late")),
        );
        if let WaitStrategy::NapiPoll { .. } = config.wait {
            features.refuse("NAPI busy poll", "only with io_uring; waiting with a time limit");
        }
        features.not_asked("registered send buffers", "only with io_uring");
        features.not_asked("file operations", "only with io_uring; the blocking pool does them");
        match config.zero_copy_send_bytes_min {
            Some(_) => features.refuse("zero-copy send", "only with io_uring"),
            None => features.not_asked("zero-copy send", "only with io_uring"),
        }
        Ok(Self {
            epoll,
            in_nanoseconds,
            sources: Sources::default(),
            operations: Slots::new(config.operations_max),
            operations_max: config.operations_max,
            waiters: Vec::new(),
            shared,
        })
    }

    /// Tries an operation, and lets it wait for readiness if it has to.
    fn advance(&mut self, key: Key) -> io::Result<()> {
        let Some(pending) = self.operations.get_mut(key) else {
            return Ok(());
        };
        let descriptor = pending.operation.descriptor().clone();
        let interest = pending.operation.interest();
        // A connection attempt must begin before its socket is registered: a socket that is not
        // connected counts as hung up.
        let begins = matches!(pending.operation, Operation::Connect { .. })
            && descriptor.registration().get() == 0;
        if !begins {
            self.sources.register(&self.epoll, &descriptor, &self.shared.counters)?;
            if !self.sources.is_ready(&descriptor, interest) {
                self.sources.wait(&descriptor, interest, Waiter::Operation(key));
                return Ok(());
            }
        }
        match attempt(&mut pending.operation, &self.shared.counters) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.sources.register(&self.epoll, &descriptor, &self.shared.counters)?;
                self.sources.exhausted(&descriptor, interest);
                self.sources.wait(&descriptor, interest, Waiter::Operation(key));
            }
            result => self.ended(key, result),
        }
        Ok(())
    }

    /// An operation has its result.
    fn ended(&mut self, key: Key, result: io::Result<usize>) {
        if let Err(error) = &result {
            self.shared.counters.failed(error);
        }
        let Some(pending) = self.operations.get_mut(key) else {
            return;
        };
        if !pending.alone {
            pending.result = Some(result);
            pending.waiter.fire();
        } else if let Some(pending) = self.operations.remove(key) {
            self.shared.counters.operations_in_flight.decrement();
            pending.operation.dispose(result);
        }
    }

    fn wake(&mut self, waiters: &mut Vec<Waiter>) {
        for waiter in waiters.drain(..) {
            match waiter {
                Waiter::Inbound(state) => state.reader.fire(),
                Waiter::Incoming(state) => state.acceptors.fire(),
                Waiter::Transmits(state) => state.drain(&self.shared.counters),
                Waiter::Operation(key) => {
                    if let Err(error) = self.advance(key) {
                        self.ended(key, Err(error));
                    }
                }
            }
        }
    }

    /// Whether a stream may have bytes; registers it on first use and lets its reader wait if not.
    fn readable(&mut self, inbound: &Rc<InboundState>) -> io::Result<bool> {
        self.sources.register(&self.epoll, &inbound.descriptor, &self.shared.counters)?;
        if self.sources.is_ready(&inbound.descriptor, Interest::Readable) {
            return Ok(true);
        }
        let waiter = Waiter::Inbound(Rc::clone(inbound));
        self.sources.wait(&inbound.descriptor, Interest::Readable, waiter);
        Ok(false)
    }

    /// Judges a receive: `Pending` where it found nothing, and what it tells about readiness.
    fn received<T>(
        &mut self,
        inbound: &Rc<InboundState>,
        received: io::Result<(T, bool)>,
    ) -> Poll<io::Result<T>> {
        match received {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.sources.exhausted(&inbound.descriptor, Interest::Readable);
                let waiter = Waiter::Inbound(Rc::clone(inbound));
                self.sources.wait(&inbound.descriptor, Interest::Readable, waiter);
                Poll::Pending
            }
            Ok((bytes, more)) => {
                if !more {
                    self.sources.took_all(&inbound.descriptor);
                }
                Poll::Ready(Ok(bytes))
            }
            Err(error) => {
                self.shared.counters.failed(&error);
                Poll::Ready(Err(error))
            }
        }
    }
}

impl Backend for Epoll {
    fn room(&self) -> io::Result<()> {
        match self.operations.has_room() {
            true => Ok(()),
            false => Err(table_full(self.operations_max)),
        }
    }

    fn performs(&self, _operation: &FileOperation) -> bool {
        false
    }

    fn performs_local(&self) -> bool {
        false
    }

    fn start(&mut self, operation: Operation) -> io::Result<Key> {
        let pending = Pending { operation, waiter: WakeSlot::new(), result: None, alone: false };
        let key = self.operations.insert(pending).map_err(|_| table_full(self.operations_max))?;
        self.shared.counters.operations_started.increment();
        self.shared.counters.operations_in_flight.increment();
        if let Err(error) = self.advance(key) {
            self.operations.remove(key);
            self.shared.counters.operations_in_flight.decrement();
            return Err(error);
        }
        Ok(key)
    }

    fn poll(&mut self, key: Key, context: &Context<'_>) -> Poll<Completed> {
        let pending =
            self.operations.get_mut(key).expect("a future's slot lives as long as the future");
        let Some(result) = pending.result.take() else {
            pending.waiter.register(context);
            return Poll::Pending;
        };
        let operation = self.operations.remove(key).map(|pending| pending.operation);
        self.shared.counters.operations_in_flight.decrement();
        Poll::Ready(Completed { result, operation })
    }

    fn abandon(&mut self, key: Key) {
        let Some(pending) = self.operations.remove(key) else {
            return;
        };
        self.shared.counters.operations_abandoned.increment();
        self.shared.counters.operations_in_flight.decrement();
        self.sources.forget(pending.operation.descriptor(), &Waiter::Operation(key));
        let canceled = Err(io::Error::from_raw_os_error(libc::ECANCELED));
        pending.operation.dispose(pending.result.unwrap_or(canceled));
    }

    fn finish_alone(&mut self, key: Key, then_shut: bool) {
        let Some(pending) = self.operations.get_mut(key) else {
            return;
        };
        pending.waiter.clear();
        pending.alone = true;
        pending.operation.shut_at_end(then_shut);
        if let Some(result) = pending.result.take() {
            self.ended(key, result);
        }
    }

    fn enter_is_due(&self) -> bool {
        false
    }

    fn enter_now(&mut self) {}

    #[inline]
    fn receive(&mut self, inbound: &Rc<InboundState>) -> Poll<io::Result<RxBuf>> {
        match self.readable(inbound) {
            Err(error) => return Poll::Ready(Err(error)),
            Ok(false) => return Poll::Pending,
            Ok(true) => {}
        }
        let received = receive_now(inbound, &self.shared.receive_pool, &self.shared.counters);
        self.received(inbound, received)
    }

    #[inline]
    fn receive_to(
        &mut self,
        inbound: &Rc<InboundState>,
        to: &mut [u8],
    ) -> Option<Poll<io::Result<usize>>> {
        match self.readable(inbound) {
            Err(error) => return Some(Poll::Ready(Err(error))),
            Ok(false) => return Some(Poll::Pending),
            Ok(true) => {}
        }
        let received = receive_now_to(inbound, to, &self.shared.counters);
        Some(self.received(inbound, received))
    }

    fn resume_receiving(&mut self, _inbound: &Rc<InboundState>) {}

    fn stop_receiving(&mut self, inbound: &Rc<InboundState>) -> Poll<()> {
        let waiter = Waiter::Inbound(Rc::clone(inbound));
        self.sources.forget(&inbound.descriptor, &waiter);
        Poll::Ready(())
    }

    fn accept(&mut self, incoming: &Rc<IncomingState>) -> Poll<io::Result<OwnedFd>> {
        let descriptor = &incoming.descriptor;
        if descriptor.registration().get() == 0
            && let Err(error) = ioctl_fionbio(descriptor, true)
        {
            return Poll::Ready(Err(error.into()));
        }
        if let Err(error) = self.sources.register(&self.epoll, descriptor, &self.shared.counters) {
            return Poll::Ready(Err(error));
        }
        if self.sources.is_ready(descriptor, Interest::Readable) {
            self.shared.counters.syscalls.increment();
            match accept_with(descriptor, SocketFlags::CLOEXEC) {
                Err(error) if io::Error::from(error).kind() == io::ErrorKind::WouldBlock => {
                    self.sources.exhausted(descriptor, Interest::Readable);
                }
                accepted => {
                    let failed = |error: &io::Error| self.shared.counters.failed(error);
                    return Poll::Ready(accepted.map_err(io::Error::from).inspect_err(failed));
                }
            }
        }
        let waiter = Waiter::Incoming(Rc::clone(incoming));
        self.sources.wait(descriptor, Interest::Readable, waiter);
        Poll::Pending
    }

    fn stop_accepting(&mut self, incoming: &Rc<IncomingState>) {
        let waiter = Waiter::Incoming(Rc::clone(incoming));
        self.sources.forget(&incoming.descriptor, &waiter);
    }

    fn watch_transmits(&mut self, transmits: &Rc<TransmitState>) -> io::Result<()> {
        let descriptor = &transmits.descriptor;
        self.sources.register(&self.epoll, descriptor, &self.shared.counters)?;
        self.sources.watch_transmits(descriptor, Some(Rc::clone(transmits)));
        // Of what is there already no edge will tell.
        transmits.drain(&self.shared.counters);
        Ok(())
    }

    fn stop_watching_transmits(&mut self, transmits: &Rc<TransmitState>) {
        self.sources.watch_transmits(&transmits.descriptor, None);
    }

    fn poll_napi(&mut self, _id: Option<u32>) -> io::Result<()> {
        Err(no_napi_polling("that takes io_uring, and it runs on epoll"))
    }

    fn unregister(&mut self, descriptor: &Descriptor) {
        self.sources.unregister(&self.epoll, descriptor, &self.shared.counters);
    }

    fn turn(&mut self, wait: Wait) -> usize {
        let counters = &self.shared.counters;
        let timeout = match wait {
            Wait::No => Some(Duration::ZERO),
            Wait::Sleep { until } => {
                counters.enters_blocking.increment();
                until.map(|until| until.timeout)
            }
        };
        counters.enters.increment();
        counters.syscalls.increment();
        let mut room = [MaybeUninit::uninit(); EVENTS_MAX];
        let events = match wait::wait(&self.epoll, &mut room, timeout, self.in_nanoseconds) {
            Ok(events) => events,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return 0,
            Err(error) => panic!("epoll_wait failed, the driver is unusable: {error}"),
        };
        let taken = events.len();
        if taken > 0 {
            counters.completions.add(taken as u64);
            counters.completions_max_per_turn.raise_to(taken as u64);
            counters.completions_ready_max.raise_to(taken as u64);
        }
        for event in events.iter() {
            let (data, flags) = (event.data.u64(), event.flags);
            if data == DOORBELL {
                continue;
            }
            let mut waiters = std::mem::take(&mut self.waiters);
            self.sources.event(data, flags, &mut waiters);
            self.wake(&mut waiters);
            self.waiters = waiters;
        }
        taken
    }

    fn end(&mut self, _timeout: Duration) {
        self.sources = Sources::default();
        for key in self.operations.keys().collect::<Vec<_>>() {
            self.operations.remove(key);
            self.shared.counters.operations_in_flight.decrement();
        }
    }
}
