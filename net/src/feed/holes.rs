//! What a sequence lacks: ranges below its head, in order.
//!
//! Everything below the head that is in no hole has been seen. So memory follows from how broken a
//! feed is and not from how far its numbers jump: a jump of 2^40 is one hole. Invariant: holes are
//! sorted, not empty, and do not touch a range that was taken. Cost while there is none: a look at
//! a length; else a binary search, and a move of the holes above the one that goes or splits.

use std::ops::Range;

/// Messages that were passed over, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hole {
    pub(super) missing: Range<u64>,
    pub(super) since_ns: u64,
}

/// Holes in the order of their numbers, which is also the order in which they were opened.
#[derive(Debug)]
pub(super) struct Holes {
    holes: Vec<Hole>,
}

impl Holes {
    /// Room for so many, and for the two that one packet may add before the limit is enforced.
    pub(super) fn with_capacity(limit: usize) -> Self {
        Self { holes: Vec::with_capacity(limit + 2) }
    }

    pub(super) fn len(&self) -> usize {
        self.holes.len()
    }

    pub(super) fn clear(&mut self) {
        self.holes.clear();
    }

    pub(super) fn first(&self) -> Option<&Hole> {
        self.holes.first()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Hole> {
        self.holes.iter()
    }

    /// Notes a hole above all others.
    pub(super) fn open(&mut self, missing: Range<u64>, since_ns: u64) {
        debug_assert!(missing.start < missing.end);
        debug_assert!(self.holes.last().is_none_or(|last| last.missing.end <= missing.start));
        self.holes.push(Hole { missing, since_ns });
    }

    /// Removes the lowest hole.
    pub(super) fn close_first(&mut self) -> Option<Hole> {
        if self.holes.is_empty() {
            return None;
        }
        Some(self.holes.remove(0))
    }

    /// Takes the lowest part that `range` fills out of its hole. Called until it gives nothing, it
    /// gives each part once; at most one call for a range adds a hole, by splitting one.
    pub(super) fn take(&mut self, range: &Range<u64>) -> Option<Range<u64>> {
        let index = self.holes.partition_point(|hole| hole.missing.end <= range.start);
        let hole = self.holes.get_mut(index)?;
        if hole.missing.start >= range.end {
            return None;
        }
        let part = hole.missing.start.max(range.start)..hole.missing.end.min(range.end);
        let rest = part.end..hole.missing.end;
        let since_ns = hole.since_ns;
        hole.missing.end = part.start;
        match (hole.missing.is_empty(), rest.is_empty()) {
            (true, true) => drop(self.holes.remove(index)),
            (true, false) => hole.missing = rest,
            (false, true) => {}
            (false, false) => self.holes.insert(index + 1, Hole { missing: rest, since_ns }),
        }
        Some(part)
    }

    /// Takes all that `range` fills, and says how many messages that were.
    pub(super) fn take_all(&mut self, range: &Range<u64>) -> u64 {
        let mut messages = 0;
        while let Some(part) = self.take(range) {
            messages += part.end - part.start;
        }
        messages
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn holes(ranges: &[Range<u64>]) -> Holes {
        let mut holes = Holes::with_capacity(8);
        ranges.iter().for_each(|range| holes.open(range.clone(), range.start * 100));
        holes
    }

    fn left(holes: &Holes) -> Vec<Range<u64>> {
        holes.iter().map(|hole| hole.missing.clone()).collect()
    }

    #[test]
    fn a_range_within_a_hole_splits_it_and_both_parts_keep_their_age() {
        let mut holes = holes(&[2..3, 10..20]);
        assert_eq!(holes.take(&(13..15)), Some(13..15));
        assert_eq!(holes.take(&(13..15)), None);
        assert_eq!(left(&holes), [2..3, 10..13, 15..20]);
        assert!(holes.iter().skip(1).all(|hole| hole.since_ns == 1_000));
    }

    #[test]
    fn a_range_over_several_holes_gives_their_parts_in_order() {
        let mut holes = holes(&[10..12, 15..16, 20..30]);
        let mut parts = Vec::new();
        while let Some(part) = holes.take(&(11..25)) {
            parts.push(part);
        }
        assert_eq!(parts, [11..12, 15..16, 20..25]);
        assert_eq!(left(&holes), [10..11, 25..30]);
    }

    proptest! {
        #[test]
        fn what_is_taken_and_what_is_left_are_what_a_set_of_numbers_says(
            opened in prop::collection::vec((1_u64..4, 1_u64..6), 0..12),
            taken in prop::collection::vec((0_u64..80, 1_u64..12), 0..30),
        ) {
            let mut holes = Holes::with_capacity(64);
            let mut model = BTreeSet::new();
            let mut head = 0;
            for (seen, missing) in opened {
                let range = head + seen..head + seen + missing;
                head = range.end;
                model.extend(range.clone());
                holes.open(range, 0);
            }
            for (start, count) in taken {
                let range = start..start + count;
                let mut parts = Vec::new();
                while let Some(part) = holes.take(&range) {
                    parts.extend(part);
                }
                let expected: Vec<u64> = model.range(range).copied().collect();
                expected.iter().for_each(|number| { model.remove(number); });
                prop_assert_eq!(parts, expected);
                let left: Vec<u64> = holes.iter().flat_map(|hole| hole.missing.clone()).collect();
                prop_assert_eq!(left, model.iter().copied().collect::<Vec<_>>());
            }
        }
    }
}
