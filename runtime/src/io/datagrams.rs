//! The datagrams that come in on a socket.
//!
//! They share all of a stream's inbound half: one queue, one armed receive, one window, the hot
//! path. What differs is the receive itself, `recvmsg` for `recv`, and that there is no end. With
//! io_uring a multishot receive puts each datagram into a provided buffer, together with what came
//! with it; where the core is ahead of the kernel, on epoll and on hot sockets one `recvmmsg` takes
//! several.
//!
//! Invariant: a datagram that the kernel has given is delivered, in order; those that it had no
//! room for it counts. When the core's buffers run dry, the rest waits in the socket, and is
//! received one by one into the heap for a reader that waits.

use std::io;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use super::receive_now::Records;
use super::record::{Lengths, RecordLayout};
use super::{Datagram, Descriptor, Inbound};
use crate::buffer::{ReceivePool, Region, RxBuf};
use crate::executor::current;

/// Inbound datagrams of a socket.
#[derive(Debug)]
pub struct Datagrams {
    inbound: Inbound,
    layout: RecordLayout,
    /// What the kernel had dropped when the last datagram was queued.
    kernel_drops: u32,
}

impl Datagrams {
    /// The inbound datagrams of a socket that is bound or connected. Those of up to
    /// `payload_bytes_max` arrive whole. Where a slot of the core's receive buffers is too small for
    /// that, the socket gets `own_slots` of its own, and receives by readiness on both drivers.
    ///
    /// # Errors
    ///
    /// `OutOfMemory` where there is none for slots of its own.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    pub fn new(descriptor: Descriptor, payload_bytes_max: u32, own_slots: u16) -> io::Result<Self> {
        let layout = RecordLayout::INTERNET;
        let core = current().handle();
        let slot_bytes = layout.head_bytes() + payload_bytes_max as usize;
        let fits = slot_bytes <= core.receive_pool.slot_bytes() as usize;
        let slots = if fits { None } else { Some(slots_of_its_own(slot_bytes, own_slots)?) };
        let inbound = Inbound::of_datagrams(descriptor, Records::new(layout, slots));
        Ok(Self { inbound, layout, kernel_drops: 0 })
    }

    /// The largest payload that fits a slot of this thread's runtime.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    pub fn slot_payload_bytes() -> u32 {
        let slot_bytes = current().handle().receive_pool.slot_bytes();
        slot_bytes.saturating_sub(RecordLayout::INTERNET.head_bytes() as u32)
    }

    /// The next datagram.
    ///
    /// # Errors
    ///
    /// What the socket was told, each once, such as `ConnectionRefused` where nobody listens at the
    /// address that it is connected to. Receiving can go on.
    pub fn poll_recv(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Datagram>> {
        let record = ready!(self.inbound.poll_recv(context))?;
        Poll::Ready(Ok(self.datagram(record)))
    }

    /// As [`poll_recv`](Self::poll_recv). Cancel-safe: a dropped future has taken nothing.
    ///
    /// # Errors
    ///
    /// As for [`poll_recv`](Self::poll_recv).
    #[inline]
    pub async fn recv(&mut self) -> io::Result<Datagram> {
        let record = self.inbound.recv().await?;
        Ok(self.datagram(record))
    }

    /// The next datagram that the core has received already: the rest of a burst. No system call.
    #[inline]
    pub fn next_here(&mut self) -> Option<Datagram> {
        self.inbound.pop().map(|record| self.datagram(record))
    }

    /// Counts what a record tells of those that did not get here.
    #[inline]
    fn datagram(&mut self, record: RxBuf) -> Datagram {
        let lengths = Lengths::read(&record);
        let truncated = lengths.flags & libc::MSG_TRUNC as u32 != 0;
        let datagram = Datagram::new(record, self.layout);
        if lengths.control > 0 || truncated {
            let drops = datagram.kernel_drops();
            if drops != self.kernel_drops || truncated {
                self.count_losses(drops, truncated);
            }
        }
        datagram
    }

    #[cold]
    fn count_losses(&mut self, drops: u32, truncated: bool) {
        let counters = &self.inbound.core().counters;
        let since = drops.wrapping_sub(std::mem::replace(&mut self.kernel_drops, drops));
        counters.rx_kernel_drops.add(u64::from(since));
        counters.datagrams_truncated.add(u64::from(truncated));
    }

    /// As [`Inbound::set_hot`].
    pub fn set_hot(&mut self, hot: bool) {
        self.inbound.set_hot(hot);
    }

    /// Whether the socket is hot.
    pub fn is_hot(&self) -> bool {
        self.inbound.is_hot()
    }
}

fn slots_of_its_own(slot_bytes: usize, count: u16) -> io::Result<Rc<ReceivePool>> {
    let slot_bytes = slot_bytes.next_multiple_of(64);
    let region = Region::map_pages(slot_bytes * usize::from(count.max(1)))?;
    let slot_bytes = u32::try_from(slot_bytes).expect("a datagram is smaller than 4 GiB");
    Ok(Rc::new(ReceivePool::new(region, slot_bytes, 0, count.max(1))))
}
