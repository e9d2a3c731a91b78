//! Messages that were given to a connection and that nobody has acknowledged.
//!
//! Invariant: tickets grow, and stand in order; of a message that is partly written the rest is
//! here, whoever began to send it, so what a peer reads is whole messages or a broken connection.
//! At most `messages_max` and `bytes_max` are kept. Costs no allocation once it has grown.

use std::collections::VecDeque;
use std::io;
use std::task::{Context, Poll, ready};

use bytes::Bytes;

use crate::OwnedWriteHalf;

/// Names a message that a [`ReconnectingStream`](crate::ReconnectingStream) has sent; later ones
/// are greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(u64);

impl Ticket {
    /// How many messages of this stream were sent before it.
    pub fn number(self) -> u64 {
        self.0
    }
}

/// A message that was given to a connection, whole or in part, which broke before anybody
/// acknowledged it: the peer may have read it, or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uncertain {
    /// What [`send`](crate::ReconnectingStream::send) gave for it.
    pub ticket: Ticket,
    /// The message.
    pub message: Bytes,
}

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Outbox {
    messages_max: usize,
    bytes_max: usize,
    /// Whether messages stay until they are acknowledged.
    keeps: bool,
    /// Of lost connections first, then of this one.
    sent: VecDeque<Uncertain>,
    /// How many of them are of lost connections.
    lost: usize,
    /// Begun on this connection, with the bytes that are written.
    begun: Option<(Uncertain, usize)>,
    bytes: usize,
    next: u64,
}

impl Outbox {
    pub(super) fn new(messages_max: usize, bytes_max: usize, keeps: bool) -> Self {
        Self {
            messages_max,
            bytes_max,
            keeps,
            sent: VecDeque::new(),
            lost: 0,
            begun: None,
            bytes: 0,
            next: 0,
        }
    }

    /// Messages that are kept.
    pub(super) fn len(&self) -> usize {
        self.sent.len() + usize::from(self.begun.is_some())
    }

    /// Of these, those of lost connections.
    pub(super) fn lost(&self) -> usize {
        self.lost
    }

    /// Whether there is room for a message of so many bytes.
    pub(super) fn admit(&self, bytes: usize) -> io::Result<()> {
        let (messages_max, bytes_max) = (self.messages_max, self.bytes_max);
        let full = if self.len() >= messages_max {
            format!("{messages_max} messages are unacknowledged (unacknowledged_messages_max)")
        } else if bytes > bytes_max - self.bytes.min(bytes_max) {
            format!(
                "{} bytes are unacknowledged, and {bytes} more exceed {bytes_max} \
                 (unacknowledged_bytes_max)",
                self.bytes
            )
        } else {
            return Ok(());
        };
        let advice = "acknowledge what the peer has confirmed, take_uncertain after a break, or \
                      raise the limit";
        Err(io::Error::new(io::ErrorKind::ResourceBusy, format!("{full}: {advice}")))
    }

    /// Takes in a message of which `written` bytes are with the kernel.
    pub(super) fn begin(&mut self, message: Bytes, written: usize) -> Ticket {
        debug_assert!(self.begun.is_none(), "messages go out one after the other");
        let ticket = Ticket(self.next);
        self.next += 1;
        self.bytes += message.len();
        self.begun = Some((Uncertain { ticket, message }, written));
        ticket
    }

    /// Writes the rest of a message that was begun.
    pub(super) fn poll_finish(
        &mut self,
        context: &mut Context<'_>,
        to: &mut OwnedWriteHalf,
    ) -> Poll<io::Result<()>> {
        while let Some((Uncertain { message, .. }, written)) = &mut self.begun
            && *written < message.len()
        {
            *written += ready!(to.poll_write(context, &message[*written..]))?;
        }
        if let Some((message, _)) = self.begun.take() {
            match self.keeps {
                true => self.sent.push_back(message),
                false => self.bytes -= message.message.len(),
            }
        }
        Poll::Ready(Ok(()))
    }

    /// The connection is lost: nothing of what was sent can be written or confirmed by it.
    pub(super) fn connection_lost(&mut self) {
        self.sent.extend(self.begun.take().map(|(message, _)| message));
        self.lost = self.sent.len();
    }

    /// The peer has confirmed this one; whether it was kept.
    pub(super) fn acknowledge(&mut self, ticket: Ticket) -> bool {
        let place = self.sent.binary_search_by_key(&ticket, |sent| sent.ticket);
        place.is_ok_and(|place| self.remove(place))
    }

    /// The peer has confirmed this one and all before; how many were kept.
    pub(super) fn acknowledge_through(&mut self, ticket: Ticket) -> usize {
        let count = self.sent.partition_point(|sent| sent.ticket <= ticket);
        (0..count).filter(|_| self.remove(0)).count()
    }

    fn remove(&mut self, place: usize) -> bool {
        let Some(removed) = self.sent.remove(place) else { return false };
        self.bytes -= removed.message.len();
        self.lost -= usize::from(place < self.lost);
        true
    }

    /// Hands back what was given to lost connections.
    pub(super) fn take_uncertain(&mut self) -> Vec<Uncertain> {
        let taken: Vec<_> = self.sent.drain(..self.lost).collect();
        self.lost = 0;
        self.bytes -= taken.iter().map(|taken| taken.message.len()).sum::<usize>();
        taken
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn finish(outbox: &mut Outbox) {
        let (message, _) = outbox.begun.take().unwrap();
        outbox.sent.push_back(message);
    }

    #[test]
    fn a_message_that_is_half_written_is_not_acknowledged_by_mistake() {
        let mut outbox = Outbox::new(8, 100, true);
        let ticket = outbox.begin(Bytes::from_static(b"order"), 2);
        assert!(!outbox.acknowledge(ticket));
        assert_eq!(outbox.acknowledge_through(ticket), 0);
        outbox.connection_lost();
        let uncertain = outbox.take_uncertain();
        assert_eq!(uncertain, [Uncertain { ticket, message: Bytes::from_static(b"order") }]);
        assert_eq!((outbox.len(), outbox.bytes), (0, 0));
    }

    #[test]
    fn limits_are_named_with_what_to_do() {
        let mut outbox = Outbox::new(2, 10, true);
        outbox.begin(Bytes::from_static(b"123456"), 6);
        finish(&mut outbox);
        assert!(outbox.admit(4).is_ok());
        let error = outbox.admit(5).unwrap_err();
        assert!(error.to_string().contains("unacknowledged_bytes_max"), "{error}");
        outbox.begin(Bytes::from_static(b"1"), 1);
        finish(&mut outbox);
        let error = outbox.admit(1).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ResourceBusy);
        assert!(error.to_string().contains("unacknowledged_messages_max"), "{error}");
        outbox.acknowledge_through(Ticket(1));
        assert!(outbox.admit(10).is_ok() && outbox.admit(11).is_err());
    }

    #[derive(Clone, Debug)]
    enum Step {
        Send(usize),
        Acknowledge(u64),
        AcknowledgeThrough(u64),
        Lose,
        Take,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            4 => (0_usize..20).prop_map(Step::Send),
            2 => (0_u64..40).prop_map(Step::Acknowledge),
            1 => (0_u64..40).prop_map(Step::AcknowledgeThrough),
            1 => Just(Step::Lose),
            1 => Just(Step::Take),
        ];
        proptest::collection::vec(step, 0..80)
    }

    proptest! {
        /// Against a plain list of (ticket, bytes, lost).
        #[test]
        fn every_message_is_kept_until_it_is_acknowledged_or_taken(steps in steps()) {
            let mut outbox = Outbox::new(1000, 10_000, true);
            let mut model: Vec<(u64, usize, bool)> = Vec::new();
            let mut next = 0;
            for step in steps {
                match step {
                    Step::Send(bytes) => {
                        let ticket = outbox.begin(vec![7; bytes].into(), bytes);
                        finish(&mut outbox);
                        prop_assert_eq!(ticket.number(), next);
                        model.push((next, bytes, false));
                        next += 1;
                    }
                    Step::Acknowledge(number) => {
                        let before = model.len();
                        model.retain(|sent| sent.0 != number);
                        prop_assert_eq!(outbox.acknowledge(Ticket(number)), model.len() < before);
                    }
                    Step::AcknowledgeThrough(number) => {
                        let before = model.len();
                        model.retain(|sent| sent.0 > number);
                        let count = before - model.len();
                        prop_assert_eq!(outbox.acknowledge_through(Ticket(number)), count);
                    }
                    Step::Lose => {
                        outbox.connection_lost();
                        model.iter_mut().for_each(|sent| sent.2 = true);
                    }
                    Step::Take => {
                        let taken: Vec<_> =
                            outbox.take_uncertain().iter().map(|one| one.ticket.0).collect();
                        let lost = model.iter().filter(|sent| sent.2).map(|sent| sent.0);
                        prop_assert_eq!(taken, lost.collect::<Vec<_>>());
                        model.retain(|sent| !sent.2);
                    }
                }
                prop_assert_eq!(outbox.len(), model.len());
                prop_assert_eq!(outbox.lost(), model.iter().filter(|sent| sent.2).count());
                prop_assert_eq!(outbox.bytes, model.iter().map(|sent| sent.1).sum::<usize>());
            }
        }
    }
}
