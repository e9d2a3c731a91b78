//! The receives that a core makes by itself, without waiting: on hot sockets, on epoll, and where
//! the ring's driver is ahead of the kernel.
//!
//! One call fills one slot or several: with the bytes of a stream in order, or with a datagram
//! each. How many is adapted, so that a single message costs no more than `recv` or `recvfrom`, and
//! of a burst each a fraction of a call. Of datagrams it doubles while each call finds as many as
//! it asked for, up to [`RECORDS_MAX`]; of a stream, where asking for too much costs next to
//! nothing, it is [`STREAM_SLOTS_MAX`] as long as calls fill a slot at least.

use std::array::from_fn;
use std::cell::Cell;
use std::io::{self, IoSliceMut};
use std::os::fd::AsFd;
use std::rc::Rc;

use rustix::net::{RecvAncillaryBuffer, RecvFlags, recv, recvmsg};

use super::InboundState;
use super::receive_records::{
    MessageShape, RECEIVE_FLAGS, RECORDS_MAX, receive_plain_record, receive_records,
};
use super::record::RecordLayout;
use super::stamped::receive_stamped;
use crate::buffer::{ReceivePool, RxBuf};
use crate::counters::CounterCells;

/// What a socket of datagrams adds to the state of a stream.
#[derive(Debug)]
pub(crate) struct Records {
    pub(crate) layout: RecordLayout,
    pub(crate) shape: MessageShape,
    /// Slots of the socket's own, where the core's are too small for its datagrams: the kernel does
    /// not fill them by itself, it is asked when the socket is readable.
    pub(crate) own_slots: Option<Rc<ReceivePool>>,
}

/// Slots that one call fills with a stream's bytes: 64 KiB by default, beyond which larger calls
/// win nothing.
const STREAM_SLOTS_MAX: usize = 2;

/// How many slots the next call is given.
#[derive(Debug)]
pub(crate) struct Batch(Cell<usize>);

impl Batch {
    pub(crate) const fn one() -> Self {
        Self(Cell::new(1))
    }

    /// A call filled so many slots with datagrams, of those that it was given.
    fn of_records(&self, filled: usize, given: usize) {
        self.0.set(if filled == given { (given * 2).min(RECORDS_MAX) } else { filled.max(1) });
    }

    /// A call filled at least one slot with a stream's bytes, or did not.
    fn of_stream(&self, filled: bool) {
        self.0.set(if filled { STREAM_SLOTS_MAX } else { 1 });
    }
}

impl Records {
    pub(crate) fn new(layout: RecordLayout, own_slots: Option<Rc<ReceivePool>>) -> Self {
        Self { layout, shape: MessageShape::new(layout), own_slots }
    }
}

/// Whether calls find as many datagrams as they can take: there is a flood.
pub(crate) fn is_flooded(inbound: &InboundState) -> bool {
    inbound.records.is_some() && inbound.batch.0.get() == RECORDS_MAX
}

/// One non-blocking receive into a slot, or of datagrams into several; `WouldBlock` when there is
/// nothing. Gives the first; what came behind it stands in the socket's queue. The flag says
/// whether there may be more.
#[inline]
pub(crate) fn receive_now(
    inbound: &InboundState,
    pool: &Rc<ReceivePool>,
    counters: &CounterCells,
) -> io::Result<(RxBuf, bool)> {
    counters.syscalls.increment();
    if let Some(records) = &inbound.records {
        return receive_datagrams(inbound, records, pool, counters);
    }
    if let Some(stamps) = inbound.asked_stamps() {
        return receive_stamped(inbound, stamps, pool, counters);
    }
    let given = inbound.batch.0.get();
    if given > 1
        && let Some(received) = receive_bytes(inbound, given, pool, counters)
    {
        return received;
    }
    let received = pool.fill(counters, |to| {
        let (count, _) = recv(&inbound.descriptor, to, RecvFlags::DONTWAIT)?;
        counters.received(count);
        Ok(count)
    })?;
    if received.1 {
        inbound.batch.of_stream(true);
    }
    Ok(received)
}

/// One receive of a stream's bytes into several slots; `None` where there are not as many.
fn receive_bytes(
    inbound: &InboundState,
    given: usize,
    pool: &Rc<ReceivePool>,
    counters: &CounterCells,
) -> Option<io::Result<(RxBuf, bool)>> {
    let slot_bytes = pool.slot_bytes() as usize;
    let (mut total, mut first) = (0, None);
    let received = pool.fill_many::<STREAM_SLOTS_MAX>(
        given,
        |slots, lengths| {
            let mut parts = slots.iter_mut().map(|slot| IoSliceMut::new(slot));
            let mut parts: [_; STREAM_SLOTS_MAX] =
                from_fn(|_| parts.next().unwrap_or_else(|| IoSliceMut::new(&mut [])));
            let mut control = RecvAncillaryBuffer::default();
            let socket = inbound.descriptor.as_fd();
            total = recvmsg(socket, &mut parts, &mut control, RecvFlags::DONTWAIT)?.bytes;
            let filled = total.div_ceil(slot_bytes);
            for (index, length) in lengths.iter_mut().enumerate().take(filled) {
                *length = (total - index * slot_bytes).min(slot_bytes) as u32;
            }
            Ok(filled)
        },
        |bytes| match first {
            None => first = Some(bytes),
            Some(_) => inbound.queue_behind(bytes),
        },
    )?;
    Some(received.map(|(_, given)| {
        counters.received(total);
        inbound.batch.of_stream(total >= slot_bytes);
        (first.unwrap_or_else(RxBuf::empty), total == given * slot_bytes)
    }))
}

/// One non-blocking receive of a stream's bytes into the caller's memory. The flag says whether all
/// of it was filled.
#[inline]
pub(crate) fn receive_now_to(
    inbound: &InboundState,
    to: &mut [u8],
    counters: &CounterCells,
) -> io::Result<(usize, bool)> {
    counters.syscalls.increment();
    let (count, _) = recv(&inbound.descriptor, &mut *to, RecvFlags::DONTWAIT)?;
    counters.received(count);
    Ok((count, count == to.len()))
}

fn receive_datagrams(
    inbound: &InboundState,
    records: &Records,
    pool: &Rc<ReceivePool>,
    counters: &CounterCells,
) -> io::Result<(RxBuf, bool)> {
    let pool = records.own_slots.as_ref().unwrap_or(pool);
    let socket = inbound.descriptor.as_fd();
    let asked = inbound.batch.0.get();
    if asked > 1 {
        let mut first = None;
        let received = pool.fill_many::<RECORDS_MAX>(
            asked,
            |slots, lengths| receive_records(socket, records.layout, RECEIVE_FLAGS, slots, lengths),
            |record| {
                counters.received(record.len() - records.layout.head_bytes());
                match first {
                    None => first = Some(record),
                    Some(_) => inbound.queue_behind(record),
                }
            },
        );
        if let Some(received) = received {
            let received = received.inspect_err(|_| inbound.batch.0.set(1))?;
            inbound.batch.of_records(received.0, received.1);
            let first = first.expect("a call without an error gives at least one");
            return Ok((first, received.0 == received.1));
        }
    }
    let one = pool.fill(counters, |slot| {
        let length = match records.layout.control_bytes {
            0 => receive_plain_record(socket, records.layout, slot)?,
            _ => {
                let (slots, mut lengths) = (&mut [slot], [0; RECORDS_MAX]);
                receive_records(socket, records.layout, RECEIVE_FLAGS, slots, &mut lengths)?;
                lengths[0]
            }
        };
        counters.received(length as usize - records.layout.head_bytes());
        Ok(length as usize)
    });
    inbound.batch.of_records(usize::from(one.is_ok()), 1);
    one.map(|(record, _)| (record, true))
}
