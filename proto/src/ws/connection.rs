//! Both directions of a WebSocket connection, by polls.
//!
//! Invariants: all state is here and none in a future, so dropping any of them loses no byte and
//! tears no frame. A reader sends what is queued and runs the clocks, since an answer to the peer
//! needs no writer; while a writer waits, that does both, and wakes the reader once it is done. So
//! each is one task's at a time, the one that will be polled.

use std::io::{self, IoSlice};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use taut_net::{ReceiveTimestamps, Transport};
use taut_runtime::buffer::RxBuf;
use taut_runtime::is_cancelled;
use taut_runtime::time::Instant;

use super::clocks::Clocks;
use super::error::{Error, ErrorKind, Wait};
use super::message::{Frame, Item, Message, Text};
use super::options::Options;
use super::outbox::Outbox;
use super::wire::{
    CloseFrame, Data, Decoded, Decoder, DeflateAgreement, Encoder, HEADER_BYTES_MAX, Opcode, Role,
    Unit, Violation,
};
use crate::deadline::Deadline;

/// A server's messages from so many bytes on are written from where they are, as far as the
/// transport takes them at once.
const WRITTEN_THROUGH_BYTES_MIN: usize = 4096;

/// A connection after its handshake.
#[derive(Debug)]
pub(super) struct Connection<T> {
    pub(super) transport: T,
    pub(super) decoder: Decoder,
    pub(super) outbox: Outbox,
    pub(super) clocks: Option<Box<Clocks>>,
    auto_pong: bool,
    close_timeout: Duration,
    /// Since there is a close frame of ours.
    close_due: Option<Deadline>,
    /// Whether there is nothing more to read: the peer has closed, or the connection failed.
    is_read: bool,
    /// Whether the transport has ended.
    is_ended: bool,
    is_shut: bool,
    /// Why nothing can be written; told once, at the latest when the peer's last messages are read.
    write_failure: Option<io::Error>,
    /// Whether there was such a failure.
    is_broken: bool,
    /// How the reading direction ended where a writer found it, still to be told to the reader.
    untold: Option<Error>,
    /// Who would be woken by what comes.
    watch: Watch,
    /// Who waits for messages, or did, and for room to write.
    reader: Option<Waker>,
    writer: Option<Waker>,
}

/// Who waits for what comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Watch {
    Nobody,
    Reader,
    /// In the place of a reader, so that it takes nothing for silence that is none.
    Writer,
}

/// What is handed out.
#[derive(Debug)]
pub(super) enum Received {
    Data(Data),
    /// Its payload is the decoder's.
    Control(Opcode),
}

impl<T: Transport> Connection<T> {
    /// `left` is what came behind the handshake, `deflate` what it agreed on.
    pub(super) fn new(
        mut transport: T,
        role: Role,
        options: &Options,
        left: Option<RxBuf>,
        deflate: Option<&DeflateAgreement>,
    ) -> Self {
        let mut decoder = Decoder::new(role, options.limits);
        if !options.validate_text {
            decoder.trust_text();
        }
        decoder.inflate_as_agreed(deflate);
        if let Some(left) = left {
            decoder.push(left);
        }
        if options.receive_timestamps.is_some() {
            // Where it fails nothing is stamped, which is told as such.
            let _ = transport.set_receive_timestamps(options.receive_timestamps);
        }
        Self {
            transport,
            decoder,
            outbox: Outbox::new(role, options.queue_bytes_max, deflate),
            clocks: Clocks::new(&options.keepalive),
            auto_pong: options.auto_pong,
            close_timeout: options.close_timeout,
            close_due: None,
            is_read: false,
            is_ended: false,
            is_shut: false,
            write_failure: None,
            is_broken: false,
            untold: None,
            watch: Watch::Nobody,
            reader: None,
            writer: None,
        }
    }

    /// The next message, or frame; nothing once the peer has closed.
    #[inline]
    pub(super) fn poll_next(
        &mut self,
        context: &mut Context<'_>,
        unit: Unit,
    ) -> Poll<Result<Option<Received>, Error>> {
        loop {
            if let Some(received) = self.decode(context, unit)? {
                return Poll::Ready(Ok(Some(received)));
            }
            if !ready!(self.poll_more(context))? {
                return Poll::Ready(Ok(None));
            }
        }
    }

    /// The next message; nothing once the peer has closed.
    #[inline]
    pub(super) fn poll_message(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Result<Option<Message>, Error>> {
        self.check_whole()?;
        let received = ready!(self.poll_next(context, Unit::Message))?;
        Poll::Ready(Ok(received.map(|received| match received {
            Received::Data(data) => {
                let bytes = self.decoder.take(&data);
                match (data.opcode, data.is_valid_text) {
                    (Opcode::Text, true) => Message::Text(Text::from_validated(bytes)),
                    (Opcode::Text, false) => Message::UncheckedText(bytes),
                    _ => Message::Binary(bytes),
                }
            }
            Received::Control(Opcode::Ping) => Message::Ping(self.decoder.control()),
            Received::Control(_) => Message::Pong(self.decoder.control()),
        })))
    }

    /// The next frame; nothing once the peer has closed.
    pub(super) fn poll_frame(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Result<Option<Frame>, Error>> {
        let received = ready!(self.poll_next(context, Unit::Frame))?;
        Poll::Ready(Ok(received.map(|received| match received {
            Received::Data(data) => Frame {
                opcode: data.opcode,
                is_final: data.is_final,
                payload: self.decoder.take(&data),
            },
            Received::Control(opcode) => Frame {
                opcode,
                is_final: true,
                payload: RxBuf::from(self.decoder.control().to_vec()),
            },
        })))
    }

    fn check_whole(&self) -> Result<(), Error> {
        if !self.decoder.is_in_frames() {
            return Ok(());
        }
        let why = "the beginning of this message was taken as a frame: take the rest so too";
        Err(ErrorKind::Invalid(why).into())
    }

    /// Shows all messages of one receive to `visit`, and says how many they were; 0 once the peer
    /// has closed.
    pub(super) fn poll_visit(
        &mut self,
        context: &mut Context<'_>,
        visit: &mut impl FnMut(Item<'_>, &mut Outbox) -> Result<(), Error>,
    ) -> Poll<Result<usize, Error>> {
        self.check_whole()?;
        let mut count = 0;
        loop {
            let timestamps = self.timestamps();
            while let Some(received) = self.decode(context, Unit::Message)? {
                count += 1;
                let is_last = !self.decoder.has_message();
                let control;
                let (payload, opcode, is_validated) = match &received {
                    Received::Data(data) => {
                        (self.decoder.payload(data), data.opcode, data.is_valid_text)
                    }
                    Received::Control(opcode) => {
                        control = self.decoder.control();
                        (&*control, *opcode, false)
                    }
                };
                let timestamps = &timestamps;
                let item = Item { payload, opcode, is_validated, is_last, timestamps };
                visit(item, &mut self.outbox)?;
            }
            if count > 0 {
                self.push(context);
                return Poll::Ready(Ok(count));
            }
            if !ready!(self.poll_more(context))? {
                return Poll::Ready(Ok(0));
            }
        }
    }

    /// Of what was decoded last: all that was received before had been used when the transport
    /// handed out the bytes that ended it.
    #[inline]
    pub(super) fn timestamps(&self) -> ReceiveTimestamps {
        self.transport.receive_timestamps()
    }

    /// What is there already.
    #[inline]
    fn decode(&mut self, context: &mut Context<'_>, unit: Unit) -> Result<Option<Received>, Error> {
        while !self.is_read {
            let decoded = match self.decoder.decode(unit) {
                Ok(Some(decoded)) => decoded,
                Ok(None) => return Ok(None),
                Err(violation) => return Err(self.fail(context, violation)),
            };
            let opcode = match decoded {
                Decoded::Data(data) => {
                    if data.opcode == Opcode::Text
                        && data.is_final
                        && let Some(clocks) = &mut self.clocks
                        && clocks.text(self.decoder.payload(&data))
                    {
                        continue;
                    }
                    return Ok(Some(Received::Data(data)));
                }
                Decoded::Ping => Opcode::Ping,
                Decoded::Pong => Opcode::Pong,
                Decoded::Close(frame) => {
                    self.peer_closed(context, frame);
                    Opcode::Close
                }
            };
            let payload = self.decoder.control();
            if opcode == Opcode::Ping && self.auto_pong {
                self.outbox.answer_ping(&payload);
            }
            let is_own = opcode == Opcode::Pong
                && self.clocks.as_mut().is_some_and(|clocks| clocks.pong(&payload));
            if unit == Unit::Frame || (!self.auto_pong && opcode != Opcode::Close && !is_own) {
                return Ok(Some(Received::Control(opcode)));
            }
        }
        Ok(None)
    }

    /// Whether more was received, or nothing will be.
    fn poll_more(&mut self, context: &mut Context<'_>) -> Poll<Result<bool, Error>> {
        if self.is_read {
            return Poll::Ready(self.untold.take().map_or(Ok(false), Err));
        }
        self.push(context);
        if let Poll::Ready(received) = self.transport.poll_recv(context) {
            self.watch = Watch::Nobody;
            return Poll::Ready(self.received(received));
        }
        self.watch = Watch::Reader;
        if !self.reader.as_ref().is_some_and(|reader| reader.will_wake(context.waker())) {
            self.reader = Some(context.waker().clone());
        }
        // Last: it was no silence if something has come meanwhile.
        if self.writer.is_none() {
            self.poll_clocks(context)?;
        }
        Poll::Pending
    }

    /// Whether there are bytes, or nothing more will come.
    fn received(&mut self, received: io::Result<RxBuf>) -> Result<bool, Error> {
        match received {
            Ok(bytes) if bytes.is_empty() => {
                (self.is_ended, self.is_read) = (true, true);
                match self.write_failure.take() {
                    Some(failure) => Err(failure.into()),
                    // It had been told that this end has no more to say.
                    None if self.outbox.is_closed && !self.is_broken => Ok(false),
                    None => Err(ErrorKind::CutOff.into()),
                }
            }
            Ok(bytes) => {
                if let Some(clocks) = &mut self.clocks {
                    clocks.received();
                }
                self.decoder.push(bytes);
                Ok(true)
            }
            Err(error) => {
                if !is_cancelled(&error) {
                    (self.is_ended, self.is_read) = (true, true);
                }
                Err(error.into())
            }
        }
    }

    /// Does what the clocks say is due, for who waits.
    fn poll_clocks(&mut self, context: &mut Context<'_>) -> Result<(), Error> {
        if self.outbox.is_closed {
            let timeout = self.close_timeout;
            let due = self.close_due.get_or_insert_with(|| Deadline::at(Instant::now() + timeout));
            if let Poll::Ready(polled) = due.poll(context) {
                polled?;
                self.is_read = true;
                return Err(ErrorKind::TimedOut(Wait::Close, timeout).into());
            }
        }
        let Some(clocks) = &mut self.clocks else { return Ok(()) };
        match clocks.poll(context, &mut self.outbox) {
            Ok(false) => {}
            Ok(true) => self.push(context),
            Err(error) => {
                self.is_read |= matches!(error.kind(), ErrorKind::TimedOut(..));
                return Err(error);
            }
        }
        Ok(())
    }

    /// The peer said that it has no more to say; it is answered with its own code.
    fn peer_closed(&mut self, context: &mut Context<'_>, frame: Option<CloseFrame>) {
        self.is_read = true;
        match &frame {
            Some(frame) => self.outbox.close_with(&frame.code.get().to_be_bytes()),
            None => self.outbox.close_with(&[]),
        }
        self.outbox.peer_close = frame;
        self.push(context);
    }

    /// The peer broke a rule, and is told.
    #[cold]
    fn fail(&mut self, context: &mut Context<'_>, violation: Violation) -> Error {
        self.is_read = true;
        self.outbox.close_with(&violation.code().get().to_be_bytes());
        self.push(context);
        ErrorKind::Violation(violation).into()
    }

    /// Sends what is queued as far as the peer takes it. A failure is told by whoever writes, and
    /// to the reader at the end: what the peer said before is still to be read.
    ///
    /// Nothing where a writer waits: it does so itself.
    #[inline]
    pub(super) fn push(&mut self, context: &mut Context<'_>) {
        if self.writer.is_none() && !self.outbox.encoder.unsent().is_empty() {
            let _ = self.poll_drain(context);
        }
    }

    /// Ready once the transport has taken all that was queued.
    #[inline]
    fn poll_drain(&mut self, context: &mut Context<'_>) -> Poll<()> {
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
    pub(super) fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
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
    pub(super) fn poll_send(
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

    /// Nobody waits for messages any more.
    pub(super) fn stop_waiting(&mut self) {
        self.reader = None;
        self.watch = Watch::Nobody;
        self.transport.stop_waiting();
    }

    /// Nobody waits to write any more: what the writer did meanwhile is the reader's again.
    pub(super) fn stop_writing(&mut self) {
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
    pub(super) fn wake_reader(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }

    /// Whether the peer is owed an end in order, rather than a cut.
    pub(super) fn owes_farewell(&self) -> bool {
        self.outbox.is_closed && !self.is_broken && !(self.is_ended && self.is_shut)
    }

    /// Ends the connection after the close frame: the server first (RFC 6455 section 7.1.1), after
    /// reading what the peer still sends, so that no reset takes the close frame from it; the
    /// client once the server has. Ready when both directions have ended, or the peer takes too
    /// long; then ours is ended all the same.
    ///
    /// # Errors
    ///
    /// `ECANCELED` where the task was asked to stop: the end is still to come.
    pub(super) fn poll_farewell(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.owes_farewell() {
            return Poll::Ready(Ok(()));
        }
        let due = Instant::now() + self.close_timeout;
        let due = self.close_due.get_or_insert_with(|| Deadline::at(due));
        if let Poll::Ready(polled) = due.poll(context) {
            polled?;
            // As far as that needs no wait.
            let _ = self.poll_shut(context)?;
            (self.is_ended, self.is_shut) = (true, true);
            return Poll::Ready(Ok(()));
        }
        ready!(self.poll_drain(context));
        if self.is_broken {
            return Poll::Ready(Ok(()));
        }
        if self.outbox.encoder.role() == Role::Server {
            ready!(self.poll_shut(context))?;
        }
        while !self.is_ended {
            match ready!(self.transport.poll_recv(context)) {
                Ok(bytes) if !bytes.is_empty() => {}
                Err(error) if is_cancelled(&error) => return Poll::Ready(Err(error)),
                _ => self.is_ended = true,
            }
        }
        self.poll_shut(context)
    }

    /// Ends our direction, once. That the peer was faster is no failure of a close.
    fn poll_shut(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.is_shut {
            match ready!(self.transport.poll_shutdown(context)) {
                Err(error) if is_cancelled(&error) => return Poll::Ready(Err(error)),
                _ => self.is_shut = true,
            }
        }
        Poll::Ready(Ok(()))
    }
}
