//! The inbound half of a stream: a queue that the driver fills and the reader empties.
//!
//! The reader's demand drives it. With io_uring the first read arms a multishot receive, which from
//! then on fills the queue in the background until the stream's window is full; with epoll, and on
//! a *hot* stream, bytes are received when the reader waits for them.
//!
//! Invariants: received bytes stand in the queue until a reader takes them, so dropping a read
//! loses nothing. At most one receive is armed, so bytes are in order. At most about
//! `receive_window_buffers` slots wait in one queue, so a consumer that never reads does not take
//! the core's buffers from the others. Cost of an idle stream: this state and one operation slot.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use super::Descriptor;
use super::descriptor::InFlight;
use super::readiness::Readiness;
use super::receive_now::{Batch, Records};
use super::stamped::Stamps;
use crate::buffer::RxBuf;
use crate::driver::{Backend, Key, Operation};
use crate::executor::{Core, Errand, WakeSlot, current};

/// The part of an inbound stream that its driver knows.
#[derive(Debug)]
pub(crate) struct InboundState {
    pub(crate) descriptor: Descriptor,
    queue: RefCell<VecDeque<RxBuf>>,
    pub(crate) reader: WakeSlot,
    end: Cell<End>,
    /// The receive that the kernel works on.
    pub(crate) armed: Cell<Option<Key>>,
    /// The armed receive is being cancelled.
    pub(crate) stopping: Cell<bool>,
    /// The window was full: armed again once half of it is read.
    pub(crate) paused: Cell<bool>,
    /// Where the driver reads by calls of its own.
    pub(crate) readiness: Readiness,
    /// How much the next call of the driver's own asks for.
    pub(crate) batch: Batch,
    /// Polled by the spin loop.
    pub(crate) hot: Cell<bool>,
    /// The turn in which the reader last received by itself, and how often it did.
    direct: Cell<(u64, u32)>,
    /// Where it is no stream: the queue holds records, each of a datagram, and has no end.
    pub(crate) records: Option<Records>,
    /// Once its receives were to tell times.
    pub(super) stamps: OnceCell<Box<Stamps>>,
}

/// How often one reader receives within a turn, without waiting, before others come next.
const DIRECT_RECEIVES_MAX: u32 = 16;

/// Records that a socket's queue has room for from the start: a full window and what one call
/// takes.
const RECORDS_ROOM: usize = 64;

/// What is known of the end of a stream.
#[derive(Clone, Copy, Debug)]
pub(super) enum End {
    Open,
    Reached,
    Failed(i32),
}

impl InboundState {
    /// Queued buffers.
    pub(crate) fn queued(&self) -> usize {
        self.queue.borrow().len()
    }

    /// Bytes in front of the payload of each queued buffer: none of a stream.
    #[inline]
    pub(crate) fn head_bytes(&self) -> usize {
        self.records.as_ref().map_or(0, |records| records.layout.head_bytes())
    }

    /// Bytes, or with an empty buffer the end, came in: the reader is woken.
    pub(crate) fn deliver(&self, received: io::Result<RxBuf>) {
        match received {
            Ok(bytes) if !bytes.is_empty() => self.queue.borrow_mut().push_back(bytes),
            // A failure that nobody has seen yet is not covered up by the end that follows it.
            _ if !matches!(self.end.get(), End::Open) => {}
            Ok(_) => self.end.set(End::Reached),
            Err(error) => self.end.set(End::Failed(error.raw_os_error().unwrap_or(libc::EIO))),
        }
        self.reader.fire();
    }

    /// A receive into the user's own buffer ended after its future was gone.
    pub(crate) fn received_late(&self, mut buffer: Vec<u8>, received: io::Result<usize>) {
        self.armed.set(None);
        match received {
            Ok(0) if buffer.capacity() > buffer.len() => self.deliver(Ok(RxBuf::empty())),
            Ok(count) => {
                let old = buffer.len() - count;
                buffer.drain(..old);
                self.deliver(Ok(RxBuf::from(buffer)));
            }
            Err(error) if error.raw_os_error() == Some(libc::ECANCELED) => self.reader.fire(),
            Err(error) => self.deliver(Err(error)),
        }
    }

    /// As [`deliver`](Self::deliver), in front of what the same receive has queued.
    pub(crate) fn deliver_first(&self, received: io::Result<RxBuf>) {
        match received {
            Ok(bytes) if !bytes.is_empty() => {
                self.queue.borrow_mut().push_front(bytes);
                self.reader.fire();
            }
            other => self.deliver(other),
        }
    }

    /// Queues what came behind the bytes that a receive gives back; wakes nobody.
    pub(crate) fn queue_behind(&self, bytes: RxBuf) {
        self.queue.borrow_mut().push_back(bytes);
    }

    /// Bytes are handed out, or an end.
    #[inline]
    fn handed_out(&self, last: bool) {
        if let Some(stamps) = self.stamps.get() {
            stamps.handed_out(last);
        }
    }

    /// Bytes that were handed out and not used stand in the queue again.
    fn put_back(&self, bytes: RxBuf) {
        let mut queue = self.queue.borrow_mut();
        if let Some(stamps) = self.stamps.get() {
            stamps.put_back(queue.is_empty());
        }
        queue.push_front(bytes);
    }

    fn take_end(&self) -> Option<io::Result<()>> {
        match self.end.get() {
            End::Open => None,
            End::Reached => Some(Ok(())),
            // Told once; the kernel too reports a clean end afterwards, of a stream. What a socket
            // of datagrams is told (that nobody listens where one was sent) ends nothing.
            End::Failed(code) => {
                self.end.set(if self.records.is_some() { End::Open } else { End::Reached });
                Some(Err(io::Error::from_raw_os_error(code)))
            }
        }
    }
}

/// What a stream takes along from core to core.
#[derive(Debug)]
pub(super) struct Rest {
    /// What was received and not read.
    pub(super) unread: Vec<u8>,
    pub(super) end: End,
    pub(super) hot: bool,
    pub(super) stamped: bool,
}

/// Inbound bytes of a connected stream.
#[derive(Debug)]
pub struct Inbound {
    core: Rc<Core>,
    state: Rc<InboundState>,
}

impl Inbound {
    /// The inbound half of a connected descriptor. No system call.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    pub fn new(descriptor: Descriptor) -> Self {
        Self::with_rest(descriptor, Vec::new(), End::Open)
    }

    /// As [`new`](Self::new), with what was received before and not read.
    pub(super) fn with_rest(descriptor: Descriptor, unread: Vec<u8>, end: End) -> Self {
        Self::of(descriptor, unread, end, None)
    }

    /// The datagrams of a socket.
    pub(super) fn of_datagrams(descriptor: Descriptor, records: Records) -> Self {
        Self::of(descriptor, Vec::new(), End::Open, Some(records))
    }

    fn of(descriptor: Descriptor, unread: Vec<u8>, end: End, records: Option<Records>) -> Self {
        let unread = Some(unread).filter(|bytes| !bytes.is_empty()).map(RxBuf::from);
        // Datagrams come in bursts: the first one finds room for all that can wait here.
        let mut queue = VecDeque::with_capacity(records.as_ref().map_or(0, |_| RECORDS_ROOM));
        queue.extend(unread);
        let state = InboundState {
            descriptor,
            queue: RefCell::new(queue),
            reader: WakeSlot::new(),
            end: Cell::new(end),
            armed: Cell::new(None),
            stopping: Cell::new(false),
            paused: Cell::new(false),
            readiness: Readiness::default(),
            batch: Batch::one(),
            hot: Cell::new(false),
            direct: Cell::default(),
            records,
            stamps: OnceCell::new(),
        };
        Self { core: current().handle(), state: Rc::new(state) }
    }

    /// What was received and not read, and how the stream stands.
    pub(super) fn into_rest(self) -> Rest {
        let queue = self.state.queue.take();
        let mut unread = Vec::with_capacity(queue.iter().map(|bytes| bytes.len()).sum());
        queue.iter().for_each(|bytes| unread.extend_from_slice(bytes));
        let (hot, stamped) = (self.is_hot(), self.is_stamped());
        Rest { unread, end: self.state.end.get(), hot, stamped }
    }

    pub(super) fn core(&self) -> &Rc<Core> {
        &self.core
    }

    pub(super) fn state(&self) -> &Rc<InboundState> {
        &self.state
    }

    /// The next bytes as they came in, without copy; empty at the end of the stream.
    ///
    /// # Errors
    ///
    /// The connection's failure, such as `ConnectionReset`, once; then the end.
    pub fn poll_recv(&mut self, context: &mut Context<'_>) -> Poll<io::Result<RxBuf>> {
        ready!(self.core.checkpoint(context))?;
        if let Some(bytes) = self.pop() {
            return Poll::Ready(Ok(bytes));
        }
        if let Some(end) = self.state.take_end() {
            self.state.handed_out(true);
            return Poll::Ready(end.map(|()| RxBuf::empty()));
        }
        self.state.reader.register(context);
        if self.waits_for_the_loop() {
            return Poll::Pending;
        }
        let received = self.core.driver.borrow_mut().receive(&self.state);
        if received.is_pending() && self.state.readiness.lingers() {
            self.core.defer(Errand::Read(Rc::clone(&self.state)));
        }
        let received = ready!(received);
        self.received_directly();
        self.settle(received)
    }

    /// Whether the turn of the loop brings what comes next: to a hot stream, and to a reader that
    /// has had its share of this turn.
    #[inline]
    fn waits_for_the_loop(&self) -> bool {
        let state = &self.state;
        if state.hot.get() && state.armed.get().is_none() {
            return true;
        }
        let (turn, receives) = state.direct.get();
        let sated = receives >= DIRECT_RECEIVES_MAX && turn == self.core.counters.turns.get();
        if sated {
            self.core.defer(Errand::Read(Rc::clone(state)));
        }
        sated
    }

    #[inline]
    fn received_directly(&self) {
        let (turn, receives) = self.state.direct.get();
        let now = self.core.counters.turns.get();
        self.state.direct.set((now, if now == turn { receives + 1 } else { 1 }));
    }

    /// Copies the next bytes to `to`; 0 at the end of the stream, or where `to` is empty.
    ///
    /// # Errors
    ///
    /// As for [`poll_recv`](Self::poll_recv).
    pub fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        to: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        if to.is_empty() {
            return Poll::Ready(Ok(0));
        }
        ready!(self.core.checkpoint(context))?;
        let is_empty = self.state.queue.borrow().is_empty();
        let asks = is_empty && matches!(self.state.end.get(), End::Open);
        if asks && self.state.asked_stamps().is_none() {
            self.state.reader.register(context);
            if self.waits_for_the_loop() {
                return Poll::Pending;
            }
            let direct = self.core.driver.borrow_mut().receive_to(&self.state, to);
            if let Some(polled) = direct {
                let count = ready!(polled);
                self.received_directly();
                self.state.reader.clear();
                if let Ok(0) = count {
                    self.state.end.set(End::Reached);
                }
                return Poll::Ready(count);
            }
        }
        let mut bytes = ready!(self.poll_recv(context))?;
        let count = bytes.len().min(to.len());
        to[..count].copy_from_slice(&bytes[..count]);
        if count < bytes.len() {
            bytes.advance(count);
            self.state.put_back(bytes);
        }
        Poll::Ready(Ok(count))
    }

    /// As [`poll_recv`](Self::poll_recv). Cancel-safe; a dropped future no longer waits, so a hot
    /// stream is not polled for it.
    ///
    /// # Errors
    ///
    /// As for [`poll_recv`](Self::poll_recv).
    pub async fn recv(&mut self) -> io::Result<RxBuf> {
        let reading = Reading(self);
        poll_fn(|context| reading.0.poll_recv(context)).await
    }

    /// As [`poll_read`](Self::poll_read). Cancel-safe like [`recv`](Self::recv).
    ///
    /// # Errors
    ///
    /// As for [`poll_recv`](Self::poll_recv).
    pub async fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let reading = Reading(self);
        poll_fn(|context| reading.0.poll_read(context, to)).await
    }

    /// Receives into the spare capacity of `buffer`, without a copy by the runtime: for large
    /// messages. Gives the number of bytes, 0 at the end of the stream, and the buffer.
    ///
    /// Bytes that were already received are copied, since they are here. Cancel-safe for the
    /// stream: bytes that come after the future was dropped are kept for the next read; the buffer
    /// goes with the future.
    ///
    /// # Errors
    ///
    /// As for [`poll_recv`](Self::poll_recv); `InvalidInput` where `buffer` has no spare capacity.
    pub async fn recv_into(&mut self, mut buffer: Vec<u8>) -> (io::Result<usize>, Vec<u8>) {
        let spare = buffer.capacity() - buffer.len();
        if spare == 0 {
            let error = io::Error::new(
                io::ErrorKind::InvalidInput,
                "recv_into fills a buffer's spare capacity, and this one has none: reserve some",
            );
            return (Err(error), buffer);
        }
        if let Err(error) = poll_fn(|context| self.poll_quiet(context)).await {
            return (Err(error), buffer);
        }
        if let Some(mut bytes) = self.pop() {
            let count = bytes.len().min(spare);
            buffer.extend_from_slice(&bytes[..count]);
            if count < bytes.len() {
                bytes.advance(count);
                self.state.put_back(bytes);
            }
            return (Ok(count), buffer);
        }
        if let Some(end) = self.state.take_end() {
            return (end.map(|()| 0), buffer);
        }
        self.receive_into(buffer).await
    }

    /// Waits until bytes or the end are here, or no receive is armed.
    pub(super) fn poll_quiet(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.core.checkpoint(context))?;
        let queued = self.state.queued() > 0 || !matches!(self.state.end.get(), End::Open);
        if queued || self.state.armed.get().is_none() {
            return Poll::Ready(Ok(()));
        }
        self.state.reader.register(context);
        self.core.driver.borrow_mut().stop_receiving(&self.state).map(Ok)
    }

    async fn receive_into(&mut self, buffer: Vec<u8>) -> (io::Result<usize>, Vec<u8>) {
        // Before the buffer is given away: a refusal would keep it.
        let room = self.core.driver.borrow().room();
        if let Err(error) = room {
            return (Err(error), buffer);
        }
        // A read that was given up still stands there, and would have the spin loop fetch the bytes
        // of a hot stream for it, away from this receive.
        self.state.reader.clear();
        // This receive tells none.
        self.state.handed_out(true);
        let operation = Operation::ReceiveInto { inbound: Rc::clone(&self.state), buffer };
        let mut receive = match InFlight::start(Rc::clone(&self.core), operation) {
            Ok(receive) => receive,
            Err(error) => return (Err(error), Vec::new()),
        };
        let completed = match poll_fn(|context| receive.poll_completed(context)).await {
            Ok(completed) => completed,
            // Bytes that come in spite of it go to the queue.
            Err(cancelled) => return (Err(cancelled.into()), Vec::new()),
        };
        self.state.armed.set(None);
        if let Ok(0) = completed.result {
            self.state.end.set(End::Reached);
        }
        let Some(Operation::ReceiveInto { buffer, .. }) = completed.operation else {
            return (completed.result, Vec::new());
        };
        (completed.result, buffer)
    }

    /// Nobody waits for bytes any more, until the next poll; a dropped [`recv`](Self::recv) does it
    /// by itself.
    #[inline]
    pub fn stop_waiting(&mut self) {
        self.state.reader.clear();
    }

    /// Makes the stream *hot*, or not: the spin loop then calls the non-blocking receive itself
    /// while a reader waits, which beats any notification for the one or two sockets that matter
    /// most. Each turn of the loop pays one system call for it, and the core does not sleep while
    /// a hot stream is awaited.
    pub fn set_hot(&mut self, hot: bool) {
        if self.state.hot.replace(hot) == hot {
            return;
        }
        if hot {
            self.core.hot_sources.add(&self.state);
            // Bytes that arrive until the receive is cancelled come first, through the queue.
            let _ = self.core.driver.borrow_mut().stop_receiving(&self.state);
        } else {
            self.core.hot_sources.remove(&self.state);
            self.state.reader.fire();
        }
    }

    /// Whether the stream is hot.
    pub fn is_hot(&self) -> bool {
        self.state.hot.get()
    }

    pub(super) fn pop(&mut self) -> Option<RxBuf> {
        let mut queue = self.state.queue.borrow_mut();
        let bytes = queue.pop_front()?;
        let half_window = self.core.config.receive_window_buffers as usize / 2;
        // Of datagrams the rest is received when the queue is empty, many by one call.
        let is_last = queue.is_empty();
        let resume =
            self.state.paused.get() && queue.len() <= half_window && self.state.records.is_none();
        drop(queue);
        self.state.handed_out(is_last);
        if resume && !self.state.hot.get() {
            self.core.driver.borrow_mut().resume_receiving(&self.state);
        }
        Some(bytes)
    }

    fn settle(&self, received: io::Result<RxBuf>) -> Poll<io::Result<RxBuf>> {
        self.state.reader.clear();
        self.state.handed_out(true);
        if let Ok(bytes) = &received
            && bytes.is_empty()
        {
            self.state.end.set(End::Reached);
        }
        Poll::Ready(received)
    }
}

/// A read that is under way: whoever waits is forgotten with it.
struct Reading<'a>(&'a mut Inbound);

impl Drop for Reading<'_> {
    #[inline]
    fn drop(&mut self) {
        self.0.stop_waiting();
    }
}

impl Drop for Inbound {
    fn drop(&mut self) {
        self.state.reader.clear();
        if self.state.hot.get() {
            self.core.hot_sources.remove(&self.state);
        }
        let _ = self.core.driver.borrow_mut().stop_receiving(&self.state);
    }
}
