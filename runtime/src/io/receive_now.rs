//! The receives that a core makes by itself, without waiting: on hot sockets, on epoll, and where
//! the ring's driver is ahead of the kernel.
//!
//! Of a stream one call takes all that a slot holds. Of datagrams one call takes several, each to a
//! slot of its own. How many is adapted: it doubles while each call finds as many as it asked for,
//! up to [`RECORDS_MAX`], since a call that finds less has asked once in vain; so single datagrams
//! cost no more than `recvmsg`, and a burst a fraction of a call for each.

use std::cell::Cell;
use std::io;
use std::os::fd::AsFd;
use std::rc::Rc;

use rustix::net::{RecvFlags, recv};

use super::InboundState;
use super::receive_records::{
    MessageShape, RECEIVE_FLAGS, RECORDS_MAX, receive_plain_record, receive_records,
};
use super::record::RecordLayout;
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
    /// How many datagrams the next call asks for.
    batch: Cell<usize>,
}

impl Records {
    pub(crate) fn new(layout: RecordLayout, own_slots: Option<Rc<ReceivePool>>) -> Self {
        Self { layout, shape: MessageShape::new(layout), own_slots, batch: Cell::new(1) }
    }

    /// Whether calls find as many datagrams as they can take: there is a flood.
    pub(crate) fn is_flooded(&self) -> bool {
        self.batch.get() == RECORDS_MAX
    }

    fn adapt(&self, received: usize, asked: usize) {
        let full = received == asked;
        self.batch.set(if full { (asked * 2).min(RECORDS_MAX) } else { received.max(1) });
    }
}

/// One non-blocking receive into a slot, or of datagrams into several; `WouldBlock` when there is
/// nothing. Gives the first; what came behind it stands in the socket's queue. The flag says whether
/// there may be more.
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
    pool.fill(counters, |to| {
        let (count, _) = recv(&inbound.descriptor, to, RecvFlags::DONTWAIT)?;
        counters.received(count);
        Ok(count)
    })
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
    let asked = records.batch.get();
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
            let received = received.inspect_err(|_| records.batch.set(1))?;
            records.adapt(received.0, received.1);
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
    records.adapt(usize::from(one.is_ok()), 1);
    one.map(|(record, _)| (record, true))
}
