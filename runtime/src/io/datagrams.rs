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

/// How a socket's datagrams are received.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DatagramOptions {
    /// Those of up to so many bytes arrive whole; `None` for what fits a slot of the core's receive
    /// buffers. For more than that the socket gets slots of its own, and receives by readiness on
    /// both drivers.
    pub payload_bytes_max: Option<u32>,
    /// How many slots these are.
    pub own_slots: u16,
    /// There is no room for control messages, and one datagram alone comes by `recvfrom`.
    pub plain: bool,
}

impl Datagrams {
    /// The inbound datagrams of a socket that is bound or connected.
    ///
    /// # Errors
    ///
    /// `OutOfMemory` where there is none for slots of its own.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    pub fn new(descriptor: Descriptor, options: DatagramOptions) -> io::Result<Self> {
        let layout = if options.plain { RecordLayout::PLAIN } else { RecordLayout::INTERNET };
        let core = current().handle();
        let slot_bytes = core.receive_pool.slot_bytes() as usize;
        let wanted = layout.head_bytes() + options.payload_bytes_max.unwrap_or(0) as usize;
        let slots = match wanted <= slot_bytes {
            true => None,
            false => Some(slots_of_its_own(wanted, options.own_slots)?),
        };
        let inbound = Inbound::of_datagrams(descriptor, Records::new(layout, slots));
        Ok(Self { inbound, layout, kernel_drops: 0 })
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
