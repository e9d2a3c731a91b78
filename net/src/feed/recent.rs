//! When the last packets came first, to tell how far the copies of other lines are behind.
//!
//! A table without chains, as both lines of a feed cut it into the same packets: a packet's place
//! follows from its first number, and the newest there is remembered. What does not find itself
//! again is not counted. Cost: one line of memory a packet.

/// A packet that came first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) first: u64,
    pub(super) numbering: u64,
    pub(super) line: usize,
    pub(super) at_ns: u64,
}

/// First numbers and times of the last packets.
#[derive(Debug)]
pub(super) struct Recent {
    seen: Box<[Seen]>,
}

impl Recent {
    pub(super) fn new(packets: usize) -> Self {
        let nobody = Seen { first: 0, numbering: u64::MAX, line: 0, at_ns: 0 };
        Self { seen: vec![nobody; packets.max(1).next_power_of_two()].into() }
    }

    #[inline]
    fn place(&self, first: u64) -> usize {
        // Packets of several messages would leave places empty: the multiplication spreads them.
        let mixed = first.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        (mixed >> 32) as usize & (self.seen.len() - 1)
    }

    #[inline]
    pub(super) fn remember(&mut self, packet: Seen) {
        let place = self.place(packet.first);
        self.seen[place] = packet;
    }

    /// The packet of that first number, if it is remembered.
    #[inline]
    pub(super) fn find(&self, numbering: u64, first: u64) -> Option<&Seen> {
        let seen = &self.seen[self.place(first)];
        (seen.first == first && seen.numbering == numbering).then_some(seen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_is_found_until_another_takes_its_place() {
        let packet = |first| Seen { first, numbering: 0, line: 1, at_ns: first * 10 };
        let mut recent = Recent::new(3);
        recent.remember(packet(7));
        assert_eq!(recent.find(0, 7), Some(&packet(7)));
        assert_eq!(recent.find(1, 7), None, "of another numbering");
        assert_eq!(recent.find(0, 8), None);
        (8..108).for_each(|first| recent.remember(packet(first)));
        assert_eq!(recent.find(0, 7), None);
        assert_eq!(recent.find(0, 107), Some(&packet(107)));
    }
}
