//! The outbound half of a stream.
//!
//! A write first tries the non-blocking send: the fastest way for one small message. When the
//! kernel takes nothing, it waits for room and tries again from the caller's own memory, so a
//! dropped write leaves nothing behind. A `send` of an owned buffer continues inside the kernel,
//! from memory that the driver owns until the kernel is done.
//!
//! A small write while the driver owes the kernel a call anyway is copied to a send slot and shares
//! that call, which is made at once: the bytes leave just as early, with one call less.
//!
//! Invariants: bytes leave in the order of the calls. What the runtime has taken over is sent, also
//! when its future or the whole stream is dropped; whatever is written next waits for it.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use rustix::net::{SendAncillaryBuffer, SendFlags, Shutdown, send, sendmsg, shutdown};

use super::descriptor::InFlight;
use super::source::poll_call;
use super::{Descriptor, Interest};
use crate::buffer::SendBuf;
use crate::cancelled::Cancelled;
use crate::driver::{Backend, Operation};
use crate::executor::{Core, current};

/// The most slices that one vectored write hands to the kernel (`UIO_MAXIOV`).
const SLICES_MAX: usize = 1024;

/// The largest write that shares a call: beyond it the copy costs more than the call saved.
const JOIN_BYTES_MAX: usize = 2048;

/// The slices that one vectored write hands to the kernel.
///
/// Empty slices in front would leave no room for the bytes behind them, and a count of 0 would say
/// that nothing more can be written.
pub(super) fn one_call<'a, 'b>(slices: &'a [IoSlice<'b>]) -> &'a [IoSlice<'b>] {
    let first = slices.iter().take_while(|slice| slice.is_empty()).count();
    let slices = &slices[first..];
    &slices[..slices.len().min(SLICES_MAX)]
}

/// Outbound bytes of a connected stream.
#[derive(Debug)]
pub struct Outbound {
    core: Rc<Core>,
    descriptor: Descriptor,
    /// A send that the kernel has not finished.
    sending: Option<InFlight>,
    /// A wait for room in the socket's buffer.
    room: Option<InFlight>,
}

impl Outbound {
    /// The outbound half of a connected descriptor. No system call.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    pub fn new(descriptor: Descriptor) -> Self {
        Self { core: current().handle(), descriptor, sending: None, room: None }
    }

    /// Writes some of `bytes` and says how many. Cancel-safe: a write that was pending has sent
    /// nothing.
    ///
    /// # Errors
    ///
    /// What `send(2)` tells, `BrokenPipe` and `ConnectionReset` among it; also the failure of an
    /// earlier `send` whose future was dropped.
    #[inline]
    pub fn poll_write(
        &mut self,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.core.checkpoint(context))?;
        if bytes.len() <= JOIN_BYTES_MAX && self.core.driver.borrow().enter_is_due() {
            ready!(self.poll_flush(context))?;
            if self.room.is_none() && self.join(bytes) {
                return Poll::Ready(Ok(bytes.len()));
            }
        }
        self.poll_call(context, |this| this.send_now(bytes))
    }

    /// Copies a small write to a send slot and sends it by the call that the driver owes the
    /// kernel; `false` where there is no room. A failure is told by whatever is written next.
    fn join(&mut self, bytes: &[u8]) -> bool {
        let Ok(mut buffer) = self.core.send_pool.take() else {
            return false;
        };
        if bytes.is_empty() || bytes.len() > buffer.capacity() {
            return false;
        }
        buffer.resize(bytes.len());
        buffer.copy_from_slice(bytes);
        let operation = self.send_operation(buffer.into(), 0, false);
        match InFlight::start(Rc::clone(&self.core), operation) {
            Ok(sending) => {
                self.sending = Some(sending);
                self.core.driver.borrow_mut().enter_now();
                true
            }
            Err(_) => false,
        }
    }

    fn send_operation(&self, buffer: SendBuf, sent: usize, zero_copy: bool) -> Operation {
        let descriptor = self.descriptor.clone();
        Operation::Send { descriptor, buffer, sent, zero_copy, then_shut: false }
    }

    /// Writes some bytes of several slices with one call; as [`poll_write`](Self::poll_write).
    ///
    /// # Errors
    ///
    /// As for [`poll_write`](Self::poll_write).
    pub fn poll_write_vectored(
        &mut self,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.core.checkpoint(context))?;
        let slices = one_call(slices);
        self.poll_call(context, |this| {
            this.core.counters.syscalls.increment();
            let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
            let mut no_control = SendAncillaryBuffer::default();
            let sent = sendmsg(&this.descriptor, slices, &mut no_control, flags);
            let given = slices.iter().map(|slice| slice.len()).sum();
            let sent = sent.map_err(io::Error::from);
            this.core.counters.tried_to_send(&sent, given);
            sent.inspect_err(|error| this.core.counters.failed(error))
        })
    }

    /// Sends all of an owned buffer without copying it.
    ///
    /// Not cancel-safe in the sense that a dropped future does not stop the send: it goes on in
    /// the background, complete and in order. Only one that still waited for an earlier send has
    /// not begun, and sends nothing.
    ///
    /// # Errors
    ///
    /// As for [`poll_write`](Self::poll_write).
    pub async fn send(&mut self, buffer: SendBuf) -> io::Result<()> {
        poll_fn(|context| self.core.checkpoint(context)).await?;
        self.flush().await?;
        // Before a first part is sent: the rest must not be refused.
        self.core.driver.borrow().room()?;
        let zero_copy = self.core.config.zero_copy_send_bytes_min;
        let zero_copy = zero_copy.is_some_and(|least| buffer.len() >= least as usize);
        let mut sent = 0;
        if !zero_copy {
            sent = match self.send_now(&buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
                sent => sent?,
            };
        }
        if sent == buffer.len() {
            return Ok(());
        }
        let operation = self.send_operation(buffer, sent, zero_copy);
        self.sending = Some(InFlight::start(Rc::clone(&self.core), operation)?);
        self.flush().await
    }

    /// Drops the outbound half; what the runtime has taken over is still sent. The peer then reads
    /// the end of the stream, if asked.
    pub fn close(&mut self, shut: bool) {
        match self.sending.take() {
            Some(sending) => sending.finish_alone(shut),
            None if shut => {
                // A connection that broke meanwhile has no direction left to end.
                let _ = shutdown(&self.descriptor, Shutdown::Write);
            }
            None => {}
        }
    }

    /// Gives up what has not been sent, for a connection that is to be reset.
    pub fn cancel(&mut self) {
        self.sending = None;
    }

    /// Waits until every `send` has left for the kernel. Cancel-safe.
    ///
    /// # Errors
    ///
    /// The failure of a `send` whose future was dropped.
    pub async fn flush(&mut self) -> io::Result<()> {
        poll_fn(|context| self.poll_flush(context)).await
    }

    /// As [`flush`](Self::flush).
    ///
    /// # Errors
    ///
    /// As for [`flush`](Self::flush).
    #[inline]
    pub fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(sending) = &mut self.sending else {
            return Poll::Ready(Ok(()));
        };
        let completed = ready!(sending.poll_completed(context))?;
        self.sending = None;
        Poll::Ready(completed.result.map(drop))
    }

    /// Makes a non-blocking call; when it would block, waits for room and makes it again.
    #[inline]
    pub(super) fn poll_call(
        &mut self,
        context: &mut Context<'_>,
        call: impl Fn(&Self) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_flush(context))?;
        let mut room = self.room.take();
        let source = (&self.core, &self.descriptor);
        let polled = poll_call(source, Interest::Writable, &mut room, context, || call(self));
        self.room = room;
        polled
    }

    pub(super) fn checkpoint(&self, context: &Context<'_>) -> Poll<Result<(), Cancelled>> {
        self.core.checkpoint(context)
    }

    pub(super) fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    /// Counts a call that was to send so many bytes, by so many system calls.
    pub(super) fn count_sent(&self, sent: &io::Result<usize>, bytes: usize, syscalls: u64) {
        self.core.counters.syscalls.add(syscalls);
        self.core.counters.tried_to_send(sent, bytes);
        if let Err(error) = sent {
            self.core.counters.failed(error);
        }
    }

    #[inline]
    fn send_now(&self, bytes: &[u8]) -> io::Result<usize> {
        self.core.counters.syscalls.increment();
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        let sent = send(&self.descriptor, bytes, flags).map_err(io::Error::from);
        self.core.counters.tried_to_send(&sent, bytes.len());
        sent.inspect_err(|error| self.core.counters.failed(error))
    }
}

impl Drop for Outbound {
    fn drop(&mut self) {
        self.close(false);
    }
}
