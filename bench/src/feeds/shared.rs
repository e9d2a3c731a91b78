//! What the sender's and the receiver's threads both look at.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A word in a cache line of its own, and the prefetched neighbour of it.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Line(AtomicU64);

/// How far the receiver is, and whether it is still there.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    reached: Line,
    gone: AtomicBool,
    abandoned: AtomicBool,
}

impl Shared {
    /// For the receiver: it has the datagram of that number, one of those that ask for it.
    #[inline(always)]
    pub(super) fn reach(&self, number: u64) {
        self.reached.0.store(number, Ordering::Release);
    }

    /// For the sender, spinning: whether the receiver got that far before the time was over.
    pub(super) fn await_reached(&self, number: u64, longest: Duration) -> bool {
        let begun = Instant::now();
        loop {
            // Many pauses for one look: each look takes the line from the receiver.
            for _ in 0..32 {
                std::hint::spin_loop();
            }
            if self.reached.0.load(Ordering::Acquire) >= number {
                return true;
            }
            if self.gone.load(Ordering::Acquire) || begun.elapsed() >= longest {
                return false;
            }
        }
    }

    /// Whether the receiver has ended, in any way.
    pub(crate) fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Acquire)
    }

    /// For the sender: nothing more will come.
    pub(super) fn abandon(&self) {
        self.abandoned.store(true, Ordering::Release);
    }

    pub(super) fn is_abandoned(&self) -> bool {
        self.abandoned.load(Ordering::Acquire)
    }
}

/// Tells the sender when the receiver ends in any way.
#[derive(Debug)]
pub(super) struct Farewell<'a>(pub(super) &'a Shared);

impl Drop for Farewell<'_> {
    fn drop(&mut self) {
        self.0.gone.store(true, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_ends_with_the_number_with_the_receiver_or_with_its_time() {
        let (shared, long) = (Shared::default(), Duration::from_secs(3_600));
        shared.reach(3);
        assert!(shared.await_reached(3, long));
        assert!(!shared.await_reached(4, Duration::ZERO));
        drop(Farewell(&shared));
        assert!(shared.is_gone() && !shared.await_reached(4, long));
    }
}
