//! Counting by size: the writing end of a distribution.
//!
//! Invariant: each count has one writer and only grows, so a load and a store, both relaxed, add to
//! it. Cost: the index, and one count in memory.

use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::buckets::Buckets;
use crate::distribution::Distribution;
use crate::handles::Lease;
use crate::words::Words;

/// Counts values by their size, on one thread, on the heap or in a
/// [`CounterFile`](crate::CounterFile), without ever allocating.
///
/// ```
/// use taut_counters::{Buckets, Recording};
///
/// let buckets = Buckets::new(1, 1_000_000, 2).expect("possible limits");
/// let sizes = Recording::on_heap(buckets);
/// sizes.record(512);
/// assert_eq!(sizes.distribution().len(), 1);
/// ```
pub struct Recording {
    buckets: Buckets,
    counts: Words,
    above: Words,
    _lease: Option<Lease>,
    /// One thread at a time: may be sent, not shared.
    single_writer: PhantomData<Cell<()>>,
}

impl Recording {
    /// Over words of one more than the buckets' counts.
    pub(crate) fn new(buckets: Buckets, words: &Words, lease: Option<Lease>) -> Self {
        let (above, counts) = (words.part(0..1), words.part(1..words.len()));
        assert_eq!(counts.len(), buckets.counts(), "as many words as counts");
        Self { buckets, counts, above, _lease: lease, single_writer: PhantomData }
    }

    /// On the heap, for this process alone to see.
    #[must_use]
    pub fn on_heap(buckets: Buckets) -> Self {
        Self::new(buckets, &Words::on_heap(buckets.counts() + 1), None)
    }

    /// Counts a value. One above the highest is counted as that one, and as
    /// [above](Self::above).
    #[inline]
    pub fn record(&self, value: u64) {
        if value > self.buckets.highest() {
            return self.record_above();
        }
        add_one(&self.counts[self.buckets.index(value)]);
    }

    #[cold]
    fn record_above(&self) {
        add_one(&self.above[0]);
        add_one(&self.counts[self.buckets.index(self.buckets.highest())]);
    }

    /// Where values are counted.
    #[must_use]
    pub fn buckets(&self) -> Buckets {
        self.buckets
    }

    /// The counts, in the order of the buckets, for another thread to read.
    #[must_use]
    pub fn counts(&self) -> &Words {
        &self.counts
    }

    /// What has been counted so far. Allocates.
    #[must_use]
    pub fn distribution(&self) -> Distribution {
        let counts = self.counts.iter().map(|count| count.load(Relaxed));
        Distribution::new(self.buckets, self.above[0].load(Relaxed), counts)
    }

    /// One word: how many values were above the highest.
    #[must_use]
    pub fn above(&self) -> &Words {
        &self.above
    }
}

/// Adds to a count that no other thread writes.
#[inline]
fn add_one(count: &AtomicU64) {
    count.store(count.load(Relaxed) + 1, Relaxed);
}

impl fmt::Debug for Recording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recording").field("buckets", &self.buckets).finish_non_exhaustive()
    }
}
