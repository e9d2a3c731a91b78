//! What two connections both bring while one replaces the other.
//!
//! Positions are noted from the moment in which the new connection is begun, since it may be
//! subscribed from there on, until the switch. Then messages of the new one that were noted are
//! left out. A stream that has gone past what was noted is forgotten, and all of them after a
//! while, so a stream that begins anew is not taken for an old one.

use std::collections::HashMap;
use std::time::Duration;

use taut_runtime::time::Instant;

use super::builder::Positions;
use crate::ws::Message;

/// How long after a switch messages may still have been handed out before it.
const DUPLICATES_FOR: Duration = Duration::from_secs(5);

pub(super) struct Overlap {
    positions: Option<Positions>,
    /// The newest sequence of each key that was handed out.
    seen: HashMap<u64, u64>,
    keys_max: usize,
    /// Since the switch, until when messages are looked at.
    ends_at: Option<Instant>,
}

impl Overlap {
    pub(super) fn new(positions: Option<Positions>, keys_max: usize) -> Self {
        Self { positions, seen: HashMap::new(), keys_max, ends_at: None }
    }

    /// A replacement is begun.
    pub(super) fn begin(&mut self) {
        self.seen.clear();
        self.ends_at = None;
    }

    /// A message of the connection that is replaced is handed out.
    pub(super) fn note(&mut self, message: &Message) {
        let Some(positions) = &self.positions else { return };
        let Some(position) = positions(message) else { return };
        if let Some(newest) = self.seen.get_mut(&position.key) {
            *newest = (*newest).max(position.sequence);
        } else if self.seen.len() < self.keys_max {
            self.seen.insert(position.key, position.sequence);
        }
    }

    /// From here on messages are those of the new connection.
    pub(super) fn switched(&mut self) {
        self.ends_at = (!self.seen.is_empty()).then(|| Instant::now() + DUPLICATES_FOR);
    }

    /// Whether a message of the new connection was handed out before the switch.
    #[inline]
    pub(super) fn is_duplicate(&mut self, message: &Message) -> bool {
        self.ends_at.is_some_and(|ends_at| self.was_seen(message, ends_at))
    }

    #[cold]
    fn was_seen(&mut self, message: &Message, ends_at: Instant) -> bool {
        let position = self.positions.as_ref().and_then(|positions| positions(message));
        if Instant::now() >= ends_at {
            self.forget();
            return false;
        }
        let Some(position) = position else { return false };
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
    use std::rc::Rc;

    use taut_runtime::buffer::RxBuf;

    use super::*;
    use crate::ws::session::Position;

    /// Of a key and a sequence, one byte each.
    fn message(key: u8, sequence: u8) -> Message {
        Message::Binary(RxBuf::from(vec![key, sequence]))
    }

    fn overlap(keys_max: usize) -> Overlap {
        let read = |message: &Message| match *message.as_bytes() {
            [key, sequence] => Some(Position { key: key.into(), sequence: sequence.into() }),
            _ => None,
        };
        Overlap::new(Some(Rc::new(read)), keys_max)
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
