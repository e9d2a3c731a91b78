//! The reading end: what was counted since the last look, by the difference to a copy.
//!
//! Invariant: the intervals of all snapshots add up to what the recorder counted, each count in one
//! of them. The writer only ever raises a count, and the reader loads each count once a snapshot.
//! Loads of one atomic by one thread never go back in its order of modification, however relaxed,
//! so each difference to the value that was loaded before is at least zero; and since the next
//! difference starts at exactly the value where this one ended, nothing is left out or taken twice.
//! What the writer counts during a snapshot, or what this core does not see yet, is part of the
//! next one. After a join with the writer's thread (or a message from it) all is seen.
//!
//! What is not promised is one moment for all counts: a snapshot reads them one after the other,
//! for some microseconds, and of two latencies recorded meanwhile it may hold the later one alone.
//!
//! Cost: one pass over all counts on the reader's core; the writer never waits for it.

use std::fmt;
use std::sync::atomic::Ordering::Relaxed;

use hdrhistogram::Histogram;
use taut_counters::{Buckets, Recording, Words};

/// Reads what a [`Recorder`](crate::Recorder) counts, from any thread, an interval at a time.
///
/// ```
/// use taut_latency::Recorder;
///
/// let (recorder, mut snapshots) = Recorder::new();
/// let mut interval = snapshots.empty();
/// let mut whole_run = snapshots.empty();
/// for latencies_ns in [[800, 900], [850, 70_000]] {
///     latencies_ns.into_iter().for_each(|latency_ns| recorder.record_ns(latency_ns));
///
///     snapshots.snapshot_into(&mut interval); // allocates nothing
///     assert_eq!(interval.len(), 2);
///     whole_run.add(&interval)?;
/// }
/// assert_eq!(whole_run.len(), 4);
/// assert_eq!(whole_run.value_at_quantile(0.5), 850);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Snapshots {
    empty: Histogram<u64>,
    layout: Buckets,
    counts: Words,
    saturated: Words,
    /// The counts as the last snapshot read them.
    seen: Box<[u64]>,
    /// How many were too high before.
    saturated_before: u64,
}

impl Snapshots {
    /// Of what is counted from now on, where the recording has been used before.
    pub(crate) fn new(empty: Histogram<u64>, recording: &Recording) -> Self {
        let (counts, saturated) = (recording.counts().clone(), recording.above().clone());
        let seen = counts.iter().map(|count| count.load(Relaxed)).collect();
        let saturated_before = saturated[0].load(Relaxed);
        Self { empty, layout: recording.buckets(), counts, saturated, seen, saturated_before }
    }

    /// What was recorded since the last snapshot, or since the start.
    #[must_use = "these latencies are in no later snapshot"]
    pub fn snapshot(&mut self) -> Histogram<u64> {
        let mut interval = self.empty();
        self.snapshot_into(&mut interval);
        interval
    }

    /// As [`Snapshots::snapshot`], in place of what the histogram holds; allocates nothing.
    ///
    /// # Panics
    ///
    /// When the histogram has other limits than the recorder. Take it from [`Snapshots::empty`].
    pub fn snapshot_into(&mut self, interval: &mut Histogram<u64>) {
        let limits = |of: &Histogram<u64>| (of.low(), of.high(), of.sigfig());
        assert_eq!(
            limits(interval),
            limits(&self.empty),
            "the histogram has other limits (lowest, highest, digits) than the recorder: take it \
             from `Snapshots::empty`"
        );
        interval.reset();
        for (index, (count, seen)) in self.counts.iter().zip(&mut self.seen).enumerate() {
            let now = count.load(Relaxed);
            let new = now - *seen;
            if new > 0 {
                *seen = now;
                interval
                    .record_n(self.layout.lowest_value(index), new)
                    .expect("a histogram of the same limits takes each value of the layout");
            }
        }
    }

    /// An empty histogram of the recorder's limits, for [`Snapshots::snapshot_into`] or a sum.
    #[must_use]
    pub fn empty(&self) -> Histogram<u64> {
        self.empty.clone()
    }

    /// How many latencies since the start were above [`Limits::highest_ns`](crate::Limits) and are
    /// therefore counted too low.
    #[must_use]
    pub fn saturated(&self) -> u64 {
        self.saturated[0].load(Relaxed) - self.saturated_before
    }
}

impl fmt::Debug for Snapshots {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Snapshots")
            .field("highest_ns", &self.empty.high())
            .field("saturated", &self.saturated())
            .finish_non_exhaustive()
    }
}
