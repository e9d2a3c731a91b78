//! Bytes of a stream with the time at which they came in.
//!
//! A multishot receive of bytes tells no times. So a stream whose receives are stamped has none
//! armed: both drivers wait until it is readable, and then one `recvmsg` takes what fits a slot,
//! and the time at which the last of it came. Cost beyond other streams: on io_uring that call,
//! which the ring would have saved; everywhere the reading of what comes with the bytes, and the
//! room for it in front of them in their slot. Nothing is allocated but this, once.
//!
//! Invariant: such a receive is only made for a reader that found the queue empty, so its bytes are
//! the last ones in there: what came before is without a time, and `queued` is of the end of the
//! queue. Other streams pay a look at whether there is anything of this.

use std::cell::Cell;
use std::io;
use std::os::fd::AsFd;
use std::rc::Rc;

use super::receive_records::{RECORDS_MAX, receive_records};
use super::record::RecordLayout;
use super::{Datagram, Inbound, InboundState, ReceiveTimestamps};
use crate::buffer::{ReceivePool, RxBuf};
use crate::counters::CounterCells;
use crate::driver::Backend;

const LAYOUT: RecordLayout = RecordLayout::INTERNET;

/// What a stream knows of the times of its bytes.
#[derive(Debug, Default)]
pub(crate) struct Stamps {
    /// Whether receives are to tell them.
    asked: Cell<bool>,
    /// Of the last bytes in the queue.
    queued: Cell<ReceiveTimestamps>,
    /// Of the bytes that were handed out last.
    told: Cell<ReceiveTimestamps>,
}

impl Stamps {
    /// Bytes are handed out: the last ones that are here, or others.
    #[inline]
    pub(super) fn handed_out(&self, last: bool) {
        self.told.set(if last { self.queued.take() } else { ReceiveTimestamps::default() });
    }

    /// A part of the bytes that were handed out last is back in the queue.
    pub(super) fn put_back(&self, only: bool) {
        if only {
            self.queued.set(self.told.get());
        }
    }
}

impl InboundState {
    /// Where receives are to tell times.
    #[inline]
    pub(crate) fn asked_stamps(&self) -> Option<&Stamps> {
        self.stamps.get().map(|stamps| &**stamps).filter(|stamps| stamps.asked.get())
    }
}

impl Inbound {
    /// Has receives tell the stamps that the socket was asked for, or no longer. What was received
    /// before is without.
    ///
    /// # Errors
    ///
    /// `InvalidInput` where the runtime's receive buffers are too small for what comes with the
    /// bytes.
    pub fn set_stamped(&self, stamped: bool) -> io::Result<()> {
        let slot_bytes = self.core().receive_pool.slot_bytes() as usize;
        if stamped && slot_bytes <= LAYOUT.head_bytes() {
            let message = format!(
                "timestamps come with bytes in buffers of more than {} bytes: raise \
                 Builder::receive_buffer_bytes, which is {slot_bytes}",
                LAYOUT.head_bytes()
            );
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        if self.is_stamped() == stamped {
            return Ok(());
        }
        self.state().stamps.get_or_init(Box::default).asked.set(stamped);
        let _ = self.core().driver.borrow_mut().stop_receiving(self.state());
        // It asks again, in the other way.
        self.state().reader.fire();
        Ok(())
    }

    /// Whether receives tell stamps.
    pub fn is_stamped(&self) -> bool {
        self.state().asked_stamps().is_some()
    }

    /// When the last of the bytes that were handed out last came in, as far as that is known.
    #[inline]
    pub fn receive_timestamps(&self) -> ReceiveTimestamps {
        self.state().stamps.get().map_or_else(Default::default, |stamps| stamps.told.get())
    }
}

/// One non-blocking receive of bytes and their stamps. The flag says whether there may be more.
pub(super) fn receive_stamped(
    inbound: &InboundState,
    stamps: &Stamps,
    pool: &Rc<ReceivePool>,
    counters: &CounterCells,
) -> io::Result<(RxBuf, bool)> {
    debug_assert_eq!(inbound.queued(), 0, "stamps are of the end of the queue");
    let (record, more) = pool.fill(counters, |slot| {
        let (socket, flags) = (inbound.descriptor.as_fd(), libc::MSG_CMSG_CLOEXEC);
        let mut lengths = [0; RECORDS_MAX];
        receive_records(socket, LAYOUT, flags, &mut [slot], &mut lengths)?;
        let record_bytes = lengths[0] as usize;
        counters.received(record_bytes - LAYOUT.head_bytes());
        Ok(record_bytes)
    })?;
    let record = Datagram::new(record, LAYOUT);
    stamps.queued.set(record.timestamps());
    Ok((record.into_payload(), more))
}
