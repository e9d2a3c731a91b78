//! Two connections at once, while one replaces the other: when the newer takes over, and what both
//! bring.
//!
//! The newer one's first message says from where on it has everything. The older one is told to
//! close no sooner than it has brought that message, too, where positions tell; else after a time.
//! What the newer one brings first is held meanwhile, and the rest waits in its transport.
//!
//! Positions are noted from the moment in which the new connection is begun, since it may be
//! subscribed from there on, until the switch. Then messages of the new one that were noted are
//! left out. A stream that has gone past what was noted is forgotten, and all of them after a
//! while, so a stream that begins anew is not taken for an old one.

use std::collections::{HashMap, VecDeque};
use std::task::{Context, Poll};
use std::time::Duration;

use taut_net::{ReceiveTimestamps, Transport};
use taut_runtime::time::Instant;

use super::builder::{Positions, SessionBuilder};
use super::event::Position;
use crate::deadline::Deadline;
use crate::ws::Message;

/// How long after a switch messages may still have been handed out before it.
const DUPLICATES_FOR: Duration = Duration::from_secs(5);

/// The most messages of the newer connection that are held while none of them has a position.
const HELD_MESSAGES_MAX: usize = 16;

pub(super) struct Overlap {
    positions: Option<Positions>,
    keys_max: usize,
    first_message_timeout: Duration,
    overlap_max: Duration,
    /// The newest sequence of each key that was handed out.
    seen: HashMap<u64, u64>,
    /// Since the switch, until when messages are looked at.
    ends_at: Option<Instant>,
    /// What the newer connection has brought first.
    held: VecDeque<(Message, ReceiveTimestamps)>,
    /// The first position in there.
    first: Option<Position>,
    /// Whether nothing more is to be held.
    has_first: bool,
    /// When the newer one takes over, whatever was brought.
    due: Deadline,
}

impl Overlap {
    pub(super) fn new<T: Transport>(settings: &SessionBuilder<T>) -> Self {
        Self {
            positions: settings.positions.clone(),
            keys_max: settings.overlap_keys_max,
            first_message_timeout: settings.first_message_timeout,
            overlap_max: settings.overlap_max,
            seen: HashMap::new(),
            ends_at: None,
            held: VecDeque::new(),
            first: None,
            has_first: false,
            due: Deadline::at(Instant::from_nanos(0)),
        }
    }

    /// A replacement is begun.
    ///
    /// Soon after a switch the connection may still have to bring what was handed out before it.
    pub(super) fn begin(&mut self) {
        if self.ends_at.is_none() {
            self.forget();
        }
        self.held.clear();
    }

    /// The newer connection is there.
    pub(super) fn connected(&mut self) {
        self.held.clear();
        (self.first, self.has_first) = (None, false);
        self.due.set(Instant::now() + self.first_message_timeout);
    }

    /// Whether the newer connection is still to bring its first message.
    pub(super) fn awaits_first(&self) -> bool {
        !self.has_first
    }

    /// A message of the newer connection, and when it came in.
    pub(super) fn hold(&mut self, message: Message, timestamps: ReceiveTimestamps) {
        self.first = self.position(&message);
        let has_news = self.positions.is_none() || self.first.is_some();
        self.held.push_back((message, timestamps));
        if has_news || self.held.len() == HELD_MESSAGES_MAX {
            self.has_first = true;
            self.due.set(Instant::now() + self.overlap_max);
        }
    }

    /// What was held, once the newer connection has taken over.
    #[inline]
    pub(super) fn take_held(&mut self) -> Option<(Message, ReceiveTimestamps)> {
        self.held.pop_front()
    }

    /// The newer connection is gone, and what it has brought with it.
    pub(super) fn drop_held(&mut self) {
        self.held.clear();
    }

    /// Ready once the older connection is no longer needed.
    pub(super) fn poll_is_over(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let first = self.first.map(|first| (first.sequence, self.seen.get(&first.key)));
        if let Some((sequence, Some(newest))) = first
            && *newest >= sequence
        {
            return Poll::Ready(());
        }
        match self.due.poll(context) {
            Poll::Ready(Ok(())) => Poll::Ready(()),
            // A cancel is told by the connections.
            _ => Poll::Pending,
        }
    }

    fn position(&self, message: &Message) -> Option<Position> {
        self.positions.as_ref().and_then(|positions| positions(message))
    }

    /// A message of the older connection is handed out.
    pub(super) fn note(&mut self, message: &Message) {
        let Some(position) = self.position(message) else { return };
        if let Some(newest) = self.seen.get_mut(&position.key) {
            *newest = (*newest).max(position.sequence);
        } else if self.seen.len() < self.keys_max {
            self.seen.insert(position.key, position.sequence);
        }
    }

    /// From here on messages are those of the newer connection.
    pub(super) fn switched(&mut self) {
        self.ends_at = (!self.seen.is_empty()).then(|| Instant::now() + DUPLICATES_FOR);
    }

    /// Whether a message of the newer connection was handed out before the switch.
    #[inline]
    pub(super) fn is_duplicate(&mut self, message: &Message) -> bool {
        self.ends_at.is_some_and(|ends_at| self.was_seen(message, ends_at))
    }

    #[cold]
    fn was_seen(&mut self, message: &Message, ends_at: Instant) -> bool {
        if Instant::now() >= ends_at {
            self.forget();
            return false;
        }
        let Some(position) = self.position(message) else { return false };
        match self.seen.get(&position.key) {
            Some(newest) if position.sequence <= *newest => return true,
            Some(_) => drop(self.seen.remove(&position.key)),
            None => {}
        }
        if self.seen.is_empty() {
            self.forget();
        }
        false
    }

    /// There is nothing more to compare with.
    pub(super) fn forget(&mut self) {
        (self.seen, self.ends_at) = (HashMap::new(), None);
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use taut_net::TcpStream;
    use taut_runtime::buffer::RxBuf;

    use super::*;

    /// Of a key and a sequence, one byte each.
    fn message(key: u8, sequence: u8) -> Message {
        Message::Binary(RxBuf::from(vec![key, sequence]))
    }

    fn hold(overlap: &mut Overlap, message: Message) {
        overlap.hold(message, ReceiveTimestamps::default());
    }

    fn overlap(keys_max: usize) -> Overlap {
        let hour = Duration::from_secs(3600);
        let settings = SessionBuilder::<TcpStream>::default()
            .overlap_keys_max(keys_max)
            .overlap_max(hour)
            .first_message_timeout(hour)
            .positions(|message| match *message.as_bytes() {
                [key, sequence] => Some(Position { key: key.into(), sequence: sequence.into() }),
                _ => None,
            });
        Overlap::new(&settings)
    }

    fn in_runtime(body: impl FnOnce()) {
        taut_runtime::run(async { body() }).unwrap();
    }

    #[test]
    fn each_key_is_compared_with_its_own_newest_message() {
        in_runtime(|| {
            let mut overlap = overlap(8);
            overlap.begin();
            for (key, sequence) in [(1, 5), (2, 9), (1, 6)] {
                overlap.note(&message(key, sequence));
            }
            assert!(!overlap.is_duplicate(&message(1, 5)), "not before the switch");
            overlap.switched();
            assert!(overlap.is_duplicate(&message(1, 6)) && overlap.is_duplicate(&message(1, 5)));
            assert!(!overlap.is_duplicate(&message(1, 7)));
            assert!(!overlap.is_duplicate(&message(1, 1)), "a stream that went on may begin anew");
            assert!(!overlap.is_duplicate(&message(3, 0)), "not seen before");
            assert!(overlap.is_duplicate(&message(2, 9)));
            assert!(!overlap.is_duplicate(&Message::Binary(RxBuf::from(vec![0]))), "no position");
            assert!(!overlap.is_duplicate(&message(2, 10)));
            assert!(overlap.ends_at.is_none(), "nothing is left to compare with");
        });
    }

    #[test]
    fn the_older_one_is_needed_until_it_has_brought_what_the_newer_one_began_with() {
        in_runtime(|| {
            let mut overlap = overlap(8);
            let context = &mut Context::from_waker(Waker::noop());
            overlap.begin();
            overlap.connected();
            hold(&mut overlap, Message::Binary(RxBuf::from(vec![0])));
            assert!(overlap.awaits_first(), "an answer to the subscription says nothing");
            hold(&mut overlap, message(1, 7));
            assert!(!overlap.awaits_first());
            for (key, sequence) in [(1, 6), (2, 7)] {
                overlap.note(&message(key, sequence));
                assert!(overlap.poll_is_over(context).is_pending());
            }
            overlap.note(&message(1, 8));
            assert!(overlap.poll_is_over(context).is_ready());
            overlap.switched();
            let held = std::iter::from_fn(|| overlap.take_held().map(|(message, _)| message))
                .collect::<Vec<_>>();
            assert_eq!(held.iter().map(|held| held.as_bytes().len()).collect::<Vec<_>>(), [1, 2]);
            assert!(!overlap.is_duplicate(&held[0]) && overlap.is_duplicate(&held[1]));
        });
    }

    #[test]
    fn no_more_is_held_than_the_limit() {
        in_runtime(|| {
            let mut overlap = overlap(8);
            overlap.connected();
            let mut held = 0;
            while overlap.awaits_first() {
                hold(&mut overlap, Message::Binary(RxBuf::from(vec![0])));
                held += 1;
            }
            assert_eq!(held, HELD_MESSAGES_MAX);
        });
    }

    #[test]
    fn keys_beyond_the_limit_are_not_remembered() {
        in_runtime(|| {
            let mut overlap = overlap(2);
            overlap.begin();
            (0..5).for_each(|key| overlap.note(&message(key, 1)));
            overlap.note(&message(0, 2));
            overlap.switched();
            let duplicates = (0..5).filter(|key| overlap.is_duplicate(&message(*key, 1)));
            assert_eq!(duplicates.collect::<Vec<_>>(), [0, 1]);
        });
    }
}
