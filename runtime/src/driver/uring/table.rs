//! The operations in flight: how they are started, asked, given up and cancelled.
//!
//! Invariant: a slot is freed when the kernel has posted the operation's final completion (the one
//! without `F_MORE`, or a zero-copy send's notification) *and* nobody will ask for the result.

use std::io;
use std::os::fd::AsRawFd;
use std::rc::Rc;
use std::task::{Context, Poll};

use io_uring::types::Fd;
use io_uring::{opcode, squeue};

use super::entry;
use super::file::FileOperations;
use super::predict::Predictor;
use super::ring::Ring;
use super::setup::{Granted, GrantedSends};
use crate::config::{Config, WaitStrategy};
use crate::driver::{Completed, Key, Operation, Shared, table_full};
use crate::executor::WakeSlot;
use crate::io::{InboundState, IncomingState, TransmitState};
use crate::slots::Slots;

/// The number under which the send pool's region is registered.
pub(super) const FIXED_BUFFER: u16 = 0;
/// Marks the completion of a cancellation; the rest is the key of its target.
pub(super) const CANCELLATION: u64 = 1 << 63;

#[derive(Debug)]
pub(super) struct Slot {
    pub(super) work: Work,
    pub(super) waiter: WakeSlot,
    pub(super) result: Option<i32>,
    /// Final completions that the kernel still owes: one, or one for each part of a zero-copy send.
    pub(super) owed: u32,
    /// Nobody will ask for the result, or it was given already.
    pub(super) released: bool,
    /// A cancellation was sent.
    pub(super) cancelled: bool,
    pub(super) cancel_tries: u8,
}

#[derive(Debug)]
pub(super) enum Work {
    Operation(Operation),
    /// Multishot receive into provided buffers.
    Receive(Rc<InboundState>),
    /// Multishot poll of a socket that the driver reads by calls of its own.
    Readable(Rc<InboundState>),
    /// Multishot accept.
    Accept(Rc<IncomingState>),
    /// Multishot poll of a socket's error queue.
    Transmits(Rc<TransmitState>),
    /// Multishot poll of the doorbell, so that other threads can end a sleep.
    Doorbell,
}

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct Table {
    pub(super) slots: Slots<Slot>,
    pub(crate) shared: Shared,
    pub(crate) predictor: Predictor,
    pub(super) window: usize,
    pub(super) accept_queue: usize,
    pub(super) granted_sends: GrantedSends,
    pub(super) multishot_accept: bool,
    pub(super) file_operations: FileOperations,
    pub(super) operations_max: u32,
    /// The core never sleeps.
    pub(super) spins: bool,
    /// Operations that the kernel may still touch, the doorbell included.
    pub(super) in_flight: u64,
    pub(super) ending: bool,
}

impl Table {
    pub(crate) fn new(config: &Config, shared: Shared, granted: Granted) -> Self {
        Self {
            // One more: the doorbell's read is not the user's.
            slots: Slots::new(config.operations_max.saturating_add(1)),
            shared,
            predictor: Predictor::default(),
            window: config.receive_window_buffers as usize,
            accept_queue: config.accept_queue as usize,
            granted_sends: granted.sends,
            multishot_accept: granted.multishot_accept,
            file_operations: granted.file_operations,
            operations_max: config.operations_max,
            spins: config.wait == WaitStrategy::Spin,
            in_flight: 0,
            ending: false,
        }
    }

    /// Slots that the kernel may still touch.
    pub(crate) fn in_flight(&self) -> u64 {
        self.in_flight
    }

    /// The kernel owes a final completion more, or less. The gauge leaves the doorbell out.
    pub(super) fn count_in_flight(&mut self, change: i64, doorbell: bool) {
        self.in_flight = self.in_flight.wrapping_add_signed(change);
        if !doorbell {
            self.shared.counters.operations_in_flight.add(change as u64);
        }
    }

    pub(crate) fn room(&self) -> io::Result<()> {
        match self.slots.has_room() {
            true => Ok(()),
            false => Err(table_full(self.operations_max)),
        }
    }

    /// Puts work into a slot and its entry into the ring.
    fn submit(
        &mut self,
        ring: &mut Ring,
        work: Work,
        entry: impl FnOnce(&mut Work) -> squeue::Entry,
    ) -> io::Result<Key> {
        let slot = Slot {
            work,
            waiter: WakeSlot::new(),
            result: None,
            owed: 1,
            released: false,
            cancelled: false,
            cancel_tries: 0,
        };
        let key = self.slots.insert(slot).map_err(|_| table_full(self.operations_max))?;
        let slot = self.slots.get_mut(key).expect("just inserted");
        let entry = entry(&mut slot.work).user_data(key.to_bits());
        let doorbell = matches!(slot.work, Work::Doorbell);
        self.count_in_flight(1, doorbell);
        self.shared.counters.operations_started.increment();
        // SAFETY: the slot owns the descriptor and all memory that the entry points to, at
        // addresses that do not move, until the final completion.
        unsafe { ring.push(entry, &self.shared.counters) };
        Ok(key)
    }

    pub(crate) fn start(&mut self, ring: &mut Ring, operation: Operation) -> io::Result<Key> {
        let inbound = match &operation {
            Operation::ReceiveInto { inbound, .. } => Some(Rc::clone(inbound)),
            _ => None,
        };
        let granted = self.granted_sends;
        let key = self.submit(ring, Work::Operation(operation), |work| match work {
            Work::Operation(operation) => entry::of_operation(operation, granted),
            _ => unreachable!("just made"),
        })?;
        if let Some(inbound) = inbound {
            inbound.armed.set(Some(key));
            inbound.readiness.watched.set(false);
            inbound.stopping.set(false);
        }
        Ok(key)
    }

    pub(crate) fn poll(&mut self, key: Key, context: &Context<'_>) -> Poll<Completed> {
        let slot = self.slots.get_mut(key).expect("a future's slot lives as long as the future");
        let Some(result) = slot.result else {
            slot.waiter.register(context);
            return Poll::Pending;
        };
        let result = to_result(result);
        if slot.owed > 0 {
            slot.released = true;
            return Poll::Ready(Completed { result, operation: None });
        }
        let operation = match self.slots.remove(key).map(|slot| slot.work) {
            Some(Work::Operation(operation)) => Some(operation),
            _ => None,
        };
        Poll::Ready(Completed { result, operation })
    }

    pub(crate) fn abandon(&mut self, ring: &mut Ring, key: Key) {
        let Some(slot) = self.slots.get_mut(key) else {
            return;
        };
        slot.waiter.clear();
        slot.released = true;
        self.shared.counters.operations_abandoned.increment();
        if slot.owed == 0 {
            if let Some(slot) = self.slots.remove(key) {
                dispose(slot);
            }
        } else if slot.result.is_none() {
            self.cancel(ring, key);
        }
    }

    /// Lets a send whose stream is gone run to its end; then ends the writing direction, if asked.
    pub(crate) fn finish_alone(&mut self, key: Key, then_shut: bool) {
        let Some(slot) = self.slots.get_mut(key) else {
            return;
        };
        slot.waiter.clear();
        slot.released = true;
        if let Work::Operation(operation) = &mut slot.work {
            operation.shut_at_end(then_shut);
        }
        if slot.owed == 0
            && let Some(slot) = self.slots.remove(key)
        {
            dispose(slot);
        }
    }

    /// At the end of the runtime nobody asks for results any more.
    pub(crate) fn abandon_all(&mut self, ring: &mut Ring) {
        self.ending = true;
        for key in self.slots.keys().collect::<Vec<_>>() {
            let Some(slot) = self.slots.get_mut(key) else {
                continue;
            };
            slot.waiter.clear();
            slot.released = true;
            if slot.owed == 0 {
                self.slots.remove(key);
            } else if !slot.cancelled {
                self.cancel(ring, key);
            }
        }
    }

    pub(crate) fn cancel(&mut self, ring: &mut Ring, key: Key) {
        if let Some(slot) = self.slots.get_mut(key) {
            slot.cancelled = true;
        }
        let bits = key.to_bits();
        let entry = opcode::AsyncCancel::new(bits).build().user_data(bits | CANCELLATION);
        // SAFETY: a cancellation points to no memory.
        unsafe { ring.push(entry, &self.shared.counters) };
    }

    pub(crate) fn arm_receive(
        &mut self,
        ring: &mut Ring,
        inbound: &Rc<InboundState>,
    ) -> io::Result<()> {
        let state = Rc::clone(inbound);
        let fills_slots = self.fills_slots(inbound);
        inbound.readiness.watched.set(!fills_slots);
        let key = if fills_slots {
            self.shared.counters.multishot_armed.increment();
            self.submit(ring, Work::Receive(state), |_| match &inbound.records {
                None => entry::receive_multishot(&inbound.descriptor),
                Some(records) => {
                    entry::receive_records_multishot(&inbound.descriptor, &records.shape)
                }
            })?
        } else {
            inbound.readiness.hung_up.set(false);
            self.submit(ring, Work::Readable(state), |_| entry::readable(&inbound.descriptor))?
        };
        inbound.armed.set(Some(key));
        inbound.stopping.set(false);
        inbound.paused.set(false);
        Ok(())
    }

    /// Whether the kernel is to put what comes in into the core's slots, by itself: where it has
    /// some, which fit, and where that is not dearer than calls. Else what is armed watches only,
    /// so that readers who wait make progress even when others hold all the slots.
    pub(crate) fn fills_slots(&self, inbound: &InboundState) -> bool {
        let own_slots = inbound.records.as_ref().is_some_and(|records| records.own_slots.is_some());
        let stamped = inbound.asked_stamps().is_some();
        !own_slots
            && !stamped
            && !inbound.readiness.in_bulk()
            && self.shared.receive_pool.ring_has_slots()
    }

    pub(crate) fn arm_accept(
        &mut self,
        ring: &mut Ring,
        incoming: &Rc<IncomingState>,
    ) -> io::Result<()> {
        let multishot = self.multishot_accept;
        self.shared.counters.multishot_armed.add(u64::from(multishot));
        let key = self.submit(ring, Work::Accept(Rc::clone(incoming)), |_| {
            entry::accept(&incoming.descriptor, multishot)
        })?;
        incoming.armed.set(Some(key));
        incoming.stopping.set(false);
        Ok(())
    }

    pub(crate) fn arm_transmits(
        &mut self,
        ring: &mut Ring,
        transmits: &Rc<TransmitState>,
    ) -> io::Result<()> {
        let key = self.submit(ring, Work::Transmits(Rc::clone(transmits)), |_| {
            entry::errors_multishot(&transmits.descriptor)
        })?;
        transmits.armed.set(Some(key));
        Ok(())
    }

    pub(crate) fn listen_to_doorbell(&mut self, ring: &mut Ring) {
        let fd = Fd(self.shared.remote.doorbell().as_raw_fd());
        self.submit(ring, Work::Doorbell, |_| doorbell_entry(fd)).expect("the table is empty");
    }

    /// Forgets all slots without dropping what they own.
    pub(crate) fn leak(&mut self) {
        std::mem::forget(std::mem::replace(&mut self.slots, Slots::new(0)));
    }
}

/// Drops an operation that nobody waits for; bytes that it received go to their stream.
pub(super) fn dispose(slot: Slot) {
    if let (Work::Operation(operation), Some(result)) = (slot.work, slot.result) {
        operation.dispose(to_result(result));
    }
}

/// Each ring of the doorbell is a completion; its count is never read, since that says nothing.
pub(super) fn doorbell_entry(fd: Fd) -> squeue::Entry {
    opcode::PollAdd::new(fd, libc::POLLIN as u32).multi(true).build()
}

fn to_result(result: i32) -> io::Result<usize> {
    usize::try_from(result).map_err(|_| io::Error::from_raw_os_error(-result))
}
