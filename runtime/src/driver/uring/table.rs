//! The operations in flight, and what their completions mean.
//!
//! Invariant: a slot is freed when the kernel has posted the operation's final completion (the one
//! without `F_MORE`, or a zero-copy send's notification) *and* nobody will ask for the result.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::rc::Rc;
use std::task::{Context, Poll};

use io_uring::types::Fd;
use io_uring::{cqueue, opcode, squeue};

use super::entry;
use super::predict::Predictor;
use super::ring::Ring;
use super::setup::Granted;
use crate::buffer::RxBuf;
use crate::config::Config;
use crate::driver::slots::Slots;
use crate::driver::{Completed, Key, Operation, Shared, table_full};
use crate::executor::WakeSlot;
use crate::io::{InboundState, IncomingState};

/// Marks the completion of a cancellation; the rest is the key of its target.
const CANCELLATION: u64 = 1 << 63;
/// How often a cancellation that the kernel did not match is repeated.
const CANCEL_TRIES_MAX: u8 = 16;

#[derive(Debug)]
struct Slot {
    work: Work,
    waiter: WakeSlot,
    result: Option<i32>,
    /// Final completions that the kernel still owes: one, or one for each part of a zero-copy send.
    owed: u32,
    /// Nobody will ask for the result, or it was given already.
    released: bool,
    /// A cancellation was sent.
    cancelled: bool,
    cancel_tries: u8,
}

#[derive(Debug)]
enum Work {
    Operation(Operation),
    /// Multishot receive into provided buffers.
    Receive(Rc<InboundState>),
    /// One receive into the heap, because the pool was dry.
    ReceiveHeap(Rc<InboundState>, Vec<u8>),
    /// Multishot accept.
    Accept(Rc<IncomingState>),
    /// Reads the doorbell's count, so that other threads can end a sleep.
    Doorbell(Box<u64>),
}

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct Table {
    slots: Slots<Slot>,
    pub(crate) shared: Shared,
    pub(crate) predictor: Predictor,
    window: usize,
    accept_queue: usize,
    fixed_buffers: bool,
    multishot_accept: bool,
    operations_max: u32,
    /// Operations that the kernel may still touch, the doorbell included.
    in_flight: u64,
    ending: bool,
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
            fixed_buffers: granted.fixed_buffers,
            multishot_accept: granted.multishot_accept,
            operations_max: config.operations_max,
            in_flight: 0,
            ending: false,
        }
    }

    /// Slots that the kernel may still touch.
    pub(crate) fn in_flight(&self) -> u64 {
        self.in_flight
    }

    /// The kernel owes a final completion more, or less. The gauge leaves the doorbell out.
    fn count_in_flight(&mut self, change: i64, doorbell: bool) {
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
        let doorbell = matches!(slot.work, Work::Doorbell(_));
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
        let fixed_buffers = self.fixed_buffers;
        let key = self.submit(ring, Work::Operation(operation), |work| match work {
            Work::Operation(operation) => entry::of_operation(operation, fixed_buffers),
            _ => unreachable!("just made"),
        })?;
        if let Some(inbound) = inbound {
            inbound.armed.set(Some(key));
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
        let key = if self.shared.receive_pool.ring_has_slots() {
            self.shared.counters.multishot_armed.increment();
            self.submit(ring, Work::Receive(state), |_| {
                entry::receive_multishot(&inbound.descriptor)
            })?
        } else {
            // The readers that wait make progress even when others hold all the slots.
            self.shared.counters.receive_heap_fallbacks.increment();
            let buffer = Vec::with_capacity(self.shared.receive_pool.slot_bytes() as usize);
            self.submit(ring, Work::ReceiveHeap(state, buffer), |work| match work {
                Work::ReceiveHeap(state, buffer) => entry::receive_once(&state.descriptor, buffer),
                _ => unreachable!("just made"),
            })?
        };
        inbound.armed.set(Some(key));
        inbound.stopping.set(false);
        inbound.paused.set(false);
        Ok(())
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

    pub(crate) fn listen_to_doorbell(&mut self, ring: &mut Ring) {
        let fd = Fd(self.shared.remote.doorbell().as_raw_fd());
        self.submit(ring, Work::Doorbell(Box::new(0)), |work| doorbell_entry(fd, work))
            .expect("the table is empty");
    }

    /// Handles one completion.
    pub(crate) fn complete(&mut self, ring: &mut Ring, completion: &cqueue::Entry) {
        let (bits, result, flags) =
            (completion.user_data(), completion.result(), completion.flags());
        let key = Key::from_bits(bits);
        if bits & CANCELLATION != 0 {
            return self.cancelled(ring, key, result);
        }
        let more = cqueue::more(flags);
        let Some(slot) = self.slots.get_mut(key) else {
            debug_assert!(false, "a completion for a slot that was freed");
            return;
        };
        if !more {
            slot.owed -= 1;
            if slot.owed == 0 {
                let doorbell = matches!(slot.work, Work::Doorbell(_));
                self.count_in_flight(-1, doorbell);
            }
        }
        let Some(slot) = self.slots.get_mut(key) else { unreachable!("just found") };
        match &slot.work {
            Work::Receive(state) => {
                let state = Rc::clone(state);
                self.received(ring, key, &state, result, flags);
            }
            Work::Accept(state) => {
                let state = Rc::clone(state);
                self.accepted(ring, key, &state, result, more);
            }
            Work::ReceiveHeap(..) => self.received_to_heap(key, result),
            Work::Doorbell(_) => self.doorbell_rang(ring, key),
            Work::Operation(_) => self.operation_completed(ring, key, result, flags),
        }
    }

    fn received(
        &mut self,
        ring: &mut Ring,
        key: Key,
        state: &Rc<InboundState>,
        result: i32,
        flags: u32,
    ) {
        let more = cqueue::more(flags);
        if !more {
            self.slots.remove(key);
            state.armed.set(None);
        }
        // Taken first: a slot that comes with an error goes back by itself.
        let slot = cqueue::buffer_select(flags);
        let pool = &self.shared.receive_pool;
        let bytes = slot.map(|slot| pool.received(slot, result.max(0) as u32));
        match result {
            1.. => {
                self.predictor.observe(state);
                state.deliver(Ok(bytes.expect("a receive fills a provided buffer")));
            }
            0 => state.deliver(Ok(RxBuf::empty())),
            _ if -result == libc::ENOBUFS => {
                self.shared.counters.receive_pool_dry.increment();
                state.reader.fire();
            }
            // Stopped by ourselves: a reader that waits arms it again.
            _ if -result == libc::ECANCELED => state.reader.fire(),
            _ => state.deliver(Err(io::Error::from_raw_os_error(-result))),
        }
        if more && state.queued() >= self.window && !state.stopping.replace(true) {
            state.paused.set(true);
            self.shared.counters.receive_window_pauses.increment();
            self.cancel(ring, key);
        }
    }

    fn received_to_heap(&mut self, key: Key, result: i32) {
        let Some(Work::ReceiveHeap(state, mut buffer)) = self.slots.remove(key).map(|s| s.work)
        else {
            unreachable!("the caller looked")
        };
        state.armed.set(None);
        match result {
            0.. => {
                assert!(result as usize <= buffer.capacity());
                // SAFETY: the kernel wrote that many bytes to the start of the empty buffer.
                unsafe { buffer.set_len(result as usize) };
                state.deliver(Ok(RxBuf::from(buffer)));
            }
            _ if -result == libc::ECANCELED => state.reader.fire(),
            _ => state.deliver(Err(io::Error::from_raw_os_error(-result))),
        }
    }

    fn accepted(
        &mut self,
        ring: &mut Ring,
        key: Key,
        state: &Rc<IncomingState>,
        result: i32,
        more: bool,
    ) {
        if !more {
            self.slots.remove(key);
            state.armed.set(None);
        }
        match result {
            // SAFETY: the kernel just opened this descriptor for us, and nobody else knows it.
            0.. => state.deliver(Ok(unsafe { OwnedFd::from_raw_fd(result) })),
            _ if -result == libc::ECANCELED => state.acceptor.fire(),
            _ => state.deliver(Err(io::Error::from_raw_os_error(-result))),
        }
        if more && state.queued() >= self.accept_queue && !state.stopping.replace(true) {
            self.cancel(ring, key);
        }
    }

    fn operation_completed(&mut self, ring: &mut Ring, key: Key, result: i32, flags: u32) {
        let Some(slot) = self.slots.get_mut(key) else { unreachable!("the caller looked") };
        let Work::Operation(operation) = &mut slot.work else { unreachable!("the caller looked") };
        if !cqueue::notif(flags) {
            if let Some(entry) = next_part(operation, result, slot.cancelled, self.fixed_buffers) {
                slot.owed += 1;
                if slot.owed == 1 {
                    self.count_in_flight(1, false);
                }
                // SAFETY: the slot owns what the entry points to, as for the first part.
                unsafe {
                    ring.push(entry.user_data(key.to_bits()), &self.shared.counters);
                }
                return;
            }
            slot.result = Some(settle(operation, result));
            slot.waiter.fire();
        }
        if slot.owed == 0
            && slot.released
            && let Some(slot) = self.slots.remove(key)
        {
            dispose(slot);
        }
    }

    fn doorbell_rang(&mut self, ring: &mut Ring, key: Key) {
        if self.ending {
            self.slots.remove(key);
            return;
        }
        let fd = Fd(self.shared.remote.doorbell().as_raw_fd());
        let slot = self.slots.get_mut(key).expect("the caller looked");
        slot.owed = 1;
        let entry = doorbell_entry(fd, &mut slot.work).user_data(key.to_bits());
        self.count_in_flight(1, true);
        // SAFETY: the slot owns the count, boxed, and the remote part owns the descriptor.
        unsafe { ring.push(entry, &self.shared.counters) };
    }

    /// A cancellation was answered. The target's own completion tells its end; only a target that
    /// the kernel did not find, though it is in flight, is cancelled again.
    fn cancelled(&mut self, ring: &mut Ring, key: Key, result: i32) {
        if -result != libc::ENOENT || self.ending {
            return;
        }
        if let Some(slot) = self.slots.get_mut(key)
            && slot.owed > 0
            && slot.cancel_tries < CANCEL_TRIES_MAX
        {
            slot.cancel_tries += 1;
            self.cancel(ring, key);
        }
    }

    /// Forgets all slots without dropping what they own.
    pub(crate) fn leak(&mut self) {
        std::mem::forget(std::mem::replace(&mut self.slots, Slots::new(0)));
    }
}

/// The entry for what is left of a send that the kernel took in part.
fn next_part(
    operation: &mut Operation,
    result: i32,
    cancelled: bool,
    fixed_buffers: bool,
) -> Option<squeue::Entry> {
    let Operation::Send { buffer, sent, .. } = operation else {
        return None;
    };
    if result <= 0 || cancelled {
        return None;
    }
    *sent += result as usize;
    (*sent < buffer.len()).then(|| entry::of_operation(operation, fixed_buffers))
}

/// Gives the operation's own view of the kernel's result.
fn settle(operation: &mut Operation, result: i32) -> i32 {
    match operation {
        Operation::ReceiveInto { buffer, .. } if result > 0 => {
            let length = buffer.len() + result as usize;
            assert!(length <= buffer.capacity());
            // SAFETY: the kernel wrote that many bytes to the start of the spare capacity.
            unsafe { buffer.set_len(length) };
            result
        }
        _ => result,
    }
}

/// Drops an operation that nobody waits for; bytes that it received go to their stream.
fn dispose(slot: Slot) {
    if let (Work::Operation(operation), Some(result)) = (slot.work, slot.result) {
        operation.dispose(to_result(result));
    }
}

fn doorbell_entry(fd: Fd, work: &mut Work) -> squeue::Entry {
    let Work::Doorbell(count) = work else { unreachable!("only for the doorbell") };
    opcode::Read::new(fd, std::ptr::from_mut::<u64>(count).cast(), 8).build()
}

fn to_result(result: i32) -> io::Result<usize> {
    usize::try_from(result).map_err(|_| io::Error::from_raw_os_error(-result))
}
