//! The writing end: counts of one thread, which another thread may read meanwhile.
//!
//! Invariant: each count has one writer, the thread that holds the recorder (it is neither `Sync`
//! nor `Clone`), and only grows. So a load and a store, both relaxed, add to it: there is no other
//! store in between that could be lost, and no read-modify-write and no fence is paid. How the
//! reading end lives with that is argued in [`snapshots`](crate::Snapshots).
//!
//! Cost: one reading of the clock where the end is not given, a few instructions and one count in
//! memory. The first record after a snapshot into the same cache line takes the line back from the
//! reader's core.

use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use taut_runtime::time::Instant;

use crate::layout::Layout;
use crate::{Limits, LimitsError, Snapshots};

/// Counts latencies on one thread, without ever allocating, locking or waiting.
///
/// One recorder for each stage and each core. It may move to the thread that will use it, and the
/// tasks of a core may share it by reference or [`Rc`](std::rc::Rc); two threads may not. The other
/// end, [`Snapshots`], reads the counts from any thread.
///
/// ```
/// use taut_latency::Recorder;
/// use taut_runtime::time::Instant;
///
/// let (decode, mut snapshots) = Recorder::new();
/// taut_runtime::run(async move {
///     for message in ["8=FIX.4.4", "35=D"] {
///         let start = Instant::now();
///         assert!(message.contains('='));
///         decode.record(start);
///     }
/// })?;
/// assert_eq!(snapshots.snapshot().len(), 2);
/// # Ok::<(), taut_runtime::BuildError>(())
/// ```
///
/// Two threads can't count with one recorder:
///
/// ```compile_fail,E0277
/// let (recorder, _snapshots) = taut_latency::Recorder::new();
/// std::thread::scope(|scope| {
///     scope.spawn(|| recorder.record_ns(1));
///     recorder.record_ns(1);
/// });
/// ```
pub struct Recorder {
    layout: Layout,
    highest_ns: u64,
    counts: Arc<[AtomicU64]>,
    saturated: Arc<AtomicU64>,
    /// One thread at a time: may be sent, not shared.
    single_writer: PhantomData<Cell<()>>,
}

impl Recorder {
    /// A recorder of the default [`Limits`], and its reading end.
    #[must_use]
    pub fn new() -> (Self, Snapshots) {
        Self::with_limits(Limits::default()).expect("the default limits are possible")
    }

    /// A recorder of these limits, and its reading end.
    ///
    /// This allocates all that the two will ever need, and touches every page of it.
    ///
    /// # Errors
    ///
    /// Limits that contradict each other or the format; the text says which.
    pub fn with_limits(limits: Limits) -> Result<(Self, Snapshots), LimitsError> {
        let empty = limits.histogram()?;
        let layout = Layout::of(&empty);
        let counts: Arc<[AtomicU64]> =
            (0..empty.distinct_values()).map(|_| AtomicU64::new(0)).collect();
        let saturated = Arc::new(AtomicU64::new(0));
        let recorder = Self {
            layout,
            highest_ns: limits.highest_ns,
            counts: Arc::clone(&counts),
            saturated: Arc::clone(&saturated),
            single_writer: PhantomData,
        };
        Ok((recorder, Snapshots::new(empty, layout, counts, saturated)))
    }

    /// Counts the time from `start` until now.
    ///
    /// # Panics
    ///
    /// Outside of a runtime, whose clock this reads. There, use [`Recorder::record_ns`].
    #[inline]
    pub fn record(&self, start: Instant) {
        self.record_between(start, Instant::now());
    }

    /// Counts the time from `start` to `end`; zero when the end lies before.
    ///
    /// One reading of the clock can so end a stage and start the next one. In an open loop, where
    /// work arrives on a schedule, `start` is the time for which the work was *scheduled*, not the
    /// one at which somebody came round to it: else a stall hides the delay of all that had to
    /// wait behind it.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use taut_latency::Recorder;
    /// use taut_runtime::time::Instant;
    ///
    /// let (response, mut snapshots) = Recorder::new();
    /// taut_runtime::run(async move {
    ///     let mut scheduled = Instant::now();
    ///     for _ in 0..3 {
    ///         scheduled += Duration::from_micros(20);
    ///         taut_runtime::time::sleep_until(scheduled).await?;
    ///         response.record_between(scheduled, Instant::now());
    ///     }
    ///     Ok::<(), taut_runtime::Cancelled>(())
    /// })??;
    /// assert_eq!(snapshots.snapshot().len(), 3);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn record_between(&self, start: Instant, end: Instant) {
        self.record_ns(end.as_nanos().saturating_sub(start.as_nanos()));
    }

    /// Counts a latency in ns, wherever it was measured; needs no runtime.
    ///
    /// A value above [`Limits::highest_ns`] is counted as that one, and as
    /// [saturated](Snapshots::saturated).
    #[inline]
    pub fn record_ns(&self, latency_ns: u64) {
        if latency_ns > self.highest_ns {
            return self.record_saturated();
        }
        add_one(&self.counts[self.layout.index(latency_ns)]);
    }

    #[cold]
    fn record_saturated(&self) {
        add_one(&self.saturated);
        add_one(&self.counts[self.layout.index(self.highest_ns)]);
    }
}

/// Adds to a count that no other thread writes.
#[inline]
fn add_one(count: &AtomicU64) {
    count.store(count.load(Relaxed) + 1, Relaxed);
}

impl fmt::Debug for Recorder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Recorder")
            .field("highest_ns", &self.highest_ns)
            .field("saturated", &self.saturated)
            .finish_non_exhaustive()
    }
}
