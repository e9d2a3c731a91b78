//! The io_uring driver: operations by completion.
//!
//! | file | idea |
//! |---|---|
//! | `setup` | make the ring, ask for each feature, record what was granted |
//! | `ring` | the two queues and the one system call |
//! | `registered` | the name under which each call finds the ring |
//! | `provided` | the ring of receive buffers that the kernel takes from |
//! | `table` | the operations in flight |
//! | `completion` | what their completions mean |
//! | `entry` | submission entries of operations |
//! | `file` | those of file operations, and which of them the kernel has |
//! | `napi` | polling a network card's queue while the ring waits |
//! | `predict` | which stream to read before the kernel does |
//!
//! An idle turn reads the completion queue's tail and the ring's flags: no system call. Otherwise
//! one `enter` submits what waits and runs the completions that the kernel deferred.

mod completion;
mod entry;
mod file;
mod napi;
mod predict;
mod provided;
mod registered;
mod ring;
mod setup;
mod table;

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use self::napi::NapiPolling;
use self::ring::{Batch, Ring};
use self::table::Table;
use super::{Backend, Completed, Key, Operation, Shared, Wait};
use crate::buffer::RxBuf;
use crate::config::Config;
use crate::error::BuildError;
use crate::features::Features;
use crate::fs::FileOperation;
use crate::io::{
    InboundState, IncomingState, TransmitState, is_flooded, no_napi_polling, receive_now,
    receive_now_to,
};

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct Uring {
    ring: Ring,
    table: Table,
    completion_budget: usize,
    napi: Option<NapiPolling>,
}

impl Uring {
    pub(crate) fn new(
        config: &Config,
        shared: Shared,
        features: &mut Features,
    ) -> Result<Self, BuildError> {
        let (ring, granted) = setup::build(config, &shared, features)?;
        let mut uring = Self {
            ring,
            napi: granted.napi,
            table: Table::new(config, shared, granted),
            completion_budget: config.completion_budget as usize,
        };
        uring.table.listen_to_doorbell(&mut uring.ring);
        Ok(uring)
    }

    /// As if the kernel had none of them.
    #[cfg(test)]
    pub(crate) fn forget_file_operations(&mut self) {
        self.table.file_operations = Default::default();
    }

    #[inline]
    fn reap(&mut self) -> usize {
        let mut taken = 0;
        while taken < self.completion_budget {
            let mut batch: Batch = [const { MaybeUninit::uninit() }; _];
            let completions = self.ring.take(&mut batch, &self.table.shared.counters);
            if completions.is_empty() {
                break;
            }
            for completion in completions {
                self.table.complete(&mut self.ring, completion);
            }
            taken += completions.len();
        }
        if taken > 0 {
            let counters = &self.table.shared.counters;
            counters.completions.add(taken as u64);
            counters.completions_max_per_turn.raise_to(taken as u64);
        }
        taken
    }
}

impl Backend for Uring {
    fn room(&self) -> io::Result<()> {
        self.table.room()
    }

    fn performs(&self, operation: &FileOperation) -> bool {
        self.table.file_operations.has(operation)
    }

    fn performs_local(&self) -> bool {
        true
    }

    fn start(&mut self, operation: Operation) -> io::Result<Key> {
        self.table.start(&mut self.ring, operation)
    }

    fn poll(&mut self, key: Key, context: &Context<'_>) -> Poll<Completed> {
        self.table.poll(key, context)
    }

    fn abandon(&mut self, key: Key) {
        self.table.abandon(&mut self.ring, key);
    }

    fn receive(&mut self, inbound: &Rc<InboundState>) -> Poll<io::Result<RxBuf>> {
        if inbound.armed.get().is_some() {
            let received = self.receive_watched(inbound);
            if received.is_ready() || inbound.armed.get().is_some() {
                return received;
            }
        }
        if self.reads_by_calls(inbound)
            && let Poll::Ready(received) = self.receive_readable(inbound)
        {
            return Poll::Ready(received);
        }
        if inbound.readiness.lingers() {
            return Poll::Pending;
        }
        match self.table.arm_receive(&mut self.ring, inbound) {
            Ok(()) => Poll::Pending,
            Err(error) => Poll::Ready(Err(error)),
        }
    }

    fn receive_to(
        &mut self,
        inbound: &Rc<InboundState>,
        to: &mut [u8],
    ) -> Option<Poll<io::Result<usize>>> {
        let readiness = &inbound.readiness;
        let armed = inbound.armed.get().is_some() && !readiness.watched.get();
        if armed || !readiness.in_bulk() || !readiness.readable.get() {
            return None;
        }
        let received = receive_now_to(inbound, to, &self.table.shared.counters);
        // Where there is nothing the way without a copy arms what brings the next bytes.
        let received = self.judge(inbound, received, |count| *count);
        received.is_ready().then_some(received)
    }

    fn resume_receiving(&mut self, inbound: &Rc<InboundState>) {
        if inbound.armed.get().is_none() && self.table.fills_slots(inbound) {
            // A refusal, such as a full operation table, is no end of the stream: the read that
            // finds the queue empty asks again, and is told.
            let _ = self.table.arm_receive(&mut self.ring, inbound);
        }
    }

    fn stop_receiving(&mut self, inbound: &Rc<InboundState>) -> Poll<()> {
        let Some(key) = inbound.armed.get() else {
            return Poll::Ready(());
        };
        if !inbound.stopping.replace(true) {
            self.table.cancel(&mut self.ring, key);
            if inbound.records.is_some() {
                // At once, so that address and groups are free when the socket is gone.
                self.enter_now();
                self.reap();
            }
        }
        match inbound.armed.get() {
            Some(_) => Poll::Pending,
            None => Poll::Ready(()),
        }
    }

    fn accept(&mut self, incoming: &Rc<IncomingState>) -> Poll<io::Result<OwnedFd>> {
        if incoming.armed.get().is_some() {
            return Poll::Pending;
        }
        match self.table.arm_accept(&mut self.ring, incoming) {
            Ok(()) => Poll::Pending,
            Err(error) => Poll::Ready(Err(error)),
        }
    }

    fn stop_accepting(&mut self, incoming: &Rc<IncomingState>) {
        if let Some(key) = incoming.armed.get()
            && !incoming.stopping.replace(true)
        {
            self.table.cancel(&mut self.ring, key);
            // At once, so that the address is free when the listener is gone.
            self.enter_now();
            self.reap();
        }
    }

    fn watch_transmits(&mut self, transmits: &Rc<TransmitState>) -> io::Result<()> {
        self.table.arm_transmits(&mut self.ring, transmits)
    }

    fn stop_watching_transmits(&mut self, transmits: &Rc<TransmitState>) {
        if let Some(key) = transmits.armed.get()
            && !transmits.stopping.replace(true)
        {
            self.table.cancel(&mut self.ring, key);
            // At once, so that the address is free when the socket is gone.
            self.enter_now();
            self.reap();
        }
    }

    fn poll_napi(&mut self, id: Option<u32>) -> io::Result<()> {
        let napi = self.napi.as_mut();
        let napi = napi.ok_or_else(|| {
            no_napi_polling("build the runtime with WaitStrategy::NapiPoll; its features say more")
        })?;
        napi.poll(&self.ring.submitter(), id)
    }

    fn enter_is_due(&self) -> bool {
        self.table.predictor.enter_is_due()
    }

    fn enter_now(&mut self) {
        self.ring.enter(&self.table.shared.counters);
        self.table.predictor.entered();
    }

    fn finish_alone(&mut self, key: Key, then_shut: bool) {
        self.table.finish_alone(key, then_shut);
    }

    #[inline]
    fn turn(&mut self, wait: Wait) -> usize {
        match wait {
            Wait::Sleep { until } if !self.ring.has_completions() && self.ring.fits() => {
                self.ring.enter_and_wait(until, &self.table.shared.counters);
                self.table.predictor.entered();
            }
            _ if self.ring.needs_enter() => {
                if self.receive_predicted() {
                    return 1;
                }
                self.enter_now();
            }
            _ => {}
        }
        self.reap()
    }

    fn end(&mut self, timeout: Duration) {
        let deadline = Instant::now().checked_add(timeout);
        self.table.abandon_all(&mut self.ring);
        while self.table.in_flight() > 0 || self.ring.has_backlog() {
            self.enter_now();
            if self.reap() > 0 {
                continue;
            }
            // Every cancellation was answered, and still something is in flight. This call is not
            // the first choice, because its time grows with the square of what is in flight.
            self.ring.cancel_all();
            if deadline.is_some_and(|deadline| Instant::now() > deadline) {
                return self.leak();
            }
            std::thread::yield_now();
        }
        self.table.shared.receive_pool.detach();
        self.ring.close();
    }
}

impl Uring {
    /// Receives while something is armed already.
    #[inline]
    fn receive_watched(&mut self, inbound: &Rc<InboundState>) -> Poll<io::Result<RxBuf>> {
        if !inbound.readiness.watched.get() {
            return Poll::Pending;
        }
        let received = self.receive_readable(inbound);
        // The core's buffers had run dry, and are back; or the stream is in bulk no longer.
        if received.is_pending() && self.table.fills_slots(inbound) {
            let _ = self.stop_receiving(inbound);
        }
        received
    }

    /// Whether the reader asks before a receive is armed: of datagrams there may be those that a
    /// window had no room for.
    #[inline]
    fn reads_by_calls(&self, inbound: &InboundState) -> bool {
        inbound.records.is_some() || !self.table.fills_slots(inbound)
    }

    /// Receives without the kernel's multishot receive. `Pending` where there is nothing, and
    /// something is to be armed.
    fn receive_readable(&self, inbound: &InboundState) -> Poll<io::Result<RxBuf>> {
        if !inbound.readiness.readable.get() {
            return Poll::Pending;
        }
        let shared = &self.table.shared;
        let received = receive_now(inbound, &shared.receive_pool, &shared.counters);
        self.judge(inbound, received, |bytes| bytes.len())
    }

    /// Judges a receive: `Pending` where it found nothing, and what it tells about readiness.
    fn judge<T>(
        &self,
        inbound: &InboundState,
        received: io::Result<(T, bool)>,
        count: impl FnOnce(&T) -> usize,
    ) -> Poll<io::Result<T>> {
        let shared = &self.table.shared;
        let slot_bytes = shared.receive_pool.slot_bytes();
        match received {
            Ok((bytes, more)) => {
                if self.table.spins && is_flooded(inbound) {
                    inbound.readiness.linger();
                }
                inbound.readiness.took(count(&bytes), more, slot_bytes);
                Poll::Ready(Ok(bytes))
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                // What is armed next looks at the socket first, so nothing is missed that comes
                // meanwhile.
                inbound.readiness.exhausted(slot_bytes);
                Poll::Pending
            }
            Err(error) => {
                shared.counters.failed(&error);
                Poll::Ready(Err(error))
            }
        }
    }

    /// Reads the stream that the kernel's deferred work is most likely about. `true` when it gave
    /// something to do; the `enter` then comes with the next turn.
    fn receive_predicted(&mut self) -> bool {
        if !self.ring.only_deferred_work() || !self.table.shared.receive_pool.has_free_slots() {
            return false;
        }
        let Some(stream) = self.table.predictor.guess() else {
            return false;
        };
        let shared = &self.table.shared;
        match receive_now(&stream, &shared.receive_pool, &shared.counters) {
            Ok((bytes, more)) if !bytes.is_empty() => {
                if more {
                    stream.readiness.readable.set(true);
                }
                shared.counters.receives_predicted.increment();
                self.table.predictor.was_right();
                stream.deliver_first(Ok(bytes));
                self.take_over_floods(&stream);
                true
            }
            // The end comes as a completion, too.
            Ok(_) => false,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                shared.counters.receives_mispredicted.increment();
                self.table.predictor.was_wrong();
                false
            }
            // The call took the socket's error, so the armed receive will not tell it.
            Err(error) => {
                shared.counters.failed(&error);
                stream.deliver(Err(error));
                false
            }
        }
    }

    /// A flood of datagrams is cheaper by calls that take many than by a completion for each: the
    /// multishot receive is ended, and its reader asks until the socket is empty.
    fn take_over_floods(&mut self, inbound: &Rc<InboundState>) {
        if is_flooded(inbound)
            && let Some(key) = inbound.armed.get()
            && !inbound.stopping.replace(true)
        {
            inbound.readiness.readable.set(true);
            self.table.cancel(&mut self.ring, key);
        }
    }

    /// The kernel did not let go in time: what it may still write to is never freed.
    fn leak(&mut self) {
        std::mem::forget(Rc::clone(&self.table.shared.receive_pool));
        std::mem::forget(Rc::clone(&self.table.shared.send_pool));
        self.table.leak();
        self.ring.leak();
    }
}
