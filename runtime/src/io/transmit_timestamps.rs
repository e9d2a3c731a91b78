//! When that left which was sent: the stamps that the kernel puts into a socket's error queue.
//!
//! The driver takes them from there as they come, whether or not anybody waits for them: as long as
//! they stand there they count against the socket's receive buffer, and make every wait for the
//! socket end at once for an error that is none. Invariant: at most [`TRANSMIT_TIMESTAMPS_MAX`]
//! wait to be read; then the oldest are dropped, and counted. Cost: a completion and a system call
//! for up to 32 stamps, and 10 KiB a socket.
//!
//! io_uring has a command for it since Linux 6.17 (`SOCKET_URING_OP_TX_TIMESTAMP`), whose
//! completions are of 32 bytes. The `io-uring` crate makes rings all of whose completions have the
//! one or the other size and knows none that are mixed (Linux 6.18), so it would take twice the
//! memory for each completion of the core, to save one call for each batch of stamps.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::os::fd::AsFd;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use super::Descriptor;
use super::datagram::timestamps_in;
use super::receive_records::{RECORDS_MAX, receive_records};
use super::record::{RecordLayout, control_messages};
use crate::counters::CounterCells;
use crate::driver::{Backend, Key};
use crate::executor::{Core, WakeSlot, current};

/// Stamps of one socket that wait to be read, at most.
pub const TRANSMIT_TIMESTAMPS_MAX: usize = 4096;

const LAYOUT: RecordLayout = RecordLayout::INTERNET;

/// `SO_EE_ORIGIN_TIMESTAMPING`: the entry of the error queue is a stamp and no error.
const ORIGIN_TIMESTAMPING: u8 = 4;

/// When something that was sent left, as told by one of the two that can stamp it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransmitTimestamp {
    /// What was sent. Of datagrams: how many calls had sent one before it, since the stamps were
    /// asked for. Of a stream: the place of the write's last byte, counted from there. Wraps.
    pub key: u32,
    /// When the kernel handed it to the device, in nanoseconds since the epoch on `CLOCK_REALTIME`.
    pub software_ns: Option<u64>,
    /// When the device put it on the wire, in nanoseconds of the device's own clock.
    pub hardware_ns: Option<u64>,
}

/// The part of it that the driver knows.
#[derive(Debug)]
pub(crate) struct TransmitState {
    pub(crate) descriptor: Descriptor,
    /// The wait for the error queue that the kernel works on.
    pub(crate) armed: Cell<Option<Key>>,
    /// It is being cancelled.
    pub(crate) stopping: Cell<bool>,
    queue: RefCell<VecDeque<TransmitTimestamp>>,
    reader: WakeSlot,
    dropped: Cell<u64>,
    /// Where the kernel writes records to.
    memory: RefCell<Box<[u8]>>,
}

impl TransmitState {
    fn new(descriptor: Descriptor) -> Self {
        Self {
            descriptor,
            armed: Cell::new(None),
            stopping: Cell::new(false),
            queue: RefCell::default(),
            reader: WakeSlot::new(),
            dropped: Cell::new(0),
            memory: RefCell::new(vec![0; RECORDS_MAX * LAYOUT.head_bytes()].into()),
        }
    }

    /// Takes all that stands in the error queue.
    pub(crate) fn drain(&self, counters: &CounterCells) {
        let mut memory = self.memory.borrow_mut();
        let mut taken = RECORDS_MAX;
        while taken == RECORDS_MAX {
            let mut slots = memory.chunks_exact_mut(LAYOUT.head_bytes());
            let mut slots: [&mut [u8]; RECORDS_MAX] =
                std::array::from_fn(|_| slots.next().expect("there is memory for each"));
            let mut lengths = [0; RECORDS_MAX];
            counters.syscalls.increment();
            let socket = self.descriptor.as_fd();
            let flags = libc::MSG_ERRQUEUE;
            let received = receive_records(socket, LAYOUT, flags, &mut slots, &mut lengths);
            // Nothing there, where the socket's error was of another kind: its reader is told.
            taken = received.unwrap_or(0);
            slots[..taken].iter().filter_map(|record| stamp_in(record)).for_each(|s| self.push(s));
        }
        self.reader.fire();
    }

    fn push(&self, stamp: TransmitTimestamp) {
        let mut queue = self.queue.borrow_mut();
        if queue.len() == TRANSMIT_TIMESTAMPS_MAX {
            queue.pop_front();
            self.dropped.set(self.dropped.get() + 1);
        }
        queue.push_back(stamp);
    }
}

/// The stamp that an entry of the error queue is; `None` where it tells of something else.
fn stamp_in(record: &[u8]) -> Option<TransmitTimestamp> {
    let times = timestamps_in(record, LAYOUT)?;
    let key = control_messages(record, LAYOUT).find_map(|(level, kind, data)| {
        let errors =
            [(libc::IPPROTO_IP, libc::IP_RECVERR), (libc::IPPROTO_IPV6, libc::IPV6_RECVERR)];
        // struct sock_extended_err: errno, origin, type, code, padding, info, data.
        let is_stamp = errors.contains(&(level, kind)) && data.get(4) == Some(&ORIGIN_TIMESTAMPING);
        let key = u32::from_ne_bytes(*data.get(12..)?.first_chunk()?);
        is_stamp.then_some(key)
    })?;
    let (software_ns, hardware_ns) = (times.software_ns, times.hardware_ns);
    Some(TransmitTimestamp { key, software_ns, hardware_ns })
}

/// The stamps of what a socket sends, once it was told to make them. One for each socket.
#[derive(Debug)]
pub struct TimestampQueue {
    core: Rc<Core>,
    state: Rc<TransmitState>,
}

impl TimestampQueue {
    /// Takes stamps from a socket's error queue from now on.
    ///
    /// # Errors
    ///
    /// Where the driver's operation table is full, or the runtime has ended.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn new(descriptor: Descriptor) -> io::Result<Self> {
        let core = current().handle();
        let state = Rc::new(TransmitState::new(descriptor));
        core.driver.borrow_mut().watch_transmits(&state)?;
        Ok(Self { core, state })
    }

    /// The next stamp. Cancel-safe.
    ///
    /// # Errors
    ///
    /// `ECANCELED` in a cancelled task.
    pub async fn recv(&mut self) -> io::Result<TransmitTimestamp> {
        poll_fn(|context| self.poll_recv(context)).await
    }

    /// As [`recv`](Self::recv).
    ///
    /// # Errors
    ///
    /// As for [`recv`](Self::recv).
    pub fn poll_recv(&mut self, context: &mut Context<'_>) -> Poll<io::Result<TransmitTimestamp>> {
        ready!(self.core.checkpoint(context))?;
        if let Some(stamp) = self.next_here() {
            return Poll::Ready(Ok(stamp));
        }
        self.state.reader.register(context);
        Poll::Pending
    }

    /// The next stamp of those that are here already; no system call and no wait.
    pub fn next_here(&mut self) -> Option<TransmitTimestamp> {
        self.state.queue.borrow_mut().pop_front()
    }

    /// Stamps that were dropped because [`TRANSMIT_TIMESTAMPS_MAX`] waited to be read.
    pub fn dropped(&self) -> u64 {
        self.state.dropped.get()
    }
}

impl Drop for TimestampQueue {
    fn drop(&mut self) {
        self.state.reader.clear();
        // What nobody reads any more would stand in the socket's way.
        self.state.drain(&self.core.counters);
        self.core.driver.borrow_mut().stop_watching_transmits(&self.state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::record::{LENGTHS_BYTES, Lengths};

    /// A record with control messages of these contents.
    fn record(messages: &[(i32, i32, &[u8])]) -> Vec<u8> {
        let mut control = Vec::new();
        for (level, kind, data) in messages {
            control.extend((size_of::<libc::cmsghdr>() + data.len()).to_ne_bytes());
            control.extend(level.to_ne_bytes());
            control.extend(kind.to_ne_bytes());
            control.extend(*data);
            control.resize(control.len().next_multiple_of(8), 0);
        }
        let mut record = vec![0; LAYOUT.head_bytes()];
        Lengths { control: control.len() as u32, ..Lengths::default() }.write(&mut record);
        record[LENGTHS_BYTES + LAYOUT.name_bytes as usize..][..control.len()]
            .copy_from_slice(&control);
        record
    }

    fn error(origin: u8, key: u32) -> [u8; 16] {
        let mut error = [0; 16];
        error[4] = origin;
        error[12..].copy_from_slice(&key.to_ne_bytes());
        error
    }

    fn times(software: u64, hardware: u64) -> Vec<u8> {
        [software, 7, 0, 0, hardware, 8].map(u64::to_ne_bytes).concat()
    }

    const STAMPS: (i32, i32) = (libc::SOL_SOCKET, libc::SCM_TIMESTAMPING);
    const ERROR: (i32, i32) = (libc::IPPROTO_IP, libc::IP_RECVERR);

    #[test]
    fn an_entry_of_the_error_queue_is_a_stamp_only_with_a_time_and_the_right_origin() {
        let stamps = times(3, 4);
        let right = error(ORIGIN_TIMESTAMPING, 99);
        let whole = record(&[(STAMPS.0, STAMPS.1, &stamps), (ERROR.0, ERROR.1, &right)]);
        let stamp = stamp_in(&whole).unwrap();
        assert_eq!((stamp.key, stamp.software_ns), (99, Some(3_000_000_007)));
        assert_eq!(stamp.hardware_ns, Some(4_000_000_008));
        let refused = error(2, 99);
        for lacking in [
            record(&[]),
            record(&[(STAMPS.0, STAMPS.1, &stamps)]),
            record(&[(ERROR.0, ERROR.1, &right)]),
            record(&[(STAMPS.0, STAMPS.1, &stamps), (ERROR.0, ERROR.1, &refused)]),
            record(&[(STAMPS.0, STAMPS.1, &stamps), (ERROR.0, ERROR.1, &right[..15])]),
            record(&[(STAMPS.0, STAMPS.1, &stamps[..47]), (ERROR.0, ERROR.1, &refused)]),
        ] {
            assert_eq!(stamp_in(&lacking), None);
        }
    }
}
