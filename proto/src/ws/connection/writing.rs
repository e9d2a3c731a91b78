//! What goes: the queue to the transport, and the clocks while a writer waits.

use std::io::{self, IoSlice};
use std::task::{Context, Poll, ready};

use taut_net::Transport;
use taut_runtime::is_cancelled;

use super::{Connection, Watch};
use crate::ws::error::{Error, ErrorKind};
use crate::ws::wire::{Encoder, HEADER_BYTES_MAX, Opcode, Role};

/// A server's messages from so many bytes on are written from where they are, as far as the
/// transport takes them at once.
const WRITTEN_THROUGH_BYTES_MIN: usize = 4096;

impl<T: Transport> Connection<T> {
    /// Sends what is queued as far as the peer takes it. A failure is told by whoever writes, and
    /// to the reader at the end: what the peer said before is still to be read.
    ///
    /// Nothing where a writer waits: it does so itself.
    #[inline]
    pub(in crate::ws) fn push(&mut self, context: &mut Context<'_>) {
        if self.writer.is_none() && !self.outbox.encoder.unsent().is_empty() {
            let _ = self.poll_drain(context);
        }
    }

    /// Ready once the transport has taken all that was queued.
    #[inline]
    pub(super) fn poll_drain(&mut self, context: &mut Context<'_>) -> Poll<()> {
        while !self.outbox.encoder.unsent().is_empty() {
            let written = self.outbox.poll_write(|memory, start| {
                self.transport.poll_write_in_place(context, memory, start)
            });
            match ready!(written) {
                Ok(0) => self.write_failed(io::ErrorKind::WriteZero.into()),
                Ok(_) => {}
                Err(error) if is_cancelled(&error) => return Poll::Pending,
                Err(error) => self.write_failed(error),
            }
        }
        Poll::Ready(())
    }

    fn write_failed(&mut self, error: io::Error) {
        self.outbox.encoder.discard();
        self.outbox.is_closed = true;
        self.is_broken = true;
        self.write_failure.get_or_insert(error);
    }

    /// Ready once all that was queued is with the kernel.
    pub(in crate::ws) fn poll_flush(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), Error>> {
        ready!(taut_runtime::io::poll_checkpoint(context)).map_err(io::Error::from)?;
        if self.poll_drain(context).is_pending() {
            self.wait_to_write(context)?;
            return Poll::Pending;
        }
        if let Some(failure) = self.write_failure.take() {
            return Poll::Ready(Err(failure.into()));
        }
        match self.transport.poll_flush(context) {
            Poll::Ready(flushed) => Poll::Ready(flushed.map_err(Error::from)),
            Poll::Pending => {
                self.wait_to_write(context)?;
                Poll::Pending
            }
        }
    }

    /// Runs the clocks meanwhile.
    fn wait_to_write(&mut self, context: &mut Context<'_>) -> Result<(), Error> {
        let begins = self.writer.replace(context.waker().clone()).is_none();
        if let Some(clocks) = &mut self.clocks
            && begins
            && self.watch != Watch::Reader
        {
            clocks.count_unread();
        }
        self.watch_for_writer(context);
        let polled = self.poll_clocks(context);
        if let Err(error) = &polled
            && let ErrorKind::TimedOut(wait, limit) = *error.kind()
        {
            self.untold.get_or_insert_with(|| ErrorKind::TimedOut(wait, limit).into());
        }
        polled
    }

    /// Takes what comes while nobody reads, where there are clocks to be told, and keeps it for the
    /// reader: one receive at most, so a peer that is not read can't make us hold more.
    fn watch_for_writer(&mut self, context: &mut Context<'_>) {
        let may = self.clocks.is_some() && self.decoder.is_empty() && !self.is_read;
        if !may || self.watch == Watch::Reader {
            return;
        }
        let Poll::Ready(received) = self.transport.poll_recv(context) else {
            self.watch = Watch::Writer;
            return;
        };
        self.watch = Watch::Nobody;
        match self.received(received) {
            Ok(_) => {
                if let Some(clocks) = &mut self.clocks {
                    clocks.count_unread();
                }
            }
            // Told by the write itself.
            Err(error) if is_cancelled(&error) => {}
            Err(error) => self.untold = Some(error),
        }
    }

    /// Takes a message once there is room for it, of which the caller is told by `is_taken`; ready
    /// once it is with the kernel.
    pub(in crate::ws) fn poll_send(
        &mut self,
        context: &mut Context<'_>,
        opcode: Opcode,
        payload: &[u8],
        is_taken: &mut bool,
    ) -> Poll<Result<(), Error>> {
        if !*is_taken {
            ready!(taut_runtime::io::poll_checkpoint(context)).map_err(io::Error::from)?;
            if let Some(failure) = self.write_failure.take() {
                return Poll::Ready(Err(failure.into()));
            }
            self.outbox.check_open()?;
            if !self.outbox.has_room(payload.len()) {
                ready!(self.poll_flush(context))?;
            }
            *is_taken = true;
            if !self.write_through(context, opcode, payload) {
                self.outbox.queue(opcode, payload)?;
            }
        }
        self.poll_flush(context)
    }

    /// Writes a message from where it is, and queues what the transport does not take; nothing was
    /// done where it can't.
    fn write_through(&mut self, context: &mut Context<'_>, opcode: Opcode, payload: &[u8]) -> bool {
        let may = payload.len() >= WRITTEN_THROUGH_BYTES_MIN
            && self.outbox.encoder.role() == Role::Server
            && self.outbox.encoder.unsent().is_empty()
            && !self.outbox.compresses(payload.len());
        if !may {
            return false;
        }
        let mut header = [0; HEADER_BYTES_MAX];
        let header_bytes = Encoder::unmasked_header(opcode, payload.len(), &mut header);
        let header = &header[..header_bytes];
        let slices = [IoSlice::new(header), IoSlice::new(payload)];
        // What fails here fails again with what is queued.
        let Poll::Ready(Ok(count)) = self.transport.poll_write_vectored(context, &slices) else {
            return false;
        };
        let of_header = count.min(header_bytes);
        self.outbox.encoder.rest_of_frame([&header[of_header..], &payload[count - of_header..]]);
        true
    }

    /// Nobody waits to write any more: what the writer did meanwhile is the reader's again.
    pub(in crate::ws) fn stop_writing(&mut self) {
        if self.writer.take().is_some() {
            if let Some(clocks) = &mut self.clocks {
                clocks.count_read();
            }
            if self.watch == Watch::Writer {
                self.watch = Watch::Nobody;
                self.transport.stop_waiting();
            }
            self.wake_reader();
        }
    }

    /// Has the reader, if it waits, send what is queued.
    pub(in crate::ws) fn wake_reader(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }
}
