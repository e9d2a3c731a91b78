//! How work on another thread learns that nobody wants its result any more.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::threads::{AtomicBool, Condvar, Mutex, lock, wait_timeout};

/// Tells work that runs on another thread to stop; see [`off_core_with`](super::off_core_with) and
/// [`on_own_thread`](super::on_own_thread).
///
/// It is raised once and stays so. Clones are the same flag, for threads that the work starts in
/// turn.
#[derive(Clone)]
pub struct CancelFlag(Arc<Shared>);

struct Shared {
    /// Nothing else is handed over with it, so no order is asked of it.
    raised: AtomicBool,
    /// Held to raise the flag, so that nobody falls asleep at that moment.
    raising: Mutex<()>,
    came: Condvar,
}

impl CancelFlag {
    pub(crate) fn new() -> Self {
        let (raised, raising) = (AtomicBool::new(false), Mutex::new(()));
        Self(Arc::new(Shared { raised, raising, came: Condvar::new() }))
    }

    pub(crate) fn raise(&self) {
        let raising = lock(&self.0.raising);
        self.0.raised.store(true, Ordering::Relaxed);
        drop(raising);
        self.0.came.notify_all();
    }

    /// Whether the work should come to its end: its task was cancelled, or its future dropped.
    /// Costs one load.
    pub fn is_cancelled(&self) -> bool {
        self.0.raised.load(Ordering::Relaxed)
    }

    /// Sleeps on this thread for a duration, or until the work should come to its end, which is
    /// `true` then: for work that does something every now and then.
    ///
    /// ```
    /// use std::time::Duration;
    /// use taut_runtime::{on_own_thread, spawn, yield_now};
    ///
    /// taut_runtime::run(async {
    ///     let sampler = spawn(on_own_thread("sampler", |stop| {
    ///         let mut samples = Vec::new();
    ///         while !stop.wait_timeout(Duration::from_millis(1)) {
    ///             samples.extend(std::fs::read_to_string("/proc/loadavg"));
    ///         }
    ///         samples
    ///     }));
    ///     yield_now().await;
    ///     sampler.cancel();
    ///     let samples = sampler.await?;
    /// #   drop(samples);
    ///     Ok::<(), Box<dyn std::error::Error>>(())
    /// })??;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn wait_timeout(&self, duration: Duration) -> bool {
        let end = Instant::now().checked_add(duration);
        let mut not_raising = lock(&self.0.raising);
        while !self.is_cancelled() {
            let left = match end {
                Some(end) => end.saturating_duration_since(Instant::now()),
                None => Duration::MAX,
            };
            if left.is_zero() {
                return false;
            }
            (not_raising, _) = wait_timeout(&self.0.came, not_raising, left);
        }
        true
    }
}

impl fmt::Debug for CancelFlag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CancelFlag").field("is_cancelled", &self.is_cancelled()).finish()
    }
}
