//! What completions mean: for each kind of work, where its result goes and when its slot is freed.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::rc::Rc;

use io_uring::types::Fd;
use io_uring::{cqueue, squeue};

use super::entry;
use super::ring::Ring;
use super::setup::GrantedSends;
use super::table::{CANCELLATION, Table, Work, dispose, doorbell_entry};
use crate::buffer::RxBuf;
use crate::counters::CounterCells;
use crate::driver::{Key, LocalTransfer, Operation};
use crate::fs::{FileOperation, LocalBuffer};
use crate::io::{BULK_BYTES, InboundState, IncomingState, TransmitState};

/// How often a cancellation that the kernel did not match is repeated.
const CANCEL_TRIES_MAX: u8 = 16;

impl Table {
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
                let doorbell = matches!(slot.work, Work::Doorbell);
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
            Work::Readable(state) => {
                let state = Rc::clone(state);
                self.became_readable(key, &state, result, more);
            }
            Work::Transmits(state) => {
                let state = Rc::clone(state);
                self.transmitted(ring, key, &state, result, more);
            }
            Work::Doorbell if more => {}
            Work::Doorbell => self.listen_again(ring, key),
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
                self.shared.counters.received(result as usize - state.head_bytes());
                self.predictor.observe(state);
                state.deliver(Ok(bytes.expect("a receive fills a provided buffer")));
            }
            0 => state.deliver(Ok(RxBuf::empty())),
            _ if -result == libc::ENOBUFS => {
                self.shared.counters.receive_pool_dry.increment();
                state.readiness.readable.set(true);
                state.reader.fire();
            }
            // Stopped by ourselves: a reader that waits arms it again.
            _ if -result == libc::ECANCELED => state.reader.fire(),
            _ => state.deliver(Err(self.failure(result))),
        }
        if !more || state.stopping.get() {
            return;
        }
        let queued = state.queued();
        let slot_bytes = self.shared.receive_pool.slot_bytes() as usize;
        let full = result as usize == slot_bytes;
        if full && queued * slot_bytes >= BULK_BYTES && state.records.is_none() {
            state.readiness.begin_bulk();
            self.shared.counters.receive_bulks.increment();
        } else if queued >= self.window {
            state.paused.set(true);
            state.readiness.readable.set(true);
            self.shared.counters.receive_window_pauses.increment();
        } else {
            return;
        }
        state.stopping.set(true);
        self.cancel(ring, key);
    }

    fn became_readable(&mut self, key: Key, state: &Rc<InboundState>, result: i32, more: bool) {
        if !more {
            self.slots.remove(key);
            state.armed.set(None);
        }
        let readiness = &state.readiness;
        readiness.readable.set(true);
        readiness.hung_up.set(readiness.hung_up.get() || entry::tells_of_an_end(result));
        match result {
            // Also of a failure the receive tells, which the reader makes now.
            0.. => state.reader.fire(),
            _ if -result == libc::ECANCELED => state.reader.fire(),
            _ => state.deliver(Err(self.failure(result))),
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
            _ if -result == libc::ECANCELED => state.acceptors.fire(),
            _ => state.deliver(Err(self.failure(result))),
        }
        if more && state.queued() >= self.accept_queue && !state.stopping.replace(true) {
            self.cancel(ring, key);
        }
    }

    fn transmitted(
        &mut self,
        ring: &mut Ring,
        key: Key,
        state: &Rc<TransmitState>,
        result: i32,
        more: bool,
    ) {
        if result >= 0 {
            state.drain(&self.shared.counters);
        }
        if more {
            return;
        }
        self.slots.remove(key);
        state.armed.set(None);
        // The kernel ends it by itself where completions overflow.
        if result >= 0 && !state.stopping.get() && !self.ending {
            let armed = self.arm_transmits(ring, state);
            armed.expect("it takes the place of the one that has just ended");
        }
    }

    fn operation_completed(&mut self, ring: &mut Ring, key: Key, result: i32, flags: u32) {
        let Some(slot) = self.slots.get_mut(key) else { unreachable!("the caller looked") };
        let Work::Operation(operation) = &mut slot.work else { unreachable!("the caller looked") };
        count(&self.shared.counters, operation, result, flags);
        if !cqueue::notif(flags) {
            if let Some(entry) = next_part(operation, result, slot.cancelled, self.granted_sends) {
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

    fn failure(&self, result: i32) -> io::Error {
        let error = io::Error::from_raw_os_error(-result);
        self.shared.counters.failed(&error);
        error
    }

    /// The kernel has ended the doorbell's poll, as it may where completions overflow.
    fn listen_again(&mut self, ring: &mut Ring, key: Key) {
        if self.ending {
            self.slots.remove(key);
            return;
        }
        let fd = Fd(self.shared.remote.doorbell().as_raw_fd());
        let slot = self.slots.get_mut(key).expect("the caller looked");
        slot.owed = 1;
        let entry = doorbell_entry(fd).user_data(key.to_bits());
        self.count_in_flight(1, true);
        // SAFETY: the entry points to no memory, and the remote part owns the descriptor.
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
}

/// Counts what an operation's completion tells; the notification of a zero-copy send comes last.
fn count(counters: &CounterCells, operation: &Operation, result: i32, flags: u32) {
    if cqueue::notif(flags) {
        counters.zero_copy_pending.decrement();
        // The bit that would be the sign says so, where the kernel was asked to report it.
        counters.zero_copy_copied.add(u64::from(result < 0));
        return;
    }
    if cqueue::more(flags) {
        counters.zero_copy_pending.increment();
    }
    match operation {
        Operation::File(_) | Operation::FileLocal(_) => {}
        _ if result < 0 => counters.failed(&io::Error::from_raw_os_error(-result)),
        Operation::Send { buffer, sent, .. } => counters.sent(result as usize, buffer.len() - sent),
        Operation::ReceiveInto { .. } => counters.received(result as usize),
        _ => {}
    }
}

/// The entry for what is left of a send that the kernel took in part.
fn next_part(
    operation: &mut Operation,
    result: i32,
    cancelled: bool,
    granted: GrantedSends,
) -> Option<squeue::Entry> {
    let Operation::Send { buffer, sent, .. } = operation else {
        return None;
    };
    if result <= 0 || cancelled {
        return None;
    }
    *sent += result as usize;
    (*sent < buffer.len()).then(|| entry::of_operation(operation, granted))
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
        Operation::File(operation) => {
            // SAFETY: this is the completion of the entry that was made of this operation.
            unsafe { operation.settle(result) };
            // An open's descriptor is no count; it is in the operation now.
            if matches!(operation, FileOperation::Open { .. }) { result.min(0) } else { result }
        }
        Operation::FileLocal(LocalTransfer {
            buffer: LocalBuffer::Registered(slot),
            writes: false,
            ..
        }) if result > 0 => {
            slot.resize(slot.len() + result as usize);
            result
        }
        _ => result,
    }
}
