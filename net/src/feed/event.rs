//! What an arbiter tells its user.

use std::ops::Range;

/// How messages came to be delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// They are the newest of the feed.
    Newest,
    /// They fill a hole that the lines before had left.
    Filled,
    /// They fill a hole that their own line had left: it brought its packets out of order.
    Reordered,
}

/// Messages that no line had brought before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery<T> {
    /// The packet. It may hold older messages, too: only those in `new` are to be looked at.
    pub packet: T,
    /// The line that it came on.
    pub line: usize,
    /// When it came, as it was said.
    pub at_ns: u64,
    /// The number of its first message.
    pub first: u64,
    /// The numbers of those messages in it that are new; never empty.
    pub new: Range<u64>,
    /// Whether they fill a hole.
    pub arrival: Arrival,
}

impl<T> Delivery<T> {
    /// The new messages by their place in the packet: 0 is its first.
    #[must_use]
    pub fn places(&self) -> Range<usize> {
        let place = |number| (number - self.first) as usize;
        place(self.new.start)..place(self.new.end)
    }
}

/// What has become of a feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event<T> {
    /// Messages that are new. A packet with several new parts is told once for each.
    Messages(Delivery<T>),
    /// A line went past messages that no line has brought so far. They may come yet; who can ask
    /// for a retransmission has the earliest time to do it.
    Hole {
        /// Their numbers.
        missing: Range<u64>,
        /// The line that went past them first.
        line: usize,
    },
    /// These messages are given up. They are told once, and never delivered afterwards.
    Lost(Range<u64>),
    /// The feed is numbered anew. What was missing of the old numbering has been told as lost.
    Restarted {
        /// The session from here on.
        session: u128,
        /// The number from which on messages are delivered.
        next: u64,
    },
}
