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

use std::fmt;

use hdrhistogram::Histogram;
use taut_counters::{CounterFile, Recording};
use taut_runtime::time::Instant;

use crate::layout::buckets_of;
use crate::{Limits, LimitsError, RecorderError, Snapshots};

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
    recording: Recording,
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
        let recording = Recording::on_heap(buckets_of(&empty));
        Ok(Self::over(recording, empty))
    }

    /// A recorder of these limits in a counter file, where `taut-stat` shows it live, and a reading
    /// end for this process. One of that label that was dropped before goes on with its counts; the
    /// reading end sees what is recorded from now on.
    ///
    /// ```
    /// use taut_counters::{CounterFile, CounterFileOptions, CounterReader};
    /// use taut_latency::{Limits, Recorder};
    ///
    /// let file = CounterFile::create(CounterFileOptions::default())?;
    /// let (decode, mut snapshots) = Recorder::in_file(&file, "decode", Limits::default())?;
    /// decode.record_ns(850);
    /// assert_eq!(snapshots.snapshot().len(), 1);
    ///
    /// let mut reader = CounterReader::open(file.path())?;
    /// let shown = reader.snapshot()?;
    /// assert_eq!(shown.distribution(0, "decode").map(|decode| decode.max()), Some(850));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`Recorder::with_limits`], and what [`CounterFile::recording`] refuses.
    pub fn in_file(
        file: &CounterFile,
        label: &str,
        limits: Limits,
    ) -> Result<(Self, Snapshots), RecorderError> {
        let empty = limits.histogram()?;
        let recording = file.recording(label, "ns", buckets_of(&empty))?;
        Ok(Self::over(recording, empty))
    }

    fn over(recording: Recording, empty: Histogram<u64>) -> (Self, Snapshots) {
        let snapshots = Snapshots::new(empty, &recording);
        (Self { recording }, snapshots)
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
        self.recording.record(latency_ns);
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Recorder")
            .field("highest_ns", &self.recording.buckets().highest())
            .finish_non_exhaustive()
    }
}
