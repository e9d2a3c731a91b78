//! One line: how far it has come, what it has left out, and how far it is behind the others.

use std::ops::Range;

use taut_counters::{Buckets, Recording};

use super::LineStatistics;
use super::holes::Holes;

/// The longest distance between two lines that is told from longer ones, in ns.
const BEHIND_NS_MAX: u64 = 10_000_000_000;

/// Where a line stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stand {
    /// Which numbering of the feed, counted from its first.
    pub(super) numbering: u64,
    pub(super) session: u128,
    /// One above the highest number that the line has brought.
    pub(super) next: u64,
}

/// The state of a line.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) statistics: LineStatistics,
    /// How long after the first copy this line's copies came.
    pub(super) behind_ns: Recording,
    /// Nothing before the first packet.
    pub(super) stand: Option<Stand>,
    holes: Holes,
    holes_max: usize,
}

impl Line {
    pub(super) fn new(holes_max: usize) -> Self {
        let buckets = Buckets::new(1, BEHIND_NS_MAX, 2).expect("these limits make a layout");
        Self {
            statistics: LineStatistics::default(),
            behind_ns: Recording::on_heap(buckets),
            stand: None,
            holes: Holes::with_capacity(holes_max),
            holes_max,
        }
    }

    /// Takes note of a packet's messages, and says whether they came in the line's own order.
    #[inline]
    pub(super) fn bring(&mut self, numbering: u64, session: u128, range: &Range<u64>) -> bool {
        let next = match self.stand {
            Some(stand) if stand.numbering == numbering => stand.next,
            _ => {
                self.holes.clear();
                range.start
            }
        };
        self.stand = Some(Stand { numbering, session, next: next.max(range.end) });
        if range.start != next {
            self.bring_out_of_order(range, next);
        }
        range.start >= next
    }

    fn bring_out_of_order(&mut self, range: &Range<u64>, next: u64) {
        if range.start > next {
            self.holes.open(next..range.start, 0);
            self.statistics.gaps += 1;
            self.statistics.missed = self.statistics.missed.saturating_add(range.start - next);
        } else {
            let returned = self.holes.take_all(range);
            self.statistics.reordered += returned;
            self.statistics.missed = self.statistics.missed.saturating_sub(returned);
        }
        if self.holes.len() > self.holes_max {
            self.holes.close_first();
        }
    }
}
