//! Every choice and limit of an arbiter: its name, default and unit.

use super::SequenceWidth;

/// The most lines that one arbiter takes.
pub const LINES_MAX: usize = 8;

/// When messages beyond a hole are delivered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Deliver {
    /// At once: the lowest latency. The user is told of the hole, and of what fills it later.
    #[default]
    AsTheyCome,
    /// In the order of their numbers: what lies beyond a hole is held back until the hole is filled
    /// or given up.
    InOrder {
        /// How many deliveries may be held back before the oldest hole is given up. One that is
        /// held keeps its packet: where that is a slot of the core's receive pool, leave the pool
        /// enough of its slots (256 by default), or every socket of the core starves.
        held_packets_max: usize,
    },
}

impl Deliver {
    /// In order, with 64 deliveries held back at most.
    #[must_use]
    pub const fn in_order() -> Self {
        Self::InOrder { held_packets_max: 64 }
    }
}

/// What to make of packets whose numbers can't continue the feed: of another session, from further
/// ahead than [`ArbiterOptions::ahead_messages_max`], or from further back on their own line than
/// [`ArbiterOptions::behind_messages_max`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restart {
    /// They are refused and counted. Only [`Arbiter::restart`](super::Arbiter::restart) begins a
    /// new numbering.
    Refuse,
    /// They are kept until so many of them, of any lines, agree on a new numbering: each continues
    /// or repeats the ones before. Then all of these are delivered. One that does not agree takes
    /// their place; they are refused and counted. With 1 every such packet restarts the feed,
    /// garbage too.
    After {
        /// How many packets have to agree, 1 to 256.
        packets: u32,
    },
}

/// What an arbiter may hold, how long it waits, and what it takes for possible.
///
/// ```
/// use taut_net::feed::{ArbiterOptions, Deliver};
///
/// let options = ArbiterOptions {
///     deliver: Deliver::in_order(),
///     gap_after_ns: 200_000,
///     ..ArbiterOptions::default()
/// };
/// assert_eq!(options.lines, 2);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArbiterOptions {
    /// How many lines carry the feed, 1 to [`LINES_MAX`]. Default: 2.
    pub lines: usize,
    /// Default: as they come.
    pub deliver: Deliver,
    /// How long messages may be missing before they are given up, in ns. Default: 1 ms.
    pub gap_after_ns: u64,
    /// How many holes may be open at once, in the feed and on each line; one more, and the oldest
    /// is given up. Default: 64.
    pub holes_max: usize,
    /// The width of the numbers on the wire. Default: 64 bits.
    pub width: SequenceWidth,
    /// The number of the first message, where it is known: if a later one comes first, there is a
    /// hole. Default: that of the first packet, and what is older is late.
    pub first: Option<u64>,
    /// How many messages one packet may hold; a count above is impossible. Default: 65 535.
    pub packet_messages_max: u32,
    /// How far ahead of the feed a packet may be, in messages. Default: 1 048 576.
    pub ahead_messages_max: u64,
    /// How far behind its own line a packet may be, in messages. Default: 65 536.
    pub behind_messages_max: u64,
    /// Default: after 3 packets that agree.
    pub restart: Restart,
    /// How many of the last packets are remembered with their time, to tell how far the other lines
    /// are behind; rounded up to a power of two. 32 bytes each. Default: 1 024.
    pub remembered_packets: usize,
}

impl Default for ArbiterOptions {
    fn default() -> Self {
        Self {
            lines: 2,
            deliver: Deliver::AsTheyCome,
            gap_after_ns: 1_000_000,
            holes_max: 64,
            width: SequenceWidth::Bits64,
            first: None,
            packet_messages_max: 65_535,
            ahead_messages_max: 1 << 20,
            behind_messages_max: 1 << 16,
            restart: Restart::After { packets: 3 },
            remembered_packets: 1_024,
        }
    }
}

impl ArbiterOptions {
    /// How many deliveries may be held back.
    pub(super) fn held_max(&self) -> usize {
        match self.deliver {
            Deliver::AsTheyCome => 0,
            Deliver::InOrder { held_packets_max } => held_packets_max,
        }
    }

    /// Panics where a limit makes no sense: that is an error of the program.
    pub(super) fn check(&self) {
        let lines = self.lines;
        assert!((1..=LINES_MAX).contains(&lines), "{lines} lines: there are 1 to {LINES_MAX}");
        assert!(self.holes_max > 0, "holes_max is 0: at least one hole has to be open at times");
        assert!(self.packet_messages_max > 0, "packet_messages_max is 0: no packet is possible");
        if let Restart::After { packets } = self.restart {
            assert!((1..=256).contains(&packets), "a restart after {packets} packets: 1 to 256");
        }
    }
}
