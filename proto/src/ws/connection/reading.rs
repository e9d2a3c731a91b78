//! What comes: messages, frames, and what the clocks say of silence.

use std::io;
use std::task::{Context, Poll, ready};

use taut_net::{ReceiveTimestamps, Transport};
use taut_runtime::buffer::RxBuf;
use taut_runtime::is_cancelled;
use taut_runtime::time::Instant;

use super::{Connection, Received, Watch};
use crate::deadline::Deadline;
use crate::ws::error::{Error, ErrorKind, Wait};
use crate::ws::message::{Frame, Item, Message, Text};
use crate::ws::outbox::Outbox;
use crate::ws::wire::{CloseFrame, Decoded, Opcode, Unit, Violation};

impl<T: Transport> Connection<T> {
    /// The next message, or frame; nothing once the peer has closed.
    #[inline]
    pub(in crate::ws) fn poll_next(
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
    pub(in crate::ws) fn poll_message(
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
    pub(in crate::ws) fn poll_frame(
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
    pub(in crate::ws) fn poll_visit(
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
    pub(in crate::ws) fn timestamps(&self) -> ReceiveTimestamps {
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
    pub(super) fn received(&mut self, received: io::Result<RxBuf>) -> Result<bool, Error> {
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
    pub(super) fn poll_clocks(&mut self, context: &mut Context<'_>) -> Result<(), Error> {
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

    /// Nobody waits for messages any more.
    pub(in crate::ws) fn stop_waiting(&mut self) {
        self.reader = None;
        self.watch = Watch::Nobody;
        self.transport.stop_waiting();
    }
}
